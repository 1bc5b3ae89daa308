"""
Files that are wholly there or not at all, and only for us to read.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from bitdust_node.errors import Invalid


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


def read_file(path: Path, limit: int) -> bytes:
    """
    Read a file of at most `limit` bytes; a larger one is `Invalid`.
    """
    with path.open("rb") as file:
        data = file.read(limit + 1)
    if len(data) > limit:
        raise Invalid(f"{path} is larger than {limit} bytes")
    return data
