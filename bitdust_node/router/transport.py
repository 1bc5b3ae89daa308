"""
What the router expects of a transport, of its sessions and of their streams.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from bitdust_node.errors import BitDustError
from bitdust_node.identity.document import Document
from bitdust_node.identity.names import NodeId
from bitdust_node.wire.packet import Opening


class Stream(Protocol):
    """
    Bulk data to and from one peer, in order, both directions, with backpressure.
    """

    bytes_in: int
    bytes_out: int
    #: Bytes that it will bring or take altogether, for the progress that people see; -1 if nobody has said it.
    bytes_total: int

    @property
    def id(self) -> int:
        """Number of the stream in its session."""

    @property
    def incoming(self) -> bool:
        """True if the peer has opened it."""

    @property
    def peer(self) -> NodeId:
        """Who is at the other end."""

    @property
    def limited(self) -> float:
        """Seconds so far for which nothing was read of the peer, as this node may receive no more bytes a second."""

    async def write(self, *data: bytes | bytearray | memoryview) -> None:
        """
        Send data of any size, one part after the other. Waits while the window of the reader or the buffer of the
        session is full; when it returns or raises, the memory may be used again. Raises Closed, or the error of the
        other side.
        """

    async def read(self) -> bytes:
        """
        The next bytes in order, as many as one read of the pipe has brought; b"" when the other side has finished.
        Raises Closed, or its error.
        """

    async def read_exactly(self, n: int) -> bytes:
        """That many bytes; raises Closed if the stream ends before."""

    def finish(self) -> None:
        """No more from us; the other side reads b"" after all that was written."""

    def release(self) -> None:
        """Nobody uses the stream here any more: finish it, and let the other side know that nothing more is read."""

    def fail(self, error: BitDustError) -> None:
        """Give up both directions with an error that reads and writes of the other side raise too."""

    def reset(self, reason: str) -> None:
        """Give up both directions; reads and writes of the other side raise Closed with the reason."""


class Pipe(Protocol):
    """
    A private, ordered pipe of bytes to one peer, as a transport makes it below a session.
    """

    @property
    def remote(self) -> str:
        """Where the other end is, e.g. `127.0.0.1:7771`."""

    @property
    def host(self) -> str:
        """The part of `remote` that limits are counted by."""

    @property
    def peer_key(self) -> bytes:
        """The device key (DER) that the other end has proved to hold."""

    def write(self, data: bytes) -> None:
        """Send bytes, or buffer them; the pipe calls `pause` of its session when it has buffered enough."""

    def pause_reading(self) -> None:
        """Deliver nothing more until `resume_reading`."""

    def resume_reading(self) -> None:
        """Deliver again."""

    def close(self) -> None:
        """Send what is buffered, then close."""

    def abort(self) -> None:
        """Close at once."""


class Session(Protocol):
    """
    One authenticated connection to one peer.
    """

    @property
    def peer_id(self) -> NodeId:
        """The verified identity of the peer."""

    @property
    def device(self) -> bytes:
        """The device key (DER) of the peer: devices of one identity have different ones."""

    @property
    def document(self) -> Document:
        """The identity document that the peer has shown."""

    @property
    def scheme(self) -> str:
        """Scheme of the transport, e.g. `tcp`."""

    @property
    def remote(self) -> str:
        """Where the peer is, e.g. `127.0.0.1:7771`."""

    @property
    def host(self) -> str:
        """The part of `remote` that limits are counted by."""

    @property
    def dialled(self) -> bool:
        """True if this side has made the connection."""

    @property
    def state(self) -> str:
        """State of its machine, see automats/session.py."""

    @property
    def bytes_in(self) -> int:
        """Bytes received so far."""

    @property
    def bytes_out(self) -> int:
        """Bytes sent so far."""

    @property
    def queued(self) -> int:
        """Bytes of messages that wait to be sent."""

    @property
    def streams(self) -> Sequence[Stream]:
        """The streams that are open."""

    @property
    def on_closed(self) -> list[Callable[[Session, BitDustError], None]]:
        """Called once each, when the session is over."""

    def serve(self, on_message: Callable[[bytes], None], on_stream: Callable[[Stream, Opening], None]) -> None:
        """
        Call back with each message, and with each stream that the peer opens and what its OPEN frame says. What
        came before this call has waited for it.
        """

    def send(self, message: bytes) -> None:
        """Send one message, before all data of streams. Raises Closed, or Full when the peer takes too little."""

    def open_stream(self, opening: bytes, window: int) -> Stream:
        """Open a stream with the body of an OPEN frame; raises Closed or Full."""

    def close(self, reason: str = "") -> None:
        """Say good-bye and close; streams fail with Closed."""


Deliver = Callable[[Session], None]


class PacketTransport(Protocol):
    """
    A way by which bytes reach other nodes; a plugin of the entry point group `bitdust_node.transports`.
    """

    @property
    def scheme(self) -> str:
        """First part of the contacts that this transport serves, e.g. `tcp` of `tcp://10.0.0.1:7771`."""

    @property
    def address(self) -> str | None:
        """Where it listens, `host:port`; None while it does not."""

    async def listen(self, deliver: Deliver) -> None:
        """Accept peers: each session is delivered when it is authenticated."""

    async def connect(self, contact: str, peer: NodeId) -> Session:
        """
        An authenticated session with exactly that peer at this contact. Raises Unavailable when nobody answers
        and Refused when it is somebody else.
        """

    async def close(self) -> None:
        """Stop listening and close all sessions."""

    def sessions(self) -> list[Session]:
        """All sessions, also those that are still being made."""
