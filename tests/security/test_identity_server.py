"""
Attacks on the identity server: bodies without end, paths, floods.
"""

from __future__ import annotations

from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure
from twisted.trial.unittest import TestCase

from bitdust_node.errors import Full
from bitdust_node.network import Network
from bitdust_node.router.bucket import Buckets
from services.identities import site
from tests.bitdust_node.identity.parts import Parts, RunningServer
from tests.keys import test_document


class Raw(Protocol):
    """
    Sends what it is given and collects what comes until the end.
    """

    def __init__(self) -> None:
        self.heard = b""
        self.ended: Deferred[bytes] = Deferred()

    def dataReceived(self, data: bytes) -> None:
        self.heard += data

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.ended.callback(self.heard)


class AttackTests(TestCase):
    def setUp(self) -> None:
        self.running = RunningServer(self)

    async def say(self, *texts: bytes) -> bytes:
        network = Network(reactor)
        raw: Any = await network.connect_tcp("127.0.0.1", self.running.server.port, Factory.forProtocol(Raw))
        for text in texts:
            raw.transport.write(text)
        return bytes(await raw.ended)

    async def code(self, request: bytes) -> int:
        answer = await self.say(request + b"\r\nHost: x\r\nConnection: close\r\n\r\n")
        return int(answer.split()[1])

    async def test_a_body_that_is_announced_too_long(self) -> None:
        answer = await self.say(b"PUT /bob.xml HTTP/1.1\r\nHost: x\r\nContent-Length: 4294967296\r\n\r\n")
        self.assertIn(b" 413 ", answer)

    async def test_a_body_that_grows(self) -> None:
        chunk = b"8000\r\n" + b"x" * 0x8000 + b"\r\n"
        answer = await self.say(b"PUT /bob.xml HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n", *[chunk] * 3)
        self.assertTrue(answer == b"" or b" 413 " in answer)

    async def test_paths_and_verbs(self) -> None:
        self.assertEqual(await self.code(b"GET / HTTP/1.1"), 200)
        for path in (
            b"/../../etc/passwd",
            b"/..%2f..%2fetc%2fpasswd",
            b"/%2e%2e/x.xml",
            b"/bob%00.xml",
            b"/Bob.xml",
            b"/bob.xml/",
            b"//bob.xml",
            b"/a/bob.xml",
            b"/" + b"x" * 5000 + b".xml",
        ):
            self.assertEqual(await self.code(b"GET " + path + b" HTTP/1.1"), 404, path)
        self.assertEqual(await self.code(b"DELETE /bob.xml HTTP/1.1"), 405)
        self.assertEqual(await self.code(b"PUT / HTTP/1.1"), 404)
        self.assertEqual(await self.code(b"PUT /bob.xml HTTP/1.1\r\nContent-Length: 0"), 400)

    async def test_a_flood_of_names(self) -> None:
        self.running.site._names = Buckets(1 / 3600, 2)
        client = Parts(self).servers
        for number in (1, 2, 3):
            idurl = self.running.server.idurl(f"user-{number}")
            document = test_document(number, sources=(idurl,))
            if number < 3:
                await client.upload(idurl, document)
            else:
                with self.assertRaisesRegex(Full, "too many new names"):
                    await client.upload(idurl, document)
        idurl = self.running.server.idurl("user-1")
        await client.upload(idurl, test_document(1, sources=(idurl,), revision=1))

    async def test_a_flood_of_documents(self) -> None:
        self.running.site._writes = Buckets(0.001, 1)
        request = b"PUT /bob.xml HTTP/1.1\r\nContent-Length: 0"
        self.assertEqual([await self.code(request), await self.code(request)], [400, 429])

    async def test_a_flood_of_connections(self) -> None:
        self.patch(site, "CONNECTIONS_LIMIT", 1)
        network = Network(reactor)
        first: Any = await network.connect_tcp("127.0.0.1", self.running.server.port, Factory.forProtocol(Raw))
        first.transport.write(b"GET / HTTP/1.1\r\n")
        while not self.running.site.channels:
            await self.say(b"")
        self.assertEqual(await self.say(b""), b"")
        first.transport.loseConnection()
        await first.ended

    async def test_a_client_that_hangs_up_early(self) -> None:
        network = Network(reactor)
        raw: Any = await network.connect_tcp("127.0.0.1", self.running.server.port, Factory.forProtocol(Raw))
        raw.transport.write(b"GET /bob.xml HTTP/1.1\r\nHost: x\r\n\r\n")
        raw.transport.loseConnection()
        await raw.ended
        self.assertEqual(await self.code(b"GET / HTTP/1.1"), 200)
