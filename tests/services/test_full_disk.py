"""
The disk of a node is full for a while, where its own books are: what could not be written then is done afterwards.
"""

from __future__ import annotations

import errno
import os
from contextlib import ExitStack
from functools import partial
from typing import Any

from bitdust_node.afterwards import AGAIN
from bitdust_node.errors import Failed, Full, Unavailable
from bitdust_node.identity.names import NodeId
from bitdust_node.identity.recovered import Recovered
from bitdust_node.keys.folder import Key
from bitdust_node.keys.ring import KeyRing
from bitdust_node.membership.roster import Circle
from services.backup_db import BackupDb
from services.catalog.batches import Read
from services.customer import COMPARE, Customer
from services.employer import REFUSAL, Employer
from services.grouping.groups import Groups
from services.hiring.family import Families, Family
from services.hiring.suppliers import SupplierTable
from services.joint_postman import JointPostman
from services.list_files import ListFiles
from services.membership.book import Book
from services.messaging.history import History
from services.messaging.outbox import Outbox
from services.messaging.schema import MessagesDb
from services.supplier import Supplier
from tests.services.catalog.test_devices import DevicesCase
from tests.services.full import full
from tests.services.grid import GridCase
from tests.services.grouping.circle import GroupsCase
from tests.services.messaging.town import TownCase
from tests.services.packs.test_packs import PacksCase, many
from tests.services.sharing.people import SharingCase

ROSTERS = "SELECT COUNT(*) FROM rosters"


class CatalogTest(GridCase):
    suppliers_number = 2

    def wait(self, seconds: float) -> None:
        until = self.clock.seconds() + seconds
        self.until(lambda: self.clock.seconds() >= until, seconds + 10, step=0.5)

    def test_suppliers_hear_of_deletions_again_when_it_could_not_be_noted_that_they_did(self) -> None:
        path = self.tmp / "source"
        path.write_bytes(os.urandom(100_000))
        self.upload(path, "x")
        self.run_now(self.customer.get(BackupDb).file_delete("x"))
        with full(self.customer.catalog._database):
            self.wait(5)
        self.wait(120)
        self.assertEqual(self.run_now(self.customer.catalog.errands.tombstones()), [])

    def test_suppliers_hear_of_the_catalog_when_there_is_room_again(self) -> None:
        self.wait(30)
        told = self.objects()
        self.run_now(self.customer.get(BackupDb).file_create("x"))
        with full(self.customer.catalog._database):
            self.wait(5)
        self.assertEqual(self.objects(), told)
        self.wait(120)
        self.assertEqual(self.objects(), told + 2)

    def test_a_list_whose_losses_could_not_be_noted_is_asked_for_again(self) -> None:
        path = self.tmp / "source"
        path.write_bytes(os.urandom(100_000))
        self.upload(path, "x")
        self.wait(5)
        supplier = self.suppliers[0]
        keeping = supplier.get(Supplier).keeping
        assert keeping is not None
        ((version, _),) = self.run_now(self.customer.catalog.stored_at(supplier.node.node_id))
        self.run_now(keeping.ledger.remove(self.customer.node.node_id, [version]))
        seen = len(self.customer.events("my-list-files-refreshed"))
        with full(self.customer.catalog._database):
            self.customer.get(ListFiles).refresh()
            self.clock.advance(1)
        self.flushLoggedErrors(Full)
        self.wait(70)
        # the other one, at once, and this one
        self.assertEqual(len(self.customer.events("my-list-files-refreshed")), seen + 2)

    def objects(self) -> int:
        keepings = [member.get(Supplier).keeping for member in self.suppliers]
        return sum(
            len(self.run_now(keeping.ledger.pieces(self.customer.node.node_id, b"", 500)))
            for keeping in keepings
            if keeping is not None
        )


class SuppliersTest(GridCase):
    spare = 1

    def setUp(self) -> None:
        super().setUp()
        path = self.tmp / "file"
        path.write_bytes(b"text" * 100_000)
        self.upload(path, "x")

    def delivered(self) -> str:
        told = self.run_now(self.customer.get(BackupDb).file_info("x"))
        return str(told["versions"][0]["delivered"])

    def hired(self) -> dict[int, str]:
        return {at: str(link.node_id) for at, link in self.customer.get(Customer).links.items()}

    def noted(self) -> dict[int, str]:
        table = SupplierTable(self.customer.state_db)
        return {one.position: str(one.node_id) for one in self.run_now(table.load())}

    def test_who_could_not_be_replaced_stays(self) -> None:
        customer, before = self.customer.get(Customer), self.hired()
        new = next(member.node for member in self.suppliers if member.node.node_id not in before.values())
        undo = customer._partings.undo

        async def no_room(node_id: NodeId) -> None:
            raise Full("no room left on the disk")

        customer._partings.undo = no_room  # type: ignore[method-assign]
        with self.assertRaises(Full):
            self.run_now(self.customer.get(Employer).supplier_change(position=2, new_supplier_id=new.me.global_id))
        customer._partings.undo = undo  # type: ignore[method-assign]
        self.assertEqual(self.hired(), before)
        self.clock.advance(2 * COMPARE)
        self.clock.pump(20)
        self.assertEqual((self.hired(), self.noted()), (before, before))
        self.assertEqual(self.run_now(customer._partings._all()), [])
        self.assertEqual(self.delivered(), "100%")
        self.clock.advance(600)
        self.assertEqual([len(self.member_of(node_id).get(Supplier).leases()) for node_id in before.values()], [1] * 4)

    def test_who_could_not_be_dismissed_is_dismissed_later(self) -> None:
        with full(self.customer.state_db):
            self.customer.config.set("services/customer/suppliers-number", "2")
            self.clock.advance(5)
        self.flushLoggedErrors(Full)
        self.until(lambda: sorted(self.hired()) == sorted(self.noted()) == [0, 1])
        self.until(lambda: sum(len(member.get(Supplier).leases()) for member in self.suppliers) == 2, seconds=2000)

    def test_a_wish_that_has_come_true_is_struck_off_when_there_is_room(self) -> None:
        employer, customer, before = self.customer.get(Employer), self.customer.get(Customer), self.hired()
        fullness = ExitStack()
        database = self.customer.state_db

        def look() -> None:
            if self.hired() != before and "run" not in vars(database):
                fullness.enter_context(full(database))

        undo = customer.observe(look)
        self.run_now(employer.supplier_change(position=2))
        self.until(lambda: self.hired() != before)
        self.clock.advance(5)
        undo()
        fullness.close()
        self.flushLoggedErrors(Full)
        self.assertEqual(self.wishes(), [before[2]])
        self.clock.advance(2 * REFUSAL)
        self.assertEqual(self.wishes(), [])

    def wishes(self) -> list[str]:
        query = "SELECT node_id FROM replacements"
        return self.run_now(self.customer.state_db.read(lambda c: [row[0] for row in c.execute(query)]))

    def test_after_a_recovery_that_could_not_be_noted_suppliers_are_looked_after(self) -> None:
        before = tuple(link.hired.idurl for link in self.customer.get(Customer).links.values())
        self.run_now(self.customer.stop())
        self.customer.make()
        recovered = self.customer.get(Recovered)
        self.run_now(recovered.note(self.customer.node.node_id))

        async def read(customer: str) -> Family:
            return Family(customer, before)

        async def no_room() -> None:
            raise Full("no room left on the disk")

        self.patch(self.customer.get(Families), "read", read)
        self.patch(recovered, "done", no_room)
        self.run_now(self.customer.start())
        self.until(lambda: "suppliers" in {kind for kind, _ in self.customer.dht.records})


class RepackingTest(PacksCase):
    def test_a_pack_that_could_not_be_written_anew_leaves_nothing(self) -> None:
        catalog = self.customer.catalog
        self.store(many(10))
        (old,) = self.packs()
        for at in range(8):
            self.run_now(self.customer.get(BackupDb).file_delete(f"small/{at:03}"))
        fullness = ExitStack()

        async def no_room(*_: Any) -> None:
            fullness.enter_context(full(catalog._database))
            raise Full("no room left on the disk")

        replace, catalog.packs.replace = catalog.packs.replace, no_room  # type: ignore[method-assign]
        self.until(lambda: "run" in vars(catalog._database), 200, 1.0)
        self.clock.advance(2)
        fullness.close()
        self.clock.advance(2 * AGAIN)
        self.assertEqual(self.packs(), [old])
        self.assertEqual(self.run_now(catalog.drop_unfinished()), 0)
        catalog.packs.replace = replace  # type: ignore[method-assign]
        self.until(lambda: self.packs() and old not in self.packs(), 200, 1.0)


class MessagesTest(TownCase):
    def test_nobody_is_left_to_carry_what_is_not_there(self) -> None:
        outbox = self.alice.get(Outbox)
        with full(self.alice.get(MessagesDb)), self.assertRaises(Full):
            self.run_now(outbox.arrived(self.bob.node.node_id, [bytes(16)], "read"))
        self.clock.advance(1)
        self.assertEqual(outbox._couriers, {})

    def test_that_a_message_was_read_is_noted_and_told_later(self) -> None:
        self.call(self.bob, "message_receive", consumer_callback_id="chat", polling_timeout=1)
        sending = self.begin(self.alice, "message_send", recipient_id=self.bob.id, data={"text": "hello"})
        self.clock.advance(1)
        with full(self.bob.get(MessagesDb)):
            self.call(self.bob, "message_receive", consumer_callback_id="chat")
            self.clock.advance(1)
        self.clock.advance(2 * AGAIN)
        message_id = self.successResultOf(sending)["result"]["message_id"]
        for citizen in (self.alice, self.bob):
            (kept,) = self.run_now(citizen.get(History).page(None, 0, 10))
            self.assertEqual((kept.entry.message_id, kept.entry.state), (message_id, "read"))


class GroupTest(GroupsCase):
    def states(self) -> list[str]:
        told = [event.data or {} for event in self.owner.events("message-state-changed")]
        return [str(one["new_state"]) for one in told]

    def test_what_suppliers_take_later_counts_as_stored(self) -> None:
        key_id, circle = self.group(self.people[1])
        self.clock.advance(20)
        with ExitStack() as fullness:
            for supplier in self.suppliers:
                posts = supplier.get(JointPostman)._posts
                assert posts is not None
                fullness.enter_context(full(posts._database))
            self.send(self.owner, key_id, "x")
            self.clock.advance(1)
        self.assertEqual(self.states(), [])
        self.until(lambda: self.people[1].texts() == ["x"])
        self.until(lambda: self.states() == ["stored"], 60)
        self.assertEqual(len(self.owner.part(circle)._unstored), 0)

    def test_a_group_that_came_back_is_joined_later(self) -> None:
        key_id, circle = self.group()
        person = self.people[1]
        self.invite(key_id, person)
        ring, groups = person.get(KeyRing), person.get(Groups)
        self.run_now(ring.activate(key_id, active=True))
        with full(person.get(MessagesDb)):
            # as after a recovery
            groups._returned(ring.get(key_id))
            self.clock.advance(1)
        self.assertIsNone(groups.get(circle))
        self.until(lambda: groups.get(circle) is not None)
        self.until(lambda: person.part(circle).connected)

    def test_a_group_that_could_not_be_read_is_joined_whole_the_next_time(self) -> None:
        key_id, circle = self.group(self.people[1])
        self.send(self.owner, key_id, "x")
        self.clock.advance(5)
        person = self.people[1]
        groups, shelf = person.get(Groups), person.get(Groups)._means.shelf
        self.call(person, "group_leave", group_key_id=key_id)
        reached = shelf.reached

        async def damaged(circle: Circle) -> dict[Any, Any]:
            raise Failed("the database can not be used")

        shelf.reached = damaged  # type: ignore[method-assign]
        with self.assertRaises(Failed):
            self.run_now(groups.join(circle))
        shelf.reached = reached  # type: ignore[method-assign]
        self.assertIsNone(groups.get(circle))
        self.run_now(groups.join(circle))
        self.until(lambda: person.part(circle).connected)
        written = (self.owner.node.node_id, self.owner.part(circle)._means.shelf.log)
        self.assertEqual(person.part(circle).reader.last(*written), 1)

    def test_a_group_that_could_not_be_taken_back_is_forgotten_later(self) -> None:
        key_id, circle = self.group()
        self.run_now(self.owner.get(Groups).leave(circle, erase=False))
        self.run_now(self.owner.get(KeyRing).erase(key_id))
        with full(self.owner.state_db), self.assertRaises(Full):
            self.run_now(self.book(self.owner).forget(circle))
        rows = partial(self.owner.state_db.read, lambda c: c.execute(ROSTERS).fetchone()[0])
        self.assertEqual(self.run_now(rows()), 1)
        self.until(lambda: self.run_now(rows()) == 0, 200, 1.0)

    def test_what_could_not_be_noted_is_noted_later(self) -> None:
        key_id, circle = self.group(self.people[1])
        self.clock.advance(20)
        self.send(self.owner, key_id, "x")
        with full(self.owner.get(MessagesDb)):
            self.until(lambda: self.people[1].texts() == ["x"])
            self.clock.advance(0.5)
        self.assertEqual(self.states(), [])
        self.until(lambda: self.states() == ["stored"], 60)
        self.assertEqual(len(self.owner.part(circle)._unstored), 0)


class ShareTest(SharingCase):
    def test_nothing_is_left_of_a_share_that_could_not_be_opened(self) -> None:
        shares = self.owner.shared._shares

        async def no_room(key: Key) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        self.patch(shares, "open", no_room)
        with self.assertRaises(Unavailable):
            self.create()
        self.assertEqual([key for key in self.owner.get(KeyRing) if not key.is_master], [])
        self.assertEqual(self.owner.get(Book).circles(), [])
        self.clock.advance(120)
        for supplier in self.suppliers:
            rosters = supplier.get(Supplier).rosters
            assert rosters is not None
            self.assertEqual(self.run_now(rosters._database.read(lambda c: c.execute(ROSTERS).fetchone()[0])), 0)


class TwoDevicesTest(DevicesCase):
    def test_what_another_device_has_told_is_not_passed_over(self) -> None:
        self.wait(75)
        # a disk that is nearly full: the first one does not fit, the next one does
        merge, refused = self.laptop.catalog.merge, list[Read]()

        async def merge_later(read: Read) -> bool:
            if not refused:
                refused.append(read)
                raise Full("no room left on the disk")
            return await merge(read)

        self.patch(self.laptop.catalog, "merge", merge_later)
        for name in ("one", "two"):
            self.run_now(self.customer.get(BackupDb).file_create(name))
            self.until(lambda: self.run_now(self.customer.catalog.journal.pending()) is None)
        self.wait(240)
        self.assertEqual(len(refused), 1)
        self.assertEqual(self.paths(self.laptop), {"one": 0, "two": 0})
