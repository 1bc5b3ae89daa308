"""
What is asked of the catalog: items, versions and pieces, by path, by id, by what they lack, and their sums.
"""

# ruff: noqa: S608 - only names of columns and constants are put into queries; values are always bound

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from bitdust_node.database import Database
from services.catalog import sums
from services.catalog.names import is_path_id
from services.catalog.retelling import going
from services.catalog.rows import ITEM, PAGE, PIECE, VERSION, item_at, marks, one, parts
from services.catalog.schema import Endangered, Item, Piece, Version


class Questions:
    """
    Every question reads the database once and changes nothing.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find(self, alias: str, path: str) -> Item | None:
        """
        The item at a virtual path, else the one with that numeric id.
        """

        def look(c: sqlite3.Connection) -> Item | None:
            found = item_at(c, alias, path)
            if found is None and is_path_id(path):
                found = one(c, "path_id", alias, path)
            return found

        return await self._database.read(look)

    async def item(self, item_id: int) -> Item | None:
        def look(c: sqlite3.Connection) -> Item | None:
            row = c.execute(f"SELECT {ITEM} FROM items WHERE id = ?", (item_id,)).fetchone()
            return Item(*row) if row else None

        return await self._database.read(look)

    async def items(
        self, alias: str | None, folder: Item | None, *, recursive: bool = True, after: Item | None = None, limit: int
    ) -> list[Item]:
        """
        What is below a folder (None: everything) without the folder itself, in order of key and path.

        after: the last item of the page before. alias: None means every key's catalog.
        """
        where, values = ["(alias, path) > (?, ?)"], [after.alias if after else "", after.path if after else ""]
        if alias is not None:
            # one lower bound, so that the index begins there: each page would read all those before it
            low = after.path if after is not None and after.alias == alias else ""
            if recursive and folder is not None:
                low = max(low, f"{folder.path}/")
            where, values = ["alias = ?", "path > ?"], [alias, low]
        if not recursive:
            where.append("parent = ?")
            values.append(folder.path_id if folder else "")
        elif folder is not None:
            # "0" is the character after "/": all that begins with "path/", by the index
            where.append("path < ?")
            values.append(f"{folder.path}0")
        query = f"SELECT {ITEM} FROM items WHERE {' AND '.join(where)} ORDER BY alias, path LIMIT ?"
        return await self._database.read(lambda c: [Item(*row) for row in c.execute(query, (*values, limit))])

    async def versions(self, items: Sequence[int]) -> dict[int, list[Version]]:
        """
        The versions of items, newest first.
        """

        def look(c: sqlite3.Connection) -> dict[int, list[Version]]:
            found: dict[int, list[Version]] = {item: [] for item in items}
            for part in parts(items):
                query = f"SELECT {VERSION} FROM versions WHERE item IN ({marks(part)}) ORDER BY created DESC, name DESC"
                for row in c.execute(query, part):
                    version = Version(*row)
                    found[version.item].append(version)
            return found

        return await self._database.read(look)

    async def version(self, version: bytes) -> Version | None:
        def look(c: sqlite3.Connection) -> Version | None:
            row = c.execute(f"SELECT {VERSION} FROM versions WHERE id = ?", (version,)).fetchone()
            return Version(*row) if row else None

        return await self._database.read(look)

    async def pieces(self, versions: Sequence[bytes]) -> dict[bytes, list[Piece]]:
        """
        The pieces of versions, in order of number; of one that is in a pack, those of the pack.
        """
        inside = f"SELECT v.id, {', '.join(f'p.{name}' for name in PIECE.split(', '))} FROM versions v"

        def look(c: sqlite3.Connection) -> dict[bytes, list[Piece]]:
            found: dict[bytes, list[Piece]] = {version: [] for version in versions}
            for part in parts(versions):
                query = f"SELECT {PIECE} FROM pieces WHERE version IN ({marks(part)}) ORDER BY number"
                for row in c.execute(query, part):
                    piece = Piece(*row)
                    found[piece.version].append(piece)
                query = f"{inside} JOIN pieces p ON p.version = v.pack WHERE v.id IN ({marks(part)}) ORDER BY p.number"
                for version, *row in c.execute(query, part):
                    found[version].append(Piece(*row))
            return found

        return await self._database.read(look)

    async def stored_at(
        self, node_id: str, after: tuple[bytes, int] = (b"", -1), limit: int = PAGE
    ) -> list[tuple[bytes, int]]:
        """
        Version and number of pieces that a node has acknowledged, in this order, behind `after`.
        """
        query = (
            "SELECT version, number FROM pieces WHERE node_id = ? AND state = 'stored' AND (version, number) > (?, ?)"
            " ORDER BY version, number LIMIT ?"
        )
        return await self._database.read(
            lambda c: [(bytes(row[0]), int(row[1])) for row in c.execute(query, (node_id, *after, limit))]
        )

    async def endangered(
        self, receivers: Sequence[str] = (), after: Endangered | None = None, limit: int = PAGE
    ) -> list[Endangered]:
        """
        Versions that are ready and lack pieces, the most endangered ones first, behind `after`.

        receivers: the node ids of those who could take a piece, if they hold none of the version.
        """
        holders = (
            "SELECT count(DISTINCT node_id) FROM pieces"
            f" WHERE version = versions.id AND state = 'stored' AND node_id IN ({marks(receivers)})"
        )
        behind = "" if after is None else " AND (spare, id) > (?, ?)"
        query = (
            f"SELECT spare, id, manifest IS NOT NULL AND ({holders}) < ? FROM versions"
            f" WHERE missing > 0 AND state = 'ready'{behind} ORDER BY spare, id LIMIT ?"
        )
        last = () if after is None else (after.spare, after.id)
        values = (*receivers, len(receivers), *last, limit)
        return await self._database.read(
            lambda c: [Endangered(spare, id_, bool(can)) for spare, id_, can in c.execute(query, values)]
        )

    async def bare_versions(self, after: bytes) -> list[tuple[bytes, list[Piece]]]:
        """
        Some versions whose manifest is not known here, and who holds their pieces, in order of id.
        """
        bare = "manifest IS NULL AND state = 'ready' AND pack IS NULL"
        query = f"SELECT id FROM versions WHERE {bare} AND id > ? ORDER BY id LIMIT 200"
        rows = await self._database.read(lambda c: [bytes(row[0]) for row in c.execute(query, (after,))])
        return list((await self.pieces(rows)).items())

    async def coded_otherwise(self, m: int, after: bytes, limit: int = PAGE) -> list[Version]:
        """
        Versions that are ready and have another number of pieces, in the order of their ids, behind `after`; packs are
        not among them.
        """
        scope = "state = 'ready' AND pack IS NULL AND kind <> 'pack'"

        def look(c: sqlite3.Connection) -> list[Version]:
            found: list[bytes] = []
            other = c.execute(f"SELECT min(m) FROM versions WHERE {scope}").fetchone()[0]
            # there are few numbers of pieces: each is found, and looked at, by the index
            while other is not None:
                query = f"SELECT id FROM versions WHERE {scope} AND m = ? AND id > ? ORDER BY id LIMIT ?"
                found += (bytes(row[0]) for row in c.execute(query, (other, after, limit if other != m else 0)))
                other = c.execute(f"SELECT min(m) FROM versions WHERE {scope} AND m > ?", (other,)).fetchone()[0]
            query = f"SELECT {VERSION} FROM versions WHERE id = ?"
            return [Version(*c.execute(query, (each,)).fetchone()) for each in sorted(found)[:limit]]

        return await self._database.read(look)

    async def is_coded(self, m: int) -> bool:
        """
        True if all that is stored has that number of pieces, packs too.
        """
        query = "SELECT EXISTS (SELECT 1 FROM versions WHERE kind = 'pack' AND state = 'ready' AND m <> ?)"
        packs = await self._database.read(lambda c: bool(c.execute(query, (m,)).fetchone()[0]))
        return not packs and not await self.coded_otherwise(m, b"", 1)

    async def is_long(self, batches: int) -> bool:
        """
        True if the log has more batches than that, and is much longer than the catalog.
        """

        def look(c: sqlite3.Connection) -> bool:
            if c.execute("SELECT number FROM journal").fetchone()[0] <= batches or going(c):
                return False
            (size,) = c.execute("SELECT coalesce(sum(length(data)), 0) FROM sealed").fetchone()
            (items,) = c.execute("SELECT coalesce(sum(items), 0) FROM sums").fetchone()
            (versions,) = c.execute("SELECT count(*) FROM versions").fetchone()
            return bool(size > 200 * (items + versions) + 65536)

        return await self._database.read(look)

    async def totals(self, own: bool) -> dict[str, int]:
        """
        Counts and sizes of the own catalog (keys other than shares) or of the shares.
        """
        return await self._database.read(lambda c: sums.totals(c, own))

    async def stored_bytes(self) -> dict[str, int]:
        """
        Bytes of acknowledged pieces by the node id of their holder.
        """
        return await self._database.read(sums.stored_bytes)
