"""
Shares and groups, own and received, come back from the identity key alone.
"""

from __future__ import annotations

from typing import Any

from bitdust_node.identity.recovered import Recovered
from bitdust_node.keys.ring import KeyRing
from services.customer import Customer
from services.grouping.groups import Groups
from services.joint_postman import JointPostman
from services.keys_storage import KeysStorage
from services.private_groups import PrivateGroups
from services.supplier import Supplier
from tests.keys import test_key
from tests.services.sharing.people import WORK, SharingCase


class RecoveryTest(SharingCase):
    """
    Both people have suppliers of their own (the same nodes), which keep their keys.
    """

    people_number = 2
    owner_classes = (*WORK, KeysStorage, PrivateGroups)
    person_classes = owner_classes
    keeper_classes = (Supplier, JointPostman)

    def setUp(self) -> None:
        super().setUp()
        _, ben = self.people
        ben.lookup.users = list(self.owner.lookup.users)
        self.until(lambda: len(ben.get(Customer).connected()) == self.suppliers_number)
        self.clock.advance(10)

    def reborn(self, person: Any) -> Any:
        """The machine is gone; another one has the key of its identity and nothing else."""
        self.die(person)
        options = {"services/customer/suppliers-number": "2"}
        new = self.person(
            person.number, person.node, self.tmp / f"reborn-{person.number}", person.classes, person.records, options
        )
        self.people[self.people.index(person)] = new
        self.run_now(new.node.start())
        self.run_now(new.get(KeyRing).set_master(test_key(new.number)))
        self.run_now(new.get(KeyRing).claim(new.node.me.global_id))
        self.run_now(new.get(Recovered).note(new.node.node_id))
        self.begin(new)
        return new

    def opened(self, person: Any, key_id: str) -> bool:
        shown = self.run_now(person.shared.shares_list(only_active=True))
        return [(one["key_id"], one["state"]) for one in shown] == [(key_id, "CONNECTED")]

    def test_all_comes_back(self) -> None:
        anna, ben = self.people
        share = self.create(ben)
        group, circle = self.group(ben)
        self.put(anna, f"{share}:from-anna", b"a" * 100_000)
        self.put(ben, f"{share}:from-ben", b"b" * 100_000)
        for number in range(3):
            self.send(anna, group, f"anna {number}")
            self.send(ben, group, f"ben {number}")
        self.clock.advance(60)
        said = [*anna.texts()]
        self.assertEqual(len(said), 6)
        for at in range(2):
            back = self.reborn(self.people[at])
            self.until(lambda back=back: self.opened(back, share))
            self.until(lambda back=back, at=at: len(self.listed(back, share)) == 2 + at)
            self.assertEqual(self.get(back, f"{share}:from-anna"), b"a" * 100_000)
            self.assertEqual(self.get(back, f"{share}:from-ben"), b"b" * 100_000)
            self.until(lambda back=back: back.get(Groups).get(circle) is not None)
            self.until(lambda back=back, at=at: len(back.texts()) == 6 + at)
            self.assertEqual(sorted(back.texts())[-6 - at :], sorted([*said, "again 0"][: 6 + at]))
            # and they go on
            self.send(back, group, f"again {at}")
            self.put(back, f"{share}:more-{at}", b"more")
        anna, ben = self.people
        self.until(lambda: anna.texts()[-1] == ben.texts()[-1] == "again 1")
        self.until(lambda: len(self.listed(anna, share)) == 4)
        self.assertEqual(self.get(anna, f"{share}:more-1"), b"more")
        self.run_now(anna.shared.share_revoke(share, ben.id))


class RemovedWriterTest(SharingCase):
    """What somebody has written stays when he is removed, also for those who come later."""

    def test_who_comes_later_reads_what_a_removed_member_wrote(self) -> None:
        anna, ben, carl = self.people
        key_id = self.create(ben)
        self.put(ben, f"{key_id}:from-ben", b"b" * 1000)
        self.until(lambda: self.listed(anna, key_id) == ["from-ben"])
        self.run_now(anna.shared.share_revoke(key_id, ben.id))
        self.grant(key_id, carl)
        self.run_now(carl.shared.share_open(key_id))
        self.until(lambda: self.listed(carl, key_id) == ["from-ben"])
        self.assertEqual(self.get(carl, f"{key_id}:from-ben"), b"b" * 1000)
        told = [(deed["action"], deed["user_id"]) for deed in self.run_now(carl.shared.share_history())]
        self.assertEqual(told.count(("granted", anna.id)), 3)
        self.assertEqual(told.count(("revoked", anna.id)), 1)

    def test_a_member_whom_the_owner_does_not_reach_hears_of_a_removal(self) -> None:
        anna, ben, carl = self.people
        key_id = self.create(ben, carl)
        names = {one.node.name for one in self.up}
        self.network.cut(carl.node.name)
        self.network.part(names - {carl.node.name}, names - {anna.node.name})
        self.until(lambda: self.share(carl, key_id).connected)
        self.run_now(anna.shared.share_revoke(key_id, ben.id))
        self.put(anna, f"{key_id}:after", b"after")
        self.until(lambda: self.listed(carl, key_id) == ["after"], 60)
        self.assertEqual(self.get(carl, f"{key_id}:after"), b"after")
