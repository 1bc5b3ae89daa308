from __future__ import annotations

import sqlite3
from typing import Any

from twisted.python.failure import Failure

from automats.supplier_link import Input
from bitdust_node.errors import Conflict, Failed, NotFound
from bitdust_node.waiting import started
from services.backup_db import BackupDb
from services.catalog.departures import Departures
from services.customer import Customer
from services.employer import Employer
from services.hiring.suppliers import SupplierTable
from services.supplier import Supplier
from tests.services.grid import GridCase, Member


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

    def test_who_is_hired_after_fewer_are_wanted_is_dismissed(self) -> None:
        self.until(self.hired)
        links = self.customer.get(Customer).links
        self.customer.config.set("services/customer/suppliers-number", "2")
        self.until(lambda: len(links) == 2)
        for hundredths in range(20):
            # the search is under way, perhaps with leases that were granted
            self.customer.config.set("services/customer/suppliers-number", "4")
            self.clock.advance(hundredths / 100)
            self.customer.config.set("services/customer/suppliers-number", "2")
            self.clock.advance(5)
            self.assertEqual(sorted(links), [0, 1])

    def test_hired_again_while_the_dismissed_are_told(self) -> None:
        self.until(self.hired)
        links = self.customer.get(Customer).links
        silent, other = (self.member_of(links[at].node_id) for at in (2, 3))
        self.customer.config.set("services/customer/suppliers-number", "2")
        self.until(lambda: len(links) == 2)
        # the first one does not answer: telling it takes until long after the second one is hired again
        self.clock.advance(30)
        everybody = [self.customer, *self.suppliers]
        self.network.part([one.node.name for one in everybody if one is not silent], [silent.node.name])
        self.customer.node.network.cut(silent.node.name)
        self.clock.advance(31)
        self.customer.lookup.users = [other.node.me.idurl]
        self.customer.config.set("services/customer/suppliers-number", "4")
        self.until(lambda: self.customer.get(Customer).link_of(other.node.node_id) is not None, seconds=5)
        self.clock.advance(120)
        self.assertEqual(len(other.services[0].leases()), 1)
        self.assertEqual(other.node.events.counts["existing-customer-terminated"], 0)

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

    def test_more_space_than_a_message_can_say(self) -> None:
        self.until(self.hired)
        self.customer.config.set("services/customer/needed-space", "9000000 TB")
        self.clock.pump(50, 0.01)
        self.assertTrue(self.hired())

    def test_who_did_not_agree_is_asked_at_once_when_something_else_is_wanted(self) -> None:
        self.until(self.hired)
        self.customer.get(Customer).links[0].machine.feed(Input.UNREACHABLE)
        self.assertFalse(self.hired())
        self.customer.config.set("services/customer/needed-space", "48 MB")
        self.clock.pump(50, 0.01)
        self.assertTrue(self.hired())

    def test_the_world_hears_of_it(self) -> None:
        self.until(self.hired)
        self.clock.advance(3)
        me = self.customer.node.me
        record = self.customer.dht.records["suppliers", f"{me.global_id}:suppliers"]
        links = self.customer.get(Customer).links
        self.assertEqual(record["suppliers"], [links[at].hired.idurl for at in range(4)])
        self.assertEqual((record["ecc_map"], record["customer_idurl"]), ("ecc/4x4", me.idurl))


class ChangeTest(GridCase):
    """One supplier is replaced; the others and the data stay."""

    spare = 1

    def setUp(self) -> None:
        super().setUp()
        self.until(lambda: len(self.customer.get(Customer).connected()) == self.suppliers_number)
        self.path = self.tmp / "file"
        self.path.write_bytes(b"text" * 100_000)
        self.upload(self.path, "x")
        self.old = self.member_at(2)
        hired = set(self.links().values())
        self.new = next(member for member in self.suppliers if member.node.node_id not in hired)

    def links(self) -> dict[int, str]:
        return {at: str(link.node_id) for at, link in self.customer.get(Customer).links.items()}

    def member_at(self, position: int) -> Member:
        return self.member_of(self.links()[position])

    def change(self, **arguments: Any) -> str:
        return str(self.run_now(self.customer.get(Employer).supplier_change(**arguments)).message)

    def delivered(self) -> str:
        told = self.run_now(self.customer.get(BackupDb).file_info("x"))
        return str(told["versions"][0]["delivered"])

    def customers(self, member: Member) -> int:
        return len(member.get(Supplier).customers_list())

    def test_what_an_upload_stored_at_who_was_just_dismissed_is_made_anew_soon(self) -> None:
        self.change(position=2, new_supplier_id=self.new.node.me.global_id)
        self.until(lambda: self.delivered() == "100%")
        self.clock.advance(2)
        old, new = self.old.node, self.new.node
        catalog = self.customer.catalog

        def late(c: sqlite3.Connection) -> None:
            c.execute("UPDATE pieces SET node_id = ?, state = 'stored' WHERE node_id = ?", (old.node_id, new.node_id))

        # as if the upload had ended after the supplier was replaced
        self.run_now(catalog._database.run(late))
        self.until(lambda: self.run_now(catalog.departures.needed(old.node_id)) is False, seconds=100)
        self.assertEqual(self.delivered(), "100%")

    def test_stopped_while_one_is_hired_again(self) -> None:
        catalog, old = self.customer.catalog, self.old.node
        partings = self.customer.get(Customer)._partings
        self.run_now(partings.begin(old.node_id, old.me.idurl, True))
        self.assertEqual(self.delivered(), "75%")

        async def stopped(node_id: str) -> None:
            raise Failed("the node was stopped")

        self.patch(catalog.departures, "stay", stopped)
        with self.assertRaises(Failed):
            self.run_now(partings.undo(old.node_id))
        self.patch(catalog.departures, "stay", Departures(catalog._database, catalog._change).stay)
        self.run_now(partings.stop())
        self.run_now(partings.start({old.node_id}))
        self.assertEqual(self.delivered(), "100%")
        self.assertEqual(self.run_now(partings._all()), [])

    def test_position_and_name_mean_one_supplier(self) -> None:
        with self.assertRaises(NotFound):
            self.change(position=1, supplier_id=self.old.node.me.global_id)
        before = self.links()
        name = self.new.node.me.global_id
        self.change(position=2, supplier_id=self.old.node.me.global_id, new_supplier_id=name)
        self.moved(before)

    def moved(self, before: dict[int, str]) -> None:
        self.until(lambda: self.links() == {**before, 2: self.new.node.node_id})
        self.assertEqual(self.delivered(), "75%")
        self.assertEqual(self.download("x").read_bytes(), self.path.read_bytes())
        self.until(lambda: self.delivered() == "100%")
        self.until(lambda: self.customers(self.old) == 0, seconds=200)
        self.assertEqual(self.customers(self.new), 1)
        (event,) = self.customer.events("supplier-modified")[4:]
        assert event.data
        self.assertEqual(event.data["old_idurl"], self.old.node.me.idurl)
        self.assertEqual(event.data["new_idurl"], self.new.node.me.idurl)
        self.assertEqual((event.data["position"], event.data["ecc_map"]), (2, "ecc/4x4"))
        self.assertEqual(event.data["family_snapshot"][2], self.new.node.me.idurl)
        for at in (0, 1):
            self.member_at(at).node.die()
        self.assertEqual(self.download("x", "again").read_bytes(), self.path.read_bytes())

    def test_by_a_random_one(self) -> None:
        before = self.links()
        self.assertIn(self.old.node.me.global_id, self.change(position=2))
        self.moved(before)

    def test_by_a_named_one(self) -> None:
        before = self.links()
        told = self.change(supplier_id=self.old.node.me.idurl, new_supplier_id=self.new.node.me.global_id)
        self.assertIn(self.new.node.me.global_id, told)
        self.moved(before)

    def test_two_at_once(self) -> None:
        """Nobody gets two positions, whoever asks."""
        employer, name = self.customer.get(Employer), self.new.node.me.global_id
        works = [started(employer.supplier_change(position=at, new_supplier_id=name)) for at in (1, 2)]
        results: list[Any] = []
        for work in works:
            work.addBoth(results.append)
        self.until(lambda: len(results) == 2)
        self.assertEqual(sum(isinstance(result, Failure) for result in results), 1)
        self.assertEqual(len(set(self.links().values())), 4)
        hired = self.run_now(SupplierTable(self.customer.state_db).load())
        self.assertEqual({one.position: one.node_id for one in hired}, self.links())

    def test_wrong_names(self) -> None:
        before = self.links()
        other = self.member_at(0).node.me.global_id
        for arguments in ({}, {"position": 4}, {"supplier_id": "nobody@example.com"}):
            with self.assertRaises(NotFound):
                self.change(**arguments)
        for name in (other, self.customer.node.me.global_id):
            with self.assertRaises(Conflict):
                self.change(position=2, new_supplier_id=name)
        self.assertEqual(self.links(), before)

    def test_nobody_is_there(self) -> None:
        before = self.links()
        self.new.node.die()
        self.change(position=2)
        with self.assertRaises(Conflict):
            self.change(position=2)
        for _ in range(10):
            self.clock.advance(1)
        self.assertEqual(self.links(), before)
        self.assertEqual(self.delivered(), "100%")
        self.run_now(self.new.node.start())
        self.moved(before)

    def test_the_dismissed_one_is_hired_again(self) -> None:
        before = self.links()
        self.change(position=2)
        self.until(lambda: self.links() != before)
        self.change(position=2, new_supplier_id=self.old.node.me.global_id)
        self.assertEqual(self.links(), before)
        self.until(lambda: self.delivered() == "100%")
        self.until(lambda: self.customers(self.new) == 0, seconds=200)
        self.assertEqual(self.customers(self.old), 1)

    def test_rejected_by_the_supplier(self) -> None:
        before = self.links()
        told = self.run_now(self.old.get(Supplier).customer_reject(self.customer.node.me.idurl))
        self.assertIn("bytes freed", str(told.message))
        self.until(lambda: self.links() == {**before, 2: self.new.node.node_id})
        self.until(lambda: self.delivered() == "100%")
        self.assertEqual(self.customers(self.old), 0)
        self.assertEqual(self.download("x").read_bytes(), self.path.read_bytes())

    def test_rejected_while_it_was_away(self) -> None:
        """Nobody could tell it: it hears of it by the refusal, and takes another supplier."""
        before = self.links()
        self.customer.node.die()
        self.clock.advance(60)
        self.run_now(self.old.get(Supplier).customer_reject(self.customer.node.me.idurl))
        self.clock.advance(60)
        self.run_now(self.customer.node.transport.listen(self.customer.node.router.deliver))
        self.until(lambda: self.links() == {**before, 2: self.new.node.node_id}, seconds=900)
        self.until(lambda: self.delivered() == "100%", seconds=300)

    def test_a_wish_survives_the_process(self) -> None:
        """Nobody could be found before the node ended; it goes on looking."""
        before = self.links()
        self.new.node.die()
        self.change(position=2)
        self.clock.advance(5)
        self.assertEqual(self.links(), before)
        self.run_now(self.customer.stop())
        self.run_now(self.new.node.transport.listen(self.new.node.router.deliver))
        users = self.customer.lookup.users
        self.customer.make()
        self.customer.lookup.users = users
        self.run_now(self.customer.start())
        self.until(lambda: self.links() == {**before, 2: self.new.node.node_id}, seconds=300)
        rows = self.customer.state_db.read(lambda c: c.execute("SELECT * FROM replacements").fetchall())
        self.assertEqual(self.run_now(rows), [])
