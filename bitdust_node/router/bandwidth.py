"""
How many bytes a second a node may send and receive, all its sessions together.
"""

from __future__ import annotations

from collections.abc import Callable

from bitdust_node.clock import Clock, DelayedCall
from bitdust_node.config.config import Config

SEND, RECEIVE = "services/network/send-limit", "services/network/receive-limit"
#: Seconds whose bytes may be saved up.
BURST = 0.1
#: Seconds that are worth waiting.
SHORTEST = 0.001

Turn = Callable[[], object]


class Pace:
    """
    A bucket of bytes that fills with `rate` a second; 0 is no limit. It may be overdrawn by what is under way anyway.
    Who finds it empty waits in a queue, and all that wait get their turns one after the other.
    """

    def __init__(self, rate: int, clock: Clock) -> None:
        self._rate, self._clock = rate, clock
        self._level = rate * BURST
        self._at = clock.seconds()
        self._waiting: dict[Turn, None] = {}
        self._served: Turn | None = None
        self._planned: DelayedCall | None = None

    @property
    def rate(self) -> int:
        """Bytes a second."""
        return self._rate

    @rate.setter
    def rate(self, value: int) -> None:
        self._fill()
        self._rate = value
        self._level = min(self._level, value * BURST)
        self._plan()

    def spend(self, size: int) -> None:
        """
        So many bytes went or came.
        """
        if self._rate:
            self._fill()
            self._level -= size

    def rest(self) -> float:
        """
        Seconds until there are bytes to spend again; 0 if there are.
        """
        if not self._rate:
            return 0.0
        self._fill()
        # clocks do not see moments that are shorter
        return max(SHORTEST, -self._level / self._rate) if self._level < 0 else 0.0

    def allows(self, turn: Turn) -> bool:
        """
        True if bytes may go now: there are some, and nobody else waits for them.
        """
        if not self._rate:
            return True
        return self.rest() == 0 and (not self._waiting or self._served == turn)

    def wait(self, turn: Turn) -> None:
        """
        Call back when it is the turn of the caller; that is once, and only while `allows` is true for it.
        """
        self._waiting[turn] = None
        self._plan()

    def leave(self, turn: Turn) -> None:
        """
        Wait no longer.
        """
        self._waiting.pop(turn, None)

    def _fill(self) -> None:
        now = self._clock.seconds()
        self._level = min(self._rate * BURST, self._level + max(0.0, now - self._at) * self._rate)
        self._at = now

    def _plan(self) -> None:
        if self._planned is not None and self._planned.active():
            self._planned.cancel()
        self._planned = self._clock.callLater(self.rest(), self._serve) if self._waiting else None

    def _serve(self) -> None:
        self._planned = None
        while self._waiting and self.rest() == 0:
            turn = next(iter(self._waiting))
            del self._waiting[turn]
            self._served = turn
            try:
                turn()
            finally:
                self._served = None
        if self._planned is None:
            self._plan()


class Bandwidth:
    """
    The two paces of a node, as its options say; a change has effect at once.
    """

    def __init__(self, config: Config, clock: Clock) -> None:
        self.send = Pace(config.number(SEND), clock)
        self.receive = Pace(config.number(RECEIVE), clock)
        config.watch(SEND, lambda *_: self._follow(self.send, config.number(SEND)))
        config.watch(RECEIVE, lambda *_: self._follow(self.receive, config.number(RECEIVE)))

    def _follow(self, pace: Pace, rate: int) -> None:
        pace.rate = rate
