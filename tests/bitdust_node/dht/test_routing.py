"""
Routing tables.
"""

from __future__ import annotations

from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from bitdust_node.dht.contact import Contact, has_room, kind_of, may_tell
from bitdust_node.dht.ids import ID_BYTES, K, bucket_of, distance, random_id, random_in_bucket
from bitdust_node.dht.routing import FAILURES_DROPPED, FAILURES_REPLACED, Table, Tables

ids = st.binary(min_size=ID_BYTES, max_size=ID_BYTES)
ME = bytes(ID_BYTES)


def contact(number: int, bucket: int = 159, layers: int = 1, host: str = "") -> Contact:
    id_ = ((1 << bucket) | number).to_bytes(ID_BYTES, "big")
    return Contact(id_, host or f"20.{number}.1.1", 1000 + number, layers)


class TableTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.table = Table(ME)

    def test_never_lists_itself(self) -> None:
        self.assertFalse(self.table.heard(Contact(ME, "20.1.1.1", 1), 0.0))
        self.assertFalse(self.table.wants(Contact(ME, "20.1.1.1", 1)))
        self.assertEqual(len(self.table), 0)

    def test_full_bucket_keeps_the_old_ones_and_a_reserve(self) -> None:
        for number in range(K + 20):
            self.table.heard(contact(number), float(number))
        self.assertEqual({known.port for known in self.table}, set(range(1000, 1000 + K)))
        self.assertFalse(self.table.wants(contact(99)))

    def test_reserve_takes_the_place_of_who_fails(self) -> None:
        for number in range(K + 2):
            self.table.heard(contact(number), float(number))
        for _ in range(FAILURES_REPLACED):
            self.table.failed(contact(3).id)
        ports = {known.port for known in self.table}
        self.assertNotIn(1003, ports)
        self.assertIn(1000 + K + 1, ports)  # the latest seen
        self.assertEqual(len(self.table), K)
        self.assertIsNotNone(self.table.get(contact(K + 1).id))

    def test_without_reserve_three_failures_in_a_row(self) -> None:
        self.table.heard(contact(1), 0.0)
        gone = [self.table.failed(contact(1).id) for _ in range(FAILURES_DROPPED)]
        self.assertEqual(gone, [False] * (FAILURES_DROPPED - 1) + [True])
        self.assertEqual((len(self.table), self.table.buckets), (0, {}))

    def test_an_answer_forgives_failures(self) -> None:
        self.table.heard(contact(1), 0.0)
        for _ in range(10):
            self.table.failed(contact(1).id)
            self.table.heard(contact(1), 1.0)
        self.assertEqual(len(self.table), 1)

    def test_a_known_id_may_move(self) -> None:
        self.table.heard(contact(1), 0.0)
        moved = contact(1, host="20.9.9.9")
        self.assertTrue(self.table.wants(moved))
        self.table.heard(moved, 1.0)
        self.assertEqual(list(self.table), [moved])

    def test_silent_and_idle(self) -> None:
        self.table.heard(contact(1), 0.0)
        self.table.heard(contact(2), 500.0)
        self.table.heard(contact(1, bucket=100), 550.0)
        self.assertEqual(self.table.silent(700.0, 600.0), [contact(1)])
        self.assertEqual(sorted(self.table.idle(4000.0, 3600.0)), [159])
        self.table.looked(contact(1).id, 4000.0)
        self.assertEqual(self.table.idle(4000.0, 3600.0), [])

    def test_gaps_are_the_far_buckets_with_room(self) -> None:
        self.assertEqual(self.table.gaps(), [])
        self.table.heard(contact(1, bucket=156), 0.0)
        for number in range(K):
            self.table.heard(contact(number, bucket=158), 0.0)
        self.assertEqual(self.table.gaps(), [159, 157])

    @settings(max_examples=60)
    @given(st.lists(ids, max_size=60), ids)
    def test_closest_are_the_closest(self, others: list[bytes], target: bytes) -> None:
        table = Table(ME)
        for number, id_ in enumerate(others):
            table.heard(Contact(id_, f"20.{number}.1.1", 1), 0.0)
        found = [known.id for known in table.closest(target)]
        self.assertEqual(found, sorted((known.id for known in table), key=lambda id_: distance(id_, target))[:K])

    @settings(max_examples=60)
    @given(st.lists(st.tuples(st.integers(0, 40), st.integers(150, 159), st.booleans()), max_size=300))
    def test_what_is_counted_is_in_a_bucket(self, steps: list[tuple[int, int, bool]]) -> None:
        table = Table(ME)
        for at, (number, bucket, heard) in enumerate(steps):
            one = contact(number, bucket)
            if heard:
                table.heard(one, float(at))
            else:
                table.failed(one.id)
            listed = {id_ for filled in table.buckets.values() for id_ in filled.entries}
            self.assertEqual(listed, {known.id for known in table})
            self.assertTrue(all(0 < len(filled.entries) <= K for filled in table.buckets.values()))


class TablesTests(SynchronousTestCase):
    def test_a_contact_is_in_the_layers_that_it_names(self) -> None:
        tables = Tables(ME)
        tables.heard(contact(1, layers=0b1001), 0.0)
        self.assertEqual([len(table) for table in tables.layers], [1, 0, 0, 1, 0, 0, 0, 0, 0, 0])
        tables.heard(contact(1, layers=0b11), 0.0)
        self.assertEqual([len(table) for table in tables.layers], [1, 1, 0, 0, 0, 0, 0, 0, 0, 0])

    def test_closest_of_a_layer_are_filled_up_with_others(self) -> None:
        tables = Tables(ME)
        for number in range(4):
            tables.heard(contact(number), 0.0)
        member = contact(200, layers=0b1001)
        tables.heard(member, 0.0)
        found = tables.closest(3, contact(0).id)
        self.assertEqual(found[0], member)
        self.assertEqual(len(found), 5)
        self.assertEqual(len(set(found)), 5)


class ContactTests(SynchronousTestCase):
    def test_limits_of_a_neighbourhood(self) -> None:
        same = [contact(number, host="20.1.1.1") for number in range(2)]
        self.assertFalse(has_room(same, "20.1.1.1"))
        self.assertTrue(has_room(same, "20.1.1.2"))
        network = [contact(number, host=f"20.1.1.{number}") for number in range(4)]
        self.assertFalse(has_room(network, "20.1.1.77"))
        self.assertTrue(has_room(network, "20.1.2.77"))
        self.assertTrue(has_room([contact(number, host="127.0.0.1") for number in range(50)], "127.0.0.1"))

    def test_nobody_points_into_a_nearer_network(self) -> None:
        self.assertTrue(may_tell("127.0.0.1", "127.0.0.1"))
        self.assertTrue(may_tell("127.0.0.1", "8.8.8.8"))
        self.assertTrue(may_tell("192.168.1.1", "8.8.8.8"))
        self.assertFalse(may_tell("8.8.8.8", "192.168.1.1"))
        self.assertFalse(may_tell("8.8.8.8", "127.0.0.1"))
        self.assertFalse(may_tell("192.168.1.1", "127.0.0.1"))
        for wrong in ("0.0.0.0", "224.0.0.1", "255.255.255.255", "id-a", "", "::"):
            self.assertEqual(kind_of(wrong), "wrong")
            self.assertFalse(may_tell("127.0.0.1", wrong))

    @given(st.integers(0, 159), st.integers(0, 2**32))
    def test_a_random_id_lands_in_its_bucket(self, bucket: int, seed: int) -> None:
        random = Random(seed)
        me = random_id(random)
        self.assertEqual(bucket_of(me, random_in_bucket(me, bucket, random)), bucket)
