"""
Where heavy calls run: a pool of threads beside the reactor, or in place for simulated nodes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, Protocol, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorFromThreads
from twisted.internet.threads import deferToThreadPool
from twisted.python.threadpool import ThreadPool

P = ParamSpec("P")
T = TypeVar("T")


class Workers(Protocol):
    """
    Runs a function that would hold the reactor for too long, and answers with its result.
    """

    async def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T: ...

    def stop(self) -> None:
        """Wait for what is running and end the threads."""


class ThreadWorkers:
    """
    Up to `size` threads; calls beyond that wait their turn.
    """

    def __init__(self, reactor: IReactorFromThreads, size: int = 4, name: str = "workers") -> None:
        self._reactor = reactor
        self._pool = ThreadPool(minthreads=0, maxthreads=size, name=name)
        self._pool.start()

    async def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        answer: Deferred[T] = deferToThreadPool(self._reactor, self._pool, function, *args, **kwargs)
        return await answer

    def stop(self) -> None:
        self._pool.stop()


class InlineWorkers:
    """
    Runs the call at once where it stands: for simulations under a virtual clock.
    """

    async def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        return function(*args, **kwargs)

    def stop(self) -> None:
        return
