"""
The stream of entries: a whole folder as one row of bytes, in both directions, without any input or output.

Format (all of it inside the sealed segments of a version): the eight bytes of `MAGIC`, then for each entry a
big-endian u32 with the length of its header, the header (a msgpack array, `Entry`), and `size` bytes of content
if it is a file; a u32 of zero ends the stream. A folder comes before what is in it. Names are bytes, as the
file system has them, relative to the folder that was uploaded, joined by `/`.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import msgspec

from bitdust_node.errors import Corrupt

MAGIC = b"BDfolder"
#: Bytes of one header, of one path and of the target of a link.
HEADER_LIMIT = 16 * 1024
PATH_LIMIT = 4096

_LENGTH = struct.Struct(">I")


class Entry(msgspec.Struct, frozen=True, array_like=True):
    """
    One thing in a folder.

    path: relative, names joined by `/`; empty for the uploaded folder itself.
    kind: `d` folder, `f` file, `l` symbolic link.
    mode: permission bits. mtime_ns: time of the last change, nanoseconds since 1970.
    size: bytes of content that follow. target: where a link leads, kept as it is and never followed.
    """

    path: bytes
    kind: Literal["d", "f", "l"]
    mode: int = 0o644
    mtime_ns: int = 0
    size: int = 0
    target: bytes = b""


@dataclass(frozen=True)
class Content:
    """
    The next bytes of the file whose entry came last.
    """

    data: memoryview


@dataclass(frozen=True)
class End:
    """
    The stream is complete.
    """


def pack(entry: Entry) -> bytes:
    """
    The entry as it stands in the stream, without its content.
    """
    header = msgspec.msgpack.encode(entry)
    return _LENGTH.pack(len(header)) + header


def pack_end() -> bytes:
    return _LENGTH.pack(0)


def check(entry: Entry) -> Entry:
    """
    The entry itself, or `Corrupt` if its path could lead out of the folder or its numbers are nonsense.
    """
    path = entry.path
    if len(path) > PATH_LIMIT or len(entry.target) > PATH_LIMIT:
        raise Corrupt("an entry of the folder has a path that is too long")
    if b"\x00" in path or b"\x00" in entry.target:
        raise Corrupt("an entry of the folder has a NUL in its path")
    if path and any(name in (b"", b".", b"..") for name in path.split(b"/")):
        raise Corrupt(f"an entry of the folder leads out of it: {path!r}")
    if not path and entry.kind != "d":
        raise Corrupt("an entry of the folder has no name")
    if not 0 <= entry.mode <= 0o7777 or entry.size < 0 or abs(entry.mtime_ns) >= 2**63:
        raise Corrupt(f"an entry of the folder has impossible numbers: {path!r}")
    if (entry.kind != "f" and entry.size) or (entry.kind == "l") != bool(entry.target):
        raise Corrupt(f"an entry of the folder contradicts itself: {path!r}")
    return entry


class Reader:
    """
    Bytes in, entries and their content out.

    begin: where in the stream the first bytes come from that it is given, if these are not the first at all: between
    two entries, or where `left` bytes of the content of one are still to come.
    """

    def __init__(self, begin: int = 0, left: int = 0) -> None:
        self._buffer = bytearray()
        self._left = left
        self._magic = begin > 0
        #: Bytes of the stream that were taken.
        self.taken = begin
        self.ended = False

    @property
    def begin(self) -> int:
        """
        Where another one could go on from what this one has told so far.
        """
        return self.taken - len(self._buffer)

    def feed(self, data: bytes | memoryview) -> Iterator[Entry | Content | End]:
        """
        Everything that `data` completes; the content comes as views of `data`, to be used at once.
        """
        view = memoryview(data)
        at = 0
        while at < len(view):
            if self.ended:
                raise Corrupt("the folder goes on after its end")
            if self._left:
                piece = view[at : at + self._left]
                at += len(piece)
                self.taken += len(piece)
                self._left -= len(piece)
                yield Content(piece)
                continue
            wanted = self._wanted() - len(self._buffer)
            piece = view[at : at + wanted]
            at += len(piece)
            self.taken += len(piece)
            self._buffer += piece
            if len(piece) == wanted:
                yield from self._complete()

    def _wanted(self) -> int:
        """Bytes that the buffer needs for its next step."""
        if not self._magic:
            return len(MAGIC)
        if len(self._buffer) < _LENGTH.size:
            return _LENGTH.size
        return _LENGTH.size + int(_LENGTH.unpack_from(self._buffer)[0])

    def _complete(self) -> Iterator[Entry | End]:
        if not self._magic:
            if bytes(self._buffer) != MAGIC:
                raise Corrupt("this is not a stored folder")
            self._magic = True
            self._buffer.clear()
            return
        length = int(_LENGTH.unpack_from(self._buffer)[0])
        if length > HEADER_LIMIT:
            raise Corrupt("an entry of the folder has a header that is too long")
        if len(self._buffer) == _LENGTH.size:
            if length == 0:
                self._buffer.clear()
                self.ended = True
                yield End()
            return
        header = bytes(self._buffer[_LENGTH.size :])
        self._buffer.clear()
        try:
            entry = msgspec.msgpack.decode(header, type=Entry)
        except (msgspec.MsgspecError, ValueError, RecursionError) as error:
            raise Corrupt(f"an entry of the folder can not be read: {error}") from None
        self._left = check(entry).size
        yield entry
