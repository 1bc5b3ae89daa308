"""
The layout of a pack: several small files one after the other, each with a head. Pure; see docs/storage.md.
"""

from __future__ import annotations

import struct
from typing import Annotated

import msgspec
from msgspec import Meta

from bitdust_node.errors import Corrupt, Invalid

MAGIC = b"BDpack01"
#: Bytes of one head, files in a pack, and bytes of their content.
HEAD_LIMIT, ENTRIES_LIMIT, CONTENT_LIMIT = 1024, 1000, 4 * 1024 * 1024
#: Bytes of content that a file may have to be packed.
FILE_LIMIT = 256 * 1024

_LENGTH = struct.Struct(">I")


class Head(msgspec.Struct, frozen=True, array_like=True):
    """
    What stands before the content of a file.

    entry: id of its version. name: last part of the local path. mode: permission bits. mtime_ns: time of the last
    change, nanoseconds since 1970. size: bytes of content.
    """

    entry: Annotated[bytes, Meta(min_length=16, max_length=16)]
    name: bytes
    mode: Annotated[int, Meta(ge=0, le=0o7777)]
    mtime_ns: Annotated[int, Meta(ge=-(1 << 63), le=(1 << 63) - 1)]
    size: Annotated[int, Meta(ge=0, le=FILE_LIMIT)]


_decoder = msgspec.msgpack.Decoder(Head)


class PackWriter:
    """
    Grows by one file after the other.
    """

    def __init__(self) -> None:
        self._parts = [MAGIC]
        self.size = len(MAGIC)
        self.content = self.count = 0

    def fits(self, size: int) -> bool:
        """
        True if there is room for a file of so many bytes.
        """
        return self.count < ENTRIES_LIMIT and self.content + size <= CONTENT_LIMIT

    def add(self, head: Head, content: bytes) -> tuple[int, int]:
        """
        Append a file; the first byte of its head, and the bytes that head and content take.
        """
        packed = msgspec.msgpack.encode(head)
        if len(packed) > HEAD_LIMIT or head.size != len(content) or not self.fits(len(content)):
            raise Invalid(f"a file of {len(content)} bytes does not fit the pack")
        return self.copy(_LENGTH.pack(len(packed)) + packed + content, len(content))

    def copy(self, packed: bytes, content: int) -> tuple[int, int]:
        """
        Append a file as it stood in another pack, of so many bytes of content.
        """
        start, self.size = self.size, self.size + len(packed)
        self.count, self.content = self.count + 1, self.content + content
        self._parts.append(packed)
        return start, len(packed)

    def finish(self) -> bytes:
        """
        The whole pack.
        """
        return b"".join(self._parts)


def read_entry(packed: bytes | memoryview, entry: bytes) -> tuple[Head, memoryview]:
    """
    Head and content of one file, out of exactly its bytes; `Corrupt` if these are not those of that entry.
    """
    view = memoryview(packed)
    if len(view) < _LENGTH.size:
        raise Corrupt("an entry of a pack is too short")
    length = int(_LENGTH.unpack_from(view)[0])
    if length > HEAD_LIMIT:
        raise Corrupt("an entry of a pack has a head that is too long")
    try:
        head = _decoder.decode(view[_LENGTH.size : _LENGTH.size + length])
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise Corrupt(f"an entry of a pack can not be read: {error}") from None
    content = view[_LENGTH.size + length :]
    if head.entry != entry or head.size != len(content):
        raise Corrupt("a pack has another file at the place of this one")
    return head, content
