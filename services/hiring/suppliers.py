"""
Who is hired: the table of suppliers in `state.db`.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from bitdust_node.database import StateDb
from bitdust_node.identity.names import NodeId

MIGRATIONS = (
    """
    CREATE TABLE suppliers (
        position INTEGER PRIMARY KEY,
        node_id TEXT NOT NULL UNIQUE,
        idurl TEXT NOT NULL,
        hired REAL NOT NULL,
        granted INTEGER NOT NULL,
        expires REAL NOT NULL
    );
    """,
)


@dataclass(frozen=True)
class Hired:
    """
    One supplier. hired, expires: unix seconds. granted: bytes that may be kept there.
    """

    position: int
    node_id: NodeId
    idurl: str
    hired: float
    granted: int
    expires: float


class SupplierTable:
    """
    The suppliers as they survive a restart.
    """

    def __init__(self, state_db: StateDb) -> None:
        self._db = state_db

    async def load(self) -> list[Hired]:
        """
        All suppliers by position.
        """
        await self._db.prepare("suppliers", MIGRATIONS)
        return await self._all()

    async def _all(self) -> list[Hired]:
        query = "SELECT position, node_id, idurl, hired, granted, expires FROM suppliers ORDER BY position"
        return await self._db.read(
            lambda c: [Hired(row[0], NodeId(row[1]), *row[2:]) for row in c.execute(query).fetchall()]
        )

    async def put(self, hired: Hired) -> None:
        """
        Remember a supplier at its position, in the place of another one there.
        """
        row = (hired.position, hired.node_id, hired.idurl, hired.hired, hired.granted, hired.expires)
        await self._db.run(lambda c: c.execute("INSERT OR REPLACE INTO suppliers VALUES (?,?,?,?,?,?)", row))

    async def renew(self, hired: Hired) -> None:
        """
        Remember what was granted, if that supplier still has the position.
        """
        row = (hired.granted, hired.expires, hired.position, hired.node_id)
        query = "UPDATE suppliers SET granted = ?, expires = ? WHERE position = ? AND node_id = ?"
        await self._db.run(lambda c: c.execute(query, row))

    async def keep(self, hired: Collection[Hired]) -> None:
        """
        Remember these and no others.
        """
        wanted = {one.position: one for one in hired}
        there = {one.position: one.node_id for one in await self._all()}
        for position in there.keys() - wanted.keys():
            await self.remove(position)
        for position, one in wanted.items():
            if there.get(position) != one.node_id:
                await self.put(one)

    async def remove(self, position: int) -> None:
        await self._db.run(lambda c: c.execute("DELETE FROM suppliers WHERE position = ?", (position,)))
