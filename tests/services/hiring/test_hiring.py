from __future__ import annotations

from services.customer import Customer
from services.employer import Employer
from tests.services.grid import GridCase


class HiringTest(GridCase):
    """A customer finds its suppliers, keeps them, and gets them back after a restart."""

    hire = False
    spare = 2

    def states(self) -> list[object]:
        listed = self.run_now(self.customer.get(Customer).suppliers_list())
        return [one["supplier_state"] for one in listed]

    def hired(self) -> bool:
        return len(self.customer.get(Customer).connected()) == self.suppliers_number

    def test_four_are_hired_quickly(self) -> None:
        before = self.clock.seconds()
        self.until(self.hired)
        self.assertLess(self.clock.seconds() - before, 2)
        self.assertEqual(self.states(), ["CONNECTED"] * 4)
        self.assertIsNone(self.customer.get(Employer).ready())
        self.assertEqual(len(self.customer.events("my-suppliers-all-hired")), 1)
        self.assertEqual(len(self.customer.events("supplier-connected")), 4)
        nodes = {link.node_id for link in self.customer.get(Customer).links.values()}
        self.assertEqual(len(nodes), 4)

    def test_candidates_of_the_option_come_first(self) -> None:
        chosen = [member.node.me.global_id for member in self.suppliers[-4:]]
        self.customer.config.set("services/employer/candidates", ", ".join(chosen))
        self.run_now(self.customer.stop())
        self.customer.make()
        table = self.customer.state_db
        self.run_now(table.run(lambda c: c.execute("DELETE FROM suppliers")))
        self.run_now(self.customer.start())
        self.until(self.hired)
        hired = {link.global_id for link in self.customer.get(Customer).links.values()}
        self.assertEqual(hired, set(chosen))

    def test_dead_and_unknown_candidates_are_passed_over(self) -> None:
        for member in self.suppliers[:2]:
            member.node.die()
        self.customer.lookup.users.insert(0, "http://nobody.example/nobody.xml")
        self.customer.lookup.users.insert(0, self.customer.node.me.idurl)
        self.until(self.hired, seconds=300)

    def test_too_few_are_there(self) -> None:
        alive = list(self.customer.lookup.users)
        self.run_now(self.customer.stop())
        self.customer.make()
        self.run_now(self.customer.state_db.run(lambda c: c.execute("DELETE FROM suppliers")))
        self.customer.lookup.users = alive[:1]
        self.run_now(self.customer.start())
        for _ in range(50):
            self.clock.advance(0.1)
        self.assertEqual(self.customer.get(Employer).ready(), "hired 1 of 4")
        self.assertTrue(self.customer.events("my-suppliers-yet-not-hired"))
        self.assertEqual(self.states()[1:], [None] * 3)
        self.customer.lookup.users = alive
        self.until(self.hired, seconds=200)

    def test_restart_keeps_them(self) -> None:
        self.until(self.hired)
        before = {at: link.node_id for at, link in self.customer.get(Customer).links.items()}
        self.run_now(self.customer.stop())
        self.customer.make()
        self.customer.lookup.users = []
        self.run_now(self.customer.start())
        self.until(self.hired)
        after = {at: link.node_id for at, link in self.customer.get(Customer).links.items()}
        self.assertEqual(before, after)

    def test_lost_and_back(self) -> None:
        self.until(self.hired)
        lost = self.member_of(self.customer.get(Customer).links[2].node_id)
        lost.node.die()
        self.until(lambda: self.states()[2] == "DISCONNECTED")
        self.assertEqual(self.states()[:2], ["CONNECTED"] * 2)
        self.run_now(lost.node.start())
        self.until(self.hired)

    def test_supplier_service_off(self) -> None:
        self.until(self.hired)
        member = self.member_of(self.customer.get(Customer).links[0].node_id)
        self.run_now(member.services[0].stop())
        self.run_now(self.customer.get(Customer).suppliers_ping())
        self.until(lambda: self.states()[0] == "NO_SERVICE")
        self.run_now(member.services[0].start())
        self.until(self.hired)

    def test_number_grows_and_shrinks(self) -> None:
        self.until(self.hired)
        self.customer.config.set("services/customer/suppliers-number", "2")
        self.until(lambda: len(self.customer.get(Customer).links) == 2)
        self.customer.config.set("services/customer/suppliers-number", "4")
        self.until(self.hired)
        self.assertEqual(
            [one["position"] for one in self.run_now(self.customer.get(Customer).suppliers_list())], [0, 1, 2, 3]
        )

    def test_space(self) -> None:
        self.until(self.hired)
        told = self.run_now(self.customer.get(Customer).space_consumed())
        self.assertEqual(told["needed_per_supplier"], 32 * 1024 * 1024)
        self.assertEqual(told["needed"], 128 * 1024 * 1024)
        self.assertEqual((told["used"], told["suppliers_num"], told["used_percent"]), (0, 4, "0.00%"))

    def test_more_space_than_there_is(self) -> None:
        self.until(self.hired)
        self.customer.config.set("services/customer/needed-space", "100 GB")
        for _ in range(40):
            self.clock.advance(0.1)
        # the space that was granted before is kept
        self.assertTrue(self.hired())
        granted = [link.hired.granted for link in self.customer.get(Customer).links.values()]
        self.assertEqual(granted, [32 * 1024 * 1024] * 4)
