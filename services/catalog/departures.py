"""
What suppliers hold that were dismissed: still good to read from, but to be made anew for others.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Awaitable, Callable, Sequence

from bitdust_node.database import Database
from services.catalog.rows import count_missing
from services.catalog.schema import PieceState

#: Pieces that one transaction changes: each of them is somewhere else on the disk.
MOVED = 250

Change = Callable[[Callable[[sqlite3.Connection], None]], Awaitable[None]]


class Departures:
    """
    The pieces of one supplier as a whole, in the tables of the catalog.

    change: runs a transaction.
    """

    def __init__(self, database: Database, change: Change) -> None:
        self._database, self._change = database, change

    async def leave(self, node_id: str, m: int = 0) -> bool:
        """
        All that a supplier keeps counts as missing from now on, although it can still be read there; m: only what it
        keeps of versions of so many pieces. True if that is anything that did not before.
        """
        return await self._move(node_id, "stored", "leaving", m)

    async def stay(self, node_id: str) -> None:
        """
        The supplier was hired again: what it keeps counts again.
        """
        await self._move(node_id, "leaving", "stored")

    async def lose(self, node_id: str) -> None:
        """
        The supplier keeps nothing any more.
        """
        await self._move(node_id, "stored", "lost")
        await self._move(node_id, "leaving", "lost")

    async def lost(self, node_id: str, pieces: Sequence[tuple[bytes, int]]) -> None:
        """
        The supplier does not keep these any more: versions and numbers, at most some thousand.
        """

        def change(c: sqlite3.Connection) -> None:
            c.executemany(
                "UPDATE pieces SET state = 'lost' WHERE version = ? AND number = ? AND node_id = ?",
                [(version, number, node_id) for version, number in pieces],
            )
            for version in {version for version, _ in pieces}:
                count_missing(c, version)

        await self._change(change)

    async def one_stored(self, node_id: str, start: bytes) -> tuple[bytes, int] | None:
        """
        Version and number of one piece that a supplier has acknowledged: that of the first version from `start` on. As
        the ids of versions are random, so is the choice if `start` is.
        """
        query = "SELECT version, number FROM pieces WHERE node_id = ? AND version >= ? AND state = 'stored'"

        def look(c: sqlite3.Connection) -> tuple[bytes, int] | None:
            for begin in (start, b""):
                row = c.execute(f"{query} ORDER BY version LIMIT 1", (node_id, begin)).fetchone()
                if row is not None:
                    return bytes(row[0]), int(row[1])
            return None

        return await self._database.read(look)

    async def needed(self, node_id: str) -> bool:
        """
        True while the catalog counts on anything that this node keeps.
        """
        query = "SELECT 1 FROM pieces WHERE node_id = ? AND state IN ('stored', 'leaving', 'sent') LIMIT 1"
        return await self._database.read(lambda c: c.execute(query, (node_id,)).fetchone() is not None)

    async def _move(self, node_id: str, old: PieceState, new: PieceState, m: int = 0) -> bool:
        """A page is a transaction, so that others come in between; whoever is stopped in the midst calls again."""
        query = (
            "SELECT version FROM pieces WHERE node_id = ?1 AND state = ?2"
            " AND (?3 = 0 OR (SELECT m FROM versions WHERE id = version) = ?3) ORDER BY version LIMIT ?4"
        )
        moved = False
        while rows := await self._database.read(lambda c: c.execute(query, (node_id, old, m, MOVED)).fetchall()):
            versions = sorted({bytes(row[0]) for row in rows})

            def change(c: sqlite3.Connection, versions: list[bytes] = versions) -> None:
                c.executemany(
                    "UPDATE pieces SET state = ? WHERE node_id = ? AND state = ? AND version = ?",
                    [(new, node_id, old, version) for version in versions],
                )
                c.executemany(
                    "UPDATE versions SET missing ="
                    " m - (SELECT count(*) FROM pieces WHERE version = versions.id AND state = 'stored')"
                    " WHERE state = 'ready' AND id = ?",
                    [(version,) for version in versions],
                )

            # the revision of the catalog moves on only when there is something to change
            await self._change(change)
            moved = True
        return moved
