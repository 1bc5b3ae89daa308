"""
How fast something that takes long goes just now, and how long it will still take.
"""

from __future__ import annotations

from collections import deque

from bitdust_node.clock import Clock

#: Seconds over which the speed is the mean, and between two marks that are kept.
WINDOW, STEP = 5.0, 0.25


class Progress:
    """
    done: bytes so far. Memory: some twenty marks, however long it takes.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.done = 0
        self._marks: deque[tuple[float, int]] = deque([(clock.seconds(), 0)])

    def reached(self, done: int) -> None:
        """
        So many bytes are done; fewer than before, or the first after a restart: the speed begins afresh.
        """
        now = self._clock.seconds()
        if done < self.done:
            self._marks.clear()
        self.done = done
        if not self._marks or now - self._marks[-1][0] >= STEP:
            self._marks.append((now, done))
        self._forget(now)

    def begin(self, done: int) -> None:
        """
        So many bytes were done before: they are no speed.
        """
        self.done = done
        self._marks = deque([(self._clock.seconds(), done)])

    @property
    def rate(self) -> float:
        """
        Bytes a second in the last seconds.
        """
        now = self._clock.seconds()
        self._forget(now)
        since, before = self._marks[0]
        return (self.done - before) / max(STEP, now - since)

    def seconds_left(self, total: int) -> float:
        """
        Seconds until `total` bytes are done; -1 when that can not be said.
        """
        if 0 <= total <= self.done:
            return 0.0
        rate = self.rate
        return (total - self.done) / rate if rate > 0 and total >= 0 else -1.0

    def told(self, total: int) -> dict[str, float]:
        """
        As the API shows it. total: bytes in all, -1 when that is not known.
        """
        return {"bytes_per_second": round(self.rate), "seconds_left": round(self.seconds_left(total), 1)}

    def _forget(self, now: float) -> None:
        while len(self._marks) > 1 and self._marks[1][0] <= now - WINDOW:
            self._marks.popleft()


def percent(done: int, total: int) -> str:
    """
    `12.3%`, and `0%` when the total is not known.
    """
    return f"{min(100.0, 100 * done / total):.1f}%" if total > 0 else "0%"
