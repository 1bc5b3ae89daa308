"""
How many pieces may be on their way at once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from bitdust_node.clock import Clock
from bitdust_node.errors import Full
from bitdust_node.identity.names import NodeId
from bitdust_node.router.transport import Stream

#: Transfers at once of one customer, and of all together.
CUSTOMER_LIMIT = 64
TOTAL_LIMIT = 512

#: Seconds after which a transfer that does not move is given up.
STALL = 300.0


class Transfers:
    """
    Counts what is going on; both directions together.
    """

    def __init__(self, customer_limit: int = CUSTOMER_LIMIT, total_limit: int = TOTAL_LIMIT) -> None:
        self._customer_limit, self._total_limit = customer_limit, total_limit
        self._running: Counter[NodeId] = Counter()

    def __len__(self) -> int:
        return self._running.total()

    @contextmanager
    def one(self, customer: NodeId) -> Iterator[None]:
        """
        While one transfer of a customer runs; `Full` when too many do already.
        """
        if self._running[customer] >= self._customer_limit:
            raise Full(f"{self._customer_limit} transfers are under way already: wait for one to end")
        if len(self) >= self._total_limit:
            raise Full("this supplier is busy: try again later")
        self._running[customer] += 1
        try:
            yield
        finally:
            self._running[customer] -= 1
            if not self._running[customer]:
                del self._running[customer]


class _Watch:
    def __init__(self, clock: Clock, stream: Stream) -> None:
        self._clock, self._stream = clock, stream
        self._moved = clock.seconds()
        self.call = clock.callLater(STALL, self._check)

    def note(self) -> None:
        self._moved = self._clock.seconds()

    def _check(self) -> None:
        left = self._moved + STALL - self._clock.seconds()
        if left > 0:
            self.call = self._clock.callLater(left, self._check)
        else:
            self._stream.reset(f"nothing has moved for {STALL:g} s")


@contextmanager
def watched(clock: Clock, stream: Stream) -> Iterator[Callable[[], None]]:
    """
    Reset the stream when nothing has moved for `STALL` seconds. Gives the call that says that something did.

    One timer for a whole transfer: to make one for each read would cost more than the read.
    """
    watch = _Watch(clock, stream)
    try:
        yield watch.note
    finally:
        if watch.call.active():
            watch.call.cancel()
