"""
The identity server over HTTP, and the store behind it.
"""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory, Protocol
from twisted.trial.unittest import SynchronousTestCase, TestCase

from bitdust_node.config.config import Config
from bitdust_node.errors import Conflict, Corrupt, Full, Invalid, Refused, Unavailable
from bitdust_node.identity.servers import Server, parse_servers
from bitdust_node.network import Network
from bitdust_node.paths import DataFolder
from bitdust_node.threads import InlineWorkers
from bitdust_node.waiting import sleep
from services.identities.store import IdentityStore, Outcome
from services.identity_server import IdentityServer
from tests.bitdust_node.identity.parts import Parts, RunningServer
from tests.keys import test_document


class SiteTests(TestCase):
    def setUp(self) -> None:
        self.running = RunningServer(self)
        self.client = Parts(self).servers
        self.idurl = self.running.server.idurl("bob")

    def document(self, number: int = 1, revision: int = 0) -> Any:
        return test_document(number, "bob", sources=(self.idurl,), revision=revision)

    async def test_put_and_get(self) -> None:
        self.assertIsNone(await self.client.fetch(self.idurl))
        await self.client.upload(self.idurl, self.document())
        await self.client.upload(self.idurl, self.document())
        self.assertEqual(await self.client.fetch(self.idurl), self.document())
        await self.client.upload(self.idurl, self.document(revision=5))
        self.assertEqual(await self.client.fetch(self.idurl), self.document(revision=5))

    async def test_ping_tells_the_address(self) -> None:
        self.assertEqual(await self.client.ping(self.running.server), "127.0.0.1")

    async def test_older_revisions_and_other_keys(self) -> None:
        await self.client.upload(self.idurl, self.document(revision=5))
        for document, text in (
            (self.document(revision=4), "revision 5 is already published"),
            (self.document(2, revision=9), "already taken"),
        ):
            with self.assertRaisesRegex(Conflict, text):
                await self.client.upload(self.idurl, document)
        self.assertEqual(await self.client.fetch(self.idurl), self.document(revision=5))

    async def test_only_documents_of_this_user_and_host(self) -> None:
        with self.assertRaisesRegex(Refused, "of bob, not of alice"):
            await self.client.upload(self.running.server.idurl("alice"), self.document())
        with self.assertRaisesRegex(Refused, "among its sources"):
            await self.client.upload(self.idurl, test_document(1, "bob"))
        self.running.own = ("id.example.com", 80)
        with self.assertRaisesRegex(Refused, "id.example.com:80"):
            await self.client.upload(self.idurl, self.document())
        await self.client.upload(self.idurl, test_document(1, "bob", sources=("http://id.example.com/bob.xml",)))

    async def test_a_dead_server(self) -> None:
        with self.assertRaises(Unavailable):
            await self.client.ping(Server("127.0.0.1", 1))


class StoreTests(SynchronousTestCase):
    def test_it_counts_and_is_bounded(self) -> None:
        folder = Path(self.mktemp())
        store = IdentityStore(folder, limit=2)
        store.open()
        self.assertIs(store.put(test_document(1)), Outcome.CREATED)
        self.assertIs(store.put(test_document(1)), Outcome.SAME)
        self.assertIs(store.put(test_document(1, revision=1)), Outcome.UPDATED)
        self.assertIs(store.put(test_document(2)), Outcome.CREATED)
        with self.assertRaises(Full):
            store.put(test_document(3))
        again = IdentityStore(folder, limit=2)
        again.open()
        self.assertEqual(again.count, 2)
        self.assertEqual(again.read("user-1"), test_document(1, revision=1).xml)

    def test_a_damaged_file_gives_its_name_to_nobody(self) -> None:
        store = IdentityStore(Path(self.mktemp()))
        store.open()
        store.put(test_document(1))
        next(store._folder.glob("??/*.xml")).write_bytes(b"<identity/>")
        with self.assertRaises(Conflict):
            store.put(test_document(1, revision=1))


class ServersTests(SynchronousTestCase):
    def test_texts(self) -> None:
        texts = ["id-a.example:8084:6661", " id-b.example:80", "id-c.example", "id-A.example:8084", ""]
        self.assertEqual(
            [str(one) for one in parse_servers(texts)], ["id-a.example:8084", "id-b.example", "id-c.example"]
        )
        for bad in ("http://host", "host:x", "host:0", "ho st", "host:1:2:3", "[::1]:80", "../x"):
            with self.assertRaises(Invalid):
                Server.parse(bad)


class ServiceTests(TestCase):
    def service(self, **options: Any) -> IdentityServer:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        settings = {"services/identity-server/web-port": port, "services/network/interface": "127.0.0.1", **options}
        service = IdentityServer(
            Config(None, settings),
            DataFolder(Path(self.mktemp())),
            Network(reactor),
            InlineWorkers(),
            reactor,  # type: ignore[arg-type]
        )
        self.addCleanup(lambda: Deferred.fromCoroutine(service.stop()))
        return service

    async def test_it_starts_stops_and_starts(self) -> None:
        service, client = self.service(), Parts(self).servers
        await service.start()
        server = Server("127.0.0.1", service.port)
        document = test_document(1, sources=(server.idurl("user-1"),))
        await client.upload(document.idurl, document)
        await service.stop()
        with self.assertRaises(Unavailable):
            await client.ping(server)
        await service.start()
        self.assertEqual(await client.fetch(document.idurl), document)
        self.assertEqual((service.network_configuration() or {})["identities"], 1)

    async def test_a_port_that_is_taken(self) -> None:
        first = self.service()
        await first.start()
        second = self.service(**{"services/identity-server/web-port": first.port})
        await second.start()
        self.assertNotIn(second.port, (0, first.port))
        # once documents are kept, their addresses name the port
        server = Server("127.0.0.1", second.port)
        document = test_document(1, sources=(server.idurl("user-1"),))
        await Parts(self).servers.upload(document.idurl, document)
        await second.stop()
        second._config.set("services/identity-server/web-port", first.port)
        with self.assertRaises(Unavailable):
            await second.start()

    async def test_another_port(self) -> None:
        service, other = self.service(), self.service()
        await service.start()
        before, wanted = service.port, other._config.number("services/identity-server/web-port")
        service._config.set("services/identity-server/web-port", wanted)
        while service.port in (0, before):
            await sleep(reactor, 0)  # type: ignore[arg-type]
        self.assertEqual(service.port, wanted)

    async def test_the_host_of_the_options(self) -> None:
        service = self.service(**{"services/identity-server/host": "ID.example.com"})
        await service.start()
        self.assertEqual(service.own(), ("id.example.com", service.port))
        self.assertEqual(self.service(**{"services/identity-server/host": "a.b:80"}).own(), ("a.b", 80))
        with self.assertRaises(Invalid):
            await self.service(**{"services/identity-server/host": "a/b"}).start()


class ForeignServerTests(TestCase):
    """
    What the client does with servers that misbehave: each answer is one canned text.
    """

    async def answer(self, head: bytes, body: bytes) -> Any:
        class Canned(Protocol):
            def dataReceived(self, data: bytes) -> None:
                assert self.transport is not None
                self.transport.write(b"HTTP/1.1 200 OK\r\n" + head + b"\r\n" + body)

        listening = Network(reactor).listen_tcp(0, Factory.forProtocol(Canned), "127.0.0.1")  # type: ignore[arg-type]
        self.addCleanup(listening.stopListening)
        address: Any = listening.getHost()
        return await Parts(self).servers.fetch(Server("127.0.0.1", address.port).idurl("bob"))

    async def test_an_answer_without_end(self) -> None:
        with self.assertRaisesRegex(Invalid, "longer than"):
            await self.answer(b"Content-Length: 1000000000\r\n", b"x" * 70000)

    async def test_an_answer_of_somebody_else(self) -> None:
        xml = test_document(1, "bob").xml
        with self.assertRaisesRegex(Corrupt, "somebody else"):
            await self.answer(b"Content-Length: %d\r\n" % len(xml), xml)

    async def test_nonsense(self) -> None:
        with self.assertRaises(Invalid):
            await self.answer(b"Content-Length: 5\r\n", b"hello")
        with self.assertRaises(Unavailable):
            await self.answer(b"Content-Length: x\r\n", b"hello")
