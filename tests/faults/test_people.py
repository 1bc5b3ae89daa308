"""
People whose process is killed, or whose disk is full, at each write that sending, posting and letting in somebody does:
what was answered is there, everything is shown once and in order, and all of it goes on.
"""

from __future__ import annotations

from typing import Any

from bitdust_node.database import Database
from services.messaging.history import History
from services.messaging.outbox import Outbox
from services.messaging.schema import MessagesDb
from tests.faults.accident import Accident
from tests.services.grouping.circle import GroupsCase
from tests.services.messaging.town import Citizen, TownCase
from tests.services.sharing.people import SharingCase

#: After the write, or before it; whether the disk is full.
KINDS = ((False, False), (True, False), (False, True))
#: Writes that are looked at: no act does more, what comes after is upkeep.
WRITES = 6
#: The same, where the node has much to take up again.
FEW = 3


class MessageAccidents(TownCase):
    def accidents(self, victim: Citizen) -> None:
        """Alice sends while something happens to the victim, again and again."""
        tried: list[str] = []
        promised: list[str] = []
        for after, full in KINDS:
            for number in range(1, WRITES + 1):
                text = f"{number} {after} {full}"
                accident = Accident(self, victim, victim.get(MessagesDb), number, after=after, full=full)
                answers = accident.during(lambda text=text: self.alice.api.call("message_send", self.message(text)))  # type: ignore[misc]
                tried.append(text)
                promised += [text for one in answers if one["status"] == "OK"]
                if not accident.happened:
                    break
        self.clock.advance(150)
        page = self.run_now(self.bob.get(History).page(None, 0, 1000))
        shown = [str(kept.entry.data["text"]) for kept in page][::-1]
        self.assertEqual(shown, [text for text in tried if text in shown])
        self.assertEqual([text for text in promised if text not in shown], [])
        # what Alice's own history says was sent has come, and nothing else
        page = self.run_now(self.alice.get(History).page(None, 0, 1000))
        self.assertEqual([str(kept.entry.data["text"]) for kept in page][::-1], shown)
        self.assertEqual({kept.entry.state for kept in page}, {"delivered"})
        for citizen in (self.alice, self.bob):
            self.assertEqual((citizen.get(Outbox).waiting, citizen.get(Outbox)._couriers), (0, {}))

    def message(self, text: str) -> dict[str, Any]:
        return {"recipient_id": self.bob.id, "data": {"text": text}, "ping_timeout": 2, "message_ack_timeout": 1}

    def test_the_sender(self) -> None:
        self.accidents(self.alice)

    def test_the_recipient(self) -> None:
        self.accidents(self.bob)


class GroupAccidents(GroupsCase):
    suppliers_number = 2

    def accidents(self, victim: Any, writes: int) -> None:
        _, other, third = self.people
        key_id, circle = self.group(other, third)
        self.clock.advance(5)
        tried: list[str] = []
        promised: list[str] = []
        for after, full in KINDS:
            for number in range(1, writes + 1):
                text = f"{number} {after} {full}"
                accident = Accident(self, victim, victim.get(MessagesDb), number, after=after, full=full)
                data = {"text": text}
                answers = accident.during(lambda data=data: other.api.message_send_group(key_id, data))  # type: ignore[misc]
                tried.append(text)
                promised += [text for one in answers if hasattr(one, "result")]
                self.until(lambda: all(one.part(circle).connected for one in self.people))
                if not accident.happened:
                    break
        self.clock.advance(60)
        histories = []
        for person in self.people:
            page = self.run_now(person.get(History).page(None, 0, 1000))
            histories.append([str(kept.entry.data["text"]) for kept in page][::-1])
        self.assertEqual(histories, [histories[0]] * 3)
        self.assertEqual(histories[0], [text for text in tried if text in histories[0]])
        self.assertEqual([text for text in promised if text not in histories[0]], [])

    def test_the_author(self) -> None:
        self.accidents(self.people[1], WRITES)

    def test_the_reader(self) -> None:
        self.accidents(self.people[2], 1)

    def test_letting_in_and_removing(self) -> None:
        """The owner has an accident at each write to `state.db`: the change is there wholly or not at all."""
        owner, other, _ = self.people
        key_id, circle = self.group()
        for change in ("group_share", "group_revoke"):
            wanted = change == "group_share"
            names = {"trusted_user_id": other.id} if wanted else {"user_id": other.id}
            for after, full in KINDS:
                for number in range(1, WRITES + 1):
                    accident = Accident(self, owner, state_of(owner), number, after=after, full=full)
                    accident.during(lambda: getattr(owner.api, change)(group_key_id=key_id, **names))  # noqa: B023
                    if not accident.happened:
                        break
                    self.ensure(owner, other, key_id, circle, wanted)

    def ensure(self, owner: Any, other: Any, key_id: str, circle: Any, wanted: bool) -> None:
        """Done once more it is done, all know it, and then it is as before."""
        roster = self.book(owner).roster(circle)
        if (roster.member(other.node.node_id) is not None) != wanted:
            self.change(owner, other, key_id, wanted)
        self.clock.advance(40)
        roster = self.book(owner).roster(circle)
        self.assertEqual(roster.member(other.node.node_id) is not None, wanted)
        for supplier in self.suppliers:
            kept = self.run_now(supplier.services[0].rosters.newest(circle))
            self.assertEqual(kept.roster, roster)
        self.change(owner, other, key_id, not wanted)

    def change(self, owner: Any, other: Any, key_id: str, member: bool) -> None:
        if member:
            self.invite(key_id, other)
        else:
            self.call(owner, "group_revoke", group_key_id=key_id, user_id=other.id)


class ShareAccidents(SharingCase):
    people_number = 1
    suppliers_number = 2

    def test_creating_and_deleting(self) -> None:
        """Whatever happens, what was created can be used or deleted, and what was deleted takes no room."""
        owner = self.owner
        for after, full in KINDS:
            for number in range(1, FEW + 1):
                accident = Accident(self, owner, state_of(owner), number, after=after, full=full)
                created = accident.during(lambda: owner.shared.share_create(label="common"))
                keys = [one["key_id"] for one in self.run_now(owner.shared.shares_list())]
                self.assertLessEqual({one.result["key_id"] for one in created if hasattr(one, "result")}, set(keys))
                for key_id in keys:
                    self.delete(key_id)
                if not accident.happened:
                    break
            for number in range(1, FEW + 1):
                key_id = self.create()
                self.put(owner, f"{key_id}:file", b"x" * 1000)
                accident = Accident(self, owner, state_of(owner), number, after=after, full=full)
                accident.during(lambda key_id=key_id: owner.shared.share_delete(key_id))  # type: ignore[misc]
                for one in self.run_now(owner.shared.shares_list()):
                    self.delete(one["key_id"])
                if not accident.happened:
                    break

    def delete(self, key_id: str) -> None:
        self.run_now(self.owner.shared.share_delete(key_id))
        self.assertNotIn(key_id, [one["key_id"] for one in self.run_now(self.owner.shared.shares_list())])


def state_of(one: Any) -> Database:
    return one.state_db  # type: ignore[no-any-return]
