"""
What is uploaded, read once from begin to end: the bytes of a file, or a folder as a stream of entries.

All of it blocks: it is called in a worker, one call at a time.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Literal, Protocol

from bitdust_node.errors import Conflict, Invalid, NotFound
from services.transfer.entries import MAGIC, Entry, pack, pack_end

#: Bytes asked of the disk at once.
CHUNK = 1024 * 1024
#: Skipped things that are named in the warning; the others are only counted.
NAMED = 20


class Source(Protocol):
    """
    A row of bytes with an end that is known when it is reached.

    kind: `file`, `folder` or `pack`. name: last part of the path. mode, mtime_ns: as of the file or folder itself.
    size: bytes that are expected, for the progress. skipped: what could not be taken, for a warning.
    """

    kind: Literal["file", "folder", "pack"]
    name: str
    mode: int
    mtime_ns: int
    size: int
    skipped: list[str]

    def read(self, size: int) -> tuple[bytes, bool]:
        """Exactly `size` bytes, fewer only at the end; and whether that was the end."""

    def close(self) -> None:
        """Let go of the disk."""


def open_source(path: Path) -> Source:
    """
    The file or folder at `path`, ready to be read; a link given by the user himself is followed.
    """
    try:
        found = path.stat()
        if stat.S_ISDIR(found.st_mode):
            return FolderSource(path)
        if stat.S_ISREG(found.st_mode):
            return FileSource(path)
    except FileNotFoundError:
        raise NotFound(f"local file or folder not exist: {path}") from None
    except OSError as error:
        raise Invalid(f"{path} can not be read: {error.strerror}") from None
    raise Invalid(f"{path} is neither a file nor a folder")


class _Opened:
    """
    One regular file whose length must stay what it was when it was opened.
    """

    def __init__(self, path: Path | str, *, follow: bool) -> None:
        flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | (0 if follow else os.O_NOFOLLOW)
        self._path = path
        self._fd = os.open(path, flags)
        self.stat = os.fstat(self._fd)
        self.left = self.stat.st_size

    def read(self, size: int) -> bytes:
        """Up to `size` bytes; never fewer than are left and asked for."""
        parts = []
        wanted = min(size, self.left)
        while wanted:
            data = os.read(self._fd, wanted)
            if not data:
                raise Conflict(f"{self._path} was changed while it was read: it is shorter now")
            parts.append(data)
            wanted -= len(data)
            self.left -= len(data)
        if not self.left:
            self._check()
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _check(self) -> None:
        now = os.fstat(self._fd)
        if (now.st_size, now.st_mtime_ns) != (self.stat.st_size, self.stat.st_mtime_ns):
            raise Conflict(f"{self._path} was changed while it was read")
        # files of the system itself, and of some network file systems, say less than they are
        if os.read(self._fd, 1):
            raise Conflict(f"{self._path} can not be read: it has more than the {now.st_size} bytes that it says")

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


class FileSource:
    """
    The bytes of one file.
    """

    kind: Literal["file", "folder", "pack"] = "file"

    def __init__(self, path: Path) -> None:
        self._file = _Opened(path, follow=True)
        self.name = path.name
        self.mode = stat.S_IMODE(self._file.stat.st_mode)
        self.mtime_ns = self._file.stat.st_mtime_ns
        self.size = self._file.stat.st_size
        self.skipped: list[str] = []

    def read(self, size: int) -> tuple[bytes, bool]:
        data = self._file.read(size)
        return data, not self._file.left

    def close(self) -> None:
        self._file.close()


class FolderSource:
    """
    A folder with all that is in it, as a stream of entries (`services/transfer/entries.py`).
    """

    kind: Literal["file", "folder", "pack"] = "folder"

    def __init__(self, path: Path) -> None:
        self._root = os.fspath(path)
        found = path.stat()
        self.name = path.name
        self.mode = stat.S_IMODE(found.st_mode)
        self.mtime_ns = found.st_mtime_ns
        self.skipped: list[str] = []
        self.size = sum(size for size in self._sizes(self._root))
        self._chunks = self._stream()
        self._ahead: memoryview | None = memoryview(next(self._chunks))

    def read(self, size: int) -> tuple[bytes, bool]:
        parts: list[memoryview] = []
        while size and self._ahead is not None:
            part = self._ahead[:size]
            parts.append(part)
            size -= len(part)
            rest = self._ahead[len(part) :]
            self._ahead = rest if len(rest) else self._next()
        return b"".join(parts), self._ahead is None

    def close(self) -> None:
        self._chunks.close()
        self._ahead = None

    def _next(self) -> memoryview | None:
        for chunk in self._chunks:
            if chunk:
                return memoryview(chunk)
        return None

    def _sizes(self, folder: str) -> Iterator[int]:
        with os.scandir(folder) as found:
            entries = list(found)
        for entry in entries:
            yield 64 + len(entry.path) - len(self._root)
            if entry.is_dir(follow_symlinks=False):
                yield from self._sizes(entry.path)
            elif entry.is_file(follow_symlinks=False):
                yield entry.stat(follow_symlinks=False).st_size

    def _stream(self) -> Generator[bytes, None, None]:
        yield MAGIC
        yield pack(Entry(path=b"", kind="d", mode=self.mode, mtime_ns=self.mtime_ns))
        yield from self._folder(self._root, b"")
        yield pack_end()

    def _folder(self, folder: str, prefix: bytes) -> Generator[bytes, None, None]:
        with os.scandir(folder) as found:
            entries = sorted(found, key=lambda entry: os.fsencode(entry.name))
        for entry in entries:
            path = prefix + os.fsencode(entry.name)
            try:
                status = entry.stat(follow_symlinks=False)
            except FileNotFoundError:
                raise Conflict(f"{entry.path} was changed while it was read: it is gone") from None
            if stat.S_ISDIR(status.st_mode):
                yield pack(_entry(path, "d", status))
                yield from self._folder(entry.path, path + b"/")
            elif stat.S_ISREG(status.st_mode):
                yield from self._content(entry.path, path)
            elif stat.S_ISLNK(status.st_mode):
                yield pack(_entry(path, "l", status, os.fsencode(os.readlink(entry.path))))
            else:
                self._skip(entry.path)

    def _content(self, where: str, path: bytes) -> Iterator[bytes]:
        try:
            file = _Opened(where, follow=False)
        except OSError as error:
            raise Conflict(f"{where} can not be read: {error.strerror}") from None
        try:
            yield pack(_entry(path, "f", file.stat))
            yield file.read(CHUNK)
            while file.left:
                yield file.read(CHUNK)
        finally:
            file.close()

    def _skip(self, where: str) -> None:
        if len(self.skipped) < NAMED:
            self.skipped.append(where)


def _entry(path: bytes, kind: Literal["d", "f", "l"], status: os.stat_result, target: bytes = b"") -> Entry:
    return Entry(
        path=path,
        kind=kind,
        mode=stat.S_IMODE(status.st_mode),
        mtime_ns=status.st_mtime_ns,
        size=status.st_size if kind == "f" else 0,
        target=target,
    )
