"""
Files that are wholly there or not at all, and only for us to read; and what writing large ones needs.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from bitdust_node.errors import Invalid

#: Buffers that one call of the system takes: IOV_MAX of Linux.
TOGETHER = 1024
#: Bytes of a file that the disk is told to write while more come.
WRITE_BACK = 8 * 1024 * 1024


def make_private_folder(path: Path) -> Path:
    """
    Make a folder, and those above it, that only the user may enter.
    """
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.chmod(0o700)
    return path


def sync_folder(path: Path) -> None:
    """
    Make what was created, renamed or removed in a folder survive a power cut.
    """
    folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def write_file(path: Path, data: bytes, mode: int = 0o600) -> None:
    """
    Write a file so that after a crash at any moment it has either its old content or the new one, on the disk.
    """
    handle, name = tempfile.mkstemp(prefix=f".{path.name[:100]}.", dir=path.parent)
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            os.fchmod(file.fileno(), mode)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def write_all(handle: int, chunks: Sequence[bytes | bytearray | memoryview]) -> int:
    """
    Append all of these to an open file and answer how many bytes they are, with as few calls as can be.
    """
    views = [memoryview(chunk).cast("B") for chunk in chunks]
    size = sum(map(len, views))
    while views:
        written = os.writev(handle, views[:TOGETHER])
        while views and written >= len(views[0]):
            written -= len(views.pop(0))
        if written:
            views[0] = views[0][written:]
    return size


def begin_writing(handle: int, begun: int, end: int) -> int:
    """
    Let the disk begin with the bytes `begun` to `end` of a file once they are worth it, so that the wait for all of
    them in the end is short; answers where to begin the next time. Linux does so when it is told this.
    """
    if end - begun < WRITE_BACK or sys.platform != "linux":
        return begun
    os.posix_fadvise(handle, begun, end - begun, os.POSIX_FADV_DONTNEED)
    return end


def read_file(path: Path, limit: int) -> bytes:
    """
    Read a file of at most `limit` bytes; a larger one is `Invalid`.
    """
    with path.open("rb") as file:
        data = file.read(limit + 1)
    if len(data) > limit:
        raise Invalid(f"{path} is larger than {limit} bytes")
    return data
