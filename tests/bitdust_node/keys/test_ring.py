"""
The key ring and its folder.
"""

from __future__ import annotations

import errno
import stat

from twisted.trial.unittest import TestCase

from bitdust_node.errors import Conflict, Corrupt, Invalid, NotFound
from bitdust_node.identity.names import KeyId
from bitdust_node.keys.folder import Key
from bitdust_node.keys.ring import DOMAIN, KeyRing, signed_bytes
from tests.bitdust_node.identity.parts import Parts
from tests.keys import test_document, test_key

ALICE = "user-1@id-a.example_8084"


class RingTests(TestCase):
    async def parts(self) -> Parts:
        parts = Parts(self)
        await parts.ring.set_master(test_key(1))
        await parts.me.adopt(test_document(1))
        return parts

    def again(self, parts: Parts) -> KeyRing:
        return Parts(self, parts.base).ring

    async def test_the_master_key_comes_first(self) -> None:
        ring = (await self.parts()).ring
        docs = await ring.create("docs", 1024, "my docs")
        self.assertEqual([key.alias for key in ring], ["master", "docs"])
        self.assertEqual(docs.key_id, f"docs${ALICE}")
        for text in ("docs", f"docs${ALICE}", f"user-1!docs@{ALICE.split('@')[1]}"):
            self.assertIs(ring.get(text), docs)
        for text in ("master", ALICE, f"master${ALICE}"):
            self.assertIs(ring.get(text), ring.master)
        self.assertIs(ring.by_local_id(docs.local_id), docs)

    async def test_what_the_contract_shows(self) -> None:
        parts = await self.parts()
        key = await parts.ring.create("docs", 1024)
        shown = key.describe(include_local_id=True)
        fields = {"key_id", "alias", "label", "creator", "is_public", "public", "private", "size", "active"}
        self.assertEqual(set(shown), {*fields, "local_key_id"})
        self.assertEqual(shown["creator"], "http://id-a.example:8084/user-1.xml")
        self.assertEqual((shown["size"], shown["private"], shown["is_public"]), ("1024", None, False))
        self.assertIn("PRIVATE KEY", key.describe(include_private=True)["private"])
        assert parts.ring.master is not None
        self.assertNotIn("local_key_id", parts.ring.master.describe(include_local_id=True))
        self.assertEqual(parts.ring.master.label, f"master${ALICE}")
        told = [event.data for event in parts.heard if event.event_id == "key-registered"]
        self.assertEqual(told, [{"key_id": key.key_id, "local_key_id": 1, "label": key.label, "key_size": "1024"}])

    async def test_it_survives_a_restart(self) -> None:
        parts = await self.parts()
        docs = await parts.ring.create("docs", 1024, "one")
        await parts.ring.label("docs", "two")
        again = self.again(parts)
        self.assertEqual([key.key_id for key in again], [key.key_id for key in parts.ring])
        self.assertEqual((again.get("docs").label, again.get("docs").local_id), ("two", docs.local_id))
        erased = await parts.ring.erase("docs")
        self.assertEqual(erased.key_id, docs.key_id)
        self.assertIsNone(self.again(parts).find("docs"))
        self.assertEqual(parts.heard[-1].data, {"key_id": docs.key_id, "local_key_id": 1, "is_private": True})

    async def test_files_are_for_the_owner_alone(self) -> None:
        parts = await self.parts()
        await parts.ring.create("docs", 1024)
        self.assertEqual(stat.S_IMODE(parts.folder.keys.stat().st_mode), 0o700)
        files = list(parts.folder.keys.iterdir())
        self.assertEqual(len(files), 2)
        for file in files:
            self.assertEqual(stat.S_IMODE(file.stat().st_mode), 0o600)
            self.assertNotIn("docs", file.name)

    async def test_a_damaged_file_is_left_alone(self) -> None:
        parts = await self.parts()
        await parts.ring.create("docs", 1024)
        await parts.ring.create("other", 1024)
        file = next(path for path in parts.folder.keys.glob("*.json") if b'"docs"' in path.read_bytes())
        file.write_bytes(file.read_bytes()[:300])
        again = self.again(parts)
        self.assertEqual([key.alias for key in again], ["master", "other"])
        self.assertTrue(file.exists())

    async def test_another_master_key_does_not_overwrite_the_first(self) -> None:
        parts = await self.parts()
        await parts.ring.set_master(test_key(2))
        aside = list(parts.folder.keys.glob("master.aside-*"))
        self.assertEqual(len(aside), 1)
        self.assertIn(ALICE.encode(), aside[0].read_bytes())

    async def test_a_damaged_master_key_is_put_aside(self) -> None:
        parts = await self.parts()
        (parts.folder.keys / "master.json").write_bytes(b"{")
        again = Parts(self, parts.base)
        self.assertFalse(again.me.has_identity)
        await again.ring.generate_master(1024)
        self.assertEqual(next(parts.folder.keys.glob("master.aside-*")).read_bytes(), b"{")

    async def test_refusals(self) -> None:
        parts = await self.parts()
        await parts.ring.create("docs", 1024)
        with self.assertRaises(Conflict):
            await parts.ring.create("docs", 1024)
        with self.assertRaises(Conflict):
            await parts.ring.create("master", 1024)
        for alias in ("", "no", "../x", "UP", "x" * 51):
            with self.assertRaises(Invalid):
                await parts.ring.create(alias, 1024)
        with self.assertRaises(Invalid):
            await parts.ring.label("master", "x")
        with self.assertRaises(Invalid):
            await parts.ring.label("docs", "x\ny")
        with self.assertRaises(Invalid):
            await parts.ring.erase("master")
        with self.assertRaises(NotFound):
            await parts.ring.erase("nothing")
        with self.assertRaises(NotFound):
            await Parts(self).ring.create("docs", 1024)

    async def test_the_owner_may_move(self) -> None:
        parts = await self.parts()
        await parts.ring.create("docs", 1024)
        moved = test_document(1, sources=("http://id-b.example/user-1.xml",), revision=1)
        await parts.me.adopt(moved)
        for ring in (parts.ring, self.again(parts)):
            self.assertEqual(ring.get("docs").key_id, "docs$user-1@id-b.example")
            self.assertEqual(ring.global_id, "user-1@id-b.example")
        renamed = [event.data["new_key_id"] for event in parts.heard if event.event_id == "key-renamed" and event.data]
        self.assertEqual(renamed, ["master$user-1@id-b.example", "docs$user-1@id-b.example"])


class RegisterTests(TestCase):
    def setUp(self) -> None:
        self.ring = Parts(self).ring
        self.key_id = KeyId("docs", "bob@id-a_8084")
        self.owner, self.key = test_key(1), test_key(2)
        self.signature = self.owner.sign(DOMAIN, signed_bytes("docs", self.owner.public.node_id, self.key.public)).hex()

    async def test_the_public_half_first(self) -> None:
        key = await self.ring.register(self.key_id, self.owner.public, self.key.public, self.signature)
        self.assertTrue(key.describe()["is_public"])
        self.assertEqual(key.owner_id, self.owner.public.node_id)
        again = await self.ring.register(self.key_id, self.owner.public, self.key, self.signature)
        self.assertEqual((again.local_id, again.private is not None), (key.local_id, True))
        kept = await self.ring.register(self.key_id, self.owner.public, self.key.public, self.signature)
        self.assertIsNotNone(kept.private)

    async def test_a_key_that_its_owner_did_not_sign(self) -> None:
        for owner, key, signature in (
            (self.owner, self.key, ""),
            (self.owner, self.key, "00" * 128),
            (self.owner, test_key(3), self.signature),
            (test_key(3), self.key, self.signature),
        ):
            with self.assertRaises(Corrupt):
                await self.ring.register(self.key_id, owner.public, key.public, signature)
        with self.assertRaises(Corrupt):
            other = KeyId("other", self.key_id.owner)
            await self.ring.register(other, self.owner.public, self.key.public, self.signature)
        self.assertEqual(list(self.ring), [])

    async def test_another_key_under_a_known_id(self) -> None:
        await self.ring.register(self.key_id, self.owner.public, self.key.public, self.signature)
        signature = self.owner.sign(DOMAIN, signed_bytes("docs", self.owner.public.node_id, test_key(3).public)).hex()
        with self.assertRaises(Conflict):
            await self.ring.register(self.key_id, self.owner.public, test_key(3).public, signature)

    async def test_a_key_that_could_not_be_written_is_none(self) -> None:
        parts = Parts(self)
        again = (self.key_id, self.owner.public, self.key, self.signature)
        known = await parts.ring.register(self.key_id, self.owner.public, self.key.public, self.signature)
        write = parts.ring._folder.write

        def full(key: Key) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        parts.ring._folder.write = full  # type: ignore[method-assign]
        for _ in range(2):
            with self.assertRaises(OSError):
                await parts.ring.register(*again)
        self.assertEqual(list(parts.ring), [known])
        parts.ring._folder.write = write  # type: ignore[method-assign]
        await parts.ring.register(*again)
        (kept,) = Parts(self, parts.base).ring
        self.assertIsNotNone(kept.private)
