"""
The lock of a data directory: one process at a time.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from bitdust_node.errors import Conflict


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
    while True:
        file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # the one who had it may have removed the file between our open and our lock
            if path.exists() and path.stat().st_ino == os.fstat(file).st_ino:
                return file
        except BlockingIOError:
            pid = os.read(file, 20).decode("ascii", "replace").strip() or "?"
            os.close(file)
            raise Conflict(f"another process [{pid}] already uses the data directory {path.parent}") from None
        os.close(file)
