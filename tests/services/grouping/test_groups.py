"""
Groups: everybody gets each post once, in the order of its author, whoever goes and comes.
"""

from __future__ import annotations

import shutil
import sqlite3
from typing import Any

from bitdust_node.errors import BitDustError, TimedOut, Unavailable
from bitdust_node.router.router import Router
from bitdust_node.wire.members import CIRCLE_END, ROSTER_PUT
from services.grouping.groups import Groups
from services.joint_postman import JointPostman
from services.messaging.history import History
from services.postman.queues import Queues
from services.supplier import Supplier
from tests.services.grouping.circle import GroupsCase


class Groups3(GroupsCase):
    def test_nothing_is_left_of_one_that_could_not_be_made(self) -> None:
        request, cut = Router.request, {ROSTER_PUT.name, CIRCLE_END.name}

        async def lose_answers(router: Router, peer: Any, command: Any, *arguments: Any, **options: Any) -> Any:
            if command.name == CIRCLE_END.name in cut:
                raise Unavailable("it is away")
            answer = await request(router, peer, command, *arguments, **options)
            if command.name in cut:
                raise TimedOut("no answer")
            return answer

        self.patch(Router, "request", lose_answers)
        with self.assertRaisesRegex(Unavailable, "failed to deliver"):
            self.call(self.owner, "group_create", label="friends")
        self.assertEqual(self.call(self.owner, "groups_list"), [])
        self.assertEqual(self.rosters(), [1, 1])
        # the suppliers hear of it, also after a restart
        self.clock.advance(70)
        self.die(self.owner)
        cut.clear()
        self.again(self.owner)
        self.until(lambda: self.rosters() == [0, 0])

    def rosters(self) -> list[int]:
        query = "SELECT count(*) FROM rosters"
        databases = [sqlite3.connect(one.folder.base / "rosters.db") for one in self.suppliers]
        counts = [int(database.execute(query).fetchone()[0]) for database in databases]
        for database in databases:
            database.close()
        return counts

    def test_everybody_gets_each_post_once_the_sender_too(self) -> None:
        key_id, _circle = self.group(*self.people[1:])
        for number in range(5):
            for person in self.people:
                self.send(person, key_id, f"{person.number}-{number}")
        self.clock.advance(2)
        for person in self.people:
            self.assertEqual(len(person.texts()), 15, person.number)
            for other in self.people:
                own = [text for text in person.texts() if text.startswith(f"{other.number}-")]
                self.assertEqual(own, [f"{other.number}-{n}" for n in range(5)])
        shown = self.call(self.people[1], "group_info", group_key_id=key_id)
        self.assertEqual((shown["state"], shown["last_sequence_id"]), ("CONNECTED", 14))

    def test_who_comes_later_reads_all_that_was(self) -> None:
        key_id, _ = self.group(self.people[1])
        for number in range(10):
            self.send(self.owner, key_id, f"early {number}")
        self.invite(key_id, self.people[2])
        self.join(key_id, self.people[2])
        self.send(self.people[1], key_id, "late")
        self.clock.advance(3)
        self.assertEqual(self.people[2].texts(), [*(f"early {number}" for number in range(10)), "late"])

    def test_who_comes_later_reads_nothing_of_before_if_the_owner_chose_so(self) -> None:
        key_id, _ = self.group(self.people[1], history=False)
        self.send(self.owner, key_id, "early")
        self.invite(key_id, self.people[2])
        self.join(key_id, self.people[2])
        self.send(self.people[1], key_id, "late")
        self.clock.advance(3)
        self.assertEqual(self.people[2].texts(), ["late"])
        self.assertEqual(self.people[1].texts(), ["early", "late"])

    def test_a_removed_member_neither_reads_nor_posts(self) -> None:
        key_id, circle = self.group(*self.people[1:])
        gone = self.people[2]
        self.send(gone, key_id, "before")
        self.clock.advance(1)
        self.call(self.owner, "group_revoke", group_key_id=key_id, user_id=gone.id)
        with self.assertRaises(BitDustError):
            self.send(gone, key_id, "after")
        self.send(self.owner, key_id, "secret")
        self.clock.advance(30)
        self.assertEqual(gone.texts(), ["before"])
        self.assertEqual(self.people[1].texts(), ["before", "secret"])
        self.assertEqual(self.book(gone).secrets(circle, 2), [])
        self.assertEqual(gone.part(circle).state, "DISCONNECTED")

    def test_a_reader_reads_only(self) -> None:
        key_id, _ = self.group(self.people[1], role="reader")
        self.send(self.owner, key_id, "news")
        with self.assertRaises(BitDustError):
            self.send(self.people[1], key_id, "no")
        self.clock.advance(1)
        self.assertEqual(self.people[1].texts(), ["news"])

    def test_the_owner_leaves_and_the_group_lives(self) -> None:
        key_id, _ = self.group(*self.people[1:])
        self.send(self.owner, key_id, "good-bye")
        self.clock.advance(1)
        self.die(self.owner)
        self.send(self.people[1], key_id, "one")
        self.send(self.people[2], key_id, "two")
        self.clock.advance(2)
        for person in self.people[1:]:
            self.assertEqual(sorted(person.texts()), ["good-bye", "one", "two"])

    def test_any_supplier_dies_and_posts_flow_again(self) -> None:
        key_id, circle = self.group(*self.people[1:])
        self.send(self.owner, key_id, "one")
        self.clock.advance(1)
        active = self.people[1].part(circle).active
        self.die(self.member_of(active))
        self.until(lambda: all(person.part(circle).connected for person in self.people), seconds=25)
        self.send(self.people[1], key_id, "two")
        self.clock.advance(2)
        for person in self.people:
            self.assertEqual(person.texts(), ["one", "two"])
            self.assertNotEqual(person.part(circle).active, active)

    def test_a_supplier_that_is_cut_off_is_left_within_half_a_minute(self) -> None:
        key_id, circle = self.group(*self.people[1:])
        active = self.people[1].part(circle).active
        name = self.member_of(active).node.name
        self.network.part([name], [one.node.name for one in self.up if one.node.name != name])
        self.send(self.people[1], key_id, "one")
        self.clock.advance(29)
        for person in self.people:
            self.assertEqual(person.texts(), ["one"])
            self.assertNotEqual(person.part(circle).active, active)

    def test_a_member_that_was_away_catches_up(self) -> None:
        key_id, circle = self.group(*self.people[1:])
        away = self.people[2]
        self.send(away, key_id, "mine")
        self.clock.advance(1)
        self.die(away)
        for number in range(300):
            self.send(self.people[number % 2], key_id, f"{number}")
        self.clock.advance(3600)
        self.again(away)
        self.until(lambda: len(away.texts()) == 300, seconds=15)
        self.assertEqual(sorted(map(int, away.texts())), list(range(300)))
        self.send(away, key_id, "again")
        self.clock.advance(1)
        self.assertEqual(self.owner.texts()[-1], "again")
        self.assertEqual(away.part(circle).consumed, 302)

    def test_a_node_with_many_groups_stops_although_nobody_answers(self) -> None:
        """A service has 15 s to stop: groups do not take leave one after the other."""
        for _ in range(10):
            self.group()
        owner = self.owner.node.name
        self.network.part([owner], [one.node.name for one in self.up if one is not self.owner])
        begun = self.clock.seconds()
        self.run_now(self.owner.api.stop())
        self.assertLess(self.clock.seconds() - begun, 5)
        self.run_now(self.owner.api.start())

    def test_posts_of_one_that_was_alone_come_when_it_is_back(self) -> None:
        key_id, _circle = self.group(*self.people[1:])
        lone = self.people[2]
        self.network.part([lone.node.name], [one.node.name for one in self.up if one is not lone])
        self.send(lone, key_id, "alone")
        self.send(self.owner, key_id, "without you")
        self.clock.advance(120)
        self.assertEqual(lone.texts(), ["alone"])
        self.network.heal()
        self.clock.advance(60)
        for person in self.people:
            self.assertEqual(sorted(person.texts()), ["alone", "without you"])

    def test_what_a_supplier_keeps_counts_into_the_lease_and_ends_with_it(self) -> None:
        key_id, circle = self.group(*self.people[1:])
        for number in range(20):
            self.send(self.people[number % 3], key_id, f"{number}")
        self.clock.advance(3)
        supplier = self.suppliers[0]
        keeping = supplier.get(Supplier).keeping
        assert keeping is not None
        owner = circle.owner
        used = keeping.space.account(owner).used
        self.assertGreater(used, 20 * 300)
        name = f"{circle.alias}&{self.owner.id}&{supplier.id}"
        (queue,) = [queue for queue in self.run_now(supplier.get(Queues).all()) if queue.queue_id == name]
        self.assertEqual((queue.messages, queue.last), (20, 20))
        self.assertEqual(set(queue.producers), {person.id for person in self.people})
        self.die(supplier)
        self.again(supplier)
        keeping = supplier.get(Supplier).keeping
        assert keeping is not None
        self.assertEqual(keeping.space.account(owner).used, used)
        for _ in range(2):
            # this service alone
            self.run_now(supplier.get(JointPostman).stop())
            self.run_now(supplier.get(JointPostman).start())
        self.assertEqual(keeping.space.account(owner).used, used)
        # else he would hire it again, and members would bring what it lacks
        self.network.part([supplier.node.name])
        self.run_now(keeping.end(owner))
        self.clock.advance(1)
        self.assertEqual(keeping.space.account(owner).used, 0)
        self.assertNotIn(name, [queue.queue_id for queue in self.run_now(supplier.get(Queues).all())])

    def test_a_post_is_pending_until_a_supplier_keeps_it(self) -> None:
        key_id, circle = self.group(self.people[1])
        lone = self.people[1]
        self.network.part([lone.node.name])
        self.send(lone, key_id, "one")
        self.assertEqual(self.states(lone), ["pending"])
        self.die(lone)
        self.network.heal()
        self.again(lone)
        self.until(lambda: lone.part(circle).synchronized)
        self.clock.advance(1)
        self.assertEqual(self.states(lone), ["stored"])

    def states(self, person: Any) -> list[str]:
        found = self.run_now(person.get(History).page(None, 0, 100))
        return [kept.entry.state for kept in found]

    def test_leaving(self) -> None:
        key_id, circle = self.group(*self.people[1:])
        leaver = self.people[1]
        answer = self.call(leaver, "group_leave", group_key_id=key_id)
        self.assertEqual(answer.result["state"], "CLOSED")
        self.send(self.owner, key_id, "one")
        self.clock.advance(1)
        self.assertEqual(leaver.texts(), [])
        self.assertIsNone(leaver.get(Groups).get(circle))
        self.join(key_id, leaver)
        self.clock.advance(1)
        self.assertEqual(leaver.texts(), ["one"])
        self.call(leaver, "group_leave", group_key_id=key_id, erase_key=True)
        with self.assertRaises(BitDustError):
            self.call(leaver, "group_info", group_key_id=key_id)

    def test_an_old_copy_of_a_data_folder_goes_on_behind_its_own_posts(self) -> None:
        key_id, circle = self.group(*self.people[1:])
        copied = self.people[2]
        self.send(copied, key_id, "one")
        self.clock.advance(1)
        self.die(copied)
        old = self.tmp / "old"
        shutil.copytree(copied.base, old)
        self.again(copied)
        self.until(lambda: copied.part(circle).connected)
        self.send(copied, key_id, "two")
        self.clock.advance(1)
        self.die(copied)
        shutil.rmtree(copied.base)
        shutil.copytree(old, copied.base)
        self.again(copied)
        self.until(lambda: copied.part(circle).connected)
        self.send(copied, key_id, "three")
        self.clock.advance(1)
        self.assertEqual(self.owner.texts(), ["one", "two", "three"])
        self.assertEqual(copied.texts(), ["two", "three"])
