"""
One connection with one peer over a pipe of bytes: hello, then messages and streams, then good-bye.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger

from automats.machine import Listing, Machine
from automats.session import SESSION, Input, State
from bitdust_node.clock import Clock, DelayedCall
from bitdust_node.errors import BitDustError, Closed, Full, Invalid, Unavailable
from bitdust_node.identity.document import Document
from bitdust_node.identity.names import NodeId
from bitdust_node.router import transport
from bitdust_node.router.admission import Admission
from bitdust_node.router.bandwidth import Bandwidth
from bitdust_node.router.incoming import Incoming
from bitdust_node.router.outgoing import Outgoing
from bitdust_node.router.stream import CREDIT, SessionStream
from bitdust_node.tasks import Tasks
from bitdust_node.wire.frames import HEADER, Data, Frame, Kind, encode
from bitdust_node.wire.packet import Opening, unpack_opening, unpack_reason


@dataclass(frozen=True)
class Limits:
    """
    What one session may cost.

    queued: bytes of messages and other small frames that wait for a slow peer.
    streams: open streams that the peer has opened. windows: bytes of their windows together.
    held: bytes that are kept while the hello is being checked.
    quiet: seconds without a byte after which a ping is sent; after three times as long the peer is given up.
    """

    queued: int = 4 * 1024 * 1024
    streams: int = 1024
    windows: int = 128 * 1024 * 1024
    held: int = 512 * 1024
    quiet: float = 30.0


LIMITS = Limits()
PING = bytes(8)

OnMessage = Callable[[bytes], None]
OnStream = Callable[[transport.Stream, Opening], None]


class Session:
    """
    A session as `bitdust_node.router.transport.Session` describes it, for transports that have pipes.

    The pipe calls `opened`, `received`, `dropped`, `pause`, `resume` and `lost`.

    expected: who must answer, when this side has dialled.
    """

    log = Logger()

    def __init__(
        self,
        pipe: transport.Pipe,
        admission: Admission,
        clock: Clock,
        tasks: Tasks,
        *,
        scheme: str,
        dialled: bool,
        expected: NodeId | None = None,
        automats: Listing | None = None,
        limits: Limits = LIMITS,
        bandwidth: Bandwidth | None = None,
    ) -> None:
        self.scheme = scheme
        self.dialled = dialled
        self.bytes_in = 0
        self.bytes_out = 0
        self.on_closed: list[Callable[[transport.Session, BitDustError], None]] = []
        self._pipe = pipe
        self._admission = admission
        self._clock = clock
        self._tasks = tasks
        self._expected = expected
        self._limits = limits
        self._hello = b""
        self._held: list[Frame | Data] = []
        self._held_bytes = 0
        self._document: Document | None = None
        self._reason: BitDustError = Closed(f"{pipe.remote} did not finish its TLS handshake in time")
        self._waiting: list[Deferred[None]] = []
        self._on_message: OnMessage | None = None
        self._on_stream: OnStream | None = None
        self._outgoing = Outgoing(self._write, limits.queued, bandwidth.send if bandwidth is not None else None)
        self._incoming = Incoming(
            pipe,
            clock,
            bandwidth.receive if bandwidth is not None else None,
            self._dispatch,
            lambda error: self._end(Input.BROKEN, error),
        )
        #: Streams that got data from what the pipe has just brought.
        self._fed: dict[SessionStream, None] = {}
        self._streams: dict[int, SessionStream] = {}
        self._windows = 0
        self._incoming_streams = 0
        self._next_stream = 1 if dialled else 2
        self._last_incoming = 0
        self._heard = True
        self._silent = 0
        self._tick: DelayedCall | None = None
        self._by_kind: dict[Kind, Callable[[Frame], None]] = {
            Kind.MESSAGE: self._got_message,
            Kind.OPEN: self._got_open,
            Kind.CREDIT: self._got_credit,
            Kind.END: lambda frame: self._of(frame, SessionStream.ended),
            Kind.STOP: lambda frame: self._of(frame, SessionStream.stopped),
            Kind.RESET: lambda frame: self._of(frame, lambda stream: stream.broke(unpack_reason(frame.body))),
            Kind.PING: lambda frame: self.push(Kind.PONG, 0, frame.body),
            Kind.PONG: lambda frame: None,
        }
        name = f"session {scheme} {'to' if dialled else 'from'} {pipe.remote}"
        self._machine = Machine(SESSION, self, clock=clock, id=name, automats=automats)

    # --- for users ---

    @property
    def state(self) -> str:
        return str(self._machine.state).upper()

    @property
    def device(self) -> bytes:
        return self._pipe.peer_key

    @property
    def document(self) -> Document:
        if self._document is None:
            raise Unavailable("the peer has not yet said who it is")
        return self._document

    @property
    def peer_id(self) -> NodeId:
        return self.document.node_id

    @property
    def remote(self) -> str:
        return self._pipe.remote

    @property
    def host(self) -> str:
        return self._pipe.host

    @property
    def queued(self) -> int:
        return self._outgoing.queued

    @property
    def limited(self) -> float:
        return self._incoming.limited

    @property
    def streams(self) -> Sequence[transport.Stream]:
        return list(self._streams.values())

    @property
    def authenticated(self) -> bool:
        """True when the peer is known, also after the end."""
        return self._document is not None

    async def connected(self) -> None:
        """
        Wait until the peer is authenticated; raises why it was not.
        """
        if self._machine.state is State.CONNECTED:
            return
        if self._machine.state in (State.CLOSING, State.CLOSED):
            raise self._reason
        waiting: Deferred[None] = Deferred()
        self._waiting.append(waiting)
        await waiting

    def serve(self, on_message: OnMessage, on_stream: OnStream) -> None:
        self._on_message = on_message
        self._on_stream = on_stream
        held, self._held = self._held, []
        self._dispatch(held)
        self._incoming.serve()

    def send(self, message: bytes) -> None:
        self._check_connected()
        self.push(Kind.MESSAGE, 0, message)

    def open_stream(self, opening: bytes, window: int) -> SessionStream:
        self._check_connected()
        stream = SessionStream(self._next_stream, self, window, self._clock, incoming=False)
        self.push(Kind.OPEN, stream.id, opening)
        self._next_stream += 2
        self._streams[stream.id] = stream
        return stream

    def close(self, reason: str = "") -> None:
        self._end(Input.CLOSE, Closed(reason or "this node has closed the session"))

    # --- for the pipe ---

    def opened(self) -> None:
        """The pipe is private and `peer_key` is known."""
        self._reason = Closed(f"{self.remote} did not say who it is in time")
        self._machine.feed(Input.OPENED)

    def received(self, data: bytes | memoryview) -> None:
        """Bytes came; they are not needed any more when this returns."""
        self.bytes_in += len(data)
        self._heard = True
        self._incoming.received(data)

    def dropped(self, size: int) -> None:
        """Bytes came after good-bye, which the pipe has thrown away."""
        self.bytes_in += size
        self._incoming.dropped(size)

    def pause(self) -> None:
        """The pipe has buffered enough."""
        self._outgoing.pause()

    def resume(self) -> None:
        """The pipe takes more."""
        self._outgoing.resume()

    def lost(self, reason: str) -> None:
        """The pipe is gone."""
        self._incoming.lost(lambda: self._end(Input.LOST, Closed(reason)))

    # --- for streams ---

    def push(self, kind: Kind, stream: int, body: bytes = b"") -> None:
        """
        Send a frame before all data. Raises Full when the peer takes too little.
        """
        try:
            self._outgoing.push(kind, stream, body)
        except Full:
            error = Full(f"{self.remote} takes no more messages")
            if kind is Kind.MESSAGE or kind is Kind.OPEN:
                raise error from None
            # answers of the protocol itself can not wait: a peer that asks for so many reads nothing
            self._end(Input.BROKEN, error)

    def want(self, stream: SessionStream) -> None:
        """Give a stream its turn."""
        self._outgoing.want(stream)

    def write_data(self, frames: bytes, size: int) -> None:
        """Write DATA frames."""
        self._outgoing.data(frames, size)

    def forget(self, stream: SessionStream) -> None:
        """A stream is over."""
        if self._streams.pop(stream.id, None) is not None and stream.incoming:
            self._windows -= stream.window
            self._incoming_streams -= 1

    # --- actions of automats/session.py ---

    def send_hello(self) -> None:
        self._write(encode(Kind.HELLO, 0, self._admission.hello()))

    def check_hello(self) -> None:
        self._pipe.pause_reading()
        self._tasks.spawn(f"hello of {self.remote}", self._check())

    def report_connected(self) -> None:
        self._tick = self._clock.callLater(self._limits.quiet, self._watch)
        waiting, self._waiting = self._waiting, []
        for each in waiting:
            each.callback(None)

    def report_closed(self) -> None:
        if self._tick is not None and self._tick.active():
            self._tick.cancel()
        self._incoming.clear()
        self._outgoing.clear()
        self._held.clear()
        for callback in self.on_closed:
            callback(self, self._reason)
        streams, self._streams = self._streams, {}
        for stream in streams.values():
            stream.broke(self._reason if isinstance(self._reason, Closed) else Closed(str(self._reason)))
        waiting, self._waiting = self._waiting, []
        for each in waiting:
            each.errback(self._reason)

    def say_bye(self) -> None:
        self._pipe.write(encode(Kind.BYE, 0, str(self._reason).encode("utf-8")[:500]))

    def close_pipe(self) -> None:
        self._pipe.resume_reading()
        self._pipe.close()

    def abort_pipe(self) -> None:
        self._pipe.abort()

    # ---

    def _check_connected(self) -> None:
        if self._machine.state is not State.CONNECTED:
            raise Closed(f"the session with {self.remote} is {self.state.lower()}: {self._reason}")

    def _end(self, input: Input, reason: BitDustError) -> None:
        if not self._machine.finished and self._machine.state is not State.CLOSING:
            self._reason = reason
        self._machine.feed(input)

    async def _check(self) -> None:
        try:
            document = await self._admission.check(self._hello, self._pipe.peer_key, self._expected)
        except BitDustError as error:
            self._end(Input.REFUSED, error)
        except CancelledError:
            self._end(Input.REFUSED, Closed("this node stops"))
        else:
            if self._machine.state is State.CHECKING:
                self._document = document
                self._reason = Closed("the connection was lost")
                self._machine.id = f"session {self.scheme} {'to' if self.dialled else 'from'} {document.global_id}"
            self._machine.feed(Input.ACCEPTED)

    def _watch(self) -> None:
        if self._heard or self._incoming.resting:
            self._heard = False
            self._silent = 0
        else:
            self._silent += 1
            if self._silent >= 3:
                self._end(Input.SILENT, Closed(f"{self.remote} was silent for {3 * self._limits.quiet:g} s"))
                return
            self.push(Kind.PING, 0, PING)
        self._tick = self._clock.callLater(self._limits.quiet, self._watch)

    def _write(self, data: bytes) -> None:
        self.bytes_out += len(data)
        self._pipe.write(data)

    def _dispatch(self, frames: list[Frame | Data]) -> None:
        self._take(frames)
        # once for all that came, as each call of a reader costs as much as a frame
        while self._fed:
            self._fed.popitem()[0].wake()

    def _take(self, frames: list[Frame | Data]) -> None:
        for index, frame in enumerate(frames):
            state = self._machine.state
            if state is State.CONNECTED and self._on_message is not None:
                try:
                    if isinstance(frame, Data):
                        self._got_data(frame)
                    else:
                        self._by_kind.get(frame.kind, self._got_other)(frame)
                except Invalid as error:
                    self._end(Input.BROKEN, error)
            elif isinstance(frame, Frame) and frame.kind is Kind.BYE and state in (State.GREETING, State.CHECKING):
                self._got_other(frame)
            elif state is State.GREETING:
                self._greeted(frame)
            elif state is State.CHECKING or state is State.CONNECTED:
                self._hold(frames[index:])
                return

    def _greeted(self, frame: Frame | Data) -> None:
        if isinstance(frame, Data) or frame.kind is not Kind.HELLO:
            self._end(Input.BROKEN, Invalid(f"a session begins with HELLO, not with {frame.kind.name}"))
            return
        self._hello = frame.body
        self._machine.feed(Input.HELLO)

    def _hold(self, frames: list[Frame | Data]) -> None:
        self._held += [
            Data(frame.stream, memoryview(bytes(frame.body))) if isinstance(frame, Data) else frame for frame in frames
        ]
        self._held_bytes += sum(HEADER.size + len(frame.body) for frame in frames)
        if self._held_bytes + self._incoming.waiting > self._limits.held:
            self._end(Input.BROKEN, Invalid("too much was sent before the hello was accepted"))

    def _got_message(self, frame: Frame) -> None:
        assert self._on_message is not None
        self._on_message(frame.body)

    def _got_open(self, frame: Frame) -> None:
        assert self._on_stream is not None
        number = frame.stream
        if number % 2 != (self._next_stream + 1) % 2 or number <= self._last_incoming:
            raise Invalid(f"{number} can not be the number of a new stream")
        self._last_incoming = number
        opening = unpack_opening(frame.body)
        stream = SessionStream(number, self, opening.window, self._clock, incoming=True)
        self._streams[number] = stream
        self._windows += stream.window
        self._incoming_streams += 1
        if self._windows > self._limits.windows or self._incoming_streams > self._limits.streams:
            stream.fail(Full("too many streams are open in this session"))
        else:
            self._on_stream(stream, opening)

    def _got_data(self, frame: Data) -> None:
        stream = self._streams.get(frame.stream)
        if stream is not None:
            stream.received(frame.body)
            self._fed[stream] = None
        else:
            self._check_known(frame.stream)

    def _got_credit(self, frame: Frame) -> None:
        (credit,) = CREDIT.unpack(frame.body)
        self._of(frame, lambda stream: stream.granted(credit))

    def _got_other(self, frame: Frame) -> None:
        if frame.kind is not Kind.BYE:
            raise Invalid(f"{frame.kind.name} was not expected")
        text = frame.body.decode("utf-8", "replace")
        self._end(
            Input.BYE, Closed(f"the other side said: {text}" if text else "the other side has closed the session")
        )

    def _of(self, frame: Frame, act: Callable[[SessionStream], None]) -> None:
        stream = self._streams.get(frame.stream)
        if stream is not None:
            act(stream)
        else:
            self._check_known(frame.stream)

    def _check_known(self, number: int) -> None:
        """Late frames of a stream that is over mean nothing; frames of one that never was are a lie."""
        mine = number % 2 == self._next_stream % 2
        if number >= self._next_stream if mine else number > self._last_incoming:
            raise Invalid(f"there is no stream {number}")
