"""
One call that is to come, for whoever works in rounds.
"""

from __future__ import annotations

from collections.abc import Callable

from bitdust_node.clock import Clock, DelayedCall


class Alarm:
    """
    Calls `ring` once at the earliest of the times that it was set to; then it is off.
    """

    def __init__(self, clock: Clock, ring: Callable[[], object]) -> None:
        self._clock, self._ring = clock, ring
        self._planned: DelayedCall | None = None
        self._at = 0.0

    def set(self, seconds: float) -> None:
        """
        Ring in so many seconds, unless it rings earlier anyway.
        """
        at = self._clock.seconds() + seconds
        if self._planned is not None:
            if self._at <= at:
                return
            self._planned.cancel()
        self._at, self._planned = at, self._clock.callLater(seconds, self._now)

    def off(self) -> None:
        """
        Do not ring.
        """
        if self._planned is not None:
            self._planned.cancel()
        self._planned = None

    def _now(self) -> None:
        # off before it rings: who hears it may set it anew
        self._planned = None
        self._ring()
