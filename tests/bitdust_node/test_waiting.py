from __future__ import annotations

from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.trial.unittest import SynchronousTestCase

from bitdust_node.errors import Failed, TimedOut
from bitdust_node.waiting import all_of, ended, shielded, sleep, within
from tests.clock import Clock


async def give(value: int) -> int:
    return value


class WithinTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()

    def tearDown(self) -> None:
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_gives_what_comes_in_time(self) -> None:
        answer: Deferred[int] = Deferred()
        waiting = Deferred.fromCoroutine(within(self.clock, 5, answer, "the answer"))
        self.clock.advance(4)
        answer.callback(7)
        self.assertEqual(self.successResultOf(waiting), 7)
        self.assertEqual(self.successResultOf(Deferred.fromCoroutine(within(self.clock, 5, give(8), "it"))), 8)

    def test_passes_errors_on(self) -> None:
        answer: Deferred[int] = Deferred()
        waiting = Deferred.fromCoroutine(within(self.clock, 5, answer, "the answer"))
        answer.errback(Failed("no"))
        self.failureResultOf(waiting, Failed)

    def test_cancels_what_takes_too_long(self) -> None:
        cancelled: list[object] = []
        answer: Deferred[int] = Deferred(cancelled.append)
        waiting = Deferred.fromCoroutine(within(self.clock, 2.5, answer, "the answer"))
        self.clock.advance(3)
        error = self.failureResultOf(waiting, TimedOut)
        self.assertEqual(str(error.value), "the answer took longer than 2.5 s")
        self.assertEqual(len(cancelled), 1)

    def test_leaves_behind_what_can_not_be_cancelled(self) -> None:
        held: Deferred[None] = Deferred()

        async def stubborn() -> int:
            try:
                await Deferred()
            except CancelledError:
                await held
            return 1

        waiting = Deferred.fromCoroutine(within(self.clock, 2, stubborn(), "it"))
        self.clock.advance(3)
        self.failureResultOf(waiting, TimedOut)
        held.callback(None)

    def test_can_be_cancelled(self) -> None:
        answer: Deferred[int] = Deferred()
        waiting = Deferred.fromCoroutine(within(self.clock, 2, answer, "it"))
        waiting.cancel()
        self.failureResultOf(waiting, CancelledError)
        self.assertTrue(answer.called)

    def test_cancelled_work_that_fails_otherwise_hides_nothing(self) -> None:
        async def sour() -> int:
            try:
                return await Deferred()
            except CancelledError:
                raise Failed("the disk is full") from None

        waiting = Deferred.fromCoroutine(within(self.clock, 2, sour(), "it"))
        waiting.cancel()
        self.failureResultOf(waiting, CancelledError)

    def test_sleep_can_be_cancelled(self) -> None:
        sleeping = Deferred.fromCoroutine(sleep(self.clock, 5))
        sleeping.cancel()
        self.failureResultOf(sleeping, CancelledError)


class ShieldedTests(SynchronousTestCase):
    def test_the_work_goes_on(self) -> None:
        work: Deferred[int] = Deferred()
        waiting = Deferred.fromCoroutine(shielded(work))
        waiting.cancel()
        self.failureResultOf(waiting, CancelledError)
        self.assertFalse(work.called)
        work.callback(1)

    def test_a_late_failure_is_nobodys(self) -> None:
        work: Deferred[int] = Deferred()
        Deferred.fromCoroutine(shielded(work)).addErrback(lambda _: None).cancel()
        work.errback(Failed("late"))

    def test_passes_results_on(self) -> None:
        self.assertEqual(self.successResultOf(Deferred.fromCoroutine(shielded(give(3)))), 3)


class EndedTests(SynchronousTestCase):
    def test_from_what_its_failure_has_woken(self) -> None:
        work: Deferred[int] = Deferred()

        async def wait() -> None:
            try:
                await shielded(work)
            finally:
                await ended(work)

        waiting = Deferred.fromCoroutine(wait())
        work.errback(Failed("the disk is full"))
        self.failureResultOf(waiting, Failed)

    def test_before_and_after(self) -> None:
        work: Deferred[int] = Deferred()
        waiting = Deferred.fromCoroutine(ended(work))
        self.assertNoResult(waiting)
        work.errback(Failed("the disk is full"))
        self.successResultOf(waiting)
        self.successResultOf(Deferred.fromCoroutine(ended(work)))


class AllOfTests(SynchronousTestCase):
    def test_results_and_errors_in_order(self) -> None:
        async def fail() -> int:
            raise Failed("no")

        late: Deferred[int] = Deferred()
        waiting = Deferred.fromCoroutine(all_of([give(1), fail(), late, succeed(4)]))
        self.assertNoResult(waiting)
        late.callback(3)
        first, error, third, fourth = self.successResultOf(waiting)
        self.assertEqual((first, third, fourth), (1, 3, 4))
        self.assertIsInstance(error, Failed)
        self.assertEqual(self.successResultOf(Deferred.fromCoroutine(all_of([]))), [])

    def test_limit(self) -> None:
        running: list[Deferred[None]] = []

        async def work(number: int) -> int:
            running.append(Deferred())
            await running[-1]
            return number

        waiting = Deferred.fromCoroutine(all_of((work(number) for number in range(5)), limit=2))
        self.assertEqual(len(running), 2)
        for number in range(5):
            running[number].callback(None)
            self.assertLessEqual(len(running), number + 3)
        self.assertEqual(self.successResultOf(waiting), [0, 1, 2, 3, 4])

    def test_cancel_ends_all(self) -> None:
        first: Deferred[int] = Deferred()
        second: Deferred[int] = Deferred()
        waiting = Deferred.fromCoroutine(all_of([first, second, give(1)], limit=1))
        waiting.cancel()
        self.failureResultOf(waiting, CancelledError)
        self.assertTrue(first.called and second.called)
