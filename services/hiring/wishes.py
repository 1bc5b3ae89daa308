"""
Suppliers that the owner wants replaced by any other one: kept until it is done, as that may take longer than a process.
"""

from __future__ import annotations

from bitdust_node.database import StateDb
from bitdust_node.identity.names import NodeId

MIGRATIONS = ("CREATE TABLE replacements (node_id TEXT PRIMARY KEY) WITHOUT ROWID;",)


class Wishes:
    """
    The table `replacements` in `state.db`.
    """

    def __init__(self, state_db: StateDb) -> None:
        self._db = state_db
        self._prepared = False
        #: Those that have come true, as long as the table does not say so.
        self._fulfilled: set[NodeId] = set()

    async def load(self) -> list[NodeId]:
        """
        Who shall be replaced.
        """
        await self._prepare()
        for node_id in list(self._fulfilled):
            await self.remove(node_id)
        query = "SELECT node_id FROM replacements"
        return await self._db.read(lambda c: [NodeId(row[0]) for row in c.execute(query).fetchall()])

    async def add(self, node_id: NodeId) -> None:
        await self._prepare()
        await self._db.run(lambda c: c.execute("INSERT OR IGNORE INTO replacements VALUES (?)", (node_id,)))
        self._fulfilled.discard(node_id)

    async def remove(self, node_id: NodeId) -> None:
        """
        It is replaced, or not a supplier any more. If that can not be written now, the next `load` does it.
        """
        self._fulfilled.add(node_id)
        await self._db.run(lambda c: c.execute("DELETE FROM replacements WHERE node_id = ?", (node_id,)))
        self._fulfilled.discard(node_id)

    async def _prepare(self) -> None:
        if not self._prepared:
            await self._db.prepare("replacements", MIGRATIONS)
            self._prepared = True
