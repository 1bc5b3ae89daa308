"""
Attacks with rosters: what strangers learn by bringing them, what an admin can break, and who has to wait for whom.
"""

from __future__ import annotations

from typing import Any

import msgspec
from twisted.internet.defer import Deferred

from bitdust_node.errors import NotFound
from bitdust_node.identity.document import Document
from bitdust_node.membership.changes import with_member, without_member
from bitdust_node.membership.epochs import seal, unseal
from bitdust_node.membership.roster import Circle, Role, Roster, SignedRoster
from bitdust_node.wire.command import Nothing
from bitdust_node.wire.members import ROSTER_NEWS, ROSTER_PUT, RosterPut
from services.membership.book import SECRETS_LIMIT
from tests.security.test_group_attacks import AttackCase

NONE = (NotFound, "there is no such share or group")


class RosterAttacks(AttackCase):
    def known(self, circle: Circle, person: Any = None) -> SignedRoster:
        found = self.book(person or self.alice).newest(circle)
        assert found is not None
        return found  # type: ignore[no-any-return]

    def signed(self, person: Any, roster: Roster, **fields: Any) -> SignedRoster:
        me = person.node.me
        return msgspec.structs.replace(roster, author=me.node_id, **fields).sign(me.key)

    def admin(self, key_id: str, person: Any) -> None:
        self.invite(key_id, person, role="admin")
        self.clock.advance(1)

    def following(self, circle: Circle, person: Any, **fields: Any) -> SignedRoster:
        """The next roster, by an admin, with nothing changed but these fields."""
        known = self.known(circle)
        next_one = {"number": known.roster.number + 1, "previous": known.digest}
        return self.signed(person, known.roster, **(next_one | fields))

    def test_a_stranger_does_not_learn_that_a_group_exists(self) -> None:
        """Whatever he brings, and also if he was a member once."""
        key_id, circle = self.group(self.bob, self.carol)
        self.call(self.alice, "group_revoke", group_key_id=key_id, user_id=self.carol.id)
        roster, digest = self.known(circle).roster, self.known(circle).digest
        for alias in (circle.alias, "group_" + "0" * 32):
            same = msgspec.structs.replace(roster, circle=Circle.of(circle.owner, alias))
            for person in (self.carol, self.dave):
                in_name = msgspec.structs.replace(same, number=roster.number + 1, previous=digest)
                body = msgspec.msgpack.encode(in_name)
                brought = [
                    SignedRoster(in_name, body, person.node.me.key.sign("bitdust.roster.1", body)),
                    SignedRoster(same, msgspec.msgpack.encode(same), b"x" * 128),
                    self.signed(person, in_name),
                    self.signed(person, same, number=roster.number + 7, previous=bytes(31) + b"x"),
                ]
                for one in brought:
                    outcome = self.ask(person, self.supplier, ROSTER_PUT, RosterPut(one.packed))
                    self.assertEqual((type(outcome), str(outcome)), NONE)
        self.assertEqual(self.known(circle).roster, roster)

    def test_nobody_learns_what_a_node_belongs_to(self) -> None:
        _, circle = self.group(self.bob)
        roster = self.known(circle).roster
        for alias in (circle.alias, "group_" + "0" * 32):
            same = msgspec.structs.replace(roster, circle=Circle.of(circle.owner, alias))
            for one in (
                self.signed(self.dave, same),
                self.signed(self.dave, same, number=9, previous=bytes(31) + b"x"),
                SignedRoster(same, msgspec.msgpack.encode(same), b"x" * 128),
            ):
                self.assertEqual(self.ask(self.dave, self.bob, ROSTER_NEWS, RosterPut(one.packed)), Nothing())
        self.assertEqual(self.book(self.bob).roster(circle), roster)

    def test_an_admin_does_not_use_up_the_epochs(self) -> None:
        """After the last possible one nobody could be removed, and no node could read its own book again."""
        key_id, circle = self.group(self.bob)
        self.admin(key_id, self.carol)
        for epoch in (1 << 39, (1 << 40) - 1, 3):
            far = self.following(circle, self.carol, epoch=epoch)
            self.ask(self.carol, self.supplier, ROSTER_PUT, RosterPut(far.packed))
            self.ask(self.carol, self.alice, ROSTER_NEWS, RosterPut(far.packed))
        self.assertEqual(self.known(circle).roster.epoch, 1)
        self.call(self.alice, "group_revoke", group_key_id=key_id, user_id=self.carol.id)
        self.assertEqual(self.known(circle).roster.epoch, 2)

    def test_secrets_of_epochs_that_can_not_be(self) -> None:
        """What an admin seals as the past is of numbers that no database takes."""
        key_id, circle = self.group(self.bob)
        self.admin(key_id, self.carol)
        carol, secrets = self.carol.node.me, {1: self.book(self.carol).secrets(circle, 1)[0]}
        readers = {one.node.node_id: one.node.me.document.public for one in self.people}
        dave = self.dave.node.me.document
        changed = with_member(self.known(circle), carol.node_id, dave, Role.READER, secrets, {}, 1)
        for person in (self.alice, self.bob):
            self.ask(self.carol, person, ROSTER_NEWS, RosterPut(changed.roster.sign(carol.key).packed))
        changed = without_member(
            self.known(circle), carol.node_id, self.dave.node.node_id, secrets, readers, 1, with_past=False
        )
        past = seal(
            changed.secret,
            "bitdust.epoch.past.1",
            circle.canonical + (2).to_bytes(8, "big"),
            b"".join(number.to_bytes(8, "big") + bytes(32) for number in (2**64 - 1, 2**63, 2, 0)),
        )
        self.assertTrue(unseal(changed.secret, "bitdust.epoch.past.1", circle.canonical + (2).to_bytes(8, "big"), past))
        bad = self.signed(self.carol, changed.roster, past=past)
        for person in (self.alice, self.bob):
            self.ask(self.carol, person, ROSTER_NEWS, RosterPut(bad.packed))
            self.assertEqual(self.known(circle, person).roster.epoch, 2)
            self.assertEqual(self.book(person).secrets(circle, 2), [changed.secret])
            self.assertEqual(len(self.book(person).secrets(circle, 1)), 1)

    def test_an_admin_who_renews_the_secret_for_ever(self) -> None:
        """What members remember of one epoch has an end."""
        key_id, circle = self.group(self.bob)
        self.admin(key_id, self.carol)
        book = self.book(self.bob)
        self.clock.advance(60)
        for _ in range(SECRETS_LIMIT + 10):
            self.clock.advance(1)
            known, carol = self.known(circle, self.bob), self.carol.node.me
            role = Role.READER if known.roster.role(self.bob.node.node_id).writes else Role.WRITER
            secret = known.roster.number.to_bytes(32, "big")
            own = with_member(known, carol.node_id, self.bob.node.me.document, role, {1: secret}, {}, 1).roster
            self.ask(self.carol, self.bob, ROSTER_NEWS, RosterPut(own.sign(carol.key).packed))
        self.assertGreater(self.known(circle, self.bob).roster.number, SECRETS_LIMIT + 5)
        self.assertEqual(len(book.secrets(circle, 1)), SECRETS_LIMIT)

    def test_an_identity_that_is_never_found_keeps_nobody_waiting(self) -> None:
        """An admin of one group whose identity server hangs: other groups change meanwhile, here and at suppliers."""
        key_id, circle = self.group(self.bob)
        self.admin(key_id, self.carol)
        slow = self.following(circle, self.carol)
        carol = self.carol.node.node_id
        hanging: list[Deferred[Document]] = []
        for node in (self.supplier, self.alice):
            self.hide(node.node.resolver, carol, hanging)
        for node, command in ((self.supplier, ROSTER_PUT), (self.alice, ROSTER_NEWS)):
            self.ask_later(self.carol, node, command, RosterPut(slow.packed))
        self.clock.advance(1)
        self.assertEqual(len(hanging), 2)
        other, second = self.group(self.bob)
        self.call(self.alice, "group_revoke", group_key_id=other, user_id=self.bob.id)
        self.assertEqual(self.known(second).roster.number, 3)
        for one in hanging:
            one.errback(NotFound("there is no identity"))
        self.clock.advance(1)

    def hide(self, resolver: Any, node_id: str, hanging: list[Deferred[Document]]) -> None:
        """This node does not know an identity, and its server does not answer."""
        cached, resolve = resolver.cached, resolver.resolve

        def not_known(who: str) -> Document | None:
            return None if who == node_id else cached(who)  # type: ignore[no-any-return]

        async def never(who: str) -> Document:
            if who != self.carol.node.me.idurl:
                return await resolve(who)  # type: ignore[no-any-return]
            hanging.append(Deferred())
            return await hanging[-1]

        resolver.cached, resolver.resolve = not_known, never

    def ask_later(self, sender: Any, to: Any, command: Any, question: Any) -> None:
        asked = Deferred.fromCoroutine(sender.node.router.request(to.node.node_id, command, question))
        asked.addErrback(lambda _: None)
