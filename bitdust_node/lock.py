"""
The lock of a data directory: one process at a time.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from bitdust_node.errors import Conflict

#: Those who only look whether the directory is in use hold the file for some microseconds: tries until they are gone,
#: which take about a second.
TRIES = 50_000


class FolderLock:
    """
    Holds `processid`, with our process number in it, until `release` or the end of the process.

    Raises `Conflict` if another process has it.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = _locked(path)
        os.ftruncate(self._file, 0)
        os.write(self._file, str(os.getpid()).encode())

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


def _locked(path: Path) -> int:
    tries = TRIES
    while True:
        file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        if _taken(file):
            # the one who had it may have removed the file between our open and our lock
            if path.exists() and path.stat().st_ino == os.fstat(file).st_ino:
                return file
        elif not _only_looked_at(file) or not tries:
            pid = os.read(file, 20).decode("ascii", "replace").strip() or "?"
            os.close(file)
            raise Conflict(f"another process [{pid}] already uses the data directory {path.parent}")
        else:
            tries -= 1
        os.close(file)


def _taken(file: int) -> bool:
    return _flock(file, fcntl.LOCK_EX)


def _only_looked_at(file: int) -> bool:
    """Those who look share the file (`bitdust_node.cli.client.running_pid`); a node has it for itself."""
    return _flock(file, fcntl.LOCK_SH)


def _flock(file: int, kind: int) -> bool:
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
