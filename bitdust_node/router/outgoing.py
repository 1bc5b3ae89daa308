"""
What a session has to send: small frames first, then the data of its streams in turn, as fast as the pipe takes them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Protocol

from bitdust_node.errors import Full
from bitdust_node.router.bandwidth import Pace
from bitdust_node.wire.frames import DATA_LIMIT, Kind, encode

#: Bytes of one stream that are handed to the pipe at once, four frames: what TLS makes of them stays in the cache of a
#: core, and memory for them is kept by each connection.
TURN = 4 * DATA_LIMIT


class Sendable(Protocol):
    """A stream that may have data to send."""

    @property
    def sendable(self) -> bool:
        """True if there are data to send and credit for them."""

    def pump(self, most: int) -> None:
        """Hand on up to `most` bytes of DATA frames."""


class Outgoing:
    """
    The sending side of one session.

    write: hands bytes to the pipe, which answers by `pause` when it has enough. most: bytes of small frames that may
    wait for a slow peer. pace: how fast data may go, or None.
    """

    def __init__(self, write: Callable[[bytes], None], most: int, pace: Pace | None) -> None:
        #: Bytes of small frames that wait.
        self.queued = 0
        self._write, self._most, self._pace = write, most, pace
        self._urgent: deque[bytes] = deque()
        self._ready: deque[Sendable] = deque()
        self._paused = False
        self._pumping = False

    def pause(self) -> None:
        """The pipe has buffered enough."""
        self._paused = True

    def resume(self) -> None:
        """The pipe takes more."""
        self._paused = False
        self._pump()

    def push(self, kind: Kind, stream: int, body: bytes) -> None:
        """
        Send a frame before all data; raises Full when too many wait already.
        """
        if self.queued > self._most:
            raise Full("the peer takes no more messages")
        frame = encode(kind, stream, body)
        if self._paused or self._urgent:
            self._urgent.append(frame)
            self.queued += len(frame)
        else:
            self._write(frame)

    def data(self, frames: bytes, size: int) -> None:
        """
        Write DATA frames with so many bytes of a stream.
        """
        if self._pace is not None:
            self._pace.spend(size)
        self._write(frames)

    def want(self, stream: Sendable) -> None:
        """
        Give a stream its turn.
        """
        if stream not in self._ready:
            self._ready.append(stream)
        self._pump()

    def clear(self) -> None:
        """
        Nothing more is sent.
        """
        if self._pace is not None:
            self._pace.leave(self._pump)
        self._urgent.clear()
        self.queued = 0
        self._ready.clear()

    def _pump(self) -> None:
        if self._pumping:
            return
        self._pumping = True
        try:
            while not self._paused:
                if self._urgent:
                    frame = self._urgent.popleft()
                    self.queued -= len(frame)
                    self._write(frame)
                elif not self._ready or not self._turn():
                    break
        finally:
            self._pumping = False

    def _turn(self) -> bool:
        """One turn of the stream that waits longest; False when none may send now."""
        most = TURN
        if self._pace is not None and self._pace.rate:
            if not self._pace.allows(self._pump):
                self._pace.wait(self._pump)
                return False
            # what a slow line has saved up is shared in small portions
            most = DATA_LIMIT
        stream = self._ready.popleft()
        if stream.sendable:
            stream.pump(most)
            if stream.sendable and stream not in self._ready:
                self._ready.append(stream)
        return True
