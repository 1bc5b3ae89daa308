"""
Versions whose missing pieces could not be made, and packs that could not be written anew: each rests for a while
before it is tried again.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Container

#: Seconds that a version rests: at first, doubled each time, and at most.
REST_FIRST, REST_LONGEST = 15.0, 3600.0
#: Versions of which it is kept; some 5 MB. Of more than that, those that failed first are tried again in each round.
KEPT = 20_000


class Rests:
    """
    Otherwise a supplier without room would be sent the same piece every minute.
    """

    def __init__(self) -> None:
        self._until: OrderedDict[bytes, tuple[float, float]] = OrderedDict()

    def __contains__(self, version: bytes) -> bool:
        return version in self._until

    def is_over(self, version: bytes, now: float) -> bool:
        """
        True if it may be tried; also if it never failed.
        """
        until, _ = self._until.get(version, (now, 0.0))
        return until <= now

    def failed(self, version: bytes, now: float) -> None:
        """
        It rests, twice as long as the last time.
        """
        _, before = self._until.pop(version, (0.0, REST_FIRST / 2))
        rest = min(2 * before, REST_LONGEST)
        self._until[version] = now + rest, rest
        while len(self._until) > KEPT:
            self._until.popitem(last=False)

    def forget(self, version: bytes) -> None:
        """
        Something was made of it: it is tried again at once.
        """
        self._until.pop(version, None)

    def keep(self, versions: Container[bytes]) -> None:
        """
        Forget all but these: the others are complete, or deleted.
        """
        for version in [one for one in self._until if one not in versions]:
            del self._until[version]

    def clear(self) -> None:
        """
        All may be tried: there are other suppliers than before.
        """
        self._until.clear()

    def next(self, now: float) -> float | None:
        """
        Seconds until the first rest is over; None if nothing rests.
        """
        if not self._until:
            return None
        return min(until for until, _ in self._until.values()) - now
