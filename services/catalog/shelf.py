"""
The own objects and who has got them: the tables `sealed` and `copies` of the catalog.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from bitdust_node.clock import Clock
from bitdust_node.database import Database
from services.catalog.objects import Name

#: Objects that one question brings.
PAGE = 100


@dataclass(frozen=True)
class Sealed:
    """
    An object as suppliers keep it.
    """

    id: bytes
    manifest: bytes
    data: bytes


class Shelf:
    """
    What is to be with every supplier.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database, self._clock = database, clock

    @staticmethod
    def put(c: sqlite3.Connection, sealed: Sealed, name: Name) -> None:
        """
        In a transaction: keep a new object.
        """
        row = (sealed.id, name.kind, name.number, sealed.manifest, sealed.data)
        c.execute("INSERT OR REPLACE INTO sealed VALUES (?, ?, ?, ?, ?)", row)

    async def keep(self, sealed: Sealed, name: Name) -> None:
        """
        Keep what another device has written, so that also suppliers to come get it.
        """
        await self._database.run(lambda c: self.put(c, sealed, name))

    async def forget(self, versions: Collection[bytes]) -> None:
        """
        Keep these no longer. Who has made them needless tells the suppliers.
        """
        rows = [(version,) for version in versions]
        await self._database.run(lambda c: c.executemany("DELETE FROM sealed WHERE id = ?", rows))

    async def keys_told(self) -> tuple[int, bytes]:
        """
        Number and digest of the last copy of the keys.
        """
        query = "SELECT number, digest FROM keys_told"
        number, digest = await self._database.read(lambda c: c.execute(query).fetchone())
        return int(number), bytes(digest)

    async def tell_keys(self, sealed: Sealed, name: Name, digest: bytes) -> None:
        """
        Keep a new copy of the keys; those before it are not needed any more.
        """

        def change(c: sqlite3.Connection) -> None:
            old = c.execute("SELECT id FROM sealed WHERE kind = ?", (name.kind,)).fetchall()
            self._bury(c, [bytes(row[0]) for row in old])
            self.put(c, sealed, name)
            c.execute("UPDATE keys_told SET number = ?, digest = ?", (name.number, digest))

        await self._database.run(change)

    async def keys_read(self) -> set[bytes]:
        """
        The copies of keys of other devices that were taken over.
        """
        return await self._database.read(lambda c: {bytes(row[0]) for row in c.execute("SELECT id FROM keys_read")})

    async def note_keys_read(self, version: bytes) -> None:
        await self._database.run(lambda c: c.execute("INSERT OR IGNORE INTO keys_read VALUES (?)", (version,)))

    async def missing(self, node_id: str) -> list[Sealed]:
        """
        Some of the objects that a supplier has not got yet, in their order.
        """
        query = (
            "SELECT id, manifest, data FROM sealed WHERE id NOT IN (SELECT id FROM copies WHERE node_id = ?)"
            " ORDER BY kind, rowid LIMIT ?"
        )
        return await self._database.read(lambda c: [Sealed(*row) for row in c.execute(query, (node_id, PAGE))])

    async def lacking(self, node_ids: Collection[str]) -> set[int]:
        """
        The kinds of objects of which one of these suppliers has not got all.
        """
        query = "SELECT DISTINCT kind FROM sealed WHERE id NOT IN (SELECT id FROM copies WHERE node_id = ?)"
        return await self._database.read(
            lambda c: {kind for node_id in node_ids for (kind,) in c.execute(query, (node_id,))}
        )

    async def copied(self, version: bytes, node_id: str, idurl: str) -> None:
        """
        A supplier has got one.
        """
        row = (version, node_id, idurl)
        await self._database.run(lambda c: c.execute("INSERT OR REPLACE INTO copies VALUES (?, ?, ?)", row))

    async def keep_only(self, node_ids: Collection[str]) -> None:
        """
        What other suppliers than these have does not count any more.
        """
        known = "SELECT DISTINCT node_id FROM copies"
        gone = await self._database.read(lambda c: [row[0] for row in c.execute(known) if row[0] not in node_ids])
        if gone:
            rows = [(node_id,) for node_id in gone]
            await self._database.run(lambda c: c.executemany("DELETE FROM copies WHERE node_id = ?", rows))

    async def at(self, node_id: str) -> set[bytes]:
        """
        The objects that a supplier should have.
        """
        query = "SELECT id FROM copies WHERE node_id = ?"
        return await self._database.read(lambda c: {bytes(row[0]) for row in c.execute(query, (node_id,))})

    async def found(self, node_id: str, idurl: str, there: Iterable[bytes], lost: Iterable[bytes]) -> None:
        """
        What the list of a supplier says: these are there, and those are not any more.
        """
        rows = [(version, node_id, idurl) for version in there]
        gone = [(version, node_id) for version in lost]

        def change(c: sqlite3.Connection) -> None:
            c.executemany("INSERT OR REPLACE INTO copies VALUES (?, ?, ?)", rows)
            c.executemany("DELETE FROM copies WHERE id = ? AND node_id = ?", gone)

        await self._database.run(change)

    async def own(self, kind: int) -> dict[bytes, int]:
        """
        Ids and numbers of the own objects of a kind.
        """
        query = "SELECT id, number FROM sealed WHERE kind = ?"
        return await self._database.read(lambda c: {bytes(row[0]): int(row[1]) for row in c.execute(query, (kind,))})

    async def spread(self, versions: Collection[bytes], least: int) -> bool:
        """
        True if each of these is with so many suppliers.
        """

        def look(c: sqlite3.Connection) -> bool:
            query = "SELECT count(*) FROM copies WHERE id = ?"
            return all(c.execute(query, (version,)).fetchone()[0] >= least for version in versions)

        return await self._database.read(look)

    async def everywhere(self) -> list[bytes]:
        """
        All objects that any supplier has.
        """
        query = "SELECT DISTINCT id FROM copies"
        return await self._database.read(lambda c: [bytes(row[0]) for row in c.execute(query)])

    async def bury(self, versions: Collection[bytes]) -> None:
        """
        Nobody needs these any more: whoever has them is told to delete them.
        """
        await self._database.run(lambda c: self._bury(c, versions))

    def _bury(self, c: sqlite3.Connection, versions: Collection[bytes]) -> None:
        now = self._clock.seconds()
        rows = [(version,) for version in versions]
        c.executemany(
            "INSERT OR IGNORE INTO tombstones (node_id, version, idurl, created)"
            " SELECT node_id, id, idurl, ? FROM copies WHERE id = ?",
            [(now, *row) for row in rows],
        )
        c.executemany("DELETE FROM copies WHERE id = ?", rows)
        c.executemany("DELETE FROM sealed WHERE id = ?", rows)
