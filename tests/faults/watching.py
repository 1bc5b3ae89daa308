"""
Stands between the program and the operating system, and tells a `Disk` of all that is written.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from tests.faults.disk import (
    Committed,
    Disk,
    Made,
    MadeFolder,
    Removed,
    Renamed,
    Synced,
    SyncedFolder,
    Wrote,
)

#: Pages after which SQLite moves its log into the file: few, so that it happens often.
CHECKPOINT = 8


class Watch:
    """
    Notes what is done below the folder of a disk, which must be empty, until `end`.
    """

    def __init__(self, test: SynchronousTestCase, disk: Disk) -> None:
        self._disk = disk
        self._numbers = count()
        #: Number of the file, or the path of the folder, that is open.
        self._open: dict[int, int | Path] = {}
        self._databases: dict[Path, bytes] = {}
        patched = {
            (os, "open"): self._opening,
            (os, "close"): self._closing,
            (os, "write"): self._writing,
            (os, "writev"): self._writing_many,
            (os, "fsync"): self._syncing,
            (os, "fdatasync"): self._syncing,
            (os, "rename"): self._renaming,
            (os, "replace"): self._renaming,
            (os, "unlink"): self._removing,
            (os, "mkdir"): self._making,
            (sqlite3, "connect"): self._connecting,
        }
        self._patches = [
            test.patch(module, name, around(getattr(module, name))) for (module, name), around in patched.items()
        ]

    def end(self) -> None:
        for patch in self._patches:
            patch.restore()

    def _note(self, operation: Any) -> None:
        self._disk.operations.append(operation)

    def _ours(self, path: Any) -> Path | None:
        if not isinstance(path, str | os.PathLike):
            return None
        found = Path(path)
        return found if found.is_relative_to(self._disk.folder) else None

    def _opening(self, real: Callable[..., int]) -> Callable[..., int]:
        def opening(path: Any, flags: int, *args: Any, **named: Any) -> int:
            handle = real(path, flags, *args, **named)
            ours = self._ours(path)
            if ours is not None and flags & os.O_DIRECTORY:
                self._open[handle] = ours
            elif ours is not None and flags & (os.O_WRONLY | os.O_RDWR):
                assert flags & os.O_EXCL, f"{path} is opened to be written again"
                number = self._open[handle] = next(self._numbers)
                self._note(Made(ours, number))
            return handle

        return opening

    def _closing(self, real: Callable[[int], None]) -> Callable[[int], None]:
        def closing(handle: int) -> None:
            self._open.pop(handle, None)
            real(handle)

        return closing

    def _writing(self, real: Callable[..., int]) -> Callable[..., int]:
        def writing(handle: int, data: Any) -> int:
            written = real(handle, data)
            file = self._open.get(handle)
            if isinstance(file, int):
                self._note(Wrote(file, bytes(data[:written])))
            return written

        return writing

    def _writing_many(self, real: Callable[..., int]) -> Callable[..., int]:
        def writing(handle: int, chunks: Any) -> int:
            written = real(handle, chunks)
            file = self._open.get(handle)
            if isinstance(file, int):
                self._note(Wrote(file, b"".join(chunks)[:written]))
            return written

        return writing

    def _syncing(self, real: Callable[[int], None]) -> Callable[[int], None]:
        def syncing(handle: int) -> None:
            real(handle)
            match self._open.get(handle):
                case int(file):
                    self._note(Synced(file))
                case Path() as path:
                    self._note(SyncedFolder(path))

        return syncing

    def _renaming(self, real: Callable[..., None]) -> Callable[..., None]:
        def renaming(old: Any, new: Any, **named: Any) -> None:
            real(old, new, **named)
            here, there = self._ours(old), self._ours(new)
            if here is not None and there is not None:
                self._note(Renamed(here, there))

        return renaming

    def _removing(self, real: Callable[..., None]) -> Callable[..., None]:
        def removing(path: Any, **named: Any) -> None:
            real(path, **named)
            if ours := self._ours(path):
                self._note(Removed(ours))

        return removing

    def _making(self, real: Callable[..., None]) -> Callable[..., None]:
        def making(path: Any, *args: Any, **named: Any) -> None:
            real(path, *args, **named)
            if ours := self._ours(path):
                self._note(MadeFolder(ours))

        return making

    def _connecting(self, real: Any) -> Callable[..., sqlite3.Connection]:
        watch = self

        class Connection(sqlite3.Connection):
            def execute(self, *args: Any) -> Any:
                result = super().execute(*args)
                if not self.in_transaction:
                    watch._look_at_databases()
                return result

            def close(self) -> None:
                super().close()
                watch._look_at_databases()

        def connecting(path: Any, **named: Any) -> sqlite3.Connection:
            connection: sqlite3.Connection = real(path, factory=Connection, **named)
            connection.execute(f"PRAGMA wal_autocheckpoint={CHECKPOINT}")
            return connection

        return connecting

    def _look_at_databases(self) -> None:
        paths = [path for path in self._disk.folder.iterdir() if path.name.endswith((".db", ".db-wal"))]
        found = {path: path.read_bytes() for path in paths}
        if found != self._databases:
            self._note(Committed(self._databases, found))
            self._databases = found


def without_waits(test: SynchronousTestCase) -> None:
    """
    From now on nothing waits for the disk: what is only looked at need not be safe from anything.
    """

    class Connection(sqlite3.Connection):
        def execute(self, *args: Any) -> Any:
            return super().execute("PRAGMA synchronous=OFF" if "synchronous=FULL" in args[0] else args[0], *args[1:])

    real = sqlite3.connect
    test.patch(os, "fsync", lambda handle: None)
    test.patch(sqlite3, "connect", lambda path, **named: real(path, factory=Connection, **named))
