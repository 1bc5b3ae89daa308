"""
Pieces that are being made anew: who is about to get them, and what came of it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, TypeVar

from bitdust_node.clock import Clock
from bitdust_node.database import Database
from bitdust_node.errors import Conflict, NotFound
from services.catalog.changes import Change, Changes
from services.catalog.journal import note_store
from services.catalog.rows import PUT_PIECE, count_missing, holds, piece_row
from services.catalog.schema import Piece

T = TypeVar("T")

Bury = Callable[[Callable[[sqlite3.Connection], Any]], Coroutine[Any, Any, Any]]

_BURY = "INSERT OR IGNORE INTO tombstones (node_id, version, idurl, created) VALUES (?, ?, ?, ?)"

UNDER_WAY = "pieces of this version are being made anew already"


class Renewals:
    """
    The table `renewals`: a receiver is written before anything is sent to him. Whatever happens then, in the end he
    either holds a piece that the catalog counts on, or has a tombstone.

    bury: runs a transaction that may leave tombstones.
    """

    def __init__(self, database: Database, bury: Bury, changes: Changes, clock: Clock) -> None:
        self._database, self._bury, self._changes, self._clock = database, bury, changes, clock
        #: Versions of which pieces are being made at this moment.
        self._running: set[bytes] = set()

    async def barred(self, version: bytes) -> set[str]:
        """
        The nodes that must not get a piece of a version now: what they keep of it is about to be deleted.
        """
        if version not in self._running:
            await self._end_left("version = ?", version)
        query = "SELECT node_id FROM tombstones WHERE version = ?"
        return await self._database.read(lambda c: {str(row[0]) for row in c.execute(query, (version,))})

    async def begin(self, version: bytes, receivers: Sequence[tuple[str, str]]) -> None:
        """
        Note node id and IDURL of those who will be sent a piece. `NotFound` if the version was deleted, `Conflict` if
        pieces of it are being made anew already.
        """

        def change(c: sqlite3.Connection) -> None:
            if c.execute("SELECT 1 FROM versions WHERE id = ?", (version,)).fetchone() is None:
                raise NotFound("the version was deleted meanwhile")
            if c.execute("SELECT 1 FROM renewals WHERE version = ?", (version,)).fetchone() is not None:
                raise Conflict(UNDER_WAY)
            c.executemany("INSERT INTO renewals VALUES (?, ?, ?)", [(version, *receiver) for receiver in receivers])

        if version in self._running:
            raise Conflict(UNDER_WAY)
        # before it is written: what is written and not here counts as left over
        self._running.add(version)
        try:
            await self._database.run(change)
        except BaseException:
            self._running.discard(version)
            raise

    async def end(self, version: bytes, receivers: Sequence[tuple[str, str]], stored: Sequence[Piece]) -> None:
        """
        These pieces were acknowledged. Holders that have lost theirs to others may forget it, and so may receivers
        that have none: they may have stored it nevertheless. When this can not be written, as the disk is full, the
        next `barred` does it, as if nobody had acknowledged anything.
        """
        self._running.discard(version)
        now = self._clock.seconds()

        def change(c: sqlite3.Connection) -> None:
            c.execute("DELETE FROM renewals WHERE version = ?", (version,))
            idle = dict(receivers)
            if c.execute("SELECT 1 FROM versions WHERE id = ?", (version,)).fetchone() is not None:
                query = "SELECT node_id, idurl FROM pieces WHERE version = ? AND number = ?"
                idle |= dict(row for piece in stored for row in c.execute(query, (version, piece.number)).fetchall())
                c.executemany(PUT_PIECE, map(piece_row, stored))
                count_missing(c, version)
                note_store(c, version, now)
            c.executemany(
                _BURY,
                [(node_id, version, idurl, now) for node_id, idurl in idle.items() if not holds(c, version, node_id)],
            )

        await self._bury(change)
        self._changes.tell(Change(versions=(version,)))

    async def clear(self) -> None:
        """
        What was under way when the node ended is not.
        """
        self._running.clear()
        await self._end_left("TRUE")

    async def _end_left(self, where: str, *values: object) -> None:
        """End what nobody will end any more."""
        query = f"SELECT node_id, version, idurl FROM renewals WHERE {where}"  # noqa: S608 - our own words
        if not await self._database.read(lambda c: c.execute(query, values).fetchone()):
            return
        now = self._clock.seconds()

        def change(c: sqlite3.Connection) -> None:
            rows = c.execute(query, values).fetchall()
            c.executemany(_BURY, [(*row, now) for row in rows if not holds(c, row[1], row[0])])
            c.execute(f"DELETE FROM renewals WHERE {where}", values)  # noqa: S608 - our own words

        await self._bury(change)
