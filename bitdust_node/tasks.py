"""
Coroutines that run beside their owner: none runs unowned, none fails unheard, all end with their owner.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.logger import Logger
from twisted.python.failure import Failure

from bitdust_node.clock import Clock
from bitdust_node.waiting import sleep


class Tasks:
    """
    The tasks of one owner. `name` says in the log whose they are.
    """

    log = Logger()

    def __init__(self, name: str) -> None:
        self.name = name
        self._running: dict[Deferred[None], str] = {}
        self._stopped = False
        self._ends: list[Deferred[None]] = []

    def __len__(self) -> int:
        return len(self._running)

    def running(self) -> list[str]:
        """
        What the tasks do, oldest first.
        """
        return list(self._running.values())

    def spawn(self, what: str, coroutine: Coroutine[Any, Any, object]) -> Deferred[None]:
        """
        Run a coroutine. The Deferred fires with None when it ended, also when it failed: then the failure was logged.

        After `stop` nothing is started any more.
        """
        if self._stopped:
            coroutine.close()
            return succeed(None)
        task: Deferred[None] = Deferred.fromCoroutine(self._guard(what, coroutine))
        if not task.called:
            self._running[task] = what
            task.addBoth(self._ended, task)
        # a Deferred of its own, so that nobody but us can cancel the task or eat its end
        told: Deferred[None] = Deferred()
        task.addCallback(told.callback)
        return told

    def every(
        self, seconds: float, what: str, function: Callable[[], Awaitable[object]], clock: Clock, at_once: bool = False
    ) -> Deferred[None]:
        """
        Call `function` again and again until `stop`, `seconds` after it ended; a failure is logged and ends nothing.
        """
        return self.spawn(what, self._again(seconds, what, function, clock, at_once))

    async def stop(self) -> None:
        """
        Cancel all tasks and wait for their ends. Not to be awaited from inside one of them.
        """
        # only once: a second cancel would end the last words of a task too
        waiting, self._stopped = self._stopped, True
        for task in [] if waiting else list(self._running):
            task.cancel()
        if self._running:
            ended: Deferred[None] = Deferred()
            self._ends.append(ended)
            await ended

    async def _guard(self, what: str, coroutine: Coroutine[Any, Any, object]) -> None:
        try:
            await coroutine
        except CancelledError:
            return
        except Exception:  # noqa: BLE001 - the border of the task: its failure belongs to the log
            self._tell(what)

    async def _again(
        self, seconds: float, what: str, function: Callable[[], Awaitable[object]], clock: Clock, at_once: bool
    ) -> None:
        if not at_once:
            await sleep(clock, seconds)
        while not self._stopped:
            try:
                await function()
            except CancelledError:
                raise
            except Exception:  # noqa: BLE001 - the next round may be better
                self._tell(what)
            await sleep(clock, seconds)

    def _tell(self, what: str) -> None:
        self.log.failure("{owner}: {what} failed", Failure(), owner=self.name, what=what)

    def _ended(self, result: None, task: Deferred[None]) -> None:
        del self._running[task]
        if not self._running:
            ends, self._ends = self._ends, []
            for ended in ends:
                ended.callback(None)
