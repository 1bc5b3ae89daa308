"""
Attacks on the API by HTTP: foreign pages, stolen names, too much of everything.
"""

from __future__ import annotations

import json
import socket
import tracemalloc
from pathlib import Path
from typing import Any

from twisted.internet.threads import deferToThread

from bitdust_node.api import http
from bitdust_node.api.access import local_host, local_origin
from bitdust_node.api.log import redacted
from bitdust_node.api.secret import Secret
from tests.bitdust_node.api.test_http import HttpFaceTest, call


class ForeignPagesTest(HttpFaceTest):
    async def test_foreign_host_and_origin(self) -> None:
        for headers in (
            {"Host": "evil.example"},
            {"Host": "evil.example:8180"},
            {"Host": "127.0.0.1.evil.example"},
            {"Host": "127.0.0.1@evil.example"},
            {"Host": "localhost:x"},
            {"Origin": "http://evil.example"},
            {"Origin": "http://localhost.evil.example"},
            {"Origin": "null"},
            {"Origin": "file://localhost"},
            {"Origin": "http://127.0.0.1@evil.example"},
        ):
            _, answered, told = await deferToThread(call, self.face.port, "POST", "/thing/set/v1", {"key": 1}, headers)
            self.assertEqual(told["errors"], ["access denied"], headers)
            self.assertNotIn("access-control-allow-origin", answered)
        self.assertEqual(self.sample.calls, [])

    async def test_pages_of_this_machine(self) -> None:
        for headers in (
            {"Host": "localhost:9999"},
            {"Host": "[::1]:8180"},
            {"Origin": "http://localhost:3000"},
            {"Origin": "https://127.0.0.1"},
        ):
            _, answered, told = await deferToThread(call, self.face.port, "GET", "/p/h", None, headers)
            self.assertEqual(told["status"], "OK", headers)
            self.assertEqual(answered.get("access-control-allow-origin"), headers.get("Origin"))

    async def test_preflight(self) -> None:
        origin = {"Origin": "http://localhost:3000", "Access-Control-Request-Method": "POST"}
        _, answered, _ = await deferToThread(call, self.face.port, "OPTIONS", "/p/h", None, origin)
        self.assertIn("api_secret", answered["access-control-allow-headers"])
        self.assertNotEqual(answered["access-control-allow-origin"], "*")

    def test_names(self) -> None:
        self.assertTrue(local_host(None) and local_host("127.0.0.1:8180") and local_host("LOCALHOST"))
        for header in ("", "evil", "127.0.0.1/x", "[::1", "localhost?x", "2130706433", "0.0.0.0"):
            self.assertFalse(local_host(header), header)
        self.assertTrue(local_origin(None) and local_origin("http://localhost"))
        for header in ("", "null", "localhost", "chrome-extension://localhost", "http://", "http://[", "http://a"):
            self.assertFalse(local_origin(header), header)


class TooMuchTest(HttpFaceTest):
    async def test_100_mb_of_body(self) -> None:
        def send(chunked: bool) -> dict[str, Any]:
            block = b"x" * 2**20
            with socket.create_connection(("127.0.0.1", self.face.port), 20) as peer:
                length = b"Transfer-Encoding: chunked" if chunked else b"Content-Length: %d" % (100 * 2**20)
                peer.sendall(b"POST /thing/set/v1 HTTP/1.1\r\nHost: localhost\r\n" + length + b"\r\n\r\n")
                for _ in range(100):
                    peer.sendall(b"100000\r\n" + block + b"\r\n" if chunked else block)
                peer.sendall(b"0\r\n\r\n" if chunked else b"")
                text = b"".join(iter(lambda: peer.recv(65536), b""))
            told: dict[str, Any] = json.loads(text.split(b"\r\n\r\n", 1)[1])
            return told

        tracemalloc.start()
        self.addCleanup(tracemalloc.stop)
        for chunked in (False, True):
            told = await deferToThread(send, chunked)
            self.assertEqual(told["errors"], [f"the body is larger than {http.BODY_LIMIT} bytes"])
        self.assertLess(tracemalloc.get_traced_memory()[1], 24 * 2**20)
        self.assertEqual(self.sample.calls, [])
        self.assertEqual((await self.ask("GET", "/p/h"))["status"], "OK")

    async def test_refused_before_the_body_came(self) -> None:
        def send() -> bytes:
            with socket.create_connection(("127.0.0.1", self.face.port), 20) as peer:
                peer.sendall(b"POST /thing/set/v1 HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999\r\n\r\n")
                return peer.recv(65536)

        self.assertIn(b"the body is larger", await deferToThread(send))

    async def test_connections_are_counted(self) -> None:
        self.patch(http, "CONNECTIONS_LIMIT", 5)

        def flood() -> list[bytes]:
            peers = [socket.create_connection(("127.0.0.1", self.face.port), 20) for _ in range(8)]
            try:
                answers = []
                for peer in peers:
                    try:
                        peer.sendall(b"GET /p/h HTTP/1.1\r\nHost: localhost\r\n\r\n")
                        answers.append(peer.recv(100))
                    except OSError:
                        answers.append(b"")
                return answers
            finally:
                for peer in peers:
                    peer.close()

        answers = await deferToThread(flood)
        self.assertEqual([bool(answer) for answer in answers], [True] * 5 + [False] * 3)

    async def test_many_fields_and_odd_bytes(self) -> None:
        query = "&".join(f"k{n}=1" for n in range(500))
        told = await self.ask("GET", f"/config/get/v1?{query}")
        self.assertEqual(told["errors"], ["the query has more than 100 fields"])
        told = await self.ask("GET", "/config/get/%ff%00%2e%2e%2f/v1")
        self.assertEqual(told["status"], "OK")
        told = await self.ask("GET", "/config/get/v1?key=" + "a" * 5000)
        self.assertEqual(told["status"], "OK")

        def garbage() -> None:
            with socket.create_connection(("127.0.0.1", self.face.port), 20) as peer:
                peer.sendall(b"\x16\x03\x01 nonsense\r\n\r\n\r\n")
                peer.recv(1000)

        await deferToThread(garbage)
        self.assertEqual((await self.ask("GET", "/p/h"))["status"], "OK")


class SecretFilesTest(HttpFaceTest):
    def test_missing_or_empty_is_made_anew(self) -> None:
        for content in (None, b"", b"  \n", b"\xff\xff", b"x" * 100_000):
            folder = Path(self.mktemp())
            folder.mkdir()
            files = (folder / "one", folder / "two")
            if content is not None:
                files[0].write_bytes(content)
            secret = Secret(files, enabled=True)
            self.assertRegex(secret.token, r"^[A-Z2-7]{16}$")
            for file in files:
                self.assertEqual(file.read_text(), secret.token)
                self.assertEqual(file.stat().st_mode & 0o777, 0o600)
            self.assertFalse(secret.fits("") or secret.fits(None) or secret.fits(secret.token[:-1]))
            self.assertEqual(Secret(files, enabled=True).token, secret.token)
            self.assertTrue(Secret(files, enabled=False).fits(None))
            self.assertEqual([file.read_text() for file in files], ["", ""])

    def test_the_word_of_an_operator(self) -> None:
        folder = Path(self.mktemp())
        folder.mkdir()
        files = (folder / "one", folder / "two")
        files[0].write_text(" my own word\n")
        files[0].chmod(0o644)
        secret = Secret(files, enabled=True)
        self.assertTrue(secret.fits("my own word"))
        self.assertEqual([file.read_text() for file in files], ["my own word"] * 2)
        self.assertEqual(files[0].stat().st_mode & 0o777, 0o600)

    def test_logs_show_no_secrets(self) -> None:
        text = redacted({"api_secret": "s3cret", "json_data": {"a": "s3cret"}, "key": "logs", "long": "x" * 1000})
        self.assertNotIn("s3cret", text)
        self.assertIn("logs", text)
        self.assertLess(len(text), 400)
