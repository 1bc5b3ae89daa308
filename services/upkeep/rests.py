"""
Versions that something was tried with in vain: missing pieces that could not be made, packs that could not be written
anew. Each rests for a while before it is tried again.
"""

from __future__ import annotations

from collections.abc import Container

#: Seconds that a version rests: at first, doubled each time, and at most.
REST_FIRST, REST_LONGEST = 15.0, 3600.0
#: Versions that have a rest of their own; some 5 MB.
KEPT = 20_000
#: The first bits of their ids tell which rest those beyond that share; ids are random, so that few share one.
SHARED_BITS = 12


class Rests:
    """
    Otherwise a supplier without room would be sent the same piece every minute, and a defect that strikes at one
    version would be logged as often.
    """

    def __init__(self) -> None:
        #: Until when, and for how long, each rests.
        self._until: dict[bytes, tuple[float, float]] = {}
        self._shared: dict[int, tuple[float, float]] = {}
        #: Of these some failed in this round.
        self._failing: set[int] = set()

    def __contains__(self, version: bytes) -> bool:
        """
        Whether it has a rest of its own.
        """
        return version in self._until

    def begin(self, now: float) -> None:
        """
        A round begins: those that share a rest were all tried when it was over, and now begins the next.
        """
        for share in self._failing:
            until, before = self._shared.get(share, (0.0, REST_FIRST / 2))
            # long since over: those who shared it are gone
            self._shared[share] = _longer(before if now - until <= 2 * REST_LONGEST else REST_FIRST / 2, now)
        self._failing.clear()

    def is_over(self, version: bytes, now: float) -> bool:
        """
        True if it may be tried; also if it never failed, while so few fail that each has a rest of its own.
        """
        until, _ = self._until.get(version) or self._shared.get(_share(version), (now, 0.0))
        return until <= now

    def failed(self, version: bytes, now: float) -> None:
        """
        It rests, twice as long as the last time.
        """
        if version in self._until or len(self._until) < KEPT:
            _, before = self._until.get(version) or self._shared.get(_share(version), (0.0, REST_FIRST / 2))
            self._until[version] = _longer(before, now)
        else:
            self._failing.add(_share(version))

    def forget(self, version: bytes) -> None:
        """
        Something was made of it: it is tried again at once.
        """
        self._until.pop(version, None)

    def keep(self, versions: Container[bytes]) -> None:
        """
        Forget all rests but these of those that have one of their own: the others are complete, or deleted.
        """
        for version in [one for one in self._until if one not in versions]:
            del self._until[version]

    def clear(self) -> None:
        """
        All may be tried: there are other suppliers than before.
        """
        self._until.clear()
        self._shared.clear()
        self._failing.clear()

    def next(self, now: float) -> float | None:
        """
        Seconds until the first rest is over; None if nothing rests.
        """
        rests = [until for until, _ in self._until.values()]
        # nobody may be left of those that share one that is over
        rests += [until for until, _ in self._shared.values() if until > now]
        return min(rests) - now if rests else None


def _share(version: bytes) -> int:
    return int.from_bytes(version[:4].ljust(4, b"\0")) >> (32 - SHARED_BITS)


def _longer(before: float, now: float) -> tuple[float, float]:
    rest = min(2 * before, REST_LONGEST)
    return now + rest, rest
