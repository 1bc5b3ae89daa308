"""
Lookups without a network.
"""

from __future__ import annotations

from random import Random

import msgspec
from twisted.trial.unittest import SynchronousTestCase

from bitdust_node.dht.contact import Contact
from bitdust_node.dht.ids import ALPHA, K, distance, random_id
from bitdust_node.dht.lookup import CANDIDATES, HELPERS, Lookup

RANDOM = Random(7)
ME = random_id(RANDOM)
TARGET = random_id(RANDOM)


def some(count: int, layers: int = 1) -> list[Contact]:
    return [
        Contact(random_id(RANDOM), f"20.{number // 200}.{number % 200}.1", 1 + number, layers)
        for number in range(count)
    ]


def near(contacts: list[Contact]) -> list[Contact]:
    return sorted(contacts, key=lambda contact: distance(contact.id, TARGET))


class LookupTests(SynchronousTestCase):
    def test_nobody_known(self) -> None:
        lookup = Lookup(TARGET, 0, ME)
        self.assertEqual(lookup.next(), [])
        self.assertFalse(lookup.waiting)
        self.assertEqual(lookup.closest(), [])

    def test_asks_the_nearest_three_first(self) -> None:
        contacts = some(20)
        lookup = Lookup(TARGET, 0, ME, contacts)
        self.assertEqual(lookup.next(), near(contacts)[:ALPHA])
        self.assertEqual(lookup.next(), [])
        self.assertTrue(lookup.waiting)

    def test_ends_when_the_nearest_have_answered(self) -> None:
        contacts = some(60)
        lookup = Lookup(TARGET, 0, ME, contacts[:2])
        asked = 0
        while True:
            chosen = lookup.next()
            asked += len(chosen)
            for contact in chosen:
                lookup.answered(contact, RANDOM.sample(contacts, K) + near(contacts)[:K])
            if not chosen:
                break
        self.assertFalse(lookup.waiting)
        self.assertEqual(lookup.closest(), near(contacts)[:K])
        self.assertLess(asked, 30)
        self.assertEqual(lookup.hops, 2)

    def test_who_fails_is_no_result_and_another_is_asked(self) -> None:
        contacts = near(some(10))
        lookup = Lookup(TARGET, 0, ME, contacts)
        while chosen := lookup.next():
            for contact in chosen:
                if contact in contacts[:2]:
                    lookup.failed(contact)
                else:
                    lookup.answered(contact, [])
        self.assertEqual(lookup.closest(), contacts[2:])

    def test_a_late_answer_lets_others_be_asked_and_still_counts(self) -> None:
        contacts = near(some(5))
        lookup = Lookup(TARGET, 0, ME, contacts)
        first = lookup.next()[0]
        lookup.slow(first)
        self.assertEqual(lookup.next(), [contacts[3]])
        for contact in contacts[1:4]:
            lookup.answered(contact, [])
        lookup.answered(lookup.next()[0], [])
        self.assertTrue(lookup.waiting)
        lookup.answered(first, [])
        self.assertFalse(lookup.waiting)
        self.assertEqual(lookup.closest(), contacts)

    def test_is_deaf_to_who_was_not_asked_and_to_repetition(self) -> None:
        contacts = some(4)
        lookup = Lookup(TARGET, 0, ME, contacts[:1])
        (first,) = lookup.next()
        lookup.answered(contacts[3], contacts)
        lookup.answered(first, [])
        lookup.answered(first, contacts)
        lookup.failed(first)
        self.assertEqual(lookup.closest(), [first])

    def test_own_id_is_never_asked(self) -> None:
        lookup = Lookup(TARGET, 0, ME, [Contact(ME, "20.1.1.1", 1)])
        self.assertEqual(lookup.next(), [])

    def test_outsiders_lead_to_the_members_of_a_layer(self) -> None:
        outsiders, members = some(30), some(3, layers=0b1001)
        lookup = Lookup(TARGET, 3, ME, outsiders)
        asked: list[Contact] = []
        while chosen := lookup.next():
            asked += chosen
            for contact in chosen:
                lookup.answered(contact, members if contact == near(outsiders)[2] else [])
        self.assertEqual(lookup.closest(), near(members))
        self.assertEqual(len([contact for contact in asked if contact in outsiders]), HELPERS)

    def test_a_member_by_hearsay_that_is_none_is_no_result(self) -> None:
        said = some(1, layers=0b1001)[0]
        lookup = Lookup(TARGET, 3, ME, [said])
        lookup.next()
        lookup.answered(Contact(said.id, said.host, said.port, 1), [])
        self.assertEqual(lookup.closest(), [])
        self.assertFalse(lookup.waiting)

    def test_candidates_are_bounded(self) -> None:
        contacts = some(5 * CANDIDATES)
        lookup = Lookup(TARGET, 0, ME, contacts)
        self.assertLessEqual(len(lookup._known), CANDIDATES)
        self.assertEqual(lookup.next(), near(contacts)[:ALPHA])

    def test_who_came_to_the_layer_since_it_was_heard_of_is_found(self) -> None:
        members, (late,) = some(K + 2, layers=0b1001), some(1)
        lookup = Lookup(late.id, 3, ME, [*members, late])
        now = msgspec.structs.replace(late, layers=0b1001)
        while chosen := lookup.next():
            for contact in chosen:
                lookup.answered(now if contact.id == late.id else contact, [now])
        self.assertEqual(lookup.closest()[0], now)
