"""
Registration and republication against real identity servers on loopback.
"""

from __future__ import annotations

from twisted.internet.defer import ensureDeferred
from twisted.trial.unittest import TestCase

from bitdust_node.errors import Conflict, Corrupt, Invalid, Unavailable
from bitdust_node.identity.document import Document
from tests.bitdust_node.identity.parts import Parts, RunningServer
from tests.keys import test_document, test_key

KNOWN = "services/identity-propagate/known-servers"


class RegistrationTests(TestCase):
    async def test_a_new_identity_is_published_and_kept(self) -> None:
        first, second = RunningServer(self), RunningServer(self)
        parts = Parts(self, **{KNOWN: f"{first.server}, {second.server}:6661"})
        document = await parts.registrar.create("alice")
        self.assertEqual(document.sources, (first.server.idurl("alice"), second.server.idurl("alice")))
        self.assertEqual(
            document.contacts, (f"tcp://127.0.0.1:{parts.config.number('services/tcp-connections/tcp-port')}",)
        )
        self.assertEqual(await parts.servers.fetch(document.idurl), document)
        self.assertTrue(parts.me.has_identity)
        self.assertIn("local-identity-set", parts.ids())
        again = Parts(self, parts.base)
        self.assertEqual(again.me.document, document)
        self.assertEqual(again.me.key.public, document.public)
        self.assertEqual(again.ring.global_id, document.global_id)
        self.assertEqual(again.me.device.spki, parts.me.device.spki)

    async def test_changes_are_told_once_the_identity_is_there(self) -> None:
        server = RunningServer(self)
        parts = Parts(self)
        told: list[bool] = []
        parts.me.on_change(lambda: told.append(parts.me.has_identity))
        await parts.registrar.create("alice", [str(server.server)])
        self.assertEqual(told, [True])

    async def test_a_second_identity_is_refused(self) -> None:
        server = RunningServer(self)
        parts = Parts(self, **{KNOWN: str(server.server)})
        await parts.registrar.create("alice")
        with self.assertRaisesRegex(Conflict, "local identity already exist"):
            await parts.registrar.create("bob")

    async def test_a_taken_name_is_refused(self) -> None:
        server = RunningServer(self)
        parts = Parts(self, **{KNOWN: str(server.server)})
        other = Parts(self, **{KNOWN: str(server.server)})
        await other.registrar.create("alice")
        with self.assertRaisesRegex(Conflict, "already taken"):
            await parts.registrar.create("alice")
        self.assertFalse(parts.me.has_identity)
        await parts.registrar.create("bob")

    async def test_an_interrupted_registration_is_taken_up(self) -> None:
        server = RunningServer(self)
        parts = Parts(self, **{KNOWN: str(server.server)})
        await parts.ring.set_master(test_key(1))
        left = test_document(1, "alice", sources=(server.server.idurl("alice"),), revision=4)
        await parts.servers.upload(left.idurl, left)
        document = await parts.registrar.create("alice")
        self.assertEqual((document.revision, document.public), (5, test_key(1).public))

    async def test_one_dead_server_of_three_is_left_out(self) -> None:
        servers = [RunningServer(self) for _ in range(3)]
        await servers[1].close()
        parts = Parts(self, **{KNOWN: ",".join(str(one.server) for one in (servers[0], servers[2]))})
        document = await parts.registrar.create("alice", ["127.0.0.1:1"])
        self.assertEqual(len(document.sources), 2)

    async def test_dead_servers_are_named(self) -> None:
        parts = Parts(self, **{KNOWN: "127.0.0.1:1"})
        with self.assertRaisesRegex(Unavailable, "not responding.*127.0.0.1:1"):
            await parts.registrar.create("alice")
        self.assertEqual(len(parts.automats), 0)

    async def test_no_servers_and_bad_names(self) -> None:
        parts = Parts(self)
        with self.assertRaisesRegex(Invalid, "known-servers"):
            await parts.registrar.create("alice")
        for name in ("al", "1alice", "alice!", "a" * 21, "../alice", "алиса"):
            with self.assertRaises(Invalid):
                await parts.registrar.create(name)

    async def test_what_comes_back_must_be_what_was_published(self) -> None:
        server = RunningServer(self)
        parts = Parts(self, **{KNOWN: str(server.server)})
        upload = parts.servers.upload

        async def swapped(idurl: str, document: Document) -> None:
            await upload(idurl, document)
            newer = test_document(1, "alice", sources=document.sources, revision=document.revision + 1)
            await upload(idurl, newer)

        await parts.ring.set_master(test_key(1))
        parts.servers.upload = swapped  # type: ignore[method-assign]
        with self.assertRaisesRegex(Corrupt, "verification failed"):
            await parts.registrar.create("alice")

    async def test_two_at_once(self) -> None:
        server = RunningServer(self)
        parts = Parts(self, **{KNOWN: str(server.server)})
        running = ensureDeferred(parts.registrar.create("alice"))
        with self.assertRaisesRegex(Conflict, "under way"):
            await parts.registrar.create("bob")
        await running


class RepublicationTests(TestCase):
    async def parts(self) -> tuple[Parts, RunningServer]:
        server = RunningServer(self)
        parts = Parts(self, **{KNOWN: str(server.server)})
        await parts.registrar.create("alice")
        return parts, server

    async def test_nothing_is_published_when_nothing_changed(self) -> None:
        parts, _ = await self.parts()
        self.assertEqual((await parts.registrar.check()).revision, 0)

    async def test_a_changed_port_makes_a_new_revision(self) -> None:
        parts, _ = await self.parts()
        parts.config.set("services/tcp-connections/tcp-port", 7123)
        document = await parts.registrar.check()
        self.assertEqual((document.revision, document.contacts), (1, ("tcp://127.0.0.1:7123",)))
        self.assertEqual(await parts.servers.fetch(document.idurl), document)
        self.assertIn("local-identity-modified", parts.ids())

    async def test_a_server_that_lost_the_document_gets_it_again(self) -> None:
        parts, server = await self.parts()
        for file in server.store._folder.glob("??/*.xml"):
            file.unlink()
        await parts.registrar.check()
        self.assertEqual(await parts.servers.fetch(parts.me.idurl), parts.me.document)

    async def test_a_revision_that_was_published_but_not_saved_is_passed(self) -> None:
        parts, server = await self.parts()
        ahead = Parts(self, parts.base, **{KNOWN: str(server.server)})
        ahead.addresses.observed("test", "127.0.0.1")
        await ahead.registrar.republish()
        self.assertEqual((await parts.registrar.check()).revision, 2)

    async def test_dead_servers_change_nothing(self) -> None:
        parts, server = await self.parts()
        await server.close()
        with self.assertRaises(Unavailable):
            await parts.registrar.republish()
        self.assertEqual(parts.me.document.revision, 0)


class EraseTests(TestCase):
    async def test_the_key_stays_unless_asked(self) -> None:
        server = RunningServer(self)
        parts = Parts(self, **{KNOWN: str(server.server)})
        first = await parts.registrar.create("alice")
        seen: list[tuple[bool, str]] = []
        parts.me.on_change(lambda: seen.append((parts.me.has_identity, parts.me.global_id)))
        await parts.me.erase()
        self.assertEqual(seen, [(False, first.global_id)])
        self.assertFalse(Parts(self, parts.base).me.has_identity)
        second = await parts.registrar.create("alice")
        self.assertEqual((second.public, second.revision), (first.public, 1))
        await parts.me.erase(erase_private_key=True)
        self.assertIsNone(Parts(self, parts.base).ring.master)
        with self.assertRaisesRegex(Conflict, "already taken"):
            await parts.registrar.create("alice")
