"""
The OpenAPI document of all methods, and the page that shows it.
"""

from __future__ import annotations

import http.client
import json
import re
from pathlib import Path
from typing import Any

from openapi_spec_validator import OpenAPIV31SpecValidator, validate
from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import SynchronousTestCase, TestCase

from bitdust_node.api.openapi import document
from bitdust_node.api.parts import declared
from bitdust_node.api.registry import Registry, method
from bitdust_node.api.results.table import RESULTS
from bitdust_node.plugins import plugins
from tests.bitdust_node.api.sample import make_face


class Shapes:
    @method("GET", "/shape/get/{name}/v1", needs=("service_network",), accept={"count": ("number",)})
    def shape_get(self, name: str, count: int = 1, kinds: list[str] | None = None) -> None:
        """
        A shape.

        count: how many.
        """

    @method("PUT", "/shape/get/v1", "DELETE /shape/x/v1")
    def shape_set(self, name: str, size: float, flat: bool = False, more: dict[str, Any] | None = None) -> None:
        """
        Make a shape.
        """

    @method()
    def shape_push(self) -> None:
        """
        On WebSocket.
        """


class DocumentTest(SynchronousTestCase):
    def test_the_document_of_the_node_is_valid(self) -> None:
        registry = declared(plugins("bitdust_node.services"))
        told = document(registry)
        validate(told, cls=OpenAPIV31SpecValidator)
        named = {one["operationId"] for path in told["paths"].values() for one in path.values()}
        self.assertEqual(named, {one.name for one in registry if one.routes})
        for path in told["paths"].values():
            for one in path.values():
                self.assertTrue(one["summary"], one["operationId"])

    def test_results_belong_to_methods(self) -> None:
        known = {one.name for one in declared(plugins("bitdust_node.services"))}
        self.assertEqual(set(RESULTS) - known, set())

    def test_operations(self) -> None:
        registry = Registry()
        registry.add(Shapes())
        told = document(registry)
        validate(told, cls=OpenAPIV31SpecValidator)
        get = told["paths"]["/shape/get/{name}/v1"]["get"]
        self.assertEqual(
            [(one["name"], one["in"], one["required"]) for one in get["parameters"]],
            [("name", "path", True), ("count", "query", False), ("kinds", "query", False)],
        )
        self.assertEqual(get["parameters"][1]["x-accept-keys"], ["number"])
        self.assertEqual(get["x-routes"], ["GET /v1/shape/get/{name}"])
        self.assertIn("how many", get["description"])
        self.assertIn("`service_network`", get["description"])
        put = told["paths"]["/shape/get/v1"]["put"]["requestBody"]
        shape = put["content"]["application/json"]["schema"]
        self.assertTrue(put["required"])
        self.assertEqual(shape["required"], ["name", "size"])
        self.assertEqual(shape["properties"]["more"]["type"], ["object", "null"])
        self.assertEqual(len(told["paths"]), 3)


class PageTest(TestCase):
    async def setUp(self) -> None:  # type: ignore[override]
        self.face, _ = make_face(Path(self.mktemp()), secret=True)
        await self.face.start()
        self.addCleanup(lambda: Deferred.fromCoroutine(self.face.stop()))

    async def get(self, path: str, verb: str = "GET", **headers: str) -> tuple[dict[str, str], bytes]:
        def ask() -> tuple[dict[str, str], bytes]:
            connection = http.client.HTTPConnection("127.0.0.1", self.face.port, timeout=20)
            try:
                connection.request(verb, path, headers=headers)
                answer = connection.getresponse()
                self.assertEqual(answer.status, 200)
                return {name.lower(): value for name, value in answer.getheaders()}, answer.read()
            finally:
                connection.close()

        return await deferToThread(ask)

    async def test_the_page_and_all_that_it_names(self) -> None:
        headers, page = await self.get("/docs")
        self.assertEqual(headers["content-type"], "text/html; charset=utf-8")
        self.assertIn("script-src 'self';", headers["content-security-policy"])
        self.assertEqual(headers["x-frame-options"], "DENY")
        named = re.findall(r'(?:src|href)="(/[^"]+)"', page.decode())
        self.assertEqual(len(named), 4)
        for path in named:
            headers, content = await self.get(path)
            self.assertEqual(
                headers["content-type"].split(";")[0], "text/css" if path.endswith("css") else "text/javascript"
            )
            self.assertGreater(len(content), 100)
        self.assertNotIn(b"http://", page)
        self.assertNotIn(b"https://", page)
        self.assertNotIn(self.face.secret.token.encode(), page)

    async def test_the_document_needs_the_secret(self) -> None:
        told = json.loads((await self.get("/openapi.json"))[1])
        self.assertEqual((told["status"], told["errors"]), ("ERROR", ["access denied"]))
        told = json.loads((await self.get("/openapi.json", api_secret=self.face.secret.token))[1])
        self.assertIn("/process/health/v1", told["paths"])

    async def test_foreign_pages_get_nothing(self) -> None:
        for headers in ({"Host": "evil.example"}, {"Origin": "http://evil.example"}, {"Origin": "null"}):
            for path in ("/docs", "/docs/page.js", "/openapi.json"):
                told = json.loads((await self.get(path, api_secret=self.face.secret.token, **headers))[1])
                self.assertEqual(told["errors"], ["access denied"])

    async def test_nothing_else_is_there(self) -> None:
        secret = self.face.secret.token
        for path in ("/docs/../http.py", "/docs/%2e%2e/http.py", "/docs/index.htm", "/docs/swagger-ui.LICENSE.txt"):
            self.assertIn("was not found", json.loads((await self.get(path, api_secret=secret))[1])["errors"][0])
        for path in ("/docs", "/openapi.json"):
            told = json.loads((await self.get(path, "POST", api_secret=secret))[1])
            self.assertIn("was not found", told["errors"][0])
