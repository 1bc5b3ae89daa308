"""
Records and the store that keeps them.
"""

from __future__ import annotations

import contextlib
import json
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from bitdust_node.dht.records import (
    LONGEST,
    SHORTEST,
    VALUE_LIMIT,
    Record,
    check,
    make,
    normal_key,
    owner_of,
    pack,
    parse,
    verify,
)
from bitdust_node.dht.store import Store
from bitdust_node.errors import Conflict, Corrupt, Full, Invalid, Refused
from tests.keys import test_document, test_key

NOW = 1_800_000_000
IDURL = "http://id-a.example:8084/alice.xml"
ALICE = "alice@id-a.example_8084"


def suppliers(sequence: int = 1, key: int = 1, owner: str = ALICE, **more: Any) -> Record:
    value = {"type": "suppliers", "customer_idurl": IDURL, "ecc_map": "ecc/2x2", "suppliers": [], **more}
    return make(
        "suppliers", f"{owner}:suppliers", 0, value, sequence=sequence, created=NOW, lifetime=3600, signer=test_key(key)
    )


def free(key: str = "k", sequence: int = 1, lifetime: int = 3600, **value: Any) -> Record:
    value = {"type": "skip_validation", **value}
    return make("skip_validation", key, 0, value, sequence=sequence, created=NOW, lifetime=lifetime, signer=None)


class RecordTests(SynchronousTestCase):
    def test_written_packed_read_verified(self) -> None:
        record = suppliers()
        again = parse(pack(record))
        self.assertEqual(again, record)
        check(again, NOW + 10)
        self.assertEqual(verify(again), test_key(1).public.node_id)
        self.assertEqual(owner_of(again), ALICE)

    def test_an_idurl_as_owner_is_the_same_key(self) -> None:
        self.assertEqual(normal_key("suppliers", f"{IDURL}:suppliers"), f"{ALICE}:suppliers")
        self.assertEqual(normal_key("identity", IDURL), ALICE)
        node_id = test_key(1).public.node_id
        self.assertEqual(normal_key("identity", node_id), node_id)

    def test_a_node_id_as_owner_proves_itself(self) -> None:
        self.assertEqual(verify(suppliers(owner=test_key(1).public.node_id)), test_key(1).public.node_id)
        foreign = suppliers(owner=test_key(2).public.node_id)
        self.assertRaises(Refused, verify, foreign)

    def test_every_field_is_signed(self) -> None:
        record = suppliers()
        changes = {
            "value": json.dumps({**record.contents(), "ecc_map": "ecc/4x4"}).encode(),
            "sequence": 2,
            "created": NOW + 1,
            "lifetime": 3601,
            "layer": 1,
            "key": "mallory@id-a.example_8084:suppliers",
        }
        for name, value in changes.items():
            changed = msgspec.structs.replace(record, **{name: value})
            self.assertRaises(Corrupt, verify, changed)

    def test_identity_record_holds_the_document_of_its_owner(self) -> None:
        document = test_document(1, "alice")
        value = {"type": "identity", "idurl": document.idurl, "identity": document.xml.decode()}
        arguments: dict[str, Any] = {"sequence": 1, "created": NOW, "lifetime": 3600}
        record = make("identity", document.idurl, 0, value, signer=test_key(1), **arguments)
        self.assertEqual(verify(record), document.node_id)
        foreign = make("identity", document.idurl, 0, value, signer=test_key(2), **arguments)
        self.assertRaises(Refused, verify, foreign)
        other = test_document(1, "bob")
        value = {"type": "identity", "idurl": other.idurl, "identity": document.xml.decode()}
        self.assertRaises(Invalid, verify, make("identity", other.idurl, 0, value, signer=test_key(1), **arguments))

    def test_the_rule_of_the_type(self) -> None:
        for value in (
            {"type": "identity"},
            {"customer_idurl": "http://id-a.example:8084/mallory.xml"},
            {"suppliers": "none"},
            {"ecc_map": 5},
        ):
            self.assertRaises(Invalid, suppliers, **value)
        self.assertRaises(Invalid, free, type="identity")
        self.assertRaises(Invalid, normal_key, "suppliers", ALICE)
        self.assertRaises(Invalid, normal_key, "nickname", "nickname:x:0")
        self.assertRaises(Invalid, normal_key, "unheard_of", "x")
        self.assertRaises(Invalid, normal_key, "skip_validation", "x" * 301)
        self.assertRaises(Invalid, free, text="x" * VALUE_LIMIT)

    def test_unsigned_without_identity(self) -> None:
        with self.assertRaises(Refused):
            make("relay", f"{ALICE}:relay", 0, {}, sequence=1, created=NOW, lifetime=3600, signer=None)

    def test_times(self) -> None:
        record = free()
        self.assertRaisesRegex(Invalid, "expired", check, record, NOW + 3600)
        self.assertRaisesRegex(Invalid, "future", check, record, NOW - 601)
        self.assertRaisesRegex(Invalid, "future", check, free(sequence=(NOW + 500) * 1000), NOW - 101)
        self.assertEqual(free(lifetime=1).lifetime, SHORTEST)
        self.assertEqual(free(lifetime=10**9).lifetime, LONGEST)

    @settings(max_examples=200)
    @given(st.binary(max_size=200))
    def test_rubbish_is_refused(self, rubbish: bytes) -> None:
        self.assertRaises(Invalid, parse, rubbish)

    @settings(max_examples=100)
    @given(st.binary(max_size=60))
    def test_values_that_are_no_objects(self, value: bytes) -> None:
        record = msgspec.structs.replace(free(), value=value)
        self.assertRaises(Invalid, check, record, NOW)


class StoreTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.store = Store(bytes(20))

    def test_the_highest_sequence_wins(self) -> None:
        self.store.put(free(sequence=5), b"", NOW)
        self.store.put(free(sequence=5), b"", NOW)  # the same again is no offence
        self.assertRaises(Conflict, self.store.put, free(sequence=4), b"", NOW)
        self.assertRaises(Conflict, self.store.put, free(sequence=5, other=1), b"", NOW)
        self.store.put(free(sequence=6), b"", NOW)
        self.assertEqual([claim.sequence for claim in self.store.claims(0, free().place, NOW)], [6])
        self.assertEqual(len(self.store), 1)

    def test_an_expired_one_is_in_nobodys_way(self) -> None:
        self.store.put(free(sequence=9, lifetime=120), b"", NOW)
        later = NOW + 121
        self.assertEqual(self.store.claims(0, free().place, later), [])
        self.store.put(free(sequence=5, lifetime=3600), b"", later)
        self.store.expire(NOW + 3600)
        self.assertEqual(len(self.store), 0)

    def test_owners_side_by_side_but_not_too_many(self) -> None:
        for number in range(4):
            self.store.put(suppliers(), bytes([number]) * 32, NOW)
        self.assertRaises(Full, self.store.put, suppliers(), b"s" * 32, NOW)
        self.store.put(suppliers(), b"t" * 32, NOW, genuine=True)
        owners = [claim.owner for claim in self.store.claims(0, suppliers().place, NOW)]
        self.assertIn(b"t" * 32, owners)
        self.assertEqual(len(owners), 4)

    def test_a_nickname_belongs_to_the_first(self) -> None:
        value = {"type": "nickname", "idurl": IDURL, "nickname": "alice", "position": 0}
        record = make(
            "nickname", "nickname:alice:0", 0, value, sequence=1, created=NOW, lifetime=3600, signer=test_key(1)
        )
        self.store.put(record, b"a" * 32, NOW)
        self.assertRaises(Conflict, self.store.put, record, b"b" * 32, NOW)
        self.store.put(record, b"b" * 32, NOW + 3601)

    def test_the_farthest_makes_room(self) -> None:
        store = Store(bytes(20), records=10)
        records = sorted((free(f"k{number}") for number in range(30)), key=lambda record: record.place)
        for record in records[10:20]:
            store.put(record, b"", NOW)
        self.assertRaises(Full, store.put, records[25], b"", NOW)
        for record in records[:10]:
            store.put(record, b"", NOW)
        self.assertEqual({held.record.key for _, held in store}, {record.key for record in records[:10]})

    def test_bytes_are_bounded_too(self) -> None:
        store = Store(bytes(20), size=5000)
        for number in range(50):
            try:
                store.put(free(f"k{number}", text="x" * 900), b"", NOW)
            except Full:
                continue
        self.assertLessEqual(sum(len(held.packed) for _, held in store), 5000)
        self.assertEqual(len(store), 5)

    def test_one_address_can_not_fill_it(self) -> None:
        for number in range(500):
            self.store.put(free(f"k{number}"), b"", NOW, "20.1.1.1")
        self.assertRaises(Full, self.store.put, free("more"), b"", NOW, "20.1.1.1")
        self.store.put(free("k1", sequence=2), b"", NOW, "20.1.1.1")
        self.store.put(free("more"), b"", NOW, "20.1.1.2")
        for number in range(600):
            self.store.put(free(f"loop{number}"), b"", NOW, "127.0.0.1")

    @settings(max_examples=40)
    @given(st.lists(st.tuples(st.integers(0, 8), st.integers(1, 5), st.integers(0, 300)), max_size=60))
    def test_books_balance(self, steps: list[tuple[int, int, int]]) -> None:
        store = Store(bytes(20), records=6)
        for key, sequence, age in steps:
            record = free(f"k{key}", sequence, lifetime=120)
            with contextlib.suppress(Conflict, Full):
                store.put(record, b"", NOW + age, f"20.1.1.{key}")
            held = [held for _, held in store]
            self.assertEqual((store._count, store._bytes), (len(held), sum(len(one.packed) for one in held)))
            self.assertEqual(sum(store._hosts.values()), len(held))
            self.assertLessEqual(len(held), 6)
