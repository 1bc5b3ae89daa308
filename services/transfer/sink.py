"""
Where a download lands: a file or a folder that is wholly there at the end, or not at all.

All of it blocks: it is called in a worker, one call at a time.
"""

from __future__ import annotations

import errno
import os
import secrets
import shutil
import stat
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from bitdust_node.errors import BitDustError, Conflict, Corrupt, Full, Invalid
from bitdust_node.files import begin_writing, sync_folder, write_all
from services.transfer.checkpoint import Mark, Samples
from services.transfer.entries import Content, Entry, Reader
from services.transfer.means import Meta

#: What may be kept of the recorded permissions: never set-user-id and set-group-id.
MODES = 0o1777


class Sink(Protocol):
    """
    Takes the bytes of a version in order.
    """

    temporary: Path

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """The next bytes."""

    def finish(self) -> None:
        """All came: put the result in its place."""

    def abort(self) -> None:
        """Remove what was written."""


def sink_of(meta: Meta, destination: Path, temporary: Path, mark: Mark | None = None) -> Sink:
    """
    The sink for what a version says of itself; a file goes on from its mark if it is still there.
    """
    if meta.kind == "folder":
        return FolderSink(destination, temporary)
    return FileSink(destination, temporary, meta.mode, meta.mtime_ns, mark)


def temporary_beside(destination: Path) -> Path:
    """
    A name in the folder of `destination`.
    """
    name = destination.name.encode()[:100].decode(errors="ignore")
    return destination.parent / f".{name}.{secrets.token_hex(6)}.part"


def remove(temporary: Path) -> None:
    """
    Remove a temporary file or folder, e.g. one that was left when the node was killed.
    """
    if temporary.is_dir() and not temporary.is_symlink():
        shutil.rmtree(temporary, ignore_errors=True)
    else:
        # a file in the place of one of its folders: then it is not there either
        with suppress(FileNotFoundError, NotADirectoryError):
            temporary.unlink()


class FileSink:
    """
    One file. mark: how far it had come in the life before; where it does not hold, the file begins afresh.
    """

    def __init__(self, destination: Path, temporary: Path, mode: int, mtime_ns: int, mark: Mark | None = None) -> None:
        if destination.is_dir():
            raise Conflict(f"{destination} is a folder and can not be replaced by a file")
        self.temporary = temporary
        #: Bytes that are there already.
        self.size = 0
        self._destination = destination
        self._mode = mode & MODES
        self._mtime_ns = mtime_ns
        try:
            destination.parent.mkdir(parents=True, exist_ok=True)
            self._fd = -1 if mark is None else self._reopen(mark)
            if self._fd < 0:
                if mark is not None:
                    remove(temporary)
                self._fd = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise _ours(error, destination) from error
        self._samples = Samples(self._fd)
        # where the file ends, and to where the disk was told to begin with it
        self._written = self._begun = self.size

    def _reopen(self, mark: Mark) -> int:
        """The file of the life before, cut to what is marked; -1 if it is not what the mark says."""
        try:
            fd = os.open(self.temporary, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError:
            return -1
        status = os.fstat(fd)
        ours = stat.S_ISREG(status.st_mode) and status.st_uid == os.geteuid() and status.st_size >= mark.size
        if not ours or Samples(fd).until(mark.size) != mark.sample:
            os.close(fd)
            return -1
        os.ftruncate(fd, mark.size)
        os.lseek(fd, mark.size, os.SEEK_SET)
        self.size = mark.size
        return fd

    def write(self, data: bytes | bytearray | memoryview) -> None:
        try:
            self._written += write_all(self._fd, [data])
            self._begun = begin_writing(self._fd, self._begun, self._written)
        except OSError as error:
            raise _ours(error, self._destination) from error

    def sync(self, size: int) -> bytes:
        """
        Bring the first `size` bytes to the disk; their sample.
        """
        os.fdatasync(self._fd)
        return self._samples.until(size)

    def finish(self) -> None:
        try:
            os.fchmod(self._fd, self._mode)
            os.utime(self._fd, ns=(self._mtime_ns, self._mtime_ns))
            os.fsync(self._fd)
            self._close()
            self.temporary.replace(self._destination)
            sync_folder(self._destination.parent)
        except OSError as error:
            raise _ours(error, self._destination) from error

    def abort(self) -> None:
        self._close()
        remove(self.temporary)

    def _close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


class FolderSink:
    """
    A folder out of its stream of entries.

    It grows under a temporary name. Links are made last, when all else is in place, so that nothing is ever written
    through one. What was at the destination before and has no new version stays.
    """

    def __init__(self, destination: Path, temporary: Path) -> None:
        if destination.exists() and not destination.is_dir():
            raise Conflict(f"{destination} is a file and can not be replaced by a folder")
        self.temporary = temporary
        self._destination = destination
        self._reader = Reader()
        self._fd = -1
        self._left = 0
        self._file: Entry | None = None
        self._folders: dict[bytes, Entry] = {}
        self._links: list[Entry] = []
        try:
            destination.parent.mkdir(parents=True, exist_ok=True)
            temporary.mkdir(mode=0o700)
        except OSError as error:
            raise _ours(error, destination) from error

    def write(self, data: bytes | bytearray | memoryview) -> None:
        try:
            for event in self._reader.feed(memoryview(data)):
                if isinstance(event, Content):
                    self._content(event.data)
                elif isinstance(event, Entry):
                    self._entry(event)
        except FileExistsError as error:
            raise Corrupt(f"the stored folder has {error.filename!r} twice") from None
        except OSError as error:
            raise _ours(error, self._destination) from error

    def finish(self) -> None:
        if not self._reader.ended:
            raise Corrupt("the stored folder ends in the middle")
        try:
            for link in self._links:
                self._make_link(link)
                os.utime(self._where(link.path), ns=(link.mtime_ns, link.mtime_ns), follow_symlinks=False)
            self._merge(os.fsencode(self.temporary), os.fsencode(self._destination))
            for path, folder in reversed(self._folders.items()):
                where = os.path.join(os.fsencode(self._destination), path) if path else os.fsencode(self._destination)
                os.chmod(where, folder.mode & MODES)
                os.utime(where, ns=(folder.mtime_ns, folder.mtime_ns))
            sync_folder(self._destination.parent)
        except OSError as error:
            raise _ours(error, self._destination) from error
        remove(self.temporary)

    def abort(self) -> None:
        self._close()
        remove(self.temporary)

    def _where(self, path: bytes) -> bytes:
        return os.path.join(os.fsencode(self.temporary), path)

    def _entry(self, entry: Entry) -> None:
        if entry.path and entry.path.rpartition(b"/")[0] not in self._folders:
            raise Corrupt(f"the stored folder has {entry.path!r} before the folder that it is in")
        if entry.path in self._folders:
            raise Corrupt(f"the stored folder has {entry.path!r} twice")
        if entry.kind == "d":
            self._folders[entry.path] = entry
            if entry.path:
                os.mkdir(self._where(entry.path), 0o700)
        elif entry.kind == "l":
            self._links.append(entry)
        else:
            # O_EXCL: a name that comes twice is an error, and nothing is followed
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            self._fd = os.open(self._where(entry.path), flags, 0o600)
            self._file, self._left = entry, entry.size
            if not entry.size:
                self._end_file()

    def _make_link(self, link: Entry) -> None:
        try:
            os.symlink(link.target, self._where(link.path))
        except FileExistsError:
            raise Corrupt(f"the stored folder has {link.path!r} twice") from None

    def _content(self, data: memoryview) -> None:
        write_all(self._fd, [data])
        self._left -= len(data)
        if not self._left:
            self._end_file()

    def _end_file(self) -> None:
        if self._file is not None:
            os.fchmod(self._fd, self._file.mode & MODES)
            os.utime(self._fd, ns=(self._file.mtime_ns, self._file.mtime_ns))
        self._close()

    def _close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _merge(self, new: bytes, old: bytes) -> None:
        """Move what is at `new` to `old`; a folder that is already there keeps what it has besides."""
        try:
            there = os.lstat(old)
        except FileNotFoundError:
            os.rename(new, old)
            return
        at_top = old == os.fsencode(self._destination)
        if stat.S_ISDIR(os.lstat(new).st_mode):
            # the user's own destination may be a link to a folder; inside of it links are never followed
            if not stat.S_ISDIR(there.st_mode) and not at_top:
                raise Conflict(f"{os.fsdecode(old)} is in the way of a folder")
            for name in sorted(os.listdir(new)):
                self._merge(os.path.join(new, name), os.path.join(old, name))
        elif stat.S_ISDIR(there.st_mode):
            raise Conflict(f"the folder {os.fsdecode(old)} is in the way of a file")
        else:
            os.replace(new, old)


def _ours(error: OSError, path: Path) -> BitDustError:
    if isinstance(error, FileExistsError | NotADirectoryError):
        return Conflict(f"{error.filename} is in the way of {path}")
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return Full(f"no room left on the disk for {path}")
    return Invalid(f"{path} can not be written: {error.strerror}")
