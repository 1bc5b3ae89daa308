from __future__ import annotations

import errno
from typing import Any

from twisted.trial.unittest import TestCase

from bitdust_node.errors import Unavailable
from bitdust_node.identity.document import Document
from bitdust_node.identity.names import KeyId
from bitdust_node.keys.folder import Key
from services.catalog.key_copies import KeyCopies
from tests.bitdust_node.identity.parts import Parts
from tests.keys import test_document, test_key
from tests.network import FakeResolver


class Resolver(FakeResolver):
    """Asks servers that may be away."""

    away = True

    async def resolve(self, who: str) -> Document:
        if self.away:
            raise Unavailable("the identity server does not answer")
        return await super().resolve(who)


class KeyCopiesTest(TestCase):
    async def setUp(self) -> None:
        """Anna has two keys of her own and one of Ben; then her machine is gone."""
        ben = await self.person(2)
        key = await ben.ring.create("group_a", 1024)
        assert key.private is not None
        anna = await self.person(1)
        for alias in ("one", "two"):
            await anna.ring.create(alias, 1024)
        await anna.ring.register(KeyId(key.alias, key.owner), ben.me.key.public, key.private, key.signature)
        self.state = self.copies(anna).state() or b""
        self.theirs = str(key.key_id)
        document = test_document(2)
        self.resolver = Resolver({document.idurl: document})
        self.anna = await self.person(1)
        self.copy = self.copies(self.anna)
        self.returned: list[str] = []
        self.copy.observe_returned(lambda key: self.returned.append(str(key.key_id)))

    async def person(self, number: int) -> Parts:
        parts = Parts(self)
        await parts.ring.set_master(test_key(number))
        await parts.me.adopt(test_document(number))
        return parts

    def copies(self, parts: Parts) -> KeyCopies:
        resolver: Any = getattr(self, "resolver", None)
        copies = KeyCopies(parts.ring, parts.me, resolver, parts.events, parts.workers)
        copies.start()
        self.addCleanup(copies.stop)
        return copies

    async def test_a_key_whose_owner_can_not_be_asked_comes_later(self) -> None:
        with self.assertRaises(Unavailable):
            await self.copy.read(self.state)
        self.assertEqual(len(self.returned), 2)
        self.assertNotIn(self.theirs, self.returned)
        self.resolver.away = False
        await self.copy.read(self.state)
        self.assertEqual((len(self.returned), self.returned[-1]), (3, self.theirs))
        # what is there needs nobody
        self.resolver.away = True
        await self.copy.read(self.state)
        self.assertEqual(len(self.returned), 3)

    async def test_those_before_a_full_disk_are_not_forgotten(self) -> None:
        self.resolver.away = False
        write = self.anna.ring._folder.write

        def no_room(key: Key) -> None:
            if len(list(self.anna.ring)) > 2:
                raise OSError(errno.ENOSPC, "No space left on device")
            write(key)

        self.patch(self.anna.ring._folder, "write", no_room)
        with self.assertRaises(OSError):
            await self.copy.read(self.state)
        self.patch(self.anna.ring._folder, "write", write)
        await self.copy.read(self.state)
        self.assertEqual(sorted(self.returned), sorted(str(key.key_id) for key in self.anna.ring if not key.is_master))
