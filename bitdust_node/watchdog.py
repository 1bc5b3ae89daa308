"""
Measures how long the reactor is held by one piece of work.
"""

from __future__ import annotations

from twisted.logger import Logger

from bitdust_node.clock import Clock, DelayedCall
from bitdust_node.process import Process

#: Seconds between two looks: seldom enough to cost an idle node nothing.
INTERVAL = 0.25
#: Seconds that are worth a line in the log.
NOTABLE = 0.25


class Watchdog:
    """
    Asks to be called every quarter of a second; how much too late that happens is the lag.
    """

    log = Logger()

    def __init__(self, clock: Clock, process: Process) -> None:
        self._clock, self._process = clock, process
        self._expected = 0.0
        self._call: DelayedCall | None = None

    def start(self) -> None:
        self._expected = self._clock.seconds() + INTERVAL
        self._call = self._clock.callLater(INTERVAL, self._look)

    def stop(self) -> None:
        if self._call is not None and self._call.active():
            self._call.cancel()
        self._call = None

    def _look(self) -> None:
        lag = self._clock.seconds() - self._expected
        self._process.worst_lag = max(self._process.worst_lag, lag)
        if lag > NOTABLE:
            self.log.warn("the reactor was held for {lag:.3f} s", lag=lag)
        self.start()
