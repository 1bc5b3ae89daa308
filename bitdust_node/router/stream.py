"""
One stream of a session: its queue of bytes to send, its buffer of bytes to read, and the credit of both sides.
"""

from __future__ import annotations

from collections import deque
from itertools import islice
from struct import Struct
from typing import Protocol

from twisted.internet.defer import CancelledError, Deferred

from automats.machine import Machine
from automats.stream import STREAM, Input, State
from bitdust_node.clock import Clock
from bitdust_node.errors import BitDustError, Closed, Invalid
from bitdust_node.identity.names import NodeId
from bitdust_node.wire.frames import DATA_LIMIT, HEADER, Kind
from bitdust_node.wire.packet import pack_reason

Buffer = bytes | bytearray | memoryview

CREDIT = Struct(">I")
#: Chunks smaller than this are joined in the buffer, so that a million tiny frames are not a million objects.
SMALL = 4096
#: Parts of writes that are looked at for one turn.
TOGETHER = 1024
UNREAD = "the other side reads no more of this stream"


class Carrier(Protocol):
    """What a stream needs of its session."""

    @property
    def peer_id(self) -> NodeId: ...

    @property
    def limited(self) -> float:
        """Seconds for which the session read nothing as the node may receive no more bytes."""

    def write_data(self, frames: bytes, size: int) -> None:
        """Hand DATA frames to the pipe; size: bytes of the stream in them."""

    def push(self, kind: Kind, stream: int, body: bytes = b"") -> None:
        """Send another frame of the stream, before all data."""

    def want(self, stream: SessionStream) -> None:
        """The stream has data and credit: let it have its turn."""

    def forget(self, stream: SessionStream) -> None:
        """The stream is over."""


class Part:
    """A part of what is to be sent: what is left of it, and who waits for it (with the last one of a `write`)."""

    __slots__ = ("done", "rest")

    def __init__(self, rest: memoryview) -> None:
        self.rest = rest
        self.done: Deferred[None] | None = None


class SessionStream:
    """
    A stream as `bitdust_node.router.transport.Stream` describes it.

    window: bytes that may be under way in each direction before the reader grants more.
    """

    __slots__ = (
        "_allowed",
        "_carrier",
        "_credit",
        "_discarding",
        "_eaten",
        "_end_due",
        "_error",
        "_fresh",
        "_incoming",
        "_machine",
        "_queue",
        "_reader",
        "bytes_in",
        "bytes_out",
        "bytes_total",
        "id",
        "incoming",
        "window",
    )

    def __init__(self, id: int, carrier: Carrier, window: int, clock: Clock, incoming: bool) -> None:
        self.id = id
        self.window = window
        #: True if the peer has opened it.
        self.incoming = incoming
        self.bytes_in = 0
        self.bytes_out = 0
        self.bytes_total = -1
        self._carrier = carrier
        self._machine = Machine(STREAM, self, clock=clock)
        self._credit = window
        self._queue: deque[Part] = deque()
        self._allowed = window
        self._eaten = 0
        self._incoming: deque[bytes] = deque()
        # what has just come, where it lies: copied at once for all that one read of the pipe has brought
        self._fresh: list[memoryview] = []
        self._reader: Deferred[None] | None = None
        self._discarding = False
        self._end_due = False
        self._error: BitDustError | None = None

    @property
    def peer(self) -> NodeId:
        return self._carrier.peer_id

    @property
    def limited(self) -> float:
        return self._carrier.limited

    @property
    def state(self) -> str:
        return str(self._machine.state)

    @property
    def sendable(self) -> bool:
        """True if there are data to send and credit for them."""
        return bool(self._queue) and self._credit > 0

    # --- for users ---

    async def write(self, *data: Buffer) -> None:
        if self._error is not None:
            raise self._error
        if self._machine.state not in (State.OPEN, State.ONLY_WRITING):
            raise Closed("this stream was finished before")
        parts = [Part(memoryview(each).cast("B")) for each in data if len(each)]
        if not parts:
            return
        self._queue += parts
        self._carrier.want(self)
        last = parts[-1]
        if last.rest:
            if self._error is not None:
                raise self._error
            last.done = Deferred()
            try:
                await last.done
            except CancelledError:
                # the other side has a part of it: what follows would be garbage
                self.reset("the writer was stopped")
                self._cut_off()
                raise

    async def read(self) -> bytes:
        while not self._incoming:
            if self._error is not None:
                raise self._error
            if self._machine.state in (State.ONLY_WRITING, State.DONE):
                return b""
            if self._reader is not None:
                raise RuntimeError("a stream has one reader")
            self._reader = Deferred()
            try:
                await self._reader
            finally:
                self._reader = None
        chunk = self._incoming.popleft()
        self._eaten += len(chunk)
        if self._eaten * 2 >= self.window:
            self._grant()
        return chunk

    async def read_exactly(self, n: int) -> bytes:
        parts: list[bytes] = []
        missing = n
        while missing > 0:
            chunk = await self.read()
            if not chunk:
                raise Closed(f"the stream ended {missing} bytes too early")
            if len(chunk) > missing:
                self._incoming.appendleft(chunk[missing:])
                self._eaten -= len(chunk) - missing
                chunk = chunk[:missing]
            parts.append(chunk)
            missing -= len(chunk)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def finish(self) -> None:
        if self._machine.accepts(Input.FINISH):
            self._machine.feed(Input.FINISH)

    def reset(self, reason: str) -> None:
        self.fail(Closed(reason))

    # --- for the router and the session ---

    def fail(self, error: BitDustError) -> None:
        """
        Give up both directions with an error that the other side hears too.
        """
        if not self._machine.finished:
            self._error = error
            self._forget_incoming()
            self._machine.feed(Input.RESET)

    def release(self) -> None:
        """
        Nobody uses the stream here any more: finish it, and read nothing more of it.
        """
        self.finish()
        self._forget_incoming()
        if not self._machine.finished and not self._discarding:
            self._discarding = True
            self._carrier.push(Kind.STOP, self.id)

    def pump(self, most: int) -> None:
        """
        Hand up to `most` bytes of DATA frames to the session, at once; only when `sendable`.
        """
        frames: list[bytes | memoryview] = []
        sent: list[Part] = []
        left = size = min(most, self._credit, sum(len(part.rest) for part in islice(self._queue, TOGETHER)))
        while left:
            body = min(DATA_LIMIT, left)
            frames.append(HEADER.pack(body, Kind.DATA, self.id))
            left -= body
            while body:
                part = self._queue[0]
                chunk = part.rest[:body]
                frames.append(chunk)
                part.rest = part.rest[len(chunk) :]
                body -= len(chunk)
                if not part.rest:
                    sent.append(self._queue.popleft())
        self._credit -= size
        self.bytes_out += size
        self._carrier.write_data(b"".join(frames), size)
        for part in sent:
            if part.done is not None and not part.done.called:
                part.done.callback(None)
        if not self._queue and self._machine.state is not State.BROKEN:
            self._drained()

    def received(self, chunk: memoryview) -> None:
        """
        A part of a DATA frame came; the reader gets it by `wake`, which must follow before the memory is used again.
        Raises Invalid if the peer may not send it.
        """
        size = len(chunk)
        self._allowed -= size
        self.bytes_in += size
        if self._allowed < 0:
            raise Invalid(f"stream {self.id} got more than it has granted")
        if self._machine.state in (State.ONLY_WRITING, State.DONE):
            raise Invalid(f"stream {self.id} got data after its end")
        if self._discarding or self._error is not None:
            return
        self._fresh.append(chunk)

    def wake(self) -> None:
        """
        Take what came, and let the reader go on if one waits.
        """
        if self._fresh:
            if self._incoming and len(self._incoming[-1]) + sum(map(len, self._fresh)) <= SMALL:
                self._fresh.insert(0, memoryview(self._incoming.pop()))
            self._incoming.append(b"".join(self._fresh))
            self._fresh.clear()
        if self._reader is not None and not self._reader.called:
            self._reader.callback(None)

    def granted(self, credit: int) -> None:
        """
        The peer has read so much that it takes this many bytes more.
        """
        self._credit += credit
        if self._credit > self.window:
            raise Invalid(f"stream {self.id} was granted more than its window")
        if self._queue:
            self._carrier.want(self)

    def ended(self) -> None:
        """The peer sends no more."""
        if self._machine.state in (State.ONLY_WRITING, State.DONE):
            raise Invalid(f"stream {self.id} ended twice")
        self._machine.feed(Input.ENDED)

    def stopped(self) -> None:
        """The peer reads no more."""
        if self._machine.state is State.DONE:
            self._give_up_rest(Closed(UNREAD))
        else:
            self._machine.feed(Input.STOPPED)

    def broke(self, error: BitDustError) -> None:
        """The peer has reset the stream, or the session is gone."""
        if self._machine.state is State.DONE:
            self._give_up_rest(error)
        elif not self._machine.finished:
            self._error = error
            self._machine.feed(Input.BROKE)

    # --- actions of automats/stream.py ---

    def send_end(self) -> None:
        if self._queue:
            self._end_due = True
        else:
            self._carrier.push(Kind.END, self.id)

    def end_reading(self) -> None:
        self.wake()

    def end_writing(self) -> None:
        self._drop_queue(Closed(UNREAD))

    def cut_writing(self) -> None:
        if self._queue:
            self._drop_queue(Closed(UNREAD))
            self._carrier.push(Kind.END, self.id)

    def send_reset(self) -> None:
        assert self._error is not None
        self._carrier.push(Kind.RESET, self.id, pack_reason(self._error))

    def fail_all(self) -> None:
        assert self._error is not None
        self._drop_queue(self._error)
        self.wake()

    def leave(self) -> None:
        # what was written before the end is still to be sent
        if not self._queue or self._machine.state is State.BROKEN:
            self._carrier.forget(self)

    # ---

    def _forget_incoming(self) -> None:
        self._incoming.clear()
        self._fresh.clear()

    def _drained(self) -> None:
        if self._end_due:
            self._end_due = False
            self._carrier.push(Kind.END, self.id)
        if self._machine.state is State.DONE:
            self._carrier.forget(self)

    def _give_up_rest(self, error: BitDustError) -> None:
        # finished while a write was still waiting
        if self._queue:
            self._drop_queue(error)
            self._carrier.forget(self)

    def _cut_off(self) -> None:
        # finished before that write was done, so that `reset` came too late
        if self._queue:
            error = Closed("the writer was stopped")
            self._carrier.push(Kind.RESET, self.id, pack_reason(error))
            self._give_up_rest(error)

    def _drop_queue(self, error: BitDustError) -> None:
        queue, self._queue = self._queue, deque()
        for part in queue:
            if part.done is not None:
                part.done.errback(error)

    def _grant(self) -> None:
        if self._machine.state in (State.OPEN, State.ONLY_READING):
            self._carrier.push(Kind.CREDIT, self.id, CREDIT.pack(self._eaten))
            self._allowed += self._eaten
        self._eaten = 0
