from __future__ import annotations

import random
from typing import Any

from bitdust_node.pieces.layout import PIECE_BLOCK, Layout
from bitdust_node.waiting import sleep
from bitdust_node.wire.storage import PIECE_GET
from services.catalog.schema import Piece
from services.customer import Customer
from services.hiring.standing import Standing
from services.transfer.ranking import HALF_LIFE, PATIENCE_LEAST, PATIENCE_MOST, PATIENCE_NEW, SILENT, Ranking
from services.transfer.speeds import FINEST, MEMORY, TELLING, TELLING_TIME, Speeds
from tests.services.download.test_download_grid import piece_file
from tests.services.grid import GridCase

MB = 1_000_000


class RankingTest(GridCase):
    """Who is read from first."""

    def setUp(self) -> None:
        super().setUp()
        self.ranking = self.customer.get(Ranking)
        self.speeds = self.customer.get(Speeds)
        links = self.customer.get(Customer).links
        self.pieces = [Piece(b"v" * 16, at, links[at].node_id, links[at].hired.idurl, 1, "stored") for at in range(4)]

    def node(self, number: int) -> str:
        return self.pieces[number].node_id

    def order(self, size: int = MB) -> list[int]:
        return [piece.number for piece in self.ranking.order(self.pieces, 2, size)]

    def measured(self, number: int, latency: float, rate: float) -> None:
        self.speeds.note(self.node(number), latency, MB, MB / rate)

    def test_strangers_in_the_order_that_needs_no_decoding(self) -> None:
        self.assertEqual(self.order(), [0, 1, 2, 3])

    def test_the_fastest_first(self) -> None:
        for number, rate in enumerate((1 * MB, 8 * MB, 2 * MB, 9 * MB)):
            self.measured(number, 0.01, rate)
        # piece 3 is a little faster, but has to be decoded
        self.assertEqual(self.order(), [1, 3, 2, 0])

    def test_latency_counts_for_small_files_and_rate_for_large_ones(self) -> None:
        self.measured(0, 0.5, 50 * MB)
        self.measured(1, 0.01, 5 * MB)
        self.assertEqual(self.order(1000)[0], 1)
        self.assertEqual(self.order(100 * MB)[0], 0)

    def test_little_faster_is_not_worth_decoding(self) -> None:
        for number, rate in enumerate((10 * MB, 10 * MB, 12 * MB, 13 * MB)):
            self.measured(number, 0.01, rate)
        self.assertEqual(self.order()[:2], [0, 1])

    def test_faster_than_can_be_used_is_not_worth_decoding(self) -> None:
        for number, rate in enumerate((80 * MB, 90 * MB, 400 * MB, 900 * MB)):
            self.measured(number, 0.001 if number > 1 else 0.01, rate)
        self.assertEqual(self.order(100 * MB), [0, 1, 2, 3])

    def test_the_unknown_are_tried(self) -> None:
        self.measured(0, 0.1, 1 * MB)
        self.measured(1, 0.01, 9 * MB)
        self.assertEqual(self.order(), [1, 2, 3, 0])

    def test_slow_ones_are_tried_again_some_day(self) -> None:
        self.measured(0, 0.1, 2 * MB)
        for number in (1, 2, 3):
            self.measured(number, 0.01, 9 * MB)
        self.assertEqual(self.order()[-1], 0)
        self.clock.advance(5 * HALF_LIFE)
        for number in (1, 2, 3):
            self.measured(number, 0.01, 9 * MB)
        self.assertIn(0, self.order()[:2])

    def test_who_fails_audits_is_asked_last(self) -> None:
        self.run_now(self.customer.get(Standing).note_audit(self.node(0), passed=3, failed=1))
        self.assertEqual(self.order(), [1, 2, 3, 0])

    def test_who_is_away_is_asked_last(self) -> None:
        self.measured(1, 0.01, 90 * MB)
        lost = self.customer.get(Customer).links[1]
        self.member_of(self.node(1)).node.die()
        self.until(lambda: not lost.connected)
        self.assertEqual(self.order(), [0, 2, 3, 1])

    def test_who_let_wait_in_vain_is_asked_last_for_a_while(self) -> None:
        for number in range(4):
            self.measured(number, 0.01, 9 * MB if number < 2 else 1 * MB)
        patience = self.ranking.patience(self.node(0))
        self.speeds.note_silence(self.node(0), 4.0)
        self.assertEqual(self.order(), [1, 2, 3, 0])
        # it will not be waited for any longer than before
        self.assertEqual(self.ranking.patience(self.node(0)), patience)
        self.clock.advance(SILENT)
        self.assertEqual(self.order(), [0, 1, 2, 3])
        self.speeds.note_silence(self.node(0), 4.0)
        self.measured(0, 0.01, 9 * MB)
        self.assertEqual(self.order(), [0, 1, 2, 3])

    def test_silence_says_nothing_of_who_is_slow(self) -> None:
        self.measured(0, 0.5, 9 * MB)
        self.speeds.note_silence(self.node(0), 0.4)
        self.assertEqual(self.order(), [0, 1, 2, 3])

    def test_a_stranger_that_is_silent_stays_a_stranger(self) -> None:
        self.speeds.note_silence(self.node(0), 1.0)
        self.assertEqual(self.order(), [1, 2, 3, 0])
        self.assertEqual(self.ranking.patience(self.node(0)), PATIENCE_NEW)

    def test_little_tells_nothing_of_the_rate(self) -> None:
        self.speeds.note(self.node(0), 0.0, TELLING - 1, TELLING_TIME / 2)
        speed = self.speeds.of(self.node(0))
        assert speed is not None
        self.assertEqual((speed.latency, speed.rate), (FINEST, 0.0))

    def test_patience(self) -> None:
        self.assertEqual(self.ranking.patience(self.node(0)), PATIENCE_NEW)
        self.measured(0, 0.001, MB)
        self.assertEqual(self.ranking.patience(self.node(0)), PATIENCE_LEAST)
        self.measured(1, 30.0, MB)
        self.assertEqual(self.ranking.patience(self.node(1)), PATIENCE_MOST)

    def test_a_download_measures_and_a_restart_keeps_it(self) -> None:
        path = self.tmp / "source"
        path.write_bytes(random.Random(3).randbytes(3 * MB))
        self.upload(path, "x")
        self.download("x")
        before = {number: self.speeds.of(self.node(number)) for number in range(4)}
        for number in (0, 1):
            speed = before[number]
            assert speed is not None
            self.assertTrue(0 < speed.latency < 1)
            self.assertGreater(speed.rate, MB)
        self.assertIsNone(before[2])
        self.run_now(self.customer.stop())
        self.customer.make()
        self.run_now(self.customer.start())
        self.speeds = self.customer.get(Speeds)
        self.assertEqual({number: self.speeds.of(self.node(number)) for number in range(4)}, before)
        db, oldest = self.customer.state_db, self.clock.seconds() - MEMORY
        self.run_now(db.run(lambda c: c.execute("UPDATE speeds SET seen = ?", (oldest - 1,))))
        self.run_now(self.speeds.load())
        self.assertIsNone(self.speeds.of(self.node(0)))

    def test_a_slow_supplier_is_left_out(self) -> None:
        path = self.tmp / "source"
        path.write_bytes(random.Random(3).randbytes(12 * MB))
        self.upload(path, "x")
        slow = self.member_of(self.node(0))
        blocks = piece_file(slow).read_bytes()[: Layout.of(4).piece_bytes(12 * MB)]

        async def trickle(_peer: Any, question: Any, stream: Any) -> None:
            for at in range(question.first * PIECE_BLOCK, len(blocks), 16384):
                await stream.write(blocks[at : at + 16384])
                await sleep(self.clock, 1.0)

        slow.node.router.withdraw(PIECE_GET)
        slow.node.router.serve_stream(PIECE_GET, trickle)
        began = self.clock.seconds()
        self.assertEqual(self.download("x").read_bytes(), path.read_bytes())
        self.assertLess(self.clock.seconds() - began, 30)
        self.assertNotIn(0, self.order(12 * MB)[:2])
