"""
Where heavy calls run: a few threads beside the reactor, or in place for simulated nodes.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue
from threading import Thread, current_thread
from typing import Any, ParamSpec, Protocol, TypeVar

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IReactorFromThreads
from twisted.python.failure import Failure

from bitdust_node.errors import Closed

P = ParamSpec("P")
T = TypeVar("T")


class Workers(Protocol):
    """
    Runs a function that would hold the reactor for too long, and answers with its result.
    """

    async def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T: ...

    def stop(self) -> Deferred[None]:
        """End the threads once they have done all that waits; fires when they are gone."""

    def apart(self, size: int, name: str) -> Workers:
        """Others, for calls that may wait for something else for long: nobody who needs these waits for that."""


class ThreadWorkers:
    """
    Up to `size` threads, made when they are needed; calls beyond that wait their turn.

    Results that come while the reactor is busy wake it once for all of them. Twisted's own pool wakes it for each and
    hands every call on by several queues, which costs more than most of what a small file needs.
    """

    def __init__(self, reactor: IReactorFromThreads, size: int = 4, name: str = "workers") -> None:
        self._reactor, self._size, self._name = reactor, size, name
        self._calls: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._results: deque[tuple[Deferred[Any], Any]] = deque()
        self._threads: list[Thread] = []
        #: Calls that wait or run.
        self._busy = 0
        self._woken = False
        self._ended: Deferred[None] = Deferred()

    async def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        if self._ended.called:
            raise Closed("the workers have ended")
        answer: Deferred[T] = Deferred()

        def call() -> None:
            try:
                result: T | Failure = function(*args, **kwargs)
            except BaseException:  # noqa: BLE001 - the border of the thread: whoever waits gets it
                result = Failure()
            self._results.append((answer, result))
            # read after the append: either the reactor still comes for this result, or it is woken here
            if not self._woken:
                self._woken = True
                self._reactor.callFromThread(self._deliver)

        self._busy += 1
        if self._busy > len(self._threads) < self._size:
            self._begin()
        self._calls.put(call)
        return await answer

    def stop(self) -> Deferred[None]:
        # never joined: a thread that hangs in a broken disk must not hold the reactor
        if not self._threads and not self._ended.called:
            self._ended.callback(None)
        for _ in self._threads:
            self._calls.put(None)
        return self._ended

    def apart(self, size: int, name: str) -> ThreadWorkers:
        return ThreadWorkers(self._reactor, size, name)

    def _begin(self) -> None:
        thread = Thread(target=self._work, name=f"{self._name} {len(self._threads) + 1}", daemon=True)
        self._threads.append(thread)
        thread.start()

    def _work(self) -> None:
        _stand_back()
        while (call := self._calls.get()) is not None:
            call()
            # what the call holds is not kept until the next one comes
            del call
        self._reactor.callFromThread(self._gone, current_thread())

    def _gone(self, thread: Thread) -> None:
        self._threads.remove(thread)
        if not self._threads:
            self._ended.callback(None)

    def _deliver(self) -> None:
        self._woken = False
        while self._results:
            answer, result = self._results.popleft()
            self._busy -= 1
            answer.callback(result)


def _stand_back() -> None:
    """
    Never take the processor from the reactor, ours or that of another process, but wait until it is free: for the one
    who computes it does not matter, and for the one who serves others it does. Linux alone knows this.
    """
    if hasattr(os, "SCHED_BATCH"):
        with suppress(OSError):
            os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))


class InlineWorkers:
    """
    Runs the call at once where it stands: for simulations under a virtual clock.
    """

    async def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        return function(*args, **kwargs)

    def stop(self) -> Deferred[None]:
        return succeed(None)

    def apart(self, size: int, name: str) -> InlineWorkers:
        return self
