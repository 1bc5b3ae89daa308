"""
Who lets whom into a group, and how rosters find their way.
"""

from __future__ import annotations

from bitdust_node.errors import Refused
from bitdust_node.membership.roster import Role
from services.supplier import Supplier
from tests.services.grouping.circle import GroupsCase


class Members(GroupsCase):
    people_number = 4

    def test_an_admin_lets_somebody_in_and_puts_him_out(self) -> None:
        key_id, circle = self.group(self.people[1])
        admin, other, third = self.people[1:]
        with self.assertRaises(Refused):
            self.call(admin, "group_share", group_key_id=key_id, trusted_user_id=other.id)
        self.invite(key_id, admin, role="admin")
        self.clock.advance(1)
        self.send(self.owner, key_id, "early")
        self.call(admin, "group_share", group_key_id=key_id, trusted_user_id=other.id)
        self.call(admin, "group_share", group_key_id=key_id, trusted_user_id=third.id, role="reader")
        for person in (other, third):
            self.join(key_id, person)
        self.send(other, key_id, "hello")
        self.clock.advance(3)
        for person in self.people:
            self.assertEqual(person.texts(), ["early", "hello"], person.number)
        roster = self.book(self.owner).roster(circle)
        self.assertEqual((roster.number, roster.author), (5, admin.node.node_id))
        self.assertEqual(roster.role(third.node.node_id), Role.READER)
        self.call(admin, "group_revoke", group_key_id=key_id, user_id=other.id)
        self.send(self.owner, key_id, "without him")
        self.clock.advance(3)
        self.assertEqual(other.texts(), ["early", "hello"])
        self.assertEqual(third.texts(), ["early", "hello", "without him"])

    def test_a_supplier_that_was_away_learns_all_rosters(self) -> None:
        key_id, circle = self.group(self.people[1])
        admin, other, third = self.people[1:]
        self.invite(key_id, admin, role="admin")
        away = self.suppliers[1]
        self.die(away)
        for person in (other, third):
            self.call(admin, "group_share", group_key_id=key_id, trusted_user_id=person.id)
        self.again(away)
        self.clock.advance(90)
        rosters = away.get(Supplier).rosters
        assert rosters is not None
        newest = self.run_now(rosters.newest(circle))
        assert newest is not None
        self.assertEqual(newest.roster, self.book(self.owner).roster(circle))

    def test_who_was_away_for_several_rosters_learns_them(self) -> None:
        key_id, circle = self.group(self.people[1], self.people[2])
        admin, away, third = self.people[1:]
        self.invite(key_id, admin, role="admin")
        self.clock.advance(1)
        self.die(away)
        self.call(admin, "group_share", group_key_id=key_id, trusted_user_id=third.id)
        self.call(admin, "group_share", group_key_id=key_id, trusted_user_id=third.id, role="reader")
        self.call(admin, "group_revoke", group_key_id=key_id, user_id=third.id)
        self.send(admin, key_id, "in a new epoch")
        self.clock.advance(1)
        self.again(away)
        self.until(lambda: away.texts() == ["in a new epoch"], seconds=30)
        self.assertEqual(self.book(away).roster(circle), self.book(admin).roster(circle))

    def test_the_owner_and_an_admin_at_the_same_time(self) -> None:
        key_id, circle = self.group(self.people[1])
        admin, other, third = self.people[1:]
        self.invite(key_id, admin, role="admin")
        self.clock.advance(1)
        # neither hears of the other before both have signed
        self.network.part([self.owner.node.name, other.node.name], [admin.node.name, third.node.name])
        for inviter, invited in ((self.owner, other), (admin, third)):
            self.call(inviter, "group_share", group_key_id=key_id, trusted_user_id=invited.id)
        self.network.heal()
        self.clock.advance(120)
        roster = self.book(admin).roster(circle)
        self.assertEqual(self.book(self.owner).roster(circle), roster)
        self.assertEqual(roster.author, self.owner.node.node_id)
        self.assertIsNotNone(roster.member(other.node.node_id))
        # who lost is asked again
        self.call(admin, "group_share", group_key_id=key_id, trusted_user_id=third.id)
        self.join(key_id, third)
        self.send(third, key_id, "here")
        self.clock.advance(3)
        self.assertEqual(self.owner.texts(), ["here"])
