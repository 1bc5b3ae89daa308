"""
Frames: how a session cuts its bytes into messages and pieces of streams. Bytes in, frames out; see docs/wire.md.
"""

from __future__ import annotations

from enum import IntEnum
from struct import Struct
from typing import NamedTuple

from bitdust_node.errors import Invalid
from bitdust_node.wire.command import MESSAGE_LIMIT

HEADER = Struct(">IBI")

#: What a packet adds to the encoded question or answer that it carries.
ENVELOPE = 1024
#: Bytes of a stream in one DATA frame at most: with its header they fill four TLS records.
DATA_LIMIT = 64 * 1024 - HEADER.size
#: Frames that are dealt with at once: what a connection brings in one turn may be ten thousand of the smallest, and the
#: others wait meanwhile.
FRAMES = 256


class Kind(IntEnum):
    """What a frame is."""

    HELLO = 1
    MESSAGE = 2
    OPEN = 3
    DATA = 4
    CREDIT = 5
    END = 6
    STOP = 7
    RESET = 8
    PING = 9
    PONG = 10
    BYE = 11


#: Least and most bytes of the body of each kind.
LIMITS: dict[int, tuple[int, int]] = {
    Kind.HELLO: (1, MESSAGE_LIMIT),
    Kind.MESSAGE: (1, MESSAGE_LIMIT + ENVELOPE),
    Kind.OPEN: (1, MESSAGE_LIMIT + ENVELOPE),
    Kind.DATA: (1, DATA_LIMIT),
    Kind.CREDIT: (4, 4),
    Kind.END: (0, 0),
    Kind.STOP: (0, 0),
    Kind.RESET: (1, 2048),
    Kind.PING: (8, 8),
    Kind.PONG: (8, 8),
    Kind.BYE: (0, 512),
}
#: Kinds that belong to a stream and so carry its number; the others carry 0.
OF_STREAMS = frozenset({Kind.OPEN, Kind.DATA, Kind.CREDIT, Kind.END, Kind.STOP, Kind.RESET})


class Frame(NamedTuple):
    """
    A frame that came whole.
    """

    kind: Kind
    stream: int
    body: bytes


class Data(NamedTuple):
    """
    A part of a DATA frame, which is handed on as it comes. It lies where it was read: good until more is read.
    """

    stream: int
    body: memoryview

    @property
    def kind(self) -> Kind:
        """Always DATA."""
        return Kind.DATA


def encode(kind: Kind, stream: int = 0, body: bytes | memoryview = b"") -> bytes:
    """
    The bytes of one frame. A body that is too large or small for its kind raises Invalid.
    """
    least, most = LIMITS[kind]
    if not least <= len(body) <= most:
        raise Invalid(f"a {kind.name} frame carries {least} to {most} bytes, not {len(body)}")
    return b"".join((HEADER.pack(len(body), kind, stream), body))


class FrameReader:
    """
    Cuts what arrives into frames, `most` of them at once. Memory: at most one incomplete frame that is not DATA, and
    what waits.
    """

    def __init__(self, most: int = FRAMES) -> None:
        #: Bytes that came and that the next `feed` goes on with, perhaps of nothing new.
        self.waiting: bytes = b""
        self._most = most
        self._header = b""
        self._kind = Kind.HELLO
        self._stream = 0
        self._missing = 0
        self._parts: list[bytes] = []

    def feed(self, data: bytes | memoryview) -> list[Frame | Data]:
        """
        The frames that these bytes complete, up to `most`; the others wait. A header that lies raises Invalid; nothing
        may be fed afterwards.
        """
        frames: list[Frame | Data] = []
        view = memoryview(b"".join((self.waiting, data)) if self.waiting else data)
        at, end = 0, len(view)
        while at < end and len(frames) < self._most:
            if self._missing:
                part = view[at : at + self._missing]
                at += len(part)
                self._missing -= len(part)
                if self._kind is Kind.DATA:
                    frames.append(Data(self._stream, part))
                    continue
                self._parts.append(bytes(part))
                if not self._missing:
                    frames.append(Frame(self._kind, self._stream, b"".join(self._parts)))
                    self._parts.clear()
                continue
            if not self._header and end - at >= HEADER.size:
                fields = HEADER.unpack_from(view, at)
                at += HEADER.size
            else:
                need = HEADER.size - len(self._header)
                self._header += view[at : at + need]
                at += need
                if len(self._header) < HEADER.size:
                    break
                fields = HEADER.unpack(self._header)
                self._header = b""
            self._begin(*fields)
            if not self._missing:
                frames.append(Frame(self._kind, self._stream, b""))
        self.waiting = bytes(view[at:])
        return frames

    def _begin(self, length: int, kind: int, stream: int) -> None:
        limits = LIMITS.get(kind)
        if limits is None:
            raise Invalid(f"there is no frame of kind {kind}")
        self._kind = Kind(kind)
        if not limits[0] <= length <= limits[1]:
            raise Invalid(f"a {self._kind.name} frame carries {limits[0]} to {limits[1]} bytes, not {length}")
        if (stream != 0) != (self._kind in OF_STREAMS):
            raise Invalid(f"a {self._kind.name} frame can not be of stream {stream}")
        self._stream = stream
        self._missing = length
