from __future__ import annotations

import os
from pathlib import Path

from automats.scrub import LOOK_SECONDS
from bitdust_node.errors import Full, Invalid
from bitdust_node.wire.storage import PIECE_BAD, BadPiece, PieceBad
from services.backup_db import BackupDb
from services.supplier import Supplier
from services.supplying.damage import Progress
from services.upkeep import reports
from tests.services.full import full
from tests.services.grid import GridCase, Member


class ReportTest(GridCase):
    """What suppliers find bad is made anew, and what they say of others is not believed."""

    def setUp(self) -> None:
        super().setUp()
        self.path = self.tmp / "file"
        self.path.write_bytes(os.urandom(1_000_000))
        self.upload(self.path, "x")
        self.until(lambda: self.delivered() == "100%")

    def delivered(self) -> str:
        told = self.run_now(self.customer.get(BackupDb).file_info("x"))
        return str(told["versions"][0]["delivered"])

    def held_by(self, member: Member) -> tuple[bytes, int]:
        ((version, number),) = self.run_now(self.customer.catalog.stored_at(member.node.node_id))
        return version, number

    def object_of(self, member: Member) -> Path:
        (found,) = [path for path in member.folder.pieces.rglob("*") if path.is_file()]
        return found

    def tell(self, member: Member, *pieces: tuple[bytes, int]) -> None:
        question = PieceBad([BadPiece(*piece) for piece in pieces])
        self.run_now(member.node.router.request(self.customer.node.node_id, PIECE_BAD, question), step=0.001)

    def test_from_the_scrub_to_the_new_piece(self) -> None:
        member = self.suppliers[0]
        path = self.object_of(member)
        good = path.read_bytes()
        path.write_bytes(good[:1000] + b"rubbish" + good[1007:])
        keeping = member.get(Supplier).keeping
        assert keeping is not None
        keeping.scrub.progress = Progress()
        self.until(lambda: path.read_bytes() == good, LOOK_SECONDS + 60)
        self.until(lambda: self.delivered() == "100%")
        self.assertEqual(self.run_now(keeping.ledger.damage.count()), 0)

    def test_word_for_the_pieces_of_others_is_not_taken(self) -> None:
        liar, other = self.suppliers[:2]
        self.tell(liar, self.held_by(other), (bytes(16), 0), (self.held_by(liar)[0], 200))
        self.assertEqual(self.delivered(), "100%")

    def test_lie_makes_one_piece_travel_once_a_day(self) -> None:
        self.patch(reports, "ONCE", 200.0)
        liar = self.suppliers[0]
        piece = self.held_by(liar)
        self.tell(liar, piece)
        self.assertEqual(self.delivered(), "75%")
        self.until(lambda: self.delivered() == "100%")
        for _ in range(3):
            self.tell(liar, piece, piece)
            self.assertEqual(self.delivered(), "100%")
        self.clock.advance(reports.ONCE + 60)
        self.until(lambda: self.delivered() == "100%")
        self.tell(liar, piece)
        self.assertEqual(self.delivered(), "75%")
        self.until(lambda: self.delivered() == "100%")

    def test_too_many(self) -> None:
        self.patch(reports, "LIMIT", 0)
        self.assertRaises(Full, self.tell, self.suppliers[0], self.held_by(self.suppliers[0]))

    def test_what_is_no_report(self) -> None:
        for pieces in ([(b"short", 0)], [(bytes(16), -1)], [(bytes(16), 256)], [(bytes(16), 0)] * 501):
            self.assertRaises(Invalid, self.tell, self.suppliers[0], *pieces)

    def test_copy_of_the_catalog_is_sent_anew(self) -> None:
        member = self.suppliers[0]
        shelf = self.customer.catalog.shelf
        self.until(lambda: bool(self.run_now(shelf.at(member.node.node_id))))
        version = next(iter(self.run_now(shelf.at(member.node.node_id))))
        keeping = member.get(Supplier).keeping
        assert keeping is not None
        key = (self.customer.node.node_id, version, 0)
        self.run_now(keeping.ledger.damage.note(*key, "a test", 1))
        with full(self.customer.catalog._database), self.assertRaises(Full):
            self.tell(member, (version, 0))
        self.tell(member, (version, 0))
        self.until(lambda: self.run_now(keeping.ledger.damage.count()) == 0)
        self.until(lambda: version in self.run_now(shelf.at(member.node.node_id)))
