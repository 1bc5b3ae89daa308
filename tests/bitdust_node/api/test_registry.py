"""
Methods declared once: routes, arguments, gates and envelopes.
"""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase, TestCase

from bitdust_node.api.registry import Answer, ApiError, ArgumentError, MissingError, Registry, method
from bitdust_node.errors import Conflict, Invalid, NotFound


class Sample:
    name = "sample"

    @method("GET", "/thing/get/v1", "POST /thing/get/v1", "GET /t/g", accept={"who": ("id", "idurl")})
    async def thing_get(
        self, who: str, count: int = 1, ratio: float = 0.5, on: bool = False, words: list[str] | None = None
    ) -> dict[str, Any]:
        """
        Show a thing.
        """
        return {"who": who, "count": count, "ratio": ratio, "on": on, "words": words}

    @method("GET", "/thing/info/{name}/v1", "GET /t/i/{name}/")
    def thing_info(self, name: str) -> str:
        return name

    @method("GET", "/deep/get/v1", "GET /deep/get/{key+}/v1", "GET /d/g/{key+}/")
    def deep_get(self, key: str) -> list[str]:
        return [key]

    @method("GET", "/thing/gated/v1", needs=("service_customer",))
    async def thing_gated(self) -> None: ...

    @method("POST", "/thing/fail/v1", body="data")
    async def thing_fail(self, how: str, data: dict[str, Any] | None = None) -> None:
        if how == "api":
            raise ApiError("not now", reason="offline")
        if how == "error":
            raise Invalid("bad thing")
        raise ZeroDivisionError("division by zero")

    @method("GET", "/thing/answer/v1")
    def thing_answer(self, kind: str) -> Any:
        return {
            "none": None,
            "empty": {},
            "list": [],
            "message": Answer(message="done"),
            "extra": Answer([1], extra={"revision": 7}),
        }[kind]


class RegistryTest(TestCase):
    def setUp(self) -> None:
        self.on: set[str] = set()
        self.registry = Registry(gate=self.on.__contains__)
        self.registry.add(Sample())

    async def test_types_are_converted(self) -> None:
        answer = await self.registry.call("thing_get", {"who": 7, "count": "3", "ratio": "0.25", "on": "1"})
        self.assertEqual(
            answer, {"status": "OK", "result": {"who": "7", "count": 3, "ratio": 0.25, "on": True, "words": None}}
        )
        answer = await self.registry.call("thing_get", {"who": "a", "words": "x, y,,z"})
        self.assertEqual(answer["result"]["words"], ["x", "y", "z"])

    async def test_booleans(self) -> None:
        for value, meant in (("yes", True), ("ok", True), (1, True), (True, True), ("0", False), ("no", False)):
            answer = await self.registry.call("thing_get", {"who": "a", "on": value})
            self.assertIs(answer["result"]["on"], meant)

    async def test_spellings(self) -> None:
        for name in ("who", "id", "idurl"):
            self.assertEqual((await self.registry.call("thing_get", {name: "alice"}))["result"]["who"], "alice")
        answer = await self.registry.call("thing_get", {"idurl": "b", "who": "a", "id": "c"})
        self.assertEqual(answer["result"]["who"], "a")

    async def test_arguments_that_do_not_fit(self) -> None:
        for kwargs, text in (
            ({}, "thing_get() missing 1 required positional argument: 'who'"),
            ({"who": "a", "bad": 1}, "thing_get() got an unexpected keyword argument 'bad'"),
        ):
            with self.assertRaises(ArgumentError) as caught:
                await self.registry.call("thing_get", kwargs)
            self.assertEqual(str(caught.exception), text)
        for wrong in (
            {"who": ["x"]},
            {"who": None},
            {"who": "a", "count": "many"},
            {"who": "a", "count": 10**30},
            {"who": "a", "count": 1.5},
            {"who": "a", "count": True},
            {"who": "a", "count": False},
            {"who": "a", "ratio": True},
            {"who": "a", "ratio": "nan"},
            {"who": "a", "words": {"x": 1}},
            {"who": "\ud800"},
            {"who": "a", **{f"x{n}": n for n in range(200)}},
        ):
            with self.assertRaises(Invalid):
                await self.registry.call("thing_get", wrong)
        with self.assertRaises(NotFound) as unknown:
            await self.registry.call("no_such", {})
        self.assertEqual(str(unknown.exception), "invalid api method name")

    async def test_gate(self) -> None:
        answer = await self.registry.call("thing_gated")
        self.assertEqual(answer, {"status": "ERROR", "errors": ["service_customer() is not started"]})
        self.on.add("customer")
        self.assertEqual(await self.registry.call("thing_gated"), {"status": "OK"})

    async def test_errors(self) -> None:
        self.assertEqual(
            await self.registry.call("thing_fail", {"how": "api"}),
            {"status": "ERROR", "errors": ["not now"], "reason": "offline"},
        )
        self.assertEqual(
            await self.registry.call("thing_fail", {"how": "error"}), {"status": "ERROR", "errors": ["bad thing"]}
        )
        answer = await self.registry.call("thing_fail", {"how": "defect"})
        self.assertEqual(answer, {"status": "ERROR", "errors": ["division by zero"]})
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    async def test_envelopes(self) -> None:
        for kind, expected in (
            ("none", {"status": "OK"}),
            ("empty", {"status": "OK"}),
            ("list", {"status": "OK", "result": []}),
            ("message", {"status": "OK", "message": "done"}),
            ("extra", {"status": "OK", "result": [1], "revision": 7}),
        ):
            self.assertEqual(await self.registry.call("thing_answer", {"kind": kind}), expected)
        self.assertEqual(await self.registry.call("thing_info", {"name": "x"}), {"status": "OK", "result": ["x"]})


class RoutesTest(SynchronousTestCase):
    def setUp(self) -> None:
        self.registry = Registry()
        self.registry.add(Sample())

    def find(self, verb: str, path: str) -> tuple[str, dict[str, str]] | None:
        found = self.registry.route(verb, path)
        return found and (found[0].name, found[1])

    def test_spellings(self) -> None:
        for path in ("/thing/get/v1", "/v1/thing/get", "/t/g", "/t/g/", "t/g"):
            self.assertEqual(self.find("GET", path), ("thing_get", {}))
        self.assertEqual(self.find("POST", "/v1/thing/get"), ("thing_get", {}))
        self.assertIsNone(self.find("POST", "/t/g"))
        self.assertIsNone(self.find("GET", "/thing/get/v2"))

    def test_path_arguments(self) -> None:
        for path in ("/thing/info/abc/v1", "/v1/thing/info/abc", "/t/i/abc/", "/t/i/abc"):
            self.assertEqual(self.find("GET", path), ("thing_info", {"name": "abc"}))
        self.assertIsNone(self.find("GET", "/thing/info//v1"))
        for path in ("/deep/get/a/b/c/v1", "/v1/deep/get/a/b/c", "/d/g/a/b/c/"):
            self.assertEqual(self.find("GET", path), ("deep_get", {"key": "a/b/c"}))
        self.assertEqual(self.find("GET", "/deep/get/a/v1"), ("deep_get", {"key": "a"}))
        self.assertIsNone(self.find("GET", "/deep/get/a/b/c/d/v1"))

    def test_two_of_a_name(self) -> None:
        with self.assertRaises(Conflict):
            self.registry.add(Sample())

    def test_missing_names(self) -> None:
        with self.assertRaises(MissingError) as caught:
            self.registry.get("thing_get").bind({}, strict=False)
        self.assertEqual(caught.exception.names, ["who"])

    def test_class_without_instance(self) -> None:
        registry = Registry(gate=lambda name: True)
        made: list[Sample] = []
        registry.add_class(Sample, lambda: made[0] if made else None)
        self.assertEqual(
            self.successResultOf(_call(registry, "thing_info", {"name": "x"})),
            {"status": "ERROR", "errors": ["service_sample() is not started"]},
        )
        made.append(Sample())
        self.assertEqual(
            self.successResultOf(_call(registry, "thing_info", {"name": "x"})), {"status": "OK", "result": ["x"]}
        )


def _call(registry: Registry, name: str, kwargs: dict[str, Any]) -> Any:
    return registry.call(name, kwargs)
