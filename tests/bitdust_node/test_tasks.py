from __future__ import annotations

from twisted.internet.defer import CancelledError, Deferred
from twisted.trial.unittest import SynchronousTestCase

from bitdust_node.tasks import Tasks
from bitdust_node.waiting import sleep
from tests.clock import Clock


class TasksTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.tasks = Tasks("tests")
        self.done: list[str] = []

    async def work(self, name: str, seconds: float) -> None:
        try:
            await sleep(self.clock, seconds)
            self.done.append(name)
        except CancelledError:
            self.done.append(f"{name} cancelled")
            raise

    def test_runs_to_the_end(self) -> None:
        ended = self.tasks.spawn("one", self.work("one", 5))
        self.assertEqual(self.tasks.running(), ["one"])
        self.clock.advance(5)
        self.assertEqual((self.done, len(self.tasks)), (["one"], 0))
        self.assertIsNone(self.successResultOf(ended))

    def test_a_failure_is_logged_with_its_name(self) -> None:
        async def fail() -> None:
            raise ZeroDivisionError

        self.assertIsNone(self.successResultOf(self.tasks.spawn("divide", fail())))
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.assertEqual(len(self.tasks), 0)

    def test_stop_cancels_and_waits(self) -> None:
        held: Deferred[None] = Deferred()

        async def slow_end() -> None:
            try:
                await Deferred()
            finally:
                await held

        self.tasks.spawn("one", self.work("one", 5))
        self.tasks.spawn("two", slow_end())
        stopped = Deferred.fromCoroutine(self.tasks.stop())
        again = Deferred.fromCoroutine(self.tasks.stop())
        self.assertEqual(self.done, ["one cancelled"])
        self.assertNoResult(stopped)
        held.callback(None)
        self.successResultOf(stopped)
        self.successResultOf(again)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_nothing_starts_after_stop(self) -> None:
        self.successResultOf(Deferred.fromCoroutine(self.tasks.stop()))
        self.successResultOf(self.tasks.spawn("late", self.work("late", 1)))
        self.clock.advance(2)
        self.assertEqual(self.done, [])

    def test_every_goes_on_after_failures_and_never_overlaps(self) -> None:
        runs: list[float] = []

        async def run() -> None:
            runs.append(self.clock.seconds())
            if len(runs) == 2:
                raise ZeroDivisionError
            await sleep(self.clock, 7)

        start = self.clock.seconds()
        self.tasks.every(10, "look", run, self.clock)
        self.clock.advance(50)
        self.assertEqual([at - start for at in runs], [10, 27, 37])
        self.flushLoggedErrors(ZeroDivisionError)
        self.successResultOf(Deferred.fromCoroutine(self.tasks.stop()))
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_every_at_once(self) -> None:
        async def run() -> None:
            self.done.append("run")

        self.tasks.every(10, "look", run, self.clock, at_once=True)
        self.assertEqual(self.done, ["run"])
        self.clock.advance(10)
        self.assertEqual(self.done, ["run"] * 2)
        self.successResultOf(Deferred.fromCoroutine(self.tasks.stop()))
