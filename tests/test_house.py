"""
The rules of the house, read from the sources: who may import whom, what is not done, how long a module is.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

from twisted.trial.unittest import SynchronousTestCase

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("automats", "bitdust_node", "services", "transports")

#: Modules of bitdust_node on floor 1, which know nothing of twisted.
PURE = (
    r"bitdust_node\.wire(\..*)?",
    r"bitdust_node\.pieces(\..*)?",
    r"bitdust_node\.keys\.(?!ring).*",
    r"bitdust_node\.membership(\..*)?",
    r"bitdust_node\.identity\.(document|names|device)",
    r"bitdust_node\.dht\.(contact|exchange|ids|key|lookup|messages|pace|records|routing|signing|store|tokens)",
    r"bitdust_node\.errors",
)
#: The top: it may import everything.
TOP = (
    r"bitdust_node\.(__main__|node|run)",
    r"bitdust_node\.cli(\..*)?",
    r"bitdust_node\.api\.(http|websocket)",
)
#: Modules above 400 lines, each with its reason.
LONG: dict[str, str] = {
    "bitdust_node.router.session": "one connection: its handshake, frames and streams share their buffers",
}
#: Calls that take the time from elsewhere than the clock that was given, or hold the reactor.
FOREIGN_TIME = {
    ("time", "time"),
    ("time", "sleep"),
    ("time", "monotonic"),
    ("datetime", "now"),
    ("datetime", "utcnow"),
    ("datetime", "today"),
    ("date", "today"),
}
#: Modules that may, with the reason.
OWN_TIME = {
    "bitdust_node.run": "makes the clock that all others are given",
}


def modules() -> Iterator[tuple[str, ast.Module, str]]:
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            text = path.read_text("utf-8")
            name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
            yield name.removesuffix(".__init__"), ast.parse(text), text


def imported(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports name the whole path"
            yield node.module or ""
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def matches(name: str, patterns: tuple[str, ...]) -> bool:
    return any(re.fullmatch(pattern, name) for pattern in patterns)


def is_command(name: str) -> bool:
    """The command line imports late, so that it is quick."""
    return matches(name, (r"bitdust_node\.__main__", r"bitdust_node\.cli(\..*)?", r"automats\.drawing"))


class HouseTests(SynchronousTestCase):
    modules: ClassVar[list[tuple[str, ast.Module, str]]]

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        # parsed once for all rules
        cls.modules = list(modules())

    def test_there_is_a_house(self) -> None:
        self.assertGreater(len(self.modules), 20)

    def none(self, found: list[str]) -> None:
        self.assertEqual(found, [], "\n" + "\n".join(found))

    def test_automats_know_only_themselves(self) -> None:
        import_roots = {
            "twisted",
            "bitdust_node",
            "services",
            "transports",
            "msgspec",
            "zope",
            "cryptography",
            "Crypto",
        }
        self.none(
            [
                f"{name} imports {target}"
                for name, tree, _ in self.modules
                if name.startswith("automats")
                for target in imported(tree)
                if target.split(".")[0] in import_roots
            ]
        )

    def test_the_pure_floor_knows_no_twisted(self) -> None:
        self.none(
            [
                f"{name} imports {target}"
                for name, tree, _ in self.modules
                if matches(name, PURE)
                for target in imported(tree)
                if target.split(".")[0] in {"twisted", "zope", "autobahn", "services", "transports"}
            ]
        )

    def test_the_core_knows_no_plugins_and_no_top(self) -> None:
        self.none(
            [
                f"{name} imports {target}"
                for name, tree, _ in self.modules
                if name.startswith("bitdust_node")
                for target in imported(tree)
                if target.split(".")[0] in {"services", "transports"}
                or (matches(target, TOP) and not matches(name, TOP))
            ]
        )

    def test_services_and_transports_do_not_know_each_other(self) -> None:
        other = {"services": "transports", "transports": "services"}
        self.none(
            [
                f"{name} imports {target}"
                for name, tree, _ in self.modules
                if (root := name.split(".")[0]) in other
                for target in imported(tree)
                if target.split(".")[0] == other[root] or matches(target, TOP)
            ]
        )

    def test_imports_make_no_circles(self) -> None:
        names = {name for name, _, _ in self.modules}
        graph = {
            name: {target for node in tree.body for target in imported(ast.Module([node], [])) if target in names}
            for name, tree, _ in self.modules
            if not name.endswith("__main__")
        }
        done: set[str] = set()

        def visit(name: str, path: tuple[str, ...]) -> None:
            self.assertNotIn(name, path, " -> ".join((*path, name)))
            if name not in done:
                for target in graph.get(name, set()) - {name}:
                    visit(target, (*path, name))
                done.add(name)

        for name in graph:
            visit(name, ())

    def test_the_reactor_is_imported_in_one_place(self) -> None:
        self.none(
            [
                f"{name} imports the reactor"
                for name, tree, _ in self.modules
                if name != "bitdust_node.__main__"
                for target in imported(tree)
                if target in {"twisted.internet.reactor", "twisted.internet.task.react"}
            ]
        )

    def test_imports_stand_at_the_top(self) -> None:
        self.none(
            [
                f"{name}:{inner.lineno} imports inside of a function"
                for name, tree, _ in self.modules
                if not is_command(name)
                for node in ast.walk(tree)
                if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
                for inner in ast.walk(node)
                if isinstance(inner, ast.Import | ast.ImportFrom)
            ]
        )

    def test_there_is_no_global_state(self) -> None:
        self.none(
            [
                f"{name}:{node.lineno} says global"
                for name, tree, _ in self.modules
                for node in ast.walk(tree)
                if isinstance(node, ast.Global)
            ]
        )

    def test_time_comes_from_the_clock(self) -> None:
        self.none(
            [
                f"{name}:{node.lineno} calls {ast.unparse(node.func)}"
                for name, tree, _ in self.modules
                if name not in OWN_TIME and not matches(name, (r"bitdust_node\.cli(\..*)?",))
                for node in ast.walk(tree)
                if isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and (ast.unparse(node.func.value).split(".")[-1], node.func.attr) in FOREIGN_TIME
                and not (node.func.attr == "now" and node.args)
            ]
        )

    def test_modules_are_short(self) -> None:
        long = {name: text.count("\n") for name, _, text in self.modules if text.count("\n") > 400}
        self.none([f"{name} has {lines} lines" for name, lines in long.items() if name not in LONG])

    def test_packages_hold_only_a_docstring(self) -> None:
        self.none(
            [
                f"{path} does more than describe itself"
                for package in PACKAGES
                for path in (ROOT / package).rglob("__init__.py")
                for node in ast.parse(path.read_text("utf-8")).body
                if not isinstance(node, ast.Expr | ast.Assign)
            ]
        )

    def test_names_say_what_things_are(self) -> None:
        vague = re.compile(r"(Handler|Manager|Engine|Processor|Component|Util|Utils|Helper)$")
        self.none(
            [
                f"{name}: class {node.name}"
                for name, tree, _ in self.modules
                for node in ast.walk(tree)
                if isinstance(node, ast.ClassDef) and vague.search(node.name)
            ]
        )

    def test_errors_are_not_swallowed(self) -> None:
        self.none(
            [
                f"{name}:{node.lineno} catches everything without a reason"
                for name, tree, text in self.modules
                for node in ast.walk(tree)
                if isinstance(node, ast.ExceptHandler)
                and (node.type is None or ast.unparse(node.type) == "Exception")
                and not re.search(r"# noqa: BLE001 - .{10}", text.splitlines()[node.lineno - 1])
            ]
        )
