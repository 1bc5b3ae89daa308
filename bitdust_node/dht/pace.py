"""
How long to wait for an answer, and how many datagrams to take from one address.
"""

from __future__ import annotations

from collections import OrderedDict

from bitdust_node.dht.contact import kind_of

FIRST_WAIT = 1.0
SHORTEST_WAIT = 0.25
LONGEST_WAIT = 5.0

RATE = 200.0
BURST = 400.0
RATE_ALL = 2000.0
ADDRESSES = 4096


class RoundTrips:
    """
    Smoothed round trip and its variation for the addresses asked lately (the estimator of RFC 6298).
    """

    def __init__(self) -> None:
        self._known: OrderedDict[tuple[str, int], tuple[float, float]] = OrderedDict()

    def measured(self, host: str, port: int, seconds: float) -> None:
        known = self._known.pop((host, port), None)
        if known is None:
            smooth, varies = seconds, seconds / 2
        else:
            smooth, varies = known
            varies = 0.75 * varies + 0.25 * abs(smooth - seconds)
            smooth = 0.875 * smooth + 0.125 * seconds
        self._known[host, port] = smooth, varies
        while len(self._known) > ADDRESSES:
            self._known.popitem(last=False)

    def wait(self, host: str, port: int) -> float:
        """
        Seconds after which an answer is late.
        """
        known = self._known.get((host, port))
        if known is None:
            return FIRST_WAIT
        smooth, varies = known
        return min(LONGEST_WAIT, max(SHORTEST_WAIT, smooth + 4 * varies))


class Floods:
    """
    A token bucket for each address, and one for all. Loopback is free.
    """

    def __init__(self) -> None:
        self._levels: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def admits(self, host: str, now: float) -> bool:
        if kind_of(host) == "loopback":
            return True
        return self._take(host, RATE, BURST, now) and self._take("", RATE_ALL, RATE_ALL, now)

    def _take(self, name: str, rate: float, burst: float, now: float) -> bool:
        level, then = self._levels.pop(name, (burst, now))
        level = min(burst, level + rate * max(0.0, now - then))
        admitted = level >= 1.0
        self._levels[name] = (level - 1.0 if admitted else level, now)
        while len(self._levels) > ADDRESSES:
            self._levels.popitem(last=False)
        return admitted
