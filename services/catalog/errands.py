"""
What the node still has to do: deletions that suppliers have yet to hear of, and transfers that are not done.
"""

# ruff: noqa: S608 - only names of columns and constants are put into queries; values are always bound

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable
from typing import Literal

from bitdust_node.clock import Clock
from bitdust_node.database import Database
from bitdust_node.errors import NotFound
from services.catalog.rows import PAGE, TASK
from services.catalog.schema import Task, Tombstone


class Errands:
    """
    The tables `tombstones` and `tasks` of the catalog.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._callbacks: tuple[Callable[[], object], ...] = ()

    def observe(self, callback: Callable[[], object]) -> Callable[[], None]:
        """
        Call back when there may be new tombstones; returns the function that ends it.
        """
        self._callbacks = (*self._callbacks, callback)

        def undo() -> None:
            self._callbacks = tuple(other for other in self._callbacks if other is not callback)

        return undo

    def tell(self) -> None:
        """
        Tombstones may have been written.
        """
        for callback in self._callbacks:
            callback()

    async def tombstones(self, node_id: str | None = None, limit: int = PAGE) -> list[Tombstone]:
        """
        Deletions that suppliers have yet to hear of, of one supplier or of all.
        """
        query = "SELECT node_id, version, idurl FROM tombstones WHERE ? IS NULL OR node_id = ? LIMIT ?"
        return await self._database.read(
            lambda c: [Tombstone(*row) for row in c.execute(query, (node_id, node_id, limit))]
        )

    async def buriers(self) -> list[tuple[str, str]]:
        """
        Node id and IDURL of the suppliers that have yet to hear of deletions.
        """
        query = "SELECT node_id, max(idurl) FROM tombstones GROUP BY node_id LIMIT 1000"
        return await self._database.read(lambda c: [(str(row[0]), str(row[1])) for row in c.execute(query)])

    async def bury(self, node_id: str, versions: Iterable[bytes]) -> None:
        """
        A supplier has acknowledged these deletions.
        """
        rows = [(node_id, version) for version in versions]
        await self._database.run(
            lambda c: c.executemany("DELETE FROM tombstones WHERE node_id = ? AND version = ?", rows)
        )

    async def delete_again(self, node_id: str, idurl: str, versions: Iterable[bytes]) -> None:
        """
        A supplier keeps these versions, some hundreds: what was deleted of them gets a tombstone. The supplier may
        have come back from an old copy of its disk, or this node from its key, without the tombstones that it had.
        """
        wanted = set(versions)
        query = "SELECT 1 FROM dropped WHERE version = ?"
        dropped = await self._database.read(
            lambda c: [version for version in wanted if c.execute(query, (version,)).fetchone()]
        )
        if not dropped:
            return
        rows = [(node_id, version, idurl, self._clock.seconds()) for version in dropped]
        await self._database.run(
            lambda c: c.executemany(
                "INSERT OR IGNORE INTO tombstones (node_id, version, idurl, created) VALUES (?, ?, ?, ?)", rows
            )
        )
        self.tell()

    async def add_task(
        self,
        kind: Literal["upload", "download"],
        item: int,
        local_path: str,
        version: str = "",
        temporary: str = "",
    ) -> Task:
        """
        Remember a transfer, so that it is begun again if the node is killed.
        """
        now = self._clock.seconds()

        def change(c: sqlite3.Connection) -> Task:
            if c.execute("SELECT 1 FROM items WHERE id = ?", (item,)).fetchone() is None:
                raise NotFound("path was not found in the catalog")
            cursor = c.execute(
                "INSERT INTO tasks (kind, item, version, local_path, temporary, created) VALUES (?,?,?,?,?,?)",
                (kind, item, version, local_path, temporary, now),
            )
            return Task(cursor.lastrowid or 0, kind, item, version, local_path, temporary, now)

        return await self._database.run(change)

    async def remove_task(self, task: int) -> None:
        await self._database.run(lambda c: c.execute("DELETE FROM tasks WHERE id = ?", (task,)))

    async def tasks(self, kind: str) -> list[Task]:
        query = f"SELECT {TASK} FROM tasks WHERE kind = ? ORDER BY id LIMIT 100000"
        return await self._database.read(lambda c: [Task(*row) for row in c.execute(query, (kind,))])
