"""
A virtual clock for thousands of calls: a heap where `twisted.internet.task.Clock` sorts a list.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from itertools import count
from typing import Any


class VirtualCall:
    """A call that waits in a `Clock`."""

    __slots__ = ("args", "at", "function", "kwargs", "state")

    def __init__(self, at: float, function: Callable[..., object], args: Any, kwargs: Any) -> None:
        self.at, self.function, self.args, self.kwargs = at, function, args, kwargs
        self.state = "waiting"

    def active(self) -> bool:
        return self.state == "waiting"

    def cancel(self) -> None:
        assert self.state == "waiting", f"this call was {self.state} already"
        self.state = "cancelled"
        self.function, self.args, self.kwargs = _nothing, (), {}

    def getTime(self) -> float:
        return self.at


class Clock:
    """
    Time that moves only when it is told to; unix seconds from `start`.
    """

    def __init__(self, start: float = 1_800_000_000.0) -> None:
        self._now = start
        self._heap: list[tuple[float, int, VirtualCall]] = []
        self._order = count()

    def seconds(self) -> float:
        return self._now

    def callLater(self, delay: float, function: Callable[..., object], /, *args: Any, **kwargs: Any) -> VirtualCall:
        assert delay >= 0, f"{delay} s is in the past"
        call = VirtualCall(self._now + delay, function, args, kwargs)
        heapq.heappush(self._heap, (call.at, next(self._order), call))
        return call

    def getDelayedCalls(self) -> list[VirtualCall]:
        """The calls that wait, soonest first."""
        return [call for _, _, call in sorted(self._heap, key=lambda entry: entry[:2]) if call.active()]

    def advance(self, seconds: float) -> None:
        """
        Make all calls that are due within `seconds`, each at its time, also those that they ask for.
        """
        until = self._now + seconds
        while self._heap and self._heap[0][0] <= until:
            at, _, call = heapq.heappop(self._heap)
            if not call.active():
                continue
            self._now = max(self._now, at)
            call.state = "called"
            call.function(*call.args, **call.kwargs)
        self._now = until

    def pump(self, steps: int = 10, seconds: float = 0.0) -> None:
        """
        Advance several times by `seconds`: lets chains of calls without delay run to their end.
        """
        for _ in range(steps):
            self.advance(seconds)


def _nothing() -> None:
    return None
