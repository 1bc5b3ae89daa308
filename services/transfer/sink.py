"""
Where a download lands: wholly there at the end, or not at all; and one file. A folder is in `folder_sink`.

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

from bitdust_node.direct import Appender, PageBuffers
from bitdust_node.errors import BitDustError, Conflict, Full, Invalid
from bitdust_node.files import sync_folder
from services.transfer.checkpoint import Mark, Samples

#: What may be kept of the recorded permissions: never set-user-id and set-group-id.
MODES = 0o1777


class Sink(Protocol):
    """
    Takes the bytes of a version in order. size: bytes of it that were there at the beginning, and do not come again.
    """

    size: int

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """The next bytes."""

    def sync(self, size: int) -> tuple[int, bytes] | None:
        """
        Bring the first `size` bytes to the disk, called in a worker, also while another one writes more: how many are
        there, maybe fewer, and their sample (see `Mark`). None when it is not worth it.
        """

    def finish(self) -> None:
        """All came: put the result in its place."""

    def abort(self) -> None:
        """Remove what was written."""


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
    One file; a large one goes past the page cache. mark: how far it had come in the life before; where it does not
    hold, the file begins afresh.
    """

    def __init__(
        self,
        destination: Path,
        temporary: Path,
        mode: int,
        mtime_ns: int,
        mark: Mark | None = None,
        buffers: PageBuffers | None = None,
    ) -> None:
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
            raise ours(error, destination) from error
        self._appender = Appender(self._fd, buffers or PageBuffers(1), self.size)
        # samples are read by a descriptor of their own: one page of them is too little to go past the cache
        self._looking = -1
        self._samples: Samples | None = None

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
            self._appender.write([data])
        except OSError as error:
            raise ours(error, self._destination) from error

    def sync(self, size: int) -> tuple[int, bytes] | None:
        # before the sync: what is written meanwhile may be missing
        size = min(size, self._appender.written)
        os.fdatasync(self._fd)
        if self._samples is None:
            self._looking = os.open(self.temporary, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
            self._samples = Samples(self._looking)
        return size, self._samples.until(size)

    def finish(self) -> None:
        try:
            self._appender.flush()
            os.fchmod(self._fd, self._mode)
            os.utime(self._fd, ns=(self._mtime_ns, self._mtime_ns))
            os.fsync(self._fd)
            self._close()
            self.temporary.replace(self._destination)
            sync_folder(self._destination.parent)
        except OSError as error:
            raise ours(error, self._destination) from error

    def abort(self) -> None:
        self._close()
        remove(self.temporary)

    def _close(self) -> None:
        for fd in (self._fd, self._looking):
            if fd >= 0:
                os.close(fd)
        self._fd = self._looking = -1


def ours(error: OSError, path: Path) -> BitDustError:
    """
    What an error of the disk means for who wants something at `path`.
    """
    if isinstance(error, FileExistsError | NotADirectoryError):
        return Conflict(f"{error.filename} is in the way of {path}")
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return Full(f"no room left on the disk for {path}")
    return Invalid(f"{path} can not be written: {error.strerror}")
