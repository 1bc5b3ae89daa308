"""
Attacks on groups: their members, their posts, and those who keep them (rules 6, 8, 10, 11 and 14).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec

from bitdust_node.errors import BitDustError, Corrupt, Full, Invalid, NotFound
from bitdust_node.membership.changes import with_member, without_member
from bitdust_node.membership.post import Pen, SignedPost
from bitdust_node.membership.roster import NO_DIGEST, Circle, Role, SignedRoster
from bitdust_node.wire.members import ROSTER_GET, ROSTER_PUT, RosterGet, RosterPut
from bitdust_node.wire.posts import (
    POST_GET,
    POST_HEADS,
    POST_LISTEN,
    POST_NEW,
    POST_PUT,
    Cursor,
    GroupName,
    PostBatch,
    PostGet,
    PostPut,
    Proof,
)
from services.postman.posts import BURST
from tests.services.grouping.circle import GroupsCase

LOG = b"carol"


class AttackCase(GroupsCase):
    """
    Alice owns a group, Bob is a member, Carol attacks; Dave knows nothing of it.
    """

    people_number = 4

    def setUp(self) -> None:
        super().setUp()
        self.alice, self.bob, self.carol, self.dave = self.people
        self.supplier = self.suppliers[0]

    def ask(self, sender: Any, to: Any, command: Any, question: Any) -> Any:
        """The answer to a question, or the error."""

        async def asked() -> Any:
            try:
                return await sender.node.router.request(to.node.node_id, command, question)
            except BitDustError as error:
                return error

        return self.run_now(asked())

    def pen(self, person: Any, circle: Circle, author: str = "") -> Pen:
        me = person.node.me
        return Pen(circle, author or me.node_id, me.device, me.device_record)

    def post(
        self, person: Any, circle: Circle, number: int = 1, previous: bytes = NO_DIGEST, **other: Any
    ) -> SignedPost:
        roster, secret = self.book(self.alice).current(circle)
        text = other.pop("text", b'{"text":"forged"}')
        number_of_roster = other.pop("roster", roster.number)
        log = other.pop("log", LOG)
        pen = self.pen(person, circle, **other)
        return pen.write(log, number, previous, number_of_roster, roster.epoch, secret, 1, text)

    def put(self, person: Any, circle: Circle, *posts: SignedPost, to: Any = None) -> Any:
        proof = Proof(person.node.me.device_record, person.node.me.idurl)
        question = PostPut(circle, [post.packed for post in posts], [proof])
        return self.ask(person, to or self.supplier, POST_PUT, question)

    def nothing_came(self) -> None:
        self.clock.advance(15)
        self.assertEqual([*self.alice.texts(), *self.bob.texts()], [])


class GroupAttacks(AttackCase):
    def test_strangers_hear_of_a_group_what_they_hear_of_none(self) -> None:
        _, circle = self.group(self.bob)
        other = Circle.of(circle.owner, "group_" + "0" * 32)
        foreign = Circle.of(self.dave.node.node_id, circle.alias)
        cursor = Cursor(bytes(32), LOG, 0)
        for wanted in (circle, other, foreign):
            for command, question in (
                (POST_HEADS, GroupName(wanted)),
                (POST_LISTEN, GroupName(wanted)),
                (POST_GET, PostGet(wanted, [cursor])),
                (POST_PUT, PostPut(wanted, [], [])),
                (ROSTER_GET, RosterGet(wanted)),
            ):
                outcome = self.ask(self.dave, self.supplier, command, question)
                self.assertEqual((type(outcome), str(outcome)), (NotFound, "there is no such share or group"))

    def test_a_name_with_a_path_in_it(self) -> None:
        for alias in ("group_../../etc/passwd", "../x", "group_" + "0" * 31 + "/", "master", ""):
            with self.assertRaises(Invalid):
                Circle.of(self.alice.node.node_id, alias)
            packed = msgspec.msgpack.encode([[self.alice.node.node_id, alias]])
            with self.assertRaises(msgspec.ValidationError):
                msgspec.msgpack.decode(packed, type=GroupName)

    def test_a_post_of_a_removed_member(self) -> None:
        key_id, circle = self.group(self.bob, self.carol)
        old = self.book(self.carol).roster(circle).number
        self.call(self.alice, "group_revoke", group_key_id=key_id, user_id=self.carol.id)
        late = self.post(self.carol, circle, roster=old)
        self.assertIsInstance(self.put(self.carol, circle, late), NotFound)
        # also when somebody else brings what he says that he wrote now
        new = self.post(self.carol, circle)
        kept = self.put(self.bob, circle, new)
        self.assertEqual(kept.refused, "the author of a post may not write here")
        self.nothing_came()
        # and a member does not take it from a supplier that lies
        proof = Proof(self.carol.node.me.device_record, self.carol.node.me.idurl)
        batch = PostBatch(circle, [new.packed], [proof])
        active = next(one for one in self.suppliers if one.node.node_id == self.bob.part(circle).active)
        self.ask(active, self.bob, POST_NEW, batch)
        self.nothing_came()

    def test_a_post_of_a_reader(self) -> None:
        _, circle = self.group(self.bob)
        self.invite(self.alice.part(circle).key_id, self.carol, role="reader")
        kept = self.put(self.carol, circle, self.post(self.carol, circle))
        self.assertEqual(kept.refused, "the author of a post may not write here")
        self.nothing_came()

    def test_a_post_in_the_name_of_somebody_else(self) -> None:
        _, circle = self.group(self.bob, self.carol)
        forged = self.post(self.carol, circle, author=self.bob.node.node_id)
        self.assertTrue(self.put(self.carol, circle, forged).refused)
        self.nothing_came()

    def test_a_post_that_was_changed(self) -> None:
        _, circle = self.group(self.bob, self.carol)
        good = self.post(self.carol, circle)
        inner = msgspec.msgpack.decode(good.packed)
        for place in (0, 2):
            changed = list(inner)
            changed[place] = inner[place][:-1] + bytes([inner[place][-1] ^ 1])
            packed = msgspec.msgpack.encode(changed)
            outcome = self.put(self.carol, circle, replace(good, packed=packed))
            self.assertTrue(isinstance(outcome, Invalid) or outcome.refused)
        self.nothing_came()

    def test_a_post_of_another_group(self) -> None:
        _, one = self.group(self.bob, self.carol)
        _, two = self.group(self.bob, self.carol)
        self.assertIsInstance(self.put(self.carol, two, self.post(self.carol, one)), Invalid)
        self.nothing_came()

    def test_a_replayed_post_is_shown_once(self) -> None:
        _, circle = self.group(self.bob, self.carol)
        post = self.post(self.carol, circle)
        for _ in range(3):
            for supplier in self.suppliers:
                self.assertEqual(self.put(self.carol, circle, post, to=supplier).refused, "")
        self.clock.advance(15)
        self.assertEqual(self.bob.texts(), ["forged"])

    def test_two_posts_of_one_number(self) -> None:
        _, circle = self.group(self.bob, self.carol)
        first, second = self.post(self.carol, circle), self.post(self.carol, circle, text=b'{"text":"other"}')
        self.assertEqual(self.put(self.carol, circle, first, to=self.suppliers[0]).refused, "")
        self.clock.advance(15)
        self.assertIn("two", self.put(self.carol, circle, second, to=self.suppliers[0]).refused)
        self.put(self.carol, circle, second, to=self.suppliers[1])
        self.clock.advance(60)
        self.assertEqual((self.alice.texts(), self.bob.texts()), (["forged"], ["forged"]))

    def test_what_is_no_json_takes_its_place_and_is_not_shown(self) -> None:
        _, circle = self.group(self.bob, self.carol)
        bad = self.post(self.carol, circle, text=b"[" * 1000)
        good = self.post(self.carol, circle, number=2, previous=bad.digest)
        self.put(self.carol, circle, bad, good)
        self.clock.advance(15)
        self.assertEqual(self.bob.texts(), ["forged"])

    def test_posts_that_no_supplier_should_have_pushed(self) -> None:
        _, circle = self.group(self.bob, self.carol)
        proof = Proof(self.carol.node.me.device_record, self.carol.node.me.idurl)
        batch = PostBatch(circle, [self.post(self.carol, circle).packed], [proof])
        self.assertIsInstance(self.ask(self.dave, self.bob, POST_NEW, batch), NotFound)
        self.assertIsInstance(self.ask(self.carol, self.bob, POST_NEW, batch), NotFound)
        self.nothing_came()

    def test_noise_in_place_of_posts(self) -> None:
        _, circle = self.group(self.bob, self.carol)
        for noise in (b"", b"\x00", b"\xc1" * 100, msgspec.msgpack.encode([b"x", b"y" * 16, b"z"])):
            outcome = self.ask(self.carol, self.supplier, POST_PUT, PostPut(circle, [noise], []))
            self.assertIsInstance(outcome, Invalid)

    def test_a_flood_of_posts_is_limited_and_others_are_not(self) -> None:
        key_id, circle = self.group(self.bob, self.carol)
        self.clock.advance(30)
        posts = [self.post(self.carol, circle)]
        for number in range(2, 101):
            posts.append(self.post(self.carol, circle, number=number, previous=posts[-1].digest))
        outcome = None
        for _ in range(3 * int(BURST / 100)):
            # posts that do not follow anything cost as much as others
            outcome = self.put(self.carol, circle, *posts[1:])
            if isinstance(outcome, Full):
                break
        self.assertIsInstance(outcome, Full)
        self.send(self.bob, key_id, "hello")
        self.clock.advance(1)
        self.assertEqual(self.alice.texts(), ["hello"])

    def test_rosters_of_strangers_and_of_members_who_may_not(self) -> None:
        _, circle = self.group(self.bob)
        known = self.book(self.alice).newest(circle)
        assert known is not None
        roster = known.roster
        secrets = {1: self.book(self.alice).secrets(circle, 1)[0]}
        dave = self.dave.node.me
        changed = with_member(known, dave.node_id, dave.document, Role.ADMIN, secrets, {}, 1)
        forged = changed.roster.sign(dave.key)
        outcome = self.ask(self.dave, self.supplier, ROSTER_PUT, RosterPut(forged.packed))
        self.assertEqual(str(outcome), "there is no such share or group")
        in_name = msgspec.structs.replace(changed.roster, author=circle.owner)
        body = msgspec.msgpack.encode(in_name)
        wrong = SignedRoster(in_name, body, dave.key.sign("bitdust.roster.1", body))
        self.assertIsInstance(self.ask(self.dave, self.supplier, ROSTER_PUT, RosterPut(wrong.packed)), NotFound)
        self.assertIsInstance(self.ask(self.bob, self.supplier, ROSTER_PUT, RosterPut(wrong.packed)), Corrupt)
        for person in (self.bob, self.alice):
            self.assertEqual(self.book(person).roster(circle), roster)
        bob = self.bob.node.me
        own = msgspec.structs.replace(changed.roster, author=bob.node_id).sign(bob.key)
        self.assertIsInstance(self.ask(self.bob, self.supplier, ROSTER_PUT, RosterPut(own.packed)), NotFound)

    def test_an_older_roster_does_not_come_back(self) -> None:
        key_id, circle = self.group(self.bob, self.carol)
        old = self.book(self.alice).newest(circle)
        assert old is not None
        self.call(self.alice, "group_revoke", group_key_id=key_id, user_id=self.carol.id)
        outcome = self.ask(self.carol, self.supplier, ROSTER_PUT, RosterPut(old.packed))
        self.assertIsInstance(outcome, NotFound)
        self.assertIsInstance(self.put(self.carol, circle, self.post(self.carol, circle)), NotFound)
        kept = self.ask(self.bob, self.supplier, ROSTER_PUT, RosterPut(old.packed))
        self.assertEqual(kept.number, old.roster.number + 1)

    def test_a_removed_admin_changes_nothing(self) -> None:
        key_id, circle = self.group(self.bob)
        self.invite(key_id, self.carol, role="admin")
        self.clock.advance(1)
        before = self.book(self.carol).newest(circle)
        assert before is not None
        self.call(self.alice, "group_revoke", group_key_id=key_id, user_id=self.carol.id)
        carol = self.carol.node.me
        secrets = {1: self.book(self.carol).secrets(circle, 1)[0]}
        readers = {one.node.node_id: one.node.me.document.public for one in self.people}
        changed = without_member(before, carol.node_id, self.bob.node.node_id, secrets, readers, 1)
        outcome = self.ask(self.carol, self.supplier, ROSTER_PUT, RosterPut(changed.roster.sign(carol.key).packed))
        self.assertIsInstance(outcome, NotFound)
        self.assertIsNotNone(self.book(self.bob).roster(circle).member(self.bob.node.node_id))
        newest = self.book(self.alice).newest(circle)
        assert newest is not None
        after = msgspec.structs.replace(
            changed.roster, number=newest.roster.number + 1, previous=newest.digest, epoch=newest.roster.epoch
        )
        outcome = self.ask(self.carol, self.supplier, ROSTER_PUT, RosterPut(after.sign(carol.key).packed))
        self.assertIsInstance(outcome, NotFound)
        self.assertEqual(self.book(self.bob).roster(circle), newest.roster)
