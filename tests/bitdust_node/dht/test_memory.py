"""
What the DHT keeps in the database.
"""

from __future__ import annotations

from twisted.trial.unittest import TestCase

from bitdust_node.database import StateDb
from bitdust_node.dht.contact import Contact
from bitdust_node.dht.memory import CONTACTS, DhtMemory, Kept, Owned
from bitdust_node.threads import InlineWorkers


class MemoryTests(TestCase):
    async def test_all_comes_back(self) -> None:
        path = self.mktemp()
        database = StateDb(path, InlineWorkers())
        memory = DhtMemory(database)
        self.assertEqual(await memory.load(), ([], [], []))
        slots = [(0, bytes([number]) * 20, b"o" * 32) for number in range(3)]
        await memory.save_records([(slot, Kept(slot[2], b"packed", 5.0)) for slot in slots])
        await memory.save_records([(slots[0], None), (slots[1], Kept(b"o" * 32, b"newer", 6.0))])
        owned = Owned(3, "skip_validation", "key", {"type": "skip_validation", "ж": [1, None]}, None)
        await memory.save_owned(owned)
        await memory.save_owned(owned._replace(key="other", ends=7.0))
        await memory.forget_owned(3, "skip_validation", "other")
        contacts = [Contact(number.to_bytes(20, "big"), "20.1.1.1", 5, 9) for number in range(CONTACTS + 5)]
        await memory.save_contacts(contacts)
        await memory.save_contacts(contacts[1:])
        await database.close()
        database = StateDb(path, InlineWorkers())
        kept, wishes, known = await DhtMemory(database).load()
        self.assertEqual({one.packed for one in kept}, {b"packed", b"newer"})
        self.assertEqual(wishes, [owned])
        self.assertEqual(known, contacts[1 : CONTACTS + 1])
        await database.close()
