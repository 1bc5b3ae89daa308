"""
How far a download has come, so that it goes on from there when the node is started again. In `state.db`.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from hashlib import sha256
from typing import Protocol

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from bitdust_node.clock import Clock
from bitdust_node.database import StateDb
from bitdust_node.errors import BitDustError
from bitdust_node.threads import Workers
from bitdust_node.waiting import started

MIGRATIONS = (
    """
    CREATE TABLE checkpoints (
        temporary TEXT PRIMARY KEY,
        version BLOB NOT NULL,
        size INTEGER NOT NULL,
        sample BLOB NOT NULL
    );
    """,
)

#: Seconds from one checkpoint of a download to the next. What takes less has none.
EVERY = 3.0
#: Bytes that are looked at, and from one such place to the next: enough to tell a file that was not written by us, or
#: not to its end, and little even on a slow disk.
PAGE, STRIDE = 4096, 16 * 1024 * 1024


@dataclass(frozen=True)
class Mark:
    """
    The first `size` bytes of `version` were checked, and are safely on the disk in the temporary file or folder.
    sample: what its sink recognizes them by.
    """

    version: bytes
    size: int
    sample: bytes


class Samples:
    """
    SHA-256 over some pages of a file. It blocks; later calls look only at what came since.
    """

    def __init__(self, fd: int) -> None:
        self._fd, self._at, self._chain = fd, 0, b""

    def until(self, size: int) -> bytes:
        """
        Of the first `size` bytes, no fewer than the last time.
        """
        while self._at + PAGE <= size:
            self._chain = sha256(self._chain + os.pread(self._fd, PAGE, self._at)).digest()
            self._at += STRIDE
        return sha256(self._chain + os.pread(self._fd, min(PAGE, size), max(0, size - PAGE))).digest()


class Synced(Protocol):
    """
    A sink that can say what of it is safe.
    """

    def sync(self, size: int) -> tuple[int, bytes] | None:
        """See `Sink.sync`."""


class Checkpoints:
    """
    The marks of downloads by their temporary files, whose names are random: also those of other catalogs are here.
    """

    def __init__(self, state_db: StateDb) -> None:
        self._db = state_db

    async def load(self) -> dict[str, Mark]:
        """
        All of them; those whose files are gone are for the caller to remove.
        """
        await self._db.prepare("checkpoints", MIGRATIONS)
        query = "SELECT temporary, version, size, sample FROM checkpoints"
        rows = await self._db.read(lambda c: c.execute(query).fetchall())
        return {temporary: Mark(*rest) for temporary, *rest in rows}

    async def put(self, temporary: str, mark: Mark) -> None:
        row = (temporary, mark.version, mark.size, mark.sample)
        await self._db.run(lambda c: c.execute("INSERT OR REPLACE INTO checkpoints VALUES (?,?,?,?)", row))

    async def remove(self, temporary: str) -> None:
        await self._db.run(lambda c: c.execute("DELETE FROM checkpoints WHERE temporary = ?", (temporary,)))


class Checkpoint:
    """
    Marks one download while it runs, without making it wait.
    """

    log = Logger()

    def __init__(
        self, checkpoints: Checkpoints, workers: Workers, clock: Clock, temporary: str, version: bytes, sink: Synced
    ) -> None:
        self._checkpoints, self._workers, self._clock = checkpoints, workers, clock
        self._temporary, self._version, self._sink = temporary, version, sink
        self._next = clock.seconds() + EVERY
        self._working: Deferred[None] | None = None
        #: True when there may be a mark.
        self.made = False

    def reached(self, size: int) -> None:
        """
        So many bytes are written, whole segments: mark them if it is time to.
        """
        if self._clock.seconds() < self._next or (self._working is not None and not self._working.called):
            return
        self._next, self.made = self._clock.seconds() + EVERY, True
        self._working = started(self._mark(size))

    async def close(self) -> None:
        """
        Returns when no worker is at it any more; to be awaited before the sink is closed.
        """
        working, self._working = self._working, None
        if working is not None:
            await working

    async def _mark(self, size: int) -> None:
        try:
            safe = await self._workers.run(self._sink.sync, size)
            if safe is not None:
                await self._checkpoints.put(self._temporary, Mark(self._version, *safe))
        except (BitDustError, OSError) as error:
            # the download itself is not worse for it
            self.log.warn("{path} can not be marked: {error}", path=self._temporary, error=error)
