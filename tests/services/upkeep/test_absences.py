from __future__ import annotations

import os

from services.backup_db import BackupDb
from services.customer import Customer
from services.hiring.link import SupplierLink
from services.hiring.standing import SETTLED, Standing
from services.supplier import Supplier
from services.upkeep.absences import HOUR
from tests.services.grid import GridCase, Member

GRACE = "services/employer/replacement-grace-hours"
ENABLED = "services/employer/replace-critically-offline-enabled"


class AbsenceTest(GridCase):
    """Suppliers that are away for too long get a successor; the others and the data stay."""

    spare = 1

    def setUp(self) -> None:
        super().setUp()
        self.customer.config.set(GRACE, "2")
        self.path = self.tmp / "file"
        self.path.write_bytes(os.urandom(300_000))
        self.upload(self.path, "x")
        self.before = self.positions()
        self.lost = self.member_of(self.before[2])
        (self.spare_one,) = [one for one in self.suppliers if one.node.node_id not in self.before.values()]

    def links(self) -> dict[int, SupplierLink]:
        return self.customer.get(Customer).links

    def positions(self) -> dict[int, str]:
        return {at: str(link.node_id) for at, link in self.links().items()}

    def delivered(self) -> str:
        told = self.run_now(self.customer.get(BackupDb).file_info("x"))
        return str(told["versions"][0]["delivered"])

    def hours(self, hours: float) -> None:
        for _ in range(int(hours * HOUR / 10)):
            self.clock.advance(10)

    def come_back(self, member: Member) -> None:
        self.run_now(member.node.start())
        self.run_now(self.customer.get(Customer).suppliers_ping())
        self.until(lambda: len(self.customer.get(Customer).connected()) == 4)

    def moved(self) -> None:
        self.until(lambda: self.positions() != self.before)
        self.assertEqual(self.positions(), {**self.before, 2: self.spare_one.node.node_id})
        self.until(lambda: self.delivered() == "100%")
        self.assertEqual(self.download("x").read_bytes(), self.path.read_bytes())

    def test_gone_for_good(self) -> None:
        self.lost.node.die()
        self.hours(1.9)
        self.assertEqual(self.positions(), self.before)
        self.hours(0.2)
        self.moved()
        record = self.customer.get(Standing).of(self.lost.node.node_id)
        self.assertGreater(record.down, 1.9 * HOUR)

    def test_back_in_time_and_for_long_enough(self) -> None:
        for _ in range(2):
            self.lost.node.die()
            self.hours(1.5)
            self.come_back(self.lost)
            self.hours(2 * SETTLED / HOUR)
        self.assertEqual(self.positions(), self.before)
        self.assertEqual(self.delivered(), "100%")

    def test_short_visits_do_not_help(self) -> None:
        self.lost.node.die()
        self.hours(1.5)
        self.come_back(self.lost)
        self.hours(0.5 * SETTLED / HOUR)
        self.lost.node.die()
        self.hours(0.6)
        self.moved()

    def test_back_while_another_one_is_looked_for(self) -> None:
        self.spare_one.node.die()
        self.lost.node.die()
        self.hours(2.2)
        self.assertEqual(self.positions(), self.before)
        self.come_back(self.lost)
        self.hours(0.1)
        self.run_now(self.spare_one.node.start())
        self.hours(0.1)
        self.assertEqual(self.positions(), self.before)
        self.assertEqual(len(self.spare_one.get(Supplier).customers_list()), 0)

    def test_switched_off(self) -> None:
        self.customer.config.set(ENABLED, False)
        self.lost.node.die()
        self.hours(2.5)
        self.assertEqual(self.positions(), self.before)
        self.customer.config.set(ENABLED, True)
        self.hours(0.1)
        self.moved()

    def test_a_node_that_is_offline_itself_blames_nobody(self) -> None:
        for member in self.suppliers:
            member.node.die()
        self.hours(3)
        for member in self.suppliers:
            self.run_now(member.node.start())
        self.hours(0.2)
        self.assertEqual(self.positions(), self.before)
        self.assertEqual(self.customer.get(Standing).of(self.lost.node.node_id).down, 0)

    def test_absence_survives_a_restart(self) -> None:
        self.lost.node.die()
        self.hours(1.5)
        self.run_now(self.customer.stop())
        self.customer.make()
        self.run_now(self.customer.start())
        self.hours(0.6)
        self.moved()
