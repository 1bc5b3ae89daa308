"""
Accidents of transfers that leave something behind, or somebody waiting: disks of our own, suppliers that fall silent.
"""

from __future__ import annotations

import os
from typing import Any

from twisted.internet.defer import Deferred

from bitdust_node.errors import BitDustError, Full, NotFound
from bitdust_node.wire.storage import LEASE_REQUEST, PIECE_COMMIT, PIECE_LIST, LeaseAnswer, PieceItem, PieceListAnswer
from services import list_files
from services.customer import Customer
from services.list_files import ListFiles
from services.rebuilding import IDLE, Rebuilding
from services.supplying.store import LocalFolder
from services.transfer.sending import STALL_TIME
from services.upkeep.rests import REST_FIRST
from tests.services.grid import Member
from tests.services.upload.test_upload_accidents import UploadCase, stored_files


async def say_nothing(*_: Any) -> Any:
    await Deferred()


def no_room(*_: Any) -> Any:
    raise Full("the disk of the supplier has no room left")


class SilentSuppliers(UploadCase):
    """They are there and answer nothing."""

    def test_at_the_end_of_an_upload_it_is_not_waited_for_long(self) -> None:
        router = self.suppliers[1].node.router
        router.withdraw(PIECE_COMMIT)
        router.serve(PIECE_COMMIT, say_nothing)
        path = self.make_file(200_000)
        before = self.clock.seconds()
        self.run_now(self.begin(path, "x"))
        self.assertLess(self.clock.seconds() - before, 10)
        self.assertEqual(self.info("x")["versions"][0]["delivered"], "75%")
        # it wakes up: its piece is made anew without anybody coming or going
        router.withdraw(PIECE_COMMIT)
        router.serve(PIECE_COMMIT, self.suppliers[1].services[0].keeping.commit)
        self.until(lambda: self.info("x")["versions"][0]["delivered"] == "100%")
        self.assertEqual(self.download("x").read_bytes(), path.read_bytes())

    def test_what_is_to_come_is_told_while_all_are_silent(self) -> None:
        size = 12_000_000
        done = self.begin(self.make_file(size), "x")
        (upload,) = self.customer.running.uploads.values()
        self.network.part([self.customer.node.name], [member.node.name for member in self.suppliers])
        for _ in range(8):
            self.clock.advance(0.5)
        told = upload.describe()
        self.assertEqual((told["bytes_processed"], told["total_size"], told["progress"]), (0, size, "0.0%"))
        self.assertFalse(told["eof_state"])
        self.network.heal()
        self.run_now(done)
        told = upload.describe()
        self.assertEqual((told["bytes_processed"], told["eof_state"]), (size, True))

    def test_in_the_middle_of_an_upload_it_is_dropped(self) -> None:
        path = self.make_file(12_000_000)
        done = self.begin(path, "x")
        upload = next(iter(self.customer.running.uploads.values()))
        self.until(lambda: upload.bytes_processed > 0, step=0.001)
        silent = self.suppliers[2].node
        self.network.part(
            [node.node.name for node in (self.customer, *self.suppliers) if node.node is not silent], [silent.name]
        )
        before = self.clock.seconds()
        self.run_now(done)
        self.assertLess(self.clock.seconds() - before, STALL_TIME + 10)
        self.assertEqual(self.info("x")["versions"][0]["delivered"], "75%")
        self.assertEqual(self.download("x").read_bytes(), path.read_bytes())


class Liars(UploadCase):
    """Suppliers whose words can not be true."""

    def test_a_corrupted_piece_is_made_anew_by_itself(self) -> None:
        path = self.make_file()
        self.run_now(self.begin(path, "x"))
        (piece,) = [found for found in self.suppliers[0].folder.pieces.rglob("*") if found.is_file()]
        piece.write_bytes(os.urandom(piece.stat().st_size))
        self.assertEqual(self.download("x").read_bytes(), path.read_bytes())
        self.until(lambda: bool(self.info("x")["versions"][0]["bad"]), seconds=2, step=0.01)
        self.until(lambda: self.info("x")["versions"][0]["delivered"] == "100%")
        for member in self.suppliers[2:]:
            member.node.die()
        self.assertEqual(self.download("x", "again").read_bytes(), path.read_bytes())

    def test_what_went_missing_without_a_word_is_made_anew(self) -> None:
        path = self.make_file(1000)
        self.run_now(self.begin(path, "x"))
        self.clock.advance(10)
        # as when an upload ends at a supplier that is being replaced
        self.run_now(self.customer.catalog.departures.leave(self.suppliers[2].node.node_id))
        self.assertEqual(self.info("x")["versions"][0]["delivered"], "75%")
        self.until(lambda: self.info("x")["versions"][0]["delivered"] == "100%", seconds=IDLE + 10, step=1)

    def test_long_lists_are_compared_page_by_page(self) -> None:
        self.patch(list_files, "EXPECTED", 2)
        self.patch(list_files, "LOST_LOGGED", 1)
        for number in range(7):
            self.run_now(self.begin(self.make_file(100_000 + number), f"f{number}"))
        catalog, member = self.customer.catalog, self.suppliers[1]
        kept = self.run_now(catalog.stored_at(member.node.node_id))
        self.assertEqual(len(kept), 7)
        self.assertEqual(self.run_now(catalog.stored_at(member.node.node_id, kept[2], 3)), kept[3:6])
        gone = {version for version, _ in (kept[0], *kept[3:6])}
        ledger = member.services[0].keeping.ledger
        router = self.suppliers[1].node.router
        lengths: list[int] = []

        async def short(customer: Any, question: Any) -> PieceListAnswer:
            page = await ledger.pieces(customer, question.after, 3)
            lengths.append(len(page))
            return PieceListAnswer([piece for piece in page if piece.version not in gone])

        router.withdraw(PIECE_LIST)
        router.serve(PIECE_LIST, short)
        self.run_now(self.customer.get(Rebuilding).stop())
        self.customer.get(ListFiles).refresh()
        self.clock.advance(5)
        self.assertEqual(self.run_now(catalog.stored_at(member.node.node_id)), [kept[1], kept[2], kept[6]])
        self.assertEqual(len(self.run_now(catalog.endangered())), 4)
        for other in (0, 2, 3):
            self.assertEqual(len(self.run_now(catalog.stored_at(self.suppliers[other].node.node_id))), 7)
        told = self.customer.events("my-list-files-refreshed")[-1].data
        assert told is not None
        self.assertEqual(told["unknown"], 0)

    def test_a_list_without_end(self) -> None:
        self.patch(list_files, "UNKNOWN_LIMIT", 5)
        path = self.make_file(1000)
        self.run_now(self.begin(path, "x"))
        number = 0

        async def more(peer: Any, question: Any) -> PieceListAnswer:
            nonlocal number
            number += 1
            return PieceListAnswer([PieceItem(number.to_bytes(16, "big"), 0, 1, bytes(32))])

        router = self.suppliers[0].node.router
        router.withdraw(PIECE_LIST)
        router.serve(PIECE_LIST, more)
        self.customer.get(ListFiles).refresh()
        self.clock.advance(10)
        self.assertLess(number, 20)
        # what was not on the list is not lost for that
        self.assertEqual(self.info("x")["versions"][0]["delivered"], "100%")


class Greedy(UploadCase):
    hire = False

    def test_who_grants_less_than_asked_is_not_hired(self) -> None:
        async def little(peer: Any, question: Any) -> LeaseAnswer:
            return LeaseAnswer(1, 2**40)

        for member in self.suppliers[:2]:
            member.node.router.withdraw(LEASE_REQUEST)
            member.node.router.serve(LEASE_REQUEST, little)
        for _ in range(100):
            self.clock.advance(0.1)
        hired = {link.node_id for link in self.customer.get(Customer).links.values()}
        self.assertEqual(hired, {member.node.node_id for member in self.suppliers[2:]})


class OwnDisk(UploadCase):
    """The customer's own disk fails."""

    def test_catalog_that_can_not_be_written_ends_uploads_with_an_error(self) -> None:
        path = self.make_file(100_000)
        database = self.customer.catalog._database
        real, full = database.run, [False]

        async def run(change: Any) -> Any:
            if full[0]:
                raise Full("no room left on the disk for catalog.db")
            return await real(change)

        self.patch(database, "run", run)
        for number in range(6):  # more than run at once: none may keep its place
            done = self.begin(path, f"x{number}")
            done.addErrback(lambda failure: failure)
            self.until(lambda: bool(self.customer.running.uploads), step=0.0001)
            full[0] = True
            with self.assertRaises(Full):
                self.run_now(done)
            full[0] = False
        self.flushLoggedErrors(Full)
        self.assertEqual(self.customer.running.uploads, {})
        self.run_now(self.begin(path, "y"))
        self.assertEqual(self.download("y").read_bytes(), path.read_bytes())

    def test_full_disk_of_one_supplier(self) -> None:
        """Three pieces are stored; the fourth is not sent again every minute."""
        full: Member = self.suppliers[3]
        sent = []
        store: LocalFolder = full.services[0].keeping.store
        real = store.writer

        def writer(*args: Any) -> Any:
            sent.append(args)
            made = real(*args)
            made.write = no_room
            return made

        self.patch(store, "writer", writer)
        path = self.make_file()
        self.run_now(self.begin(path, "x"))
        self.assertEqual(self.info("x")["versions"][0]["delivered"], "75%")
        self.assertEqual(stored_files(full), 0)
        for _ in range(60):
            self.clock.advance(REST_FIRST)
        # some of these are the catalog, which every supplier keeps too
        self.assertLess(len(sent), 20)
        self.patch(store, "writer", real)
        self.customer.get(Rebuilding)._changed()
        self.until(lambda: self.info("x")["versions"][0]["delivered"] == "100%")

    def test_temporary_that_can_not_be_removed_keeps_nobody_from_starting(self) -> None:
        path = self.make_file(1000)
        self.run_now(self.begin(path, "x"))
        item = self.run_now(self.customer.catalog.find("master", "x"))
        assert item is not None
        in_the_way = self.tmp / "file-in-the-way"
        in_the_way.touch()
        self.run_now(
            self.customer.catalog.errands.add_task("download", item.id, "/nowhere", "F1", str(in_the_way / "x.part"))
        )
        self.run_now(self.customer.stop())
        self.customer.make()
        self.run_now(self.customer.start())
        self.until(lambda: len(self.customer.get(Customer).connected()) == 4)
        self.assertEqual(self.download("x").read_bytes(), path.read_bytes())

    def test_unknown_names_stay_errors(self) -> None:
        for name in ("../x", "a\0b", "y" * 5000):
            with self.assertRaises(BitDustError):
                self.run_now(self.begin(self.make_file(10), name))
        with self.assertRaises(NotFound):
            self.download("nothing")
