from __future__ import annotations

import random
from typing import Any

from twisted.internet.defer import Deferred

from bitdust_node.errors import Unavailable
from bitdust_node.pieces.layout import PIECE_BLOCK, Layout
from bitdust_node.wire.storage import PIECE_GET
from services.catalog.schema import Piece
from services.customer import Customer
from services.transfer.gathering import CATCH_UP, Gathering
from services.transfer.means import Means
from services.transfer.ranking import PATIENCE_LEAST, Ranking
from services.transfer.reading import PATIENCE_ALONE
from services.transfer.speeds import Speeds
from services.transfer.whereabouts import open_version, pieces_of
from tests.services.download.test_download_grid import piece_file
from tests.services.grid import GridCase, Member

SIZE = 6_000_000
#: Bytes of each piece that are taken at a time.
STEP = 4 * PIECE_BLOCK
#: Seconds between the looks of a test.
LOOK = 0.002


class GatheringTest(GridCase):
    """Who is asked when, and who stays."""

    def setUp(self) -> None:
        super().setUp()
        path = self.tmp / "source"
        path.write_bytes(random.Random(5).randbytes(SIZE))
        self.upload(path, "x")
        links = self.customer.get(Customer).links
        self.holders = [self.member_of(links[at].node_id) for at in range(4)]
        size = Layout.of(4).piece_bytes(SIZE)
        self.blocks = [piece_file(member).read_bytes()[:size] for member in self.holders]
        self.asked: list[int] = []
        self.sent = [0] * 4
        for number, member in enumerate(self.holders):
            self.serve(number, member, size)
        self.gate: Deferred[None] | None = None

    def serve(self, number: int, member: Member, begins: int) -> None:
        """begins: bytes that come before the gate opens."""
        member.node.router.withdraw(PIECE_GET)

        async def send(_peer: Any, question: Any, stream: Any) -> None:
            self.asked.append(number)
            at = question.first * PIECE_BLOCK
            while at < len(self.blocks[number]):
                if at >= begins and self.gate is not None:
                    await self.gate
                await stream.write(self.blocks[number][at : at + 16384])
                at += 16384
                self.sent[number] = at

        member.node.router.serve_stream(PIECE_GET, send)

    def known(self) -> None:
        """Each of them has been read from."""
        for member in self.holders:
            self.customer.get(Speeds).note(member.node.node_id, 0.004, SIZE, 0.1)

    def gathering(self) -> Gathering:
        means = self.customer.get(Means)
        item = self.run_now(self.customer.catalog.find("master", "x"))
        assert item is not None
        version = self.run_now(self.customer.catalog.versions([item.id]))[item.id][0]
        pieces: list[Piece] = self.run_now(pieces_of(means, version))
        manifest = self.run_now(open_version(means, version, pieces)).manifest
        gathering = Gathering(means, manifest, pieces, "x", "x", ahead=2 * STEP)
        self.addCleanup(lambda: self.run_now(gathering.close()))
        return gathering

    def take(self, gathering: Gathering, step: int) -> list[int]:
        """The numbers of the pieces of which the next bytes came, and they are right."""
        parts = self.run_now(gathering.parts(step * 4, STEP), step=LOOK)
        for number, part in parts.items():
            self.assertEqual(b"".join(part), self.blocks[number][step * STEP : (step + 1) * STEP])
        return sorted(parts)

    def wait(self, seconds: float) -> None:
        for _ in range(round(seconds / LOOK)):
            self.clock.advance(LOOK)

    def late(self) -> Gathering:
        """The holder of piece 0 begins, and then lets wait for so long that another one is asked in its place."""
        self.known()
        self.gate = Deferred()
        self.serve(0, self.holders[0], 16384)
        gathering = self.gathering()
        self.assertEqual(self.take(gathering, 0), [1, 2])
        self.assertEqual(self.asked, [0, 1, 2])
        return gathering

    def test_who_is_late_catches_up_and_saves_the_decoding(self) -> None:
        gathering = self.late()
        assert self.gate is not None
        self.gate.callback(None)
        self.wait(0.1)
        for step in range(1, 9):
            self.assertEqual(self.take(gathering, step), [0, 1])
        # who was asked in its place has stopped
        self.assertLess(self.sent[2], len(self.blocks[2]))
        self.assertEqual(self.asked, [0, 1, 2])

    def test_who_comes_back_in_the_middle(self) -> None:
        gathering = self.late()
        for step in range(1, CATCH_UP):
            self.assertEqual(self.take(gathering, step), [1, 2])
        assert self.gate is not None
        self.gate.callback(None)
        self.wait(0.1)
        self.assertEqual(self.take(gathering, CATCH_UP), [0, 1])

    def test_who_does_not_catch_up_is_left(self) -> None:
        gathering = self.late()
        for step in range(1, CATCH_UP + 1):
            self.assertEqual(self.take(gathering, step), [1, 2])
        self.wait(0.1)
        assert self.gate is not None
        self.gate.callback(None)
        self.wait(0.1)
        self.assertEqual(self.take(gathering, CATCH_UP + 1), [1, 2])
        self.assertEqual(self.sent[0], 16384)
        self.assertFalse(self.customer.get(Ranking).order(self.pieces(), 2, SIZE)[0].number == 0)

    def pieces(self) -> list[Piece]:
        return [
            Piece(b"v" * 16, number, member.node.node_id, member.node.me.idurl, 1, "stored")
            for number, member in enumerate(self.holders)
        ]

    def test_who_is_silent_is_found_out_to_the_moment(self) -> None:
        self.known()
        self.gate = Deferred()
        for number in (0, 1):
            self.serve(number, self.holders[number], 0)
        before = self.clock.seconds()
        self.assertEqual(self.take(self.gathering(), 0), [2, 3])
        # asked, and answered; 2 ms each way
        self.assertLess(self.clock.seconds() - before, PATIENCE_LEAST + 0.02)

    def test_a_connection_that_breaks_makes_all_be_asked(self) -> None:
        self.known()
        self.gate = Deferred()
        for number in (0, 1):
            self.serve(number, self.holders[number], 0)
        gathering = self.gathering()
        before = self.clock.seconds()
        self.clock.callLater(0.01, self.network.cut, self.holders[0].node.name)
        self.assertEqual(self.take(gathering, 0), [2, 3])
        self.assertLess(self.clock.seconds() - before, PATIENCE_LEAST)

    def test_all_stop_in_the_middle(self) -> None:
        self.known()
        self.gate = Deferred()
        for number in (0, 1):
            self.serve(number, self.holders[number], STEP + 16384)
        gathering = self.gathering()
        self.assertEqual(self.take(gathering, 0), [0, 1])
        before = self.clock.seconds()
        self.assertEqual(self.take(gathering, 1), [2, 3])
        self.assertLess(self.clock.seconds() - before, PATIENCE_ALONE + 0.02)
        # they will not be asked first again
        self.run_now(gathering.close())
        self.assertEqual(
            [piece.number for piece in self.customer.get(Ranking).order(self.pieces(), 2, SIZE)][:2], [2, 3]
        )

    def test_silence_does_not_hide_who_was_caught(self) -> None:
        self.gate = Deferred()
        for number, member in enumerate(self.holders):
            self.serve(number, member, 0)
        gathering = self.gathering()
        for number in (0, 1):
            gathering.blame(number, "another hash")
        with self.assertRaises(Unavailable) as caught:
            self.run_now(gathering.parts(0, STEP), step=1.0)
        told = str(caught.exception)
        self.assertIn("no supplier has sent anything for 60 s (http://", told)
        self.assertEqual(told.count(": another hash"), 2)
