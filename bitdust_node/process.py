"""
The running process as its API shows it.
"""

from __future__ import annotations

from collections.abc import Callable


class Process:
    """
    Who we are, since when, and how to end.

    pid: number of the process. started: unix seconds.
    """

    def __init__(self, pid: int, started: float, stop: Callable[[], None], restart: Callable[[], None]) -> None:
        self.pid = pid
        self.started = started
        #: Longest time, in seconds, that the reactor was held by one piece of work.
        self.worst_lag = 0.0
        self._stop, self._restart = stop, restart

    def request_stop(self) -> None:
        """
        End the process in order. Returns before that begins, so that the answer can still be sent.
        """
        self._stop()

    def request_restart(self) -> None:
        """
        End the process in order and run the same command again.
        """
        self._restart()
