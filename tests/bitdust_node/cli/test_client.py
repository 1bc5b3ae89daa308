"""
The command line as a client of the API.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from twisted.internet.threads import deferToThread

from bitdust_node.cli.client import ApiClient
from bitdust_node.errors import Failed, Invalid, NotFound, Unavailable
from tests.bitdust_node.api.test_http import HttpFaceTest


class ClientTest(HttpFaceTest):
    secret = True

    async def setUp(self) -> None:  # type: ignore[override]
        await super().setUp()
        base = self.data_folder()
        self.client = ApiClient(base)

    def data_folder(self) -> Path:
        base = Path(self.mktemp())
        option = base / "config/interface/api/rest-http-port"
        option.parent.mkdir(parents=True)
        option.write_text(str(self.face.port))
        (base / "apisecret").write_text(self.face.secret.token)
        return base

    async def call(self, name: str, **arguments: Any) -> Any:
        return await deferToThread(self.client.call, name, 20, **arguments)

    async def test_calls_by_name(self) -> None:
        self.assertTrue(await deferToThread(self.client.healthy))
        self.assertEqual((await self.call("config_get", key="a/b c"))["result"], [{"key": "a/b c"}])
        self.assertEqual((await self.call("thing_set", key="k", value=[1]))["result"]["value"], [1])
        told = await self.call("event_send", event_id="my event/x", data={"a": 1})
        self.assertEqual(told["result"], {"event_id": "my event/x", "data": {"a": 1}})

    async def test_refusals(self) -> None:
        for name, arguments, error in (
            ("no_such", {}, NotFound),
            ("config_get", {"bad": 1}, Invalid),
        ):
            with self.assertRaises(error):
                await self.call(name, **arguments)
        with self.assertRaises(Failed) as caught:
            await deferToThread(self.client.result, "config_get", 20)
        self.assertEqual(str(caught.exception), "mandatory url query argument missed: key")

    async def test_nobody_there(self) -> None:
        await self.face.stop()
        with self.assertRaises(Unavailable):
            await self.call("config_get", key="a")
        self.assertFalse(await deferToThread(self.client.healthy))
