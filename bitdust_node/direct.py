"""
Large files past the page cache (O_DIRECT): fresh pages of the cache cost ten times the processor time of the transfer
itself, and what a node in the background keeps in it pushes out what its user works with.

Where the system or the file system can not do it, the same goes through the cache.
"""

from __future__ import annotations

import errno
import fcntl
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from mmap import MAP_ANONYMOUS, MAP_PRIVATE, mmap
from pathlib import Path

from bitdust_node.files import begin_writing, write_all

#: What comes at once is large from here on, and what is read at once.
LARGE = 1024 * 1024
LARGE_PART = LARGE // 4
#: Places in files, and lengths, are multiples of this: more than any disk asks for, and a block of a piece.
ALIGNED = 64 * 1024
#: Bytes of a buffer: what a transfer hands on at once, `LARGE` and the rest of a frame, is mostly one call then.
BUFFER = LARGE + LARGE // 2
#: Buffers that are kept, as many as there are workers.
KEPT = 4

#: What a file system says that can not do it.
_UNABLE = (errno.EINVAL, errno.EOPNOTSUPP)

Buffer = bytes | bytearray | memoryview


class PageBuffers:
    """
    Memory on borders of pages. Each is lent for one call only, so that they are few however many files are open.

    direct: False to go through the cache always.
    """

    def __init__(self, kept: int = KEPT, *, direct: bool = True) -> None:
        self._kept = kept
        self._free: list[mmap] = []
        #: The flag of open files, 0 where the system has none.
        self.flag = os.O_DIRECT if direct and sys.platform == "linux" else 0

    @contextmanager
    def lent(self) -> Iterator[memoryview]:
        """
        One buffer, also in several threads at once.
        """
        try:
            memory = self._free.pop()
        except IndexError:
            memory = mmap(-1, BUFFER, flags=MAP_PRIVATE | MAP_ANONYMOUS)
        try:
            yield memoryview(memory)
        finally:
            if len(self._free) < self._kept:
                self._free.append(memory)


class Appender:
    """
    Writes on behind the first `written` bytes of an open file, where its position is.

    From the first large call on it writes past the cache; less than `ALIGNED` bytes then wait for the next call, as a
    copy, or for `flush`. A file of small calls goes through the cache. Errors are those of the system; the file is of
    no use after one. seen: is given all bytes, once and in order.
    """

    def __init__(
        self, fd: int, buffers: PageBuffers, written: int = 0, seen: Callable[[memoryview], None] | None = None
    ) -> None:
        self._fd, self._buffers, self._seen = fd, buffers, seen
        #: Bytes that the system has; `fsync` brings them to the disk.
        self.written = written
        # to where the disk was told to begin with what lies in the cache
        self._begun = written
        self._rest = bytearray()
        self._able = buffers.flag != 0
        self._direct = False

    def write(self, chunks: Sequence[Buffer]) -> None:
        """
        Append; the chunks may be used again afterwards.
        """
        views = [memoryview(chunk).cast("B") for chunk in chunks]
        size = sum(map(len, views))
        if self._able and not self._direct and size >= LARGE:
            lacking = -self.written % ALIGNED
            head, views = _split(views, lacking)
            self._write_cached(head)
            self._switch(True)
            size -= lacking
        if self._direct:
            self._write_direct(views, len(self._rest) + size)
        else:
            self._write_cached(views)

    def flush(self) -> None:
        """
        Give the system what waits.
        """
        self._switch(False)
        rest, self._rest = self._rest, bytearray()
        if rest:
            self._write_cached([memoryview(rest)])

    def _write_direct(self, views: list[memoryview], size: int) -> None:
        """What waits and these, which are `size` bytes together."""
        with self._buffers.lent() as buffer:
            while size >= ALIGNED and self._direct:
                length = min(size - size % ALIGNED, len(buffer))
                at = len(self._rest)
                buffer[:at] = self._rest
                self._rest = bytearray()
                part, views = _split(views, length - at)
                for view in part:
                    buffer[at : at + len(view)] = view
                    at += len(view)
                if self._seen is not None:
                    self._seen(buffer[:length])
                self._put(buffer[:length])
                size -= length
        if self._direct:
            for view in views:
                self._rest += view
        else:
            self._write_cached(views)

    def _put(self, data: memoryview) -> None:
        done = 0
        while done < len(data) and self._direct:
            try:
                done += os.write(self._fd, data[done:])
            except OSError as error:
                if error.errno not in _UNABLE:
                    raise
                self._switch(False)
                self._able = False
        if done < len(data):
            write_all(self._fd, [data[done:]])
        self.written += len(data)

    def _write_cached(self, views: list[memoryview]) -> None:
        if self._seen is not None:
            for view in views:
                self._seen(view)
        self.written += write_all(self._fd, views)
        self._begun = begin_writing(self._fd, self._begun, self.written)

    def _switch(self, direct: bool) -> None:
        if direct == self._direct:
            return
        flags = fcntl.fcntl(self._fd, fcntl.F_GETFL) & ~self._buffers.flag
        try:
            fcntl.fcntl(self._fd, fcntl.F_SETFL, flags | self._buffers.flag if direct else flags)
            self._direct = direct
        except OSError as error:
            if error.errno not in _UNABLE:
                raise
            self._able = False


def read_part(path: Path, offset: int, length: int, buffers: PageBuffers) -> bytes:
    """
    These bytes of a file, fewer at its end; large parts from `ALIGNED` to `ALIGNED` past the cache. Links are not
    followed.
    """
    flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW
    if buffers.flag and LARGE_PART <= length <= BUFFER and not (offset % ALIGNED or length % ALIGNED):
        try:
            return _read_direct(path, flags | buffers.flag, offset, length, buffers)
        except OSError as error:
            if error.errno not in _UNABLE:
                raise
    fd = os.open(path, flags)
    try:
        return os.pread(fd, length, offset)
    finally:
        os.close(fd)


def _read_direct(path: Path, flags: int, offset: int, length: int, buffers: PageBuffers) -> bytes:
    fd = os.open(path, flags)
    try:
        with buffers.lent() as buffer:
            return bytes(buffer[: os.preadv(fd, [buffer[:length]], offset)])
    finally:
        os.close(fd)


def _split(views: list[memoryview], size: int) -> tuple[list[memoryview], list[memoryview]]:
    """The first `size` bytes, and the others."""
    for at, view in enumerate(views):
        if size <= len(view):
            return [*views[:at], view[:size]], [view[size:], *views[at + 1 :]]
        size -= len(view)
    return views, []
