"""
Rosters: what they say, who may write the next one, and who reads the secrets.
"""

from __future__ import annotations

from dataclasses import replace

import msgspec
from twisted.trial.unittest import SynchronousTestCase

from bitdust_node.errors import Conflict, Corrupt, Full, Invalid, NotFound, Refused
from bitdust_node.membership.changes import Changed, first_roster, with_member, without_member
from bitdust_node.membership.epochs import PAST_LIMIT, open_past, seal, seal_past, unseal, unwrap
from bitdust_node.membership.roster import Circle, Role, Roster, SignedRoster, check_next, prevails
from tests.keys import test_document, test_key

OWNER, ADMIN, WRITER, READER, STRANGER = range(1, 6)
NODE = {number: test_document(number).node_id for number in range(1, 6)}
READERS = {test_document(number).node_id: test_document(number).public for number in range(1, 6)}
CIRCLE = Circle.of(NODE[OWNER], "group_" + "0" * 32)


def signed(changed: Changed, by: int = OWNER) -> SignedRoster:
    return changed.roster.sign(test_key(by))


class RosterTests(SynchronousTestCase):
    def setUp(self) -> None:
        begun = first_roster(CIRCLE, test_document(OWNER), 100)
        self.secrets = {1: begun.secret}
        self.first = signed(begun)

    def add(self, known: SignedRoster, number: int, role: Role, by: int = OWNER, past: bool = True) -> SignedRoster:
        changed = with_member(known, NODE[by], test_document(number), role, self.secrets, READERS, 200, with_past=past)
        self.secrets[changed.roster.epoch] = changed.secret
        return signed(changed, by)

    def remove(self, known: SignedRoster, number: int, by: int = OWNER, past: bool = True) -> SignedRoster:
        changed = without_member(known, NODE[by], NODE[number], self.secrets, READERS, 300, with_past=past)
        self.secrets[changed.roster.epoch] = changed.secret
        return signed(changed, by)

    def test_a_roster_travels_and_is_checked(self) -> None:
        two = self.add(self.first, WRITER, Role.WRITER)
        read = SignedRoster.parse(two.packed)
        read.verify(test_key(OWNER).public)
        self.assertEqual(read.roster, two.roster)
        self.assertEqual(read.roster.role(NODE[WRITER]), Role.WRITER)
        self.assertEqual(read.roster.previous, self.first.digest)
        check_next(read, self.first)
        with self.assertRaises(NotFound):
            read.roster.role(NODE[STRANGER])

    def test_another_signature_is_refused(self) -> None:
        with self.assertRaises(Corrupt):
            SignedRoster.parse(self.first.packed).verify(test_key(STRANGER).public)
        forged = replace(self.first, signature=self.first.roster.sign(test_key(STRANGER)).signature)
        with self.assertRaises(Corrupt):
            forged.verify(test_key(OWNER).public)

    def test_what_is_no_roster(self) -> None:
        body = msgspec.structs.replace(self.first.roster, members=self.first.roster.members * 2)
        for bad in (b"", b"\x93", b"x" * 70_000, body.sign(test_key(OWNER)).packed):
            with self.assertRaises(Invalid):
                SignedRoster.parse(bad)
        with self.assertRaises(Invalid):
            Circle.of(NODE[OWNER], "group_../../etc")
        with self.assertRaises(Invalid):
            Circle.of("x", "group_" + "0" * 32)

    def test_all_members_read_the_secret_and_a_removed_one_does_not_read_the_next(self) -> None:
        three = self.add(self.add(self.first, WRITER, Role.WRITER), READER, Role.READER)
        for number in (OWNER, WRITER, READER):
            self.assertEqual(unwrap(three.roster, test_key(number)), self.secrets[1])
        four = self.remove(three, WRITER)
        self.assertEqual(four.roster.epoch, 2)
        self.assertEqual(unwrap(four.roster, test_key(READER)), self.secrets[2])
        self.assertNotEqual(self.secrets[1], self.secrets[2])
        with self.assertRaises(Corrupt):
            unwrap(four.roster, test_key(WRITER))

    def test_a_late_member_reads_what_was_before_if_he_may(self) -> None:
        gone = self.remove(self.add(self.first, WRITER, Role.WRITER), WRITER)
        late = self.add(gone, READER, Role.READER)
        secret = unwrap(late.roster, test_key(READER))
        self.assertEqual(open_past(late.roster, secret), {1: self.secrets[1]})
        with self.assertRaises(Corrupt):
            open_past(late.roster, self.secrets[1])

    def test_without_the_past_each_new_member_begins_an_epoch(self) -> None:
        two = self.add(self.first, WRITER, Role.WRITER, past=False)
        self.assertEqual(two.roster.epoch, 2)
        self.assertEqual(open_past(two.roster, unwrap(two.roster, test_key(WRITER))), {})
        self.assertEqual(unwrap(two.roster, test_key(OWNER)), self.secrets[2])

    def test_who_may_write_the_next_one(self) -> None:
        two = self.add(self.add(self.first, ADMIN, Role.ADMIN), WRITER, Role.WRITER)
        by_admin = self.add(two, READER, Role.READER, by=ADMIN)
        check_next(by_admin, two)
        for wrong in (self.add(two, READER, Role.READER, by=WRITER), self.add(two, READER, Role.READER, by=STRANGER)):
            with self.assertRaises(Refused):
                check_next(wrong, two)
        with self.assertRaises(Refused):
            check_next(self.add(two, STRANGER, Role.ADMIN, by=ADMIN), two)
        with self.assertRaises(Conflict):
            check_next(by_admin, None)
        with self.assertRaises(Conflict):
            check_next(by_admin, self.first)
        removed = self.remove(two, ADMIN)
        with self.assertRaises(Refused):
            check_next(self.add(removed, READER, Role.READER, by=ADMIN), removed)

    def test_older_ones_are_refused_and_the_owner_may_skip(self) -> None:
        two = self.add(self.first, WRITER, Role.WRITER)
        three = self.add(two, READER, Role.READER)
        check_next(three, self.first)
        check_next(three, None)
        for old in (self.first, two, three):
            with self.assertRaises(Conflict):
                check_next(old, three)

    def test_of_two_with_one_number_all_choose_the_same(self) -> None:
        two = self.add(self.first, ADMIN, Role.ADMIN)
        owners, admins = self.add(two, READER, Role.READER), self.add(two, WRITER, Role.WRITER, by=ADMIN)
        self.assertTrue(prevails(owners, admins))
        self.assertFalse(prevails(admins, owners))
        check_next(owners, admins)
        other = self.add(two, WRITER, Role.WRITER)
        self.assertNotEqual(prevails(owners, other), prevails(other, owners))

    def test_changes_that_change_nothing(self) -> None:
        two = self.add(self.first, WRITER, Role.WRITER)
        with self.assertRaises(Conflict):
            self.add(two, WRITER, Role.WRITER)
        self.assertEqual(self.add(two, WRITER, Role.READER).roster.role(NODE[WRITER]), Role.READER)
        with self.assertRaises(Invalid):
            self.add(two, OWNER, Role.READER)
        with self.assertRaises(Invalid):
            self.remove(two, OWNER)
        with self.assertRaises(NotFound):
            self.remove(two, STRANGER)

    def test_too_many(self) -> None:
        long = [
            msgspec.structs.replace(self.first.roster.members[0], node_id=f"{number:064x}", key=bytes(512))
            for number in range(200)
        ]
        roster: Roster = msgspec.structs.replace(self.first.roster, members=long)
        with self.assertRaises(Full):
            roster.sign(test_key(OWNER))
        with self.assertRaises(Full):
            seal_past(CIRCLE, 1000, bytes(32), {number: bytes(32) for number in range(1, PAST_LIMIT + 2)})

    def test_what_is_sealed_opens_in_its_place_only(self) -> None:
        sealed = seal(self.secrets[1], "bitdust.test", b"here", b"text")
        self.assertEqual(unseal(self.secrets[1], "bitdust.test", b"here", sealed), b"text")
        for secret, purpose, bound, data in (
            (bytes(32), "bitdust.test", b"here", sealed),
            (self.secrets[1], "bitdust.other", b"here", sealed),
            (self.secrets[1], "bitdust.test", b"there", sealed),
            (self.secrets[1], "bitdust.test", b"here", sealed[:-1]),
            (self.secrets[1], "bitdust.test", b"here", b""),
        ):
            with self.assertRaises(Corrupt):
                unseal(secret, purpose, bound, data)
