from __future__ import annotations

import os
from threading import Barrier, current_thread

from twisted.internet import reactor
from twisted.internet.defer import CancelledError, Deferred
from twisted.trial.unittest import SkipTest, TestCase

from bitdust_node.errors import Closed
from bitdust_node.threads import ThreadWorkers
from bitdust_node.waiting import all_of


class ThreadWorkersTests(TestCase):
    def setUp(self) -> None:
        self.workers = ThreadWorkers(reactor, 3)  # type: ignore[arg-type]
        self.addCleanup(self.workers.stop)

    async def test_results_and_errors(self) -> None:
        self.assertEqual(await self.workers.run(divmod, 7, 2), (3, 1))
        with self.assertRaises(ZeroDivisionError):
            await self.workers.run(divmod, 7, 0)

    async def test_as_many_at_once_as_there_are_threads(self) -> None:
        # none of them passes before all have come
        barrier = Barrier(3, timeout=30)
        passed = await all_of([self.workers.run(barrier.wait) for _ in range(9)])
        self.assertEqual(sorted(passed), [0, 0, 0, 1, 1, 1, 2, 2, 2])

    async def test_never_on_the_thread_of_the_reactor(self) -> None:
        self.assertIsNot(await self.workers.run(current_thread), current_thread())

    async def test_who_is_cancelled_hears_it_at_once_and_the_call_goes_on(self) -> None:
        barrier = Barrier(2, timeout=30)
        waiting = Deferred.fromCoroutine(self.workers.run(barrier.wait))
        waiting.cancel()
        with self.assertRaises(CancelledError):
            await waiting
        await self.workers.run(barrier.wait)

    async def test_the_end_waits_for_what_was_asked_before(self) -> None:
        done: list[int] = []
        calls = [Deferred.fromCoroutine(self.workers.run(done.append, number)) for number in range(20)]
        await self.workers.stop()
        self.assertEqual(sorted(done), list(range(20)))
        await all_of(calls)
        with self.assertRaises(Closed):
            await self.workers.run(done.append, 21)

    async def test_workers_do_not_take_the_processor_from_the_reactor(self) -> None:
        if not hasattr(os, "SCHED_BATCH"):
            raise SkipTest("this system does not know such threads")
        self.assertEqual(await self.workers.run(os.sched_getscheduler, 0), os.SCHED_BATCH)
        self.assertEqual(os.sched_getscheduler(0), os.SCHED_OTHER)
