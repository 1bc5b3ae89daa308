"""
Pieces on their way out: one sender for each supplier, all of one version side by side.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence

from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger

from bitdust_node.clock import Clock, DelayedCall
from bitdust_node.errors import BitDustError, TimedOut
from bitdust_node.pieces.blocks import Buffer
from bitdust_node.progress import Progress
from bitdust_node.router.transport import Stream
from bitdust_node.waiting import all_of, started, within
from services.data_motion import DataMotion, Holder

#: Seconds that a supplier may take nothing before it is given up for this pass.
STALL_TIME = 30.0
#: Seconds that the last suppliers get to store their pieces, on top of the time that enough others have taken.
LAST_TIME = 5.0


class Sender:
    """
    One piece on its way to one supplier. error: why it was given up, or None.
    """

    def __init__(
        self, motion: DataMotion, clock: Clock, holder: Holder, version: bytes, number: int, pieces: int
    ) -> None:
        self.holder, self.number = holder, number
        self.error: BitDustError | None = None
        self._motion, self._clock, self._version, self._pieces = motion, clock, version, pieces
        self._stream: Stream | None = None
        #: What was handed on.
        self.progress = Progress(clock)

    async def write(self, blocks: Sequence[Buffer], total: int) -> None:
        if self._stream is None:
            # only now, so that all that belongs to a small piece travels at once
            self._stream = await self._motion.put(self.holder, self._version, self.number, self._pieces)
            self._stream.bytes_total = total
        writing = started(self._stream.write(*blocks))
        if not writing.called:
            what = f"supplier {self.holder.idurl} takes nothing:"
            writing = started(within(self._clock, STALL_TIME, writing, what))
        await writing
        self.progress.reached(self.progress.done + sum(len(block) for block in blocks))

    async def commit(self, manifest: bytes) -> None:
        if self._stream is not None:
            self._stream.finish()
        await self._motion.commit(self.holder, self._version, self.number, manifest)

    def give_up(self, reason: str) -> None:
        if self._stream is not None:
            self._stream.reset(reason)


class Senders:
    """
    All senders of a pass. One that fails is dropped; the others go on.
    """

    log = Logger()

    def __init__(
        self,
        motion: DataMotion,
        clock: Clock,
        version: bytes,
        receivers: dict[int, Holder],
        pieces: int,
        label: str,
        path: str,
    ) -> None:
        self._clock = clock
        #: Bytes of each piece, -1 while that is not known.
        self.total = -1
        self.alive = [Sender(motion, clock, holder, version, number, pieces) for number, holder in receivers.items()]
        #: Why the others were dropped, by number of the piece.
        self.errors: dict[int, BitDustError] = {}
        self._done: list[Callable[[], None]] = [
            motion.note(
                sender.holder, "outgoing", f"{label}/0-{sender.number}-Data", path, sender.progress, lambda: self.total
            )
            for sender in self.alive
        ]

    async def write(self, parts: Sequence[Sequence[Buffer]] | Mapping[int, Sequence[Buffer]]) -> None:
        """
        The next blocks of every piece, by number; returns when all were handed on.
        """
        await self._each([sender.write(parts[sender.number], self.total) for sender in self.alive])

    async def commit(self, manifest: bytes, enough: int = 0) -> list[int]:
        """
        The numbers of the pieces that are stored safely.

        enough: when so many are stored, the others are not waited for much longer; 0 waits for all.
        """
        last = _Last(self._clock, enough)
        try:
            await self._each([last.wait(sender.commit(manifest), sender.holder.idurl) for sender in self.alive])
        finally:
            last.close()
        return [sender.number for sender in self.alive]

    def close(self, reason: str = "") -> None:
        """
        Forget the pass; with a reason, what is still open is broken off.
        """
        for done in self._done:
            done()
        self._done = []
        for sender in self.alive if reason else ():
            sender.give_up(reason)

    async def _each(self, calls: Sequence[Awaitable[None]]) -> None:
        dropped = []
        for sender, result in zip(self.alive, await all_of(calls), strict=True):
            if isinstance(result, BitDustError):
                self.log.info(
                    "supplier {supplier} drops out of an upload: {error}", supplier=sender.holder.idurl, error=result
                )
                # its traceback would keep the blocks that were to be sent
                self.errors[sender.number] = result.with_traceback(None)
                sender.give_up(str(result))
                dropped.append(sender)
            elif isinstance(result, Exception):
                raise result
        self.alive = [sender for sender in self.alive if sender not in dropped]


class _Last:
    """
    Waits for many, but when `enough` have come not for ever for the last ones.
    """

    def __init__(self, clock: Clock, enough: int) -> None:
        self._clock, self._missing = clock, enough
        self._begun = clock.seconds()
        self._running: list[Deferred[None]] = []
        self._call: DelayedCall | None = None
        self._over = False

    async def wait(self, work: Awaitable[None], who: str) -> None:
        running = started(work)
        self._running.append(running)
        try:
            await running
        except CancelledError:
            if self._over:
                raise TimedOut(f"supplier {who} did not store its piece in time") from None
            raise
        self._missing -= 1
        if self._missing == 0:
            taken = self._clock.seconds() - self._begun
            self._call = self._clock.callLater(taken + LAST_TIME, self._give_up)

    def close(self) -> None:
        if self._call is not None and self._call.active():
            self._call.cancel()

    def _give_up(self) -> None:
        self._over = True
        for running in self._running:
            running.cancel()
