"""
What of the stream of a folder is on the disk already: a file with its entries in order. All of it blocks.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from struct import Struct

import msgspec

from bitdust_node.errors import Corrupt
from bitdust_node.files import write_all
from services.transfer.entries import HEADER_LIMIT, Entry, check, pack

#: Where the content begins in the stream, and the length of the header that follows.
_HEAD = Struct(">QI")
#: Bytes that are hashed at a time.
STEP = 1024 * 1024


class Extracted:
    """
    Records `u64 place of the content in the stream | u32 length | header`, of folders, files and links alike; of a file
    before its first byte is written. length: bytes to go on behind, in a file of a life before. last: where the last
    record begins.
    """

    def __init__(self, path: Path, length: int = 0, last: int = 0) -> None:
        self.path = path
        flags = os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW | (0 if length else os.O_CREAT | os.O_EXCL)
        self._fd = os.open(path, flags, 0o600)
        os.ftruncate(self._fd, length)
        os.lseek(self._fd, length, os.SEEK_SET)
        self._new: list[bytes] = []
        self._length, self.last = length, last

    def add(self, start: int, entry: Entry) -> None:
        """
        An entry is about to be extracted, whose content begins there in the stream.
        """
        record = start.to_bytes(8, "big") + pack(entry)
        self._new.append(record)
        self.last, self._length = self._length, self._length + len(record)

    def flush(self) -> int:
        """
        Give all to the system; how many bytes they are.
        """
        write_all(self._fd, self._new)
        self._new = []
        return self._length

    def sync(self) -> None:
        """
        Bring to the disk what was flushed.
        """
        os.fdatasync(self._fd)

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def recorded(path: Path, begin: int = 0, end: int | None = None) -> Iterator[tuple[int, int, Entry]]:
    """
    Of each record between these bytes of the file: where it begins, where its content begins in the stream, its entry.
    Ends where the file does, or what can be read of it.
    """
    with path.open("rb") as file:
        file.seek(begin)
        while end is None or begin < end:
            head = file.read(_HEAD.size)
            if len(head) < _HEAD.size:
                return
            start, length = _HEAD.unpack(head)
            try:
                entry = check(msgspec.msgpack.decode(file.read(min(length, HEADER_LIMIT)), type=Entry))
            except (msgspec.MsgspecError, ValueError, RecursionError, Corrupt):
                return
            yield begin, start, entry
            begin += _HEAD.size + length


def digest(path: Path, length: int) -> bytes:
    """
    SHA-256 of the first bytes of the file.
    """
    found = sha256()
    with path.open("rb") as file:
        while length and (data := file.read(min(STEP, length))):
            found.update(data)
            length -= len(data)
    return found.digest()
