"""
Attacks on the records of the DHT (rule 12): foreign, old, changed, crowding out.
"""

from __future__ import annotations

from typing import Any

import msgspec
from twisted.trial.unittest import SynchronousTestCase

from bitdust_node.dht.contact import Contact
from bitdust_node.dht.messages import Claim, Fetch, Fetched, Find, Found, Store
from bitdust_node.dht.node import DhtNode
from bitdust_node.dht.records import Record, make, pack
from bitdust_node.errors import BitDustError, Conflict, Corrupt, Refused
from tests.keys import test_key
from tests.simulation.dht import People, World

ALICE = "alice@id-a.example_8084"
KEY = f"{ALICE}:suppliers"


def value(ecc_map: str = "ecc/2x2") -> dict[str, Any]:
    return {
        "type": "suppliers",
        "customer_idurl": "http://id-a.example:8084/alice.xml",
        "ecc_map": ecc_map,
        "suppliers": [],
    }


class RecordAttackTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.world = World(seed=11)
        self.world.directory[ALICE] = test_key(1).public.node_id
        self.world.grow(10)
        self.alice = self.world.node(People(test_key(1), self.world.directory))
        self.mallory = self.world.node(People(test_key(2), self.world.directory))
        for node in (self.alice, self.mallory):
            self.world.start(node)
        self.world.clock.advance(10)
        self.addCleanup(self.world.stop)
        self.keepers = self.world.nodes[:10]

    def record(self, key: int, sequence: int = 0, ecc_map: str = "ecc/2x2") -> Record:
        now = int(self.world.clock.seconds())
        return make(
            "suppliers",
            KEY,
            0,
            value(ecc_map),
            sequence=sequence or now * 1000,
            created=now,
            lifetime=3600,
            signer=test_key(key),
        )

    def offer(self, record: Record, packed: bytes = b"") -> list[BitDustError]:
        """
        Mallory stores a record wherever she can. The errors that she hears.
        """
        way = self.world.run(self.mallory.way(record.place))
        errors = []
        for contact in way.closest:
            question = Store(0, packed or pack(record), way.tokens[contact.id])
            try:
                self.world.run(self.mallory.swarm.ask(contact, question))
            except BitDustError as error:
                errors.append(error)
        return errors

    def read(self, node: DhtNode) -> Any:
        return self.world.run(node.get("suppliers", KEY))

    def test_a_foreign_record_is_refused_by_who_knows_the_owner(self) -> None:
        for node in self.keepers:
            node._owners.learned[ALICE] = test_key(1).public.node_id
        errors = self.offer(self.record(2))
        self.assertEqual({type(error) for error in errors}, {Refused})
        self.assertEqual(sum(len(node.store) for node in self.world.nodes), 0)

    def test_a_foreign_record_is_refused_by_the_reader(self) -> None:
        self.assertEqual(self.offer(self.record(2)), [])
        self.assertIsNone(self.read(self.keepers[0]))

    def test_a_squatter_does_not_keep_the_owner_out(self) -> None:
        self.offer(self.record(2, sequence=2**52))
        self.world.run(self.alice.put("suppliers", KEY, value("ecc/4x4")))
        self.assertEqual(self.read(self.keepers[3])["ecc_map"], "ecc/4x4")

    def test_an_older_record_does_not_come_back(self) -> None:
        old = self.record(1, sequence=5, ecc_map="ecc/2x2")
        self.world.run(self.alice.put("suppliers", KEY, value("ecc/4x4")))
        keepers = sum(len(node.store) for node in self.world.nodes)
        errors = self.offer(old)
        self.assertIn(Conflict, {type(error) for error in errors})
        self.assertGreaterEqual(len(errors), keepers - 2)
        self.assertEqual(self.read(self.keepers[3])["ecc_map"], "ecc/4x4")

    def test_a_changed_record_is_refused(self) -> None:
        record = self.record(1)
        changed = msgspec.structs.replace(record, value=record.value.replace(b"2x2", b"4x4"))
        errors = self.offer(changed)
        self.assertEqual({type(error) for error in errors}, {Corrupt})
        self.assertIsNone(self.read(self.keepers[3]))

    def test_texts_that_no_encoding_knows(self) -> None:
        record = self.record(1)
        for broken in (b'{"type":"suppliers","customer_idurl":"\\ud800"', b"[" * 3000, b"9" * 4500):
            changed = msgspec.structs.replace(record, value=broken)
            errors = self.offer(changed)
            self.assertGreaterEqual(len(errors), 7)

    def test_a_keeper_that_changes_what_it_keeps(self) -> None:
        self.world.run(self.alice.put("suppliers", KEY, value()))
        liar = next(node for node in self.keepers if len(node.store))
        for slot, held in liar.store:
            liar.store._held[slot[:2]][slot[2]].packed = held.packed.replace(b"2x2", b"7x7")
        for node in self.keepers:
            self.assertEqual(self.read(node)["ecc_map"], "ecc/2x2")

    def test_liars_with_huge_numbers_neither_hide_a_record_nor_spoil_the_next(self) -> None:
        self.world.run(self.alice.put("suppliers", KEY, value()))
        owner = bytes.fromhex(test_key(1).public.node_id)
        for liar in self.keepers[:4]:
            self.lie(liar, [Claim(owner, 2**53 - 1), Claim(b"m" * 32, 2**53 - 2)])
        self.assertEqual(self.read(self.keepers[7])["ecc_map"], "ecc/2x2")
        self.world.run(self.alice.put("suppliers", KEY, value("ecc/4x4")))
        self.assertEqual(self.read(self.keepers[7])["ecc_map"], "ecc/4x4")
        self.assertIsNotNone(self.world.run(self.alice.get("suppliers", KEY)))

    def lie(self, node: DhtNode, claims: list[Claim]) -> None:
        honest = node.answers._known

        def known(sender: Contact, question: Any) -> Any:
            answer = honest(sender, question)
            if isinstance(question, Find) and isinstance(answer, Found):
                return Found(answer.contacts, answer.token, claims)
            if isinstance(question, Fetch):
                return Fetched(pack(self.record(2)))
            return answer

        node.answers._known = known  # type: ignore[method-assign]
