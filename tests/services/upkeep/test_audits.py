from __future__ import annotations

import os
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from bitdust_node.identity.names import NodeId
from bitdust_node.pieces.layout import PIECE_BLOCK
from bitdust_node.router.transport import Stream
from bitdust_node.wire.storage import PIECE_AUDIT, PieceAudit
from services.backup_db import BackupDb
from services.catalog.schema import Piece
from services.data_motion import Holder
from services.hiring.standing import FAILURE_WEIGHT, SETTLED, Record, Standing
from services.rebuilding import Rebuilding
from services.supplier import Supplier
from services.transfer.ranking import PATIENCE_NEW, Ranking
from services.upkeep.audits import EVERY, Audits
from tests.services.grid import GridCase, Member


class AuditTest(GridCase):
    """Suppliers show random blocks of what they keep."""

    def setUp(self) -> None:
        super().setUp()
        self.path = self.tmp / "file"
        self.path.write_bytes(os.urandom(1_000_000))
        self.upload(self.path, "x")
        self.until(lambda: self.delivered() == "100%")

    def delivered(self) -> str:
        told = self.run_now(self.customer.get(BackupDb).file_info("x"))
        return str(told["versions"][0]["delivered"])

    def audit(self, member: Member) -> bool | None:
        holder = Holder(member.node.node_id, member.node.me.idurl)
        return self.run_now(self.customer.get(Audits).audit(holder))

    def of(self, member: Member) -> Record:
        return self.customer.get(Standing).of(member.node.node_id)

    def held_by(self, member: Member) -> Piece:
        ((version, number),) = self.run_now(self.customer.catalog.stored_at(member.node.node_id))
        return self.run_now(self.customer.catalog.pieces([version]))[version][number]

    def object_of(self, member: Member) -> Path:
        (found,) = [path for path in member.folder.pieces.rglob("*") if path.is_file()]
        return found

    def test_all_stand_it(self) -> None:
        for member in self.suppliers:
            self.assertIs(self.audit(member), True)
            self.assertEqual((self.of(member).passed, self.of(member).score), (1, 1.0))
        self.assertEqual(self.delivered(), "100%")

    def test_it_is_known_afterwards_how_soon_they_answer(self) -> None:
        ranking = self.customer.get(Ranking)
        for member in self.suppliers:
            self.assertEqual(ranking.patience(member.node.node_id), PATIENCE_NEW)
        for member in self.suppliers:
            self.audit(member)
            speed = ranking.speeds.of(member.node.node_id)
            assert speed is not None
            self.assertGreaterEqual(speed.latency, 2 * self.latency)
            # a block is too little to tell more
            self.assertEqual(speed.rate, 0.0)
        self.assertLess(ranking.patience(self.suppliers[0].node.node_id), PATIENCE_NEW)

    def test_they_are_asked_in_turn(self) -> None:
        for _ in range(int(4.5 * EVERY)):
            self.clock.advance(1)
        self.assertEqual([self.of(member).passed for member in self.suppliers], [1] * 4)

    def test_thrown_away_but_for_the_hashes(self) -> None:
        member = self.suppliers[0]
        path = self.object_of(member)
        data = path.read_bytes()
        size = self.held_by(member).size
        path.write_bytes(bytes(size) + data[size:])
        self.assertIs(self.audit(member), False)
        self.assertEqual(self.of(member).failed, 1)
        self.assertLess(self.of(member).score, 1 / FAILURE_WEIGHT + 0.01)
        self.assertEqual(self.delivered(), "75%")
        self.until(lambda: self.delivered() == "100%")
        self.assertEqual(path.read_bytes(), data)
        self.assertIs(self.audit(member), True)

    def test_file_is_gone(self) -> None:
        member = self.suppliers[1]
        self.object_of(member).unlink()
        self.assertIs(self.audit(member), False)
        self.until(lambda: self.delivered() == "100%")
        self.assertTrue(self.object_of(member).exists())

    def test_other_answers_do_not_count(self) -> None:
        member = self.suppliers[2]
        router = member.node.router

        async def too_much(peer: NodeId, question: PieceAudit, stream: Stream) -> None:
            await stream.write(bytes(3 * PIECE_BLOCK))
            stream.finish()

        async def nothing(peer: NodeId, question: PieceAudit, stream: Stream) -> None:
            stream.finish()

        for answer in (too_much, nothing):
            router.withdraw(PIECE_AUDIT)
            router.serve_stream(PIECE_AUDIT, answer)
            self.assertIs(self.audit(member), False)
            self.until(lambda: self.delivered() == "100%")

    def test_supplier_that_knows_no_audits(self) -> None:
        member = self.suppliers[2]
        member.node.router.withdraw(PIECE_AUDIT)
        self.assertIsNone(self.audit(member))
        self.assertEqual((self.of(member).silent, self.of(member).failed), (1, 0))
        self.assertEqual(self.delivered(), "100%")
        member.node.router.serve_stream(PIECE_AUDIT, self.never)

    async def never(self, peer: NodeId, question: PieceAudit, stream: Stream) -> None:
        raise AssertionError("only so that it can be withdrawn")

    def test_supplier_that_lost_its_books(self) -> None:
        member = self.suppliers[3]
        keeping = member.get(Supplier).keeping
        assert keeping is not None
        self.run_now(keeping.ledger.remove(self.customer.node.node_id, None))
        self.assertIs(self.audit(member), False)
        self.until(lambda: self.delivered() == "100%")

    def test_nobody_is_there(self) -> None:
        self.suppliers[0].node.die()
        self.assertIsNone(self.audit(self.suppliers[0]))
        self.assertEqual(self.of(self.suppliers[0]).silent, 1)
        self.assertEqual(self.delivered(), "100%")

    def test_report_of_a_bad_piece(self) -> None:
        rebuilding = self.customer.get(Rebuilding)
        piece = self.held_by(self.suppliers[0])
        other = self.suppliers[1].node.node_id
        self.assertFalse(self.run_now(rebuilding.suspect(piece.version, piece.number, other)))
        self.assertFalse(self.run_now(rebuilding.suspect(bytes(16), piece.number, self.suppliers[0].node.node_id)))
        self.assertEqual(self.delivered(), "100%")
        self.assertTrue(
            self.run_now(rebuilding.suspect(piece.version, piece.number, self.suppliers[0].node.node_id), step=0.001)
        )
        self.until(lambda: self.delivered() == "100%")

    def test_small_files_too(self) -> None:
        self.path.write_bytes(b"small")
        self.upload(self.path, "y")
        for _ in range(8):
            self.assertIs(self.audit(self.suppliers[0]), True)

    def test_standing_survives(self) -> None:
        self.audit(self.suppliers[0])
        self.run_now(self.customer.stop())
        self.customer.make()
        self.run_now(self.customer.start())
        self.assertEqual(self.of(self.suppliers[0]).passed, 1)


class RecordTest(SynchronousTestCase):
    """How suppliers are judged."""

    def test_short_visits_do_not_end_an_absence(self) -> None:
        record = Record("a").after(3600, False).after(SETTLED - 1, True)
        self.assertEqual((record.away, record.back), (3600, SETTLED - 1))
        record = record.after(60, False)
        self.assertEqual((record.away, record.back), (3660, 0))
        record = record.after(SETTLED, True)
        self.assertEqual((record.away, record.back), (0, 0))
        self.assertAlmostEqual(record.uptime, (2 * SETTLED - 1) / (2 * SETTLED - 1 + 3660))

    def test_what_was_long_ago_counts_less(self) -> None:
        record = Record("a").after(29 * 86400, False).after(2 * 86400, True)
        self.assertEqual(record.up + record.down, 31 * 86400 / 2)
        for _ in range(1001):
            record = record.audited(passed=1)
        self.assertEqual(record.passed, 500)
