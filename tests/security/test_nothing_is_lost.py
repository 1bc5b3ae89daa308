"""
Rule 16: nothing is deleted for lack of information, and rule 24: nobody takes more than his part.
"""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import TestCase

from bitdust_node.errors import Full, Invalid
from bitdust_node.wire.packet import pack, unpack
from bitdust_node.wire.storage import PIECE_LIST, LeaseAnswer, PieceItem, PieceListAnswer
from services.customer import Customer
from services.list_files import ListFiles
from services.rebuilding import Rebuilding
from services.supplying import leases
from tests.services.supplier.customer import make_grid
from tests.services.upload.test_upload_accidents import UploadCase, stored_files


class NothingIsLost(UploadCase):
    """What a customer does not know, or wants no more of, stays where it is until he says the word."""

    def test_fewer_suppliers_delete_nothing(self) -> None:
        path = self.make_file(500_000)
        self.run_now(self.begin(path, "x"))
        self.customer.config.set("services/customer/suppliers-number", "2")
        self.until(lambda: len(self.customer.get(Customer).links) == 2)
        for _ in range(600):
            self.clock.advance(1)
        self.assertEqual(self.download("x").read_bytes(), path.read_bytes())

    def test_a_lost_catalog_deletes_nothing(self) -> None:
        self.run_now(self.begin(self.make_file(500_000), "x"))
        self.run_now(self.customer.stop())
        for rest in self.customer.base.glob("catalog.db*"):
            rest.unlink()
        self.customer.make()
        self.run_now(self.customer.start())
        self.until(lambda: len(self.customer.get(Customer).connected()) == 4)
        self.customer.get(ListFiles).refresh()
        for _ in range(200):
            self.clock.advance(1)
        self.assertEqual([stored_files(member) for member in self.suppliers], [1] * 4)
        told = self.customer.events("my-list-files-refreshed")[-1].data
        assert told is not None
        self.assertEqual(told["unknown"], 1)

    def test_suppliers_that_claim_to_have_nothing_lose_only_themselves(self) -> None:
        """All four say that they keep nothing: that is no reason to delete it there, nor to forget the file."""
        path = self.make_file(500_000)
        self.run_now(self.begin(path, "x"))

        async def nothing(customer: Any, question: Any) -> PieceListAnswer:
            return PieceListAnswer([])

        for member in self.suppliers:
            member.node.router.withdraw(PIECE_LIST)
            member.node.router.serve(PIECE_LIST, nothing)
        self.customer.get(ListFiles).refresh()
        self.clock.advance(5)
        self.until(lambda: not self.customer.get(Rebuilding).busy)
        self.assertEqual([stored_files(member) for member in self.suppliers], [1] * 4)
        self.assertEqual(len(self.info("x")["versions"]), 1)


class Sybils(TestCase):
    """Many who are one, and numbers that can not be."""

    def test_there_is_an_end_to_customers(self) -> None:
        self.patch(leases, "LEASES_LIMIT", 2)
        grid = make_grid(self, customers=3)
        for customer in (1, 2):
            grid.run(grid.lease(1000, customer))
        grid.fails(Full, grid.lease(1000, 3))
        grid.run(grid.lease(2000, 1))
        self.assertEqual(len(grid.keeping.leases), 2)

    def test_numbers_that_can_not_be(self) -> None:
        for answer in (LeaseAnswer(-1, 0), LeaseAnswer(2**63, 0), LeaseAnswer(0, 2**63), LeaseAnswer(0, -5)):
            with self.assertRaises(Invalid):
                unpack(LeaseAnswer, pack(answer))
        for item in (
            PieceItem(b"short", 0, 0, bytes(32)),
            PieceItem(bytes(16), 2**16, 0, bytes(32)),
            PieceItem(bytes(16), -1, 0, bytes(32)),
            PieceItem(bytes(16), 0, -1, bytes(32)),
            PieceItem(bytes(16), 0, 0, bytes(33)),
        ):
            with self.assertRaises(Invalid):
                unpack(PieceListAnswer, pack(PieceListAnswer([item])))
