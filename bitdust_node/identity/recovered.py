"""
A note that this node has got its identity back, and still has to find what belongs to it.
"""

from __future__ import annotations

import sqlite3

from bitdust_node.database import StateDb

MIGRATIONS = ("CREATE TABLE recovered (node_id TEXT PRIMARY KEY);",)


class Recovered:
    """
    Stands in `state.db` until the suppliers of the identity are found again.
    """

    def __init__(self, state_db: StateDb) -> None:
        self._db = state_db

    async def note(self, node_id: str) -> None:
        """
        This identity was recovered.
        """
        await self._db.prepare("recovered", MIGRATIONS)
        await self._db.run(lambda c: c.execute("INSERT OR REPLACE INTO recovered VALUES (?)", (node_id,)))

    async def pending(self, node_id: str) -> bool:
        """
        True while there is something to be found.
        """
        await self._db.prepare("recovered", MIGRATIONS)

        def look(c: sqlite3.Connection) -> bool:
            return c.execute("SELECT 1 FROM recovered WHERE node_id = ?", (node_id,)).fetchone() is not None

        return await self._db.read(look)

    async def done(self) -> None:
        """
        All that can be found was found.
        """
        await self._db.run(lambda c: c.execute("DELETE FROM recovered"))
