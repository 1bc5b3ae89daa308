"""
The HTTP face over real sockets: spellings, arguments, envelopes, limits.
"""

from __future__ import annotations

import http.client
import json
import socket
from pathlib import Path
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from bitdust_node.api.log import ApiLog
from bitdust_node.config.config import Config
from bitdust_node.paths import DataFolder
from tests.bitdust_node.api.sample import make_face


def call(
    port: int, verb: str, path: str, body: Any = None, headers: dict[str, str] | None = None
) -> tuple[int, dict[str, str], Any]:
    """One request by the standard library, in a thread: status, headers, decoded body."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        connection.request(verb, path, data, headers or {})
        answer = connection.getresponse()
        text = answer.read()
        return answer.status, {k.lower(): v for k, v in answer.getheaders()}, json.loads(text) if text else None
    finally:
        connection.close()


class HttpFaceTest(TestCase):
    secret = False

    async def setUp(self) -> None:  # type: ignore[override]
        self.face, self.sample = make_face(Path(self.mktemp()), secret=self.secret)
        await self.face.start()
        self.addCleanup(self._stop)

    def _stop(self) -> Any:
        return Deferred.fromCoroutine(self.face.stop())

    async def ask(self, verb: str, path: str, body: Any = None, headers: dict[str, str] | None = None) -> Any:
        status, _, told = await deferToThread(call, self.face.port, verb, path, body, headers)
        self.assertEqual(status, 200)
        return told


class AnswersTest(HttpFaceTest):
    async def test_health_and_its_form(self) -> None:
        status, headers, told = await deferToThread(call, self.face.port, "GET", "/process/health/v1")
        self.assertEqual((status, told["status"]), (200, "OK"))
        self.assertRegex(told["execution"], r"^\d+\.\d{6}$")
        self.assertEqual(set(told), {"status", "execution"})
        self.assertEqual(headers["content-type"], "application/json")
        self.assertNotIn("access-control-allow-origin", headers)
        for path in ("/v1/process/health", "/p/h", "/p/h/", "/process/health/v1?x=1"):
            self.assertEqual((await self.ask("GET", path))["status"], "OK")

    async def test_text_is_sorted_and_indented(self) -> None:
        def raw() -> bytes:
            with socket.create_connection(("127.0.0.1", self.face.port), 10) as peer:
                peer.sendall(b"GET /config/get/v1?key=a/b HTTP/1.0\r\n\r\n")
                return b"".join(iter(lambda: peer.recv(4096), b""))

        text = (await deferToThread(raw)).split(b"\r\n\r\n", 1)[1].decode()
        self.assertTrue(text.endswith("}\n"))
        self.assertEqual(text, json.dumps(json.loads(text), indent=2, sort_keys=True) + "\n")

    async def test_not_found(self) -> None:
        for verb, path in (("GET", "/no/such/v1"), ("POST", "/process/health/v1"), ("OPTIONS", "/process/health/v1")):
            told = await self.ask(verb, path)
            self.assertEqual(told["status"], "ERROR")
            self.assertEqual(told["errors"], [f"method {verb}:{path} was not found"])
        self.assertIsNone(await self.ask("HEAD", "/process/health/v1"))

    async def test_query(self) -> None:
        told = await self.ask("GET", "/config/get/v1?key=a%2Fb&key=second")
        self.assertEqual(told["result"], [{"key": "a/b"}])
        self.assertEqual((await self.ask("GET", "/config/get/a/b-c/d/v1"))["result"], [{"key": "a/b-c/d"}])
        self.assertEqual((await self.ask("GET", "/config/get/a%20b/v1"))["result"], [{"key": "a b"}])
        self.assertEqual(
            (await self.ask("GET", "/config/get/v1"))["errors"], ["mandatory url query argument missed: key"]
        )

    async def test_bodies(self) -> None:
        wanted = {"key": "a", "value": [1, {"b": None}], "more": 7}
        for verb in ("POST", "DELETE", "PUT"):
            told = await self.ask(verb, "/thing/set/v1", {**wanted, "more": "7", "unknown": 1})
            self.assertEqual((told["result"], told["message"]), (wanted, "stored"))
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        self.assertEqual((await self.ask("POST", "/thing/set/v1", wanted, form))["result"], wanted)
        self.assertEqual((await self.ask("PUT", "/thing/turn/v1"))["status"], "OK")

    async def test_bad_bodies(self) -> None:
        for body, text in (
            (b"", "mandatory json input missed: ['key', 'value']"),
            (b"{}", "mandatory json input missed: ['key', 'value']"),
            (b'{"key": "a"}', "one of mandatory parameters missed: value"),
            (b"not json", "invalid json input"),
            (b"[1]", "invalid json input"),
            (b"\xff\xfe", "invalid json input"),
            (b"[" * 200_000, "invalid json input"),
            (b'{"key": "a", "value": 1, "more": "x"}', "thing_set() argument 'more' must be a whole number, not 'x'"),
        ):
            told = await self.ask("POST", "/thing/set/v1", body)
            self.assertEqual((told["status"], told["errors"]), ("ERROR", [text]))
        self.assertEqual(self.sample.calls, [])

    async def test_the_body_as_one_argument(self) -> None:
        for body, data in (({"a": 1}, {"a": 1}), ({"data": {"a": 1}}, {"a": 1}), (None, None)):
            told = await self.ask("POST", "/event/send/my-event/v1", body)
            self.assertEqual(told["result"], {"event_id": "my-event", "data": data})

    async def test_types_that_json_does_not_know(self) -> None:
        told = await self.ask("GET", "/thing/odd/v1")
        self.assertEqual(told["result"]["1"], {"path": "/x"})

    async def test_a_call_ends_with_its_client(self) -> None:
        def ask_and_go() -> None:
            with socket.create_connection(("127.0.0.1", self.face.port), 10) as peer:
                peer.sendall(b"GET /thing/slow/v1 HTTP/1.1\r\nHost: localhost\r\n\r\n")
                while not self.sample.slow:
                    pass

        await deferToThread(ask_and_go)
        while not self.sample.cancelled:
            await self.ask("GET", "/p/h")
        self.assertEqual(self.sample.cancelled, 1)

    async def test_a_taken_port_is_replaced(self) -> None:
        other, _ = make_face(Path(self.mktemp()))
        await other.start()
        self.assertGreater(other.port, self.face.port)
        self.assertEqual(other._config.get("interface/api/rest-http-port"), other.port)
        await other.stop()


class LogTest(HttpFaceTest):
    async def test_every_request_is_a_line_of_the_log(self) -> None:
        folder = DataFolder(Path(self.mktemp()))
        log = ApiLog(folder, Config(overrides={"logs/api-enabled": True}), reactor)  # type: ignore[arg-type]
        self.face.api_log = log
        for verb, path, body in (
            ("GET", "/p/h", None),
            ("GET", "/no/such/v1?password=hidden", None),
            ("POST", "/thing/set/v1", b'{"password": "hidden'),
        ):
            await self.ask(verb, path, body)
        lines = [line.partition(" *** ")[2] for line in (folder.logs / "api.log").read_text().splitlines()]
        wanted = ["GET:/p/h  HTTP  process_health({})", "GET:/no/such/v1  HTTP  refused({})"]
        self.assertEqual(lines, [*wanted, "POST:/thing/set/v1  HTTP  refused({})"])


class SecretTest(HttpFaceTest):
    secret = True

    async def test_only_with_the_secret(self) -> None:
        token = self.face.secret.token
        for headers in (None, {"api_secret": "wrong"}, {"api_secret": ""}, {"api_secret": token.lower()}):
            told = await self.ask("GET", "/process/health/v1", headers=headers)
            self.assertEqual(told["errors"], ["access denied"])
        told = await self.ask("GET", f"/process/health/v1?api_secret={token}")
        self.assertEqual(told["errors"], ["access denied"])
        for name in ("api_secret", "API_Secret"):
            self.assertEqual((await self.ask("GET", "/p/h", headers={name: token}))["status"], "OK")
