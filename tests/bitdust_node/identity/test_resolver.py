"""
The resolver: memory, disk and servers; whose name is whose.
"""

from __future__ import annotations

from twisted.internet.defer import Deferred, ensureDeferred
from twisted.trial.unittest import SynchronousTestCase, TestCase

from bitdust_node.errors import BitDustError, Conflict, Invalid, NotFound, Refused, Unavailable
from bitdust_node.identity.addresses import SOURCES_LIMIT, Addresses
from bitdust_node.identity.document import Document
from bitdust_node.identity.known import KnownIdentities
from tests.bitdust_node.identity.parts import Parts
from tests.keys import test_document, test_key

A, B = "http://id-a.example:8084/bob.xml", "http://id-b.example:8084/bob.xml"


class FakeServers:
    """
    Answers with what is put into `published`; an error is raised. Without anything the server does not answer.
    """

    def __init__(self) -> None:
        self.published: dict[str, Document | BitDustError | None] = {}
        self.asked: list[str] = []
        self.gate: Deferred[None] | None = None

    async def fetch(self, idurl: str) -> Document | None:
        self.asked.append(idurl)
        if self.gate is not None:
            await self.gate
        found = self.published.get(idurl, Unavailable("nobody is there"))
        if isinstance(found, BitDustError):
            raise found
        return found


class ResolverTests(TestCase):
    def setUp(self) -> None:
        self.parts = Parts(self)
        self.servers = self.fake(self.parts)
        self.resolver = self.parts.resolver
        self.bob = test_document(1, sources=(A,))

    def fake(self, parts: Parts) -> FakeServers:
        parts.resolver._servers = FakeServers()  # type: ignore[assignment]
        return parts.resolver._servers  # type: ignore[return-value]

    def again(self) -> Parts:
        parts = Parts(self, self.parts.base)
        parts.resolver._servers = self.servers  # type: ignore[assignment]
        return parts

    async def test_from_the_server_once(self) -> None:
        self.servers.published[A] = self.bob
        for who in (A, "bob@id-a.example_8084", "docs$bob@id-a.example_8084"):
            self.assertEqual(await self.resolver.resolve(who), self.bob)
        self.assertEqual(await self.resolver.resolve(self.bob.node_id), self.bob)
        self.assertEqual(self.servers.asked, [A])
        self.assertEqual(self.resolver.cached(self.bob.node_id), self.bob)
        self.assertEqual(self.resolver.find("bob@id-a.example_8084"), self.bob)
        self.assertEqual(self.resolver.documents(), [self.bob])

    async def test_from_the_disk_after_a_restart(self) -> None:
        self.servers.published[A] = self.bob
        await self.resolver.resolve(A)
        again = self.again()
        await again.resolver.start()
        self.assertEqual(again.resolver.find(A), self.bob)
        self.assertEqual(await again.resolver.resolve(A), self.bob)
        self.assertEqual(self.servers.asked, [A])

    async def test_from_the_disk_when_memory_has_forgotten(self) -> None:
        self.servers.published[A] = self.bob
        await self.resolver.resolve(A)
        self.resolver._known.drop(self.bob.node_id)
        self.assertIsNone(self.resolver.cached(self.bob.node_id))
        self.assertEqual(await self.resolver.resolve(self.bob.node_id), self.bob)
        self.resolver._known.drop(self.bob.node_id)
        self.assertEqual(await self.resolver.resolve(A), self.bob)
        self.assertEqual(self.servers.asked, [A])

    async def test_nobody_of_that_name(self) -> None:
        self.servers.published[A] = None
        with self.assertRaises(NotFound):
            await self.resolver.resolve(A)
        with self.assertRaises(NotFound):
            await self.resolver.resolve("0" * 64)
        with self.assertRaises(Unavailable):
            await self.resolver.resolve(B)
        with self.assertRaises(Invalid):
            await self.resolver.resolve("bob")

    async def test_many_wait_for_one_answer(self) -> None:
        self.servers.gate = Deferred()
        self.servers.published[A] = self.bob
        waiting = [ensureDeferred(self.resolver.resolve(A)) for _ in range(5)]
        waiting[0].addErrback(lambda _: None)
        waiting[0].cancel()
        self.servers.gate.callback(None)
        self.assertEqual([await one for one in waiting[1:]], [self.bob] * 4)
        self.assertEqual(self.servers.asked, [A])

    async def test_stop_ends_who_waits(self) -> None:
        self.servers.gate = Deferred()
        waiting = ensureDeferred(self.resolver.resolve(A))
        await self.resolver.close()
        with self.assertRaises(Unavailable):
            await waiting
        with self.assertRaises(Unavailable):
            await self.resolver.resolve(A)

    async def test_an_older_revision_changes_nothing(self) -> None:
        newer = test_document(1, sources=(A,), revision=3)
        self.resolver.remember(newer)
        self.resolver.remember(self.bob)
        self.assertEqual(self.resolver.cached(self.bob.node_id), newer)
        self.servers.published[A] = self.bob
        await self.resolver.refresh(self.bob.node_id)
        self.assertEqual(self.resolver.cached(self.bob.node_id), newer)
        again = self.again()
        await again.resolver.start()
        self.assertEqual(again.resolver.cached(self.bob.node_id), newer)

    async def test_refresh_finds_the_newer_one(self) -> None:
        self.servers.published[A] = self.bob
        await self.resolver.resolve(A)
        newer = test_document(1, sources=(A,), contacts=("tcp://9.9.9.9:9",), revision=1)
        self.servers.published[A] = newer
        self.assertEqual(await self.resolver.refresh(self.bob.node_id), newer)

    async def test_a_name_that_shows_another_key_now(self) -> None:
        self.servers.published[A] = self.bob
        await self.resolver.resolve(A)
        self.servers.published[A] = test_document(2, sources=(A,))
        await self.resolver.refresh(self.bob.node_id)
        self.assertEqual((await self.resolver.resolve(A)).node_id, self.bob.node_id)
        with self.assertRaises(Conflict):
            self.resolver.remember(test_document(2, sources=(A,)))

    async def test_the_own_identity(self) -> None:
        await self.parts.ring.set_master(test_key(1))
        await self.parts.me.adopt(self.bob)
        self.assertEqual(await self.resolver.resolve(A), self.bob)
        self.assertEqual(self.resolver.cached(self.bob.node_id), self.bob)
        self.assertEqual((self.servers.asked, self.resolver.documents()), ([], []))

    async def test_old_names_keep_leading_to_the_same_node(self) -> None:
        self.servers.published[A] = self.bob
        await self.resolver.resolve(A)
        moved = test_document(1, sources=(B,), revision=1)
        self.servers.published[B] = moved
        await self.resolver.confirm(moved)
        self.assertEqual(self.resolver.find(A), moved)
        self.assertEqual(await self.resolver.resolve(A), moved)

    async def test_confirm(self) -> None:
        self.servers.published[A] = self.bob
        await self.resolver.confirm(self.bob)
        await self.resolver.confirm(test_document(1, sources=(A,), revision=1))
        self.assertEqual(self.servers.asked, [A])
        self.servers.published[B] = None
        with self.assertRaises(Refused):
            await self.resolver.confirm(test_document(2, sources=(B,)))

    async def test_confirm_while_the_server_is_away(self) -> None:
        await self.resolver.confirm(self.bob)
        self.assertEqual(self.resolver.cached(self.bob.node_id), self.bob)
        real = test_document(2, sources=(A,))
        self.servers.published[A] = real
        self.assertEqual(await self.resolver.resolve(A), real)
        with self.assertRaises(Refused):
            await self.resolver.confirm(self.bob)


class KnownTests(SynchronousTestCase):
    def test_the_longest_unused_give_way(self) -> None:
        known = KnownIdentities(2)
        documents = [test_document(number) for number in (1, 2, 3)]
        for document in documents[:2]:
            known.add(document, document.sources)
        known.get(documents[0].node_id)
        known.add(documents[2])
        self.assertIsNone(known.get(documents[1].node_id))
        self.assertIsNone(known.binding(documents[1].idurl))
        self.assertEqual(len(known), 2)


class AddressesTests(SynchronousTestCase):
    def test_most_votes_win_and_a_tie_changes_nothing(self) -> None:
        addresses, seen = Addresses(), []
        undo = addresses.on_change(seen.append)
        self.assertIsNone(addresses.host())
        addresses.observed("a", "1.1.1.1")
        addresses.observed("b", "2.2.2.2")
        self.assertEqual(addresses.host(), "1.1.1.1")
        addresses.observed("c", "2.2.2.2")
        self.assertEqual(addresses.host(), "2.2.2.2")
        addresses.observed("b", "1.1.1.1")
        self.assertEqual(seen, ["1.1.1.1", "2.2.2.2", "1.1.1.1"])
        undo()

    def test_nonsense_is_dropped(self) -> None:
        addresses = Addresses()
        for text in ("", "x", "::1", "0.0.0.0", "1.2.3.4.5", "1.2.3.4:5"):
            addresses.observed("a", text)
        self.assertIsNone(addresses.host())

    def test_sources_are_bounded(self) -> None:
        addresses = Addresses()
        for number in range(SOURCES_LIMIT * 2):
            addresses.observed(str(number), "1.1.1.1")
        self.assertEqual(len(addresses._seen), SOURCES_LIMIT)
