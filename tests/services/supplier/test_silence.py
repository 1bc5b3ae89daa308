"""
A store that says nothing at all, for minutes, while the supplier starts, works and stops.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from bitdust_node.errors import TimedOut
from bitdust_node.threads import InlineWorkers
from bitdust_node.wire.storage import PieceGet
from services.supplying.keeping import START_TIME, STOP_TIME
from services.supplying.store import LocalFolder
from tests.services.supplier.customer import make_grid, make_version


class Silent(InlineWorkers):
    """Workers whose calls hang, once `hang` was called, until `answer`."""

    def __init__(self) -> None:
        self._waiting: list[Deferred[None]] | None = None

    def hang(self) -> None:
        self._waiting = []

    def answer(self) -> None:
        waiting, self._waiting = self._waiting or [], None
        for one in waiting:
            one.callback(None)

    async def run(self, function: Any, *args: Any, **kwargs: Any) -> Any:
        if self._waiting is not None:
            # a thread is not cancelled: the call is made, if nobody waits for it any more too
            hanging: Deferred[None] = Deferred()
            answer: Deferred[Any] = Deferred()
            hanging.addCallback(lambda _: function(*args, **kwargs))
            hanging.addCallbacks(answer.callback, answer.errback)
            self._waiting.append(hanging)
            return await answer
        return function(*args, **kwargs)


class Silence(TestCase):
    def setUp(self) -> None:
        self.grid = make_grid(self)
        self.grid.run(self.grid.close())
        self.grid.store_workers = self.workers = Silent()
        self.grid.run(self.grid.open())
        self.grid.run(self.grid.lease())
        self.made = make_version(self.grid.key())

    def slowly(self, coroutine: Any, seconds: float) -> Deferred[Any]:
        """Begin, and let so much time go by."""
        done: Deferred[Any] = Deferred.fromCoroutine(coroutine)
        done.addErrback(lambda failure: failure)
        self.grid.clock.pump(20)
        self.grid.clock.advance(seconds)
        self.grid.clock.pump(20)
        return done

    def test_stops_in_time_and_what_ends_later_undoes_nothing(self) -> None:
        grid, made = self.grid, self.made
        grid.run(grid.put(made))
        grid.clock.pump(20)
        self.workers.hang()
        sending = self.slowly(grid.commit(made), 1)
        self.assertNoResult(sending)
        sending.addErrback(lambda _: None)
        self.successResultOf(self.slowly(grid.close(), STOP_TIME))
        hung, grid.store_workers = self.workers, Silent()
        grid.run(grid.open())
        grid.run(grid.store_piece(made))
        hung.answer()
        grid.clock.pump(20)
        self.assertEqual(grid.run(grid.get(PieceGet(made.version, 0)))[1], made.pieces[0])
        self.assertEqual(set(grid.files()), grid.booked())

    def test_start_tells_of_the_store(self) -> None:
        grid = self.grid
        grid.run(grid.close())
        self.workers.hang()
        started = self.slowly(grid.open(), START_TIME)
        error = self.failureResultOf(started, TimedOut)
        self.assertEqual(error.getErrorMessage(), "the first answer of the store of pieces took longer than 20 s")
        grid.run(grid.keeping.stop())
        self.workers.answer()
        grid.run(grid.open())
        grid.run(grid.store_piece(self.made))

    def test_trouble_that_is_over_is_forgotten(self) -> None:
        asked = []

        class Troubled(LocalFolder):
            def trouble(self) -> str:
                return "" if asked else "it does not answer"

            def tidy(self) -> None:
                asked.append(True)

        grid = self.grid
        grid.run(grid.close())
        grid.store = Troubled(Path(grid.folder / "pieces"), margin=0)
        grid.run(grid.open())
        grid.clock.advance(300)
        grid.clock.pump(5)
        self.assertEqual((len(asked), grid.store.trouble()), (1, ""))
