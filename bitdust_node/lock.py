"""
The lock of a data directory: one process at a time.
"""

from __future__ import annotations

import fcntl
import os
from contextlib import ExitStack
from pathlib import Path

from bitdust_node.errors import Conflict


class FolderLock:
    """
    Holds `processid`, with our process number in it, until `release` or the end of the process.

    Raises `Conflict` if another process has it.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = _made(path)

    def fileno(self) -> int:
        """
        The descriptor of the file, -1 after the release.
        """
        return self._file

    def release(self) -> None:
        """
        Let others have the directory.
        """
        if self._file >= 0:
            self._path.unlink(missing_ok=True)
            os.close(self._file)
            self._file = -1


def _made(path: Path) -> int:
    """
    The file, locked before it has its name: those who look at `processid`, which they do by a shared lock
    (`bitdust_node.cli.client.running_pid`), can not be in the way, and find our number in it.

    Only the one who has the new file may replace what lies under the name; that was left over if nobody has it for
    himself.
    """
    new = path.with_name(f"{path.name}.new")
    file = _alone(new)
    if file is None:
        raise _conflict(path)
    with ExitStack() as undo:
        undo.callback(os.close, file)
        undo.callback(new.unlink)
        if _used(path):
            raise _conflict(path)
        os.ftruncate(file, 0)
        os.write(file, str(os.getpid()).encode())
        new.replace(path)
        undo.pop_all()
    return file


def _alone(path: Path) -> int | None:
    """The file, made if there is none and locked; None if somebody else has it locked."""
    while True:
        file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        if not _locked(file, fcntl.LOCK_EX):
            os.close(file)
            return None
        # the one who had it may have given it its name, or removed it, between our open and our lock
        if _lies_at(path, file):
            return file
        os.close(file)


def _used(path: Path) -> bool:
    try:
        file = os.open(path, os.O_RDWR)
    except FileNotFoundError:
        return False
    try:
        return not _locked(file, fcntl.LOCK_SH)
    finally:
        os.close(file)


def _conflict(path: Path) -> Conflict:
    try:
        pid = path.read_bytes()[:20].decode("ascii", "replace").strip()
    except FileNotFoundError:
        pid = ""
    return Conflict(f"another process [{pid or '?'}] already uses the data directory {path.parent}")


def _lies_at(path: Path, file: int) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(file))
    except FileNotFoundError:
        return False


def _locked(file: int, kind: int) -> bool:
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
