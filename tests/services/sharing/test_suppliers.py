"""
The owner's suppliers are replaced, or become more and fewer, while members use a share and a group.
"""

from __future__ import annotations

from typing import Any

from services.customer import Customer
from services.employer import Employer
from services.grouping.groups import Groups
from services.joint_postman import JointPostman
from services.private_groups import PrivateGroups
from services.supplier import Supplier
from tests.services.sharing.people import WORK, SharingCase


class ChangingCase(SharingCase):
    """Anna's suppliers are among eight nodes."""

    suppliers_number = 8
    hired = 4
    people_number = 2
    owner_classes = (*WORK, PrivateGroups)
    person_classes = (*WORK, PrivateGroups)
    keeper_classes = (Supplier, JointPostman)

    def setUp(self) -> None:
        super().setUp()
        anna, ben = self.people
        self.share_id = self.create(ben)
        self.group_id, self.circle = self.group(ben)
        self.put(anna, f"{self.share_id}:from-anna", b"a" * 100_000)
        self.put(ben, f"{self.share_id}:from-ben", b"b" * 100_000)
        self.send(anna, self.group_id, "one")
        self.send(ben, self.group_id, "two")
        self.clock.advance(5)

    def family(self) -> set[str]:
        """Who is hired."""
        return {link.node_id for link in self.owner.get(Customer).links.values()}

    def leases(self) -> set[str]:
        """Who has a lease for anna."""
        anna = self.owner.node.node_id
        return {
            one.node.node_id
            for one in self.suppliers
            if any(lease.customer == anna and lease.active for lease in one.get(Supplier).leases())
        }

    def used(self, person: Any) -> set[str]:
        """The suppliers of the share as somebody knows them."""
        return {link.node_id for link in self.share(person, self.share_id).suppliers.links.values()}

    def assert_whole(self, paths: dict[str, bytes], texts: list[str]) -> None:
        for person in self.people:
            self.until(lambda person=person: sorted(self.listed(person, self.share_id)) == sorted(paths))
            for path, data in paths.items():
                self.assertEqual(self.get(person, f"{self.share_id}:{path}"), data)
            self.until(lambda person=person: sorted(person.texts()) == sorted(texts))


class ReplacingTest(ChangingCase):
    def test_all_are_replaced_one_by_one(self) -> None:
        anna, ben = self.people
        first = self.family()
        anna.lookup.users.reverse()
        paths = {"from-anna": b"a" * 100_000, "from-ben": b"b" * 100_000}
        texts = ["one", "two"]
        for position in range(4):
            self.run_now(anna.get(Employer).supplier_change(position=position))
            self.until(lambda: len(anna.get(Customer).connected()) == 4)
            # members do not know of it yet
            paths[f"while-{position}"] = bytes([position]) * 100_000
            self.put(ben, f"{self.share_id}:while-{position}", paths[f"while-{position}"])
            texts.append(f"while {position}")
            self.send(ben, self.group_id, texts[-1])
            self.clock.advance(20)
        self.assertFalse(first & self.family())
        self.until(lambda: self.used(ben) == self.family(), 900, 1.0)
        self.until(lambda: self.leases() == self.family(), 900, 1.0)
        self.assert_whole(paths, texts)
        # whoever comes later hears all of it from the new ones alone
        self.assertTrue(set(ben.get(Groups).get(self.circle).circuit.suppliers) == self.family())


class NumberTest(ChangingCase):
    def test_more_and_fewer(self) -> None:
        anna, ben = self.people
        paths = {"from-anna": b"a" * 100_000, "from-ben": b"b" * 100_000}
        texts = ["one", "two"]
        for number in (7, 2):
            anna.config.set("services/customer/suppliers-number", str(number))
            self.until(lambda number=number: len(anna.get(Customer).connected()) == number)
            paths[f"of-{number}"] = bytes([number]) * 100_000
            self.put(ben, f"{self.share_id}:of-{number}", paths[f"of-{number}"])
            texts.append(f"of {number}")
            self.send(ben, self.group_id, texts[-1])
            self.until(lambda: self.used(ben) == self.family(), 900, 1.0)
            self.until(lambda: self.leases() == self.family(), 1800, 1.0)
            self.assert_whole(paths, texts)
