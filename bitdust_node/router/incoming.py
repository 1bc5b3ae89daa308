"""
What a session receives: some frames in each turn of the reactor, and no more bytes than the node may.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.logger import Logger

from bitdust_node.clock import Clock, DelayedCall
from bitdust_node.errors import BitDustError, Failed, Invalid
from bitdust_node.router.bandwidth import Pace
from bitdust_node.router.transport import Pipe
from bitdust_node.wire.frames import Data, Frame, FrameReader

#: Seconds after which a session that has received too much looks again.
REST = 1.0


class Incoming:
    """
    The receiving side of one session.

    deal: is given the frames of one turn. broken: is told once when nothing more can be read. pace: how fast bytes may
    come, or None.

    Until `serve` the session itself pauses the pipe.
    """

    log = Logger()

    def __init__(
        self,
        pipe: Pipe,
        clock: Clock,
        pace: Pace | None,
        deal: Callable[[list[Frame | Data]], None],
        broken: Callable[[BitDustError], None],
    ) -> None:
        self._pipe, self._clock, self._pace, self._deal, self._broken = pipe, clock, pace, deal, broken
        self._reader = FrameReader()
        self._serving = self._over = False
        # while the pipe is paused
        self._rest: DelayedCall | None = None
        # for how long the limit has held it so far, and since when it does now
        self._limited, self._limited_since = 0.0, -1.0
        # what to do when the pipe is gone and all that it has brought was dealt with
        self._lost: Callable[[], None] | None = None

    @property
    def waiting(self) -> int:
        """Bytes that came and were not yet cut into frames."""
        return len(self._reader.waiting)

    @property
    def resting(self) -> bool:
        """True while the pipe is paused."""
        return self._rest is not None

    @property
    def limited(self) -> float:
        """Seconds for which nothing was read as the node may receive no more bytes."""
        now = self._clock.seconds()
        return self._limited + (now - self._limited_since if self._limited_since >= 0 else 0.0)

    def serve(self) -> None:
        """
        What comes is wanted from now on.
        """
        self._serving = not self._over
        self._pipe.resume_reading()
        self._look()

    def received(self, data: bytes | memoryview) -> None:
        """
        Bytes came; they are not needed any more when this returns.
        """
        if self._pace is not None:
            self._pace.spend(len(data))
        self._read(data)
        self._look()

    def dropped(self, size: int) -> None:
        """
        Bytes came after the end, which nobody reads: they count all the same, and no more of them are taken from the
        system than the node may receive.
        """
        if self._pace is not None:
            self._pace.spend(size)
            self._drop_on()

    def lost(self, then: Callable[[], None]) -> None:
        """
        The pipe is gone: call `then` when what came before was dealt with.
        """
        if self._over:
            if self._rest is not None and self._rest.active():
                self._rest.cancel()
            then()
        elif self.waiting and self._rest is not None and self._rest.active():
            self._lost = then
        else:
            then()

    def clear(self) -> None:
        """
        Nothing more is dealt with.
        """
        self._over, self._serving = True, False
        if self._rest is not None and self._rest.active():
            self._rest.cancel()
        then, self._lost = self._lost, None
        if then is not None:
            then()

    def _drop_on(self) -> None:
        seconds = self._pace.rest() if self._pace is not None else 0.0
        if not seconds:
            self._pipe.resume_reading()
            return
        self._pipe.pause_reading()
        if self._rest is None or not self._rest.active():
            self._rest = self._clock.callLater(min(seconds, REST), self._drop_on)

    def _read(self, data: bytes | memoryview) -> None:
        if self._over:
            return
        try:
            frames = self._reader.feed(data)
        except Invalid as error:
            self._broken(error)
        else:
            self._deal(frames)

    def _look(self) -> None:
        """
        Read on only when all frames that came were dealt with and the node may receive more; what the system has
        received already waits in its buffers.
        """
        if not self._serving:
            return
        seconds = self._pace.rest() if self._pace is not None else 0.0
        if bool(seconds) != (self._limited_since >= 0):
            self._limited, self._limited_since = self.limited, self._clock.seconds() if seconds else -1.0
        if self._reader.waiting or seconds:
            if self._rest is None:
                self._pipe.pause_reading()
            if self._rest is None or not self._rest.active():
                # not at once to the end, as the limit may be changed meanwhile
                self._rest = self._clock.callLater(0 if self._reader.waiting else min(seconds, REST), self._go_on)
        elif self._rest is not None:
            self._rest = None
            self._pipe.resume_reading()

    def _go_on(self) -> None:
        try:
            if self._reader.waiting:
                self._read(b"")
        except Exception:  # noqa: BLE001 - a defect ends the session, as that of a call by the pipe does
            self.log.failure("{remote} has sent what this node fails at", remote=self._pipe.remote)
            self._broken(Failed("a defect of this node"))
        if self._lost is not None and not self._reader.waiting:
            self.clear()
        self._look()
