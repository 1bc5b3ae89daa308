from __future__ import annotations

import random
from itertools import count
from pathlib import Path

from twisted.trial.unittest import TestCase

from automats.scrub import LOOK_SECONDS, RETRY_SECONDS
from bitdust_node.errors import NotFound, Unavailable
from bitdust_node.pieces.object_file import object_name
from bitdust_node.wire.command import Nothing
from bitdust_node.wire.storage import PIECE_BAD, PIECE_DELETE, PieceBad, PieceDelete, PieceGet
from services.supplying.notices import TOLD_AGAIN
from services.supplying.scrub import PART, ROUND
from tests.services.supplier.customer import MEGABYTE, Made, make_grid, make_version


class ScrubTest(TestCase):
    def setUp(self) -> None:
        self.grid = make_grid(self)
        self.grid.run(self.grid.lease())
        self.grid.scrub_rate = MEGABYTE
        self.told: list[tuple[bytes, int]] = []

    def store(self, length: int = 2_000_000, seed: int = 0, index: int = 0) -> Made:
        made = make_version(self.grid.key(), length, seed=seed)
        self.grid.run(self.grid.store_piece(made, index))
        return made

    def object(self) -> Path:
        (path,) = (self.grid.folder / "pieces").glob("*/*")
        return path

    def listen(self) -> None:
        async def hear(peer: str, question: PieceBad) -> Nothing:
            self.told += [(piece.version, piece.index) for piece in question.pieces]
            return Nothing()

        self.grid.nodes[1].router.serve(PIECE_BAD, hear)

    def pass_by(self, seconds: float) -> None:
        self.grid.clock.pump(5)
        for _ in range(int(seconds)):
            self.grid.clock.advance(1)
        self.grid.clock.pump(20)

    def round(self) -> None:
        """A day with its round."""
        self.grid.clock.advance(ROUND + LOOK_SECONDS)
        self.grid.clock.pump(20)

    def test_good_ones(self) -> None:
        sizes = [self.store(length, seed).pieces[0] for seed, length in enumerate((0, 1, 30_000, 500_000, 2_000_000))]
        self.round()
        at = self.grid.keeping.scrub.progress
        self.assertEqual((at.objects, at.bytes, at.bad, at.rounds), (5, sum(map(len, sizes)), 0, 1))

    def test_pace_is_kept(self) -> None:
        self.store(8 * MEGABYTE)
        self.grid.scrub_rate = MEGABYTE // 10
        self.pass_by(LOOK_SECONDS + 20)
        self.assertEqual(self.grid.keeping.scrub.progress.rounds, 0)
        self.pass_by(30)
        self.assertEqual(self.grid.keeping.scrub.progress.rounds, 1)
        # and not more than one round a day
        self.pass_by(600)
        self.assertEqual(self.grid.keeping.scrub.progress.rounds, 1)

    def test_each_kind_of_damage_is_found_and_told(self) -> None:
        self.listen()
        made = self.store()
        path = self.object()
        good = path.read_bytes()
        size = len(made.pieces[0])
        damages = [good[:PART] + bytes([good[PART] ^ 1]) + good[PART + 1 :], good[:-1], b""]
        damages += [good[: size + 3] + b"x" + good[size + 4 :], bytes(size) + good[size:]]
        for damage in damages:
            path.write_bytes(damage)
            self.round()
            self.assertEqual((self.told, self.grid.keeping.scrub.progress.bad), ([(made.version, 0)], 1))
            # nothing is deleted, and it may be sent again
            self.assertEqual(path.read_bytes(), damage)
            self.grid.run(self.grid.store_piece(made))
            self.assertEqual(self.grid.run(self.grid.get(PieceGet(made.version, 0)))[1], made.pieces[0])
            self.told.clear()
        self.round()
        self.assertEqual((self.told, self.grid.keeping.scrub.damaged), ([], 0))

    def test_small_and_missing_ones(self) -> None:
        self.listen()
        small, large = self.store(100), self.store(seed=1)
        run, ledger = self.grid.run, self.grid.keeping.ledger
        run(ledger._database.run(lambda c: c.execute("UPDATE small SET data = zeroblob(300)")))
        self.object().unlink()
        self.round()
        self.assertEqual(sorted(self.told), sorted([(small.version, 0), (large.version, 0)]))
        self.grid.fails(NotFound, self.grid.commit(small))
        for made in (small, large):
            run(self.grid.store_piece(made))
            self.assertEqual(run(self.grid.get(PieceGet(made.version, 0)))[1], made.pieces[0])
        self.assertEqual(run(ledger.damage.count()), 0)

    def test_deleted_ones_are_not_told(self) -> None:
        self.listen()
        made = self.store()
        self.object().write_bytes(b"rubbish")
        self.grid.run(self.grid.ask(PIECE_DELETE, PieceDelete([made.version])))
        self.round()
        self.assertEqual((self.told, self.grid.run(self.grid.keeping.ledger.damage.count())), ([], 0))

    def test_who_was_away_is_told_when_he_comes(self) -> None:
        made = self.store()
        self.object().write_bytes(b"rubbish")
        self.grid.nodes[1].die()
        self.round()
        self.assertEqual(self.told, [])
        self.grid.run(self.grid.close())
        self.grid.run(self.grid.open())
        self.listen()
        self.grid.run(self.grid.lease())
        self.grid.clock.pump(20)
        self.assertEqual(self.told, [(made.version, 0)])
        # once a day while it is as it is
        self.pass_by(3700)
        self.assertEqual(len(self.told), 1)
        self.grid.clock.advance(TOLD_AGAIN)
        self.pass_by(3700)
        self.assertEqual(self.told, [(made.version, 0)] * 2)

    def test_who_does_not_listen_is_told_later(self) -> None:
        self.store()
        self.object().write_bytes(b"rubbish")
        self.round()
        self.listen()
        self.pass_by(3700)
        self.assertEqual(len(self.told), 1)

    def name_of(self, seed: int) -> str:
        """The object of a version of that seed."""
        return object_name(self.grid.nodes[1].node_id, random.Random(seed).randbytes(16), 0)

    def test_goes_on_after_a_restart(self) -> None:
        for seed in range(70):
            self.store(100, seed)
        # objects are read in the order of their names, which follow from the key of the customer: the large one last
        last = max(range(70), key=self.name_of)
        self.store(8 * MEGABYTE, next(seed for seed in count(70) if self.name_of(seed) > self.name_of(last)))
        self.grid.scrub_rate = MEGABYTE // 20
        self.pass_by(LOOK_SECONDS + 20)
        before = self.grid.keeping.scrub.progress
        self.assertTrue(0 < before.objects < 71)
        self.grid.run(self.grid.close())
        self.grid.run(self.grid.open())
        self.assertEqual(self.grid.keeping.scrub.progress, before)
        self.pass_by(LOOK_SECONDS + 100)
        at = self.grid.keeping.scrub.progress
        self.assertEqual((at.objects, at.rounds), (71, 1))

    def test_off(self) -> None:
        self.store(8 * MEGABYTE)
        self.grid.scrub_rate = MEGABYTE // 10
        self.pass_by(LOOK_SECONDS + 10)
        self.grid.scrub_rate = 0
        self.pass_by(600)
        self.assertEqual(self.grid.keeping.scrub.progress.rounds, 0)
        self.grid.scrub_rate = MEGABYTE
        self.pass_by(LOOK_SECONDS + 40)
        self.assertEqual(self.grid.keeping.scrub.progress.rounds, 1)

    def test_store_that_does_not_answer_means_nothing(self) -> None:
        self.store()
        store = self.grid.store
        real = store.leaves

        def away(name: str) -> bytes:
            raise Unavailable("the object store does not answer")

        store.leaves = away
        self.pass_by(LOOK_SECONDS + 40)
        self.assertEqual((self.grid.keeping.scrub.progress.objects, self.grid.keeping.scrub.damaged), (0, 0))
        store.leaves = real
        self.pass_by(RETRY_SECONDS)
        self.assertEqual((self.grid.keeping.scrub.progress.rounds, self.grid.keeping.scrub.damaged), (1, 0))
