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


class Renewals:
    """
    The table `renewals`: a receiver is written before anything is sent to him. Whatever happens then, in the end he
    either holds a piece that the catalog counts on, or has a tombstone.

    bury: runs a transaction that may leave tombstones.
    """

    def __init__(self, database: Database, bury: Bury, changes: Changes, clock: Clock) -> None:
        self._database, self._bury, self._changes, self._clock = database, bury, changes, clock

    async def barred(self, version: bytes) -> set[str]:
        """
        The nodes that must not get a piece of a version now: what they keep of it is about to be deleted.
        """
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
                raise Conflict("pieces of this version are being made anew already")
            c.executemany("INSERT INTO renewals VALUES (?, ?, ?)", [(version, *receiver) for receiver in receivers])

        await self._database.run(change)

    async def end(self, version: bytes, receivers: Sequence[tuple[str, str]], stored: Sequence[Piece]) -> None:
        """
        These pieces were acknowledged. Holders that have lost theirs to others may forget it, and so may receivers
        that have none: they may have stored it nevertheless.
        """
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
        now = self._clock.seconds()

        def change(c: sqlite3.Connection) -> None:
            rows = c.execute("SELECT node_id, version, idurl FROM renewals").fetchall()
            c.executemany(_BURY, [(*row, now) for row in rows if not holds(c, row[1], row[0])])
            c.execute("DELETE FROM renewals")

        await self._bury(change)
