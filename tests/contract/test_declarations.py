"""
What the objects of the node declare, beside what the contract says: names, routes, parameters, spellings, gates.
"""

from __future__ import annotations

from collections.abc import Iterator

from twisted.trial.unittest import SynchronousTestCase

from bitdust_node.api import arguments
from bitdust_node.api.parts import declared
from bitdust_node.api.registry import Method
from bitdust_node.plugins import plugins
from tests.contract.contract import BEYOND, Documented, documented, filled

#: Types of the contract by the types of the registry that take them.
TYPES = {
    "str": ("str",),
    "bool": ("bool",),
    "int": ("int",),
    "dict": ("dict", "any"),
    "any": ("any",),
    "int|str": ("int", "str", "any"),
    "list[str]|comma separated str": ("list",),
    "comma separated str": ("list", "str", "any"),
}
#: Defaults that say the same: nothing was given.
NOTHING = (None, [], "")


def same(ours: object, theirs: object) -> bool:
    return ours == theirs or (ours in NOTHING and theirs in NOTHING)


class DeclarationsTest(SynchronousTestCase):
    def setUp(self) -> None:
        self.registry = declared(plugins("bitdust_node.services"))
        self.names = {one.name for one in self.registry}

    def both(self) -> Iterator[tuple[Documented, Method]]:
        for wanted in documented():
            yield wanted, self.registry.get(wanted.name)

    def none(self, found: list[str]) -> None:
        self.assertEqual(found, [], "\n" + "\n".join(found))

    def test_every_method_is_there(self) -> None:
        wanted = {one.name for one in documented()} | set(BEYOND)
        self.assertEqual(len(documented()), 94)
        self.assertEqual(wanted - self.names, set())

    def test_every_route_leads_to_its_method(self) -> None:
        wrong = []
        for wanted, found in self.both():
            for route in wanted.routes:
                verb, path = filled(route, "some.name-1_2").split(" ", 1)
                for spelled in {path, path.rstrip("/"), path.rstrip("/") + "/"}:
                    routed = self.registry.route(verb, spelled)
                    if routed is None or routed[0] is not found:
                        wrong.append(f"{wanted.name}: {verb} {spelled} leads to {routed and routed[0].name}")
        self.none(wrong)

    def test_path_arguments_are_parameters(self) -> None:
        self.none(
            [
                f"{one.name}: {path}"
                for one in self.registry
                for _, path in one.routes
                for element in path.split("/")
                if element.startswith("{") and element.strip("{+}") not in one.accepted
            ]
        )

    def test_parameters(self) -> None:
        wrong = []
        for wanted, found in self.both():
            known = {one.name: one for one in found.parameters}
            for one in wanted.parameters:
                ours = known.get(one.name)
                if ours is None:
                    wrong.append(f"{wanted.name} has no {one.name}")
                    continue
                wrong += [f"{wanted.name}: {key}" for key in one.keys if found.accepted.get(key) is not ours]
                if ours.required is not one.required:
                    wrong.append(f"{wanted.name}: {one.name} is required: {ours.required}")
                elif not ours.required and not same(ours.default, one.default):
                    wrong.append(f"{wanted.name}: {one.name} is {ours.default!r}, not {one.default!r}")
                if ours.type_name.split(" ")[0] not in TYPES[one.type]:
                    wrong.append(f"{wanted.name}: {one.name} is {ours.type_name}, not {one.type}")
        self.none(wrong)

    def test_what_we_add_is_optional(self) -> None:
        self.none(
            [
                f"{wanted.name} requires {ours.name}"
                for wanted, found in self.both()
                for ours in found.parameters
                if ours.required and ours.name not in {one.name for one in wanted.parameters}
            ]
        )

    def test_gates(self) -> None:
        self.none(
            [
                f"{wanted.name} does not need {name}"
                for wanted, found in self.both()
                for name in wanted.needs
                if name not in found.needs
            ]
        )

    def test_methods_beyond_the_documented_ones(self) -> None:
        wrong = []
        for name in sorted(BEYOND):
            parameters, routes = BEYOND[name]
            found = self.registry.get(name)
            wrong += [f"{name} has no {one}" for one in parameters if one not in found.accepted]
            for route in routes:
                verb, path = filled(route, "x").split(" ", 1)
                routed = self.registry.route(verb, path)
                if routed is None or routed[0] is not found:
                    wrong.append(f"{name}: {route}")
        self.none(wrong)

    def test_every_method_explains_itself(self) -> None:
        self.none([one.name for one in self.registry if not one.info.strip()])

    def test_all_spellings_of_one_parameter_convert_the_same(self) -> None:
        samples = {"str": "7", "int": "7", "bool": "1", "list": "a, b", "dict": '{"a": 1}', "float": "7.5", "any": "7"}
        for one in self.registry:
            given = {ours.name: samples[ours.type_name.split(" ")[0]] for ours in one.parameters if ours.required}
            for key, ours in one.accepted.items():
                value = samples[ours.type_name.split(" ")[0]]
                bound = one.bind({**{k: v for k, v in given.items() if k != ours.name}, key: value}, strict=True)
                self.assertEqual(bound[ours.name], ours.convert(one.name, value), f"{one.name} {key}")

    def test_booleans_of_the_contract(self) -> None:
        flag = arguments.Parameter("flag", bool, False, False, False)
        for true in ("1", "true", "True", "yes", "Yes", "YES", "ok", 1, True):
            self.assertIs(flag.convert("m", true), True, repr(true))
        for false in ("0", "false", "False", "no", "", "2", 0, False, None, [], {}, 2):
            self.assertIs(flag.convert("m", false), False, repr(false))
