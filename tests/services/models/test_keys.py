"""
What clients follow of the keys: everything but the private halves.
"""

from __future__ import annotations

from twisted.trial.unittest import TestCase

from bitdust_node.api.models import Snapshot
from services.models.keys import KeyModel
from tests.bitdust_node.identity.parts import Parts
from tests.keys import test_document, test_key


class KeysTest(TestCase):
    async def test_a_life(self) -> None:
        parts = Parts(self)
        await parts.ring.set_master(test_key(1))
        await parts.me.adopt(test_document(1))
        model = KeyModel(parts.ring, parts.events)
        heard: list[Snapshot] = []
        self.addCleanup(model.observe(heard.append))
        key = await parts.ring.create("docs", 1024, "one")
        self.assertEqual([one.data["event"] for one in heard], ["key-generated", "key-signed", "key-registered"])
        await parts.ring.label("docs", "two")
        await parts.ring.activate("docs", False)
        self.assertEqual((heard[3].data["label"], heard[3].data["event"]), ("two", None))
        self.assertIs(heard[4].data["active"], False)
        parts.events.publish("key-erased", {"key_id": key.key_id, "local_key_id": 1, "is_private": True})
        self.assertIsNone(heard[-1].deleted, "an event that anybody may send deletes nothing")
        for text in ({"key_id": "no key id"}, {"key_id": "x" * 10_000}, {"other": 1}, {"key_id": 7}):
            parts.events.publish("key-odd", text)
        everything = [snapshot async for snapshot in model.all({})]
        self.assertEqual([one.id for one in everything], [f"master${parts.me.global_id}", key.key_id])
        self.assertEqual([one.id async for one in model.all({"key_id": key.key_id})], [key.key_id])
        await parts.ring.erase("docs")
        self.assertEqual((heard[-1].id, heard[-1].deleted is not None), (key.key_id, True))
        for one in (*heard, *everything):
            self.assertNotIn("private", one.data)
            self.assertNotIn("PRIVATE", repr(one))
