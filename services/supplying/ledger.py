"""
The supplier's books: who has a lease, which pieces are stored, and their manifests. Small pieces lie here themselves.

A row of `pieces` is written after its object is safely on the disk, and removed before its object is. What was
committed survives a power cut.
"""

# ruff: noqa: S608 - only constants are put into queries; values are always bound

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable
from dataclasses import astuple, dataclass, replace
from pathlib import Path

from bitdust_node.database import Database
from bitdust_node.identity.names import NodeId
from bitdust_node.pieces.hashtree import HASH_BYTES
from bitdust_node.pieces.layout import PIECE_BLOCK
from bitdust_node.pieces.object_file import FOOTER_BYTES
from bitdust_node.threads import Workers
from bitdust_node.wire.storage import PieceItem
from services.supplying.damage import TABLES, Damage

MIGRATIONS = (
    """
    CREATE TABLE leases (
        customer TEXT PRIMARY KEY,
        idurl TEXT NOT NULL,
        granted INTEGER NOT NULL,
        position INTEGER NOT NULL,
        suppliers INTEGER NOT NULL,
        lapsed INTEGER NOT NULL,
        seen INTEGER NOT NULL,
        created INTEGER NOT NULL
    ) WITHOUT ROWID;
    CREATE TABLE pieces (
        customer TEXT NOT NULL,
        version BLOB NOT NULL,
        idx INTEGER NOT NULL,
        object TEXT NOT NULL UNIQUE,
        size INTEGER NOT NULL,
        root BLOB NOT NULL,
        stored INTEGER NOT NULL,
        PRIMARY KEY (customer, version, idx)
    ) WITHOUT ROWID;
    CREATE TABLE manifests (
        customer TEXT NOT NULL,
        version BLOB NOT NULL,
        manifest BLOB NOT NULL,
        PRIMARY KEY (customer, version)
    );
    CREATE TABLE small (object TEXT PRIMARY KEY, data BLOB NOT NULL);
    CREATE TABLE removals (object TEXT PRIMARY KEY) WITHOUT ROWID;
    """,
    # customer: what the pieces of a share are known by. payer: its owner, whose lease they fill.
    """
    CREATE TABLE deposits (customer TEXT PRIMARY KEY, payer TEXT NOT NULL) WITHOUT ROWID;
    CREATE INDEX deposits_payer ON deposits (payer);
    """,
    TABLES,
    # lapsed_at: unix seconds, 0 if it is not known. noticed: notices that were given since the customer was heard of.
    """
    ALTER TABLE leases ADD COLUMN lapsed_at INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE leases ADD COLUMN noticed INTEGER NOT NULL DEFAULT 0;
    """,
)

#: Pieces beside whom they are counted for.
PAID, PAYER = "pieces LEFT JOIN deposits USING (customer)", "coalesce(payer, customer)"


@dataclass(frozen=True)
class LeaseRow:
    """
    granted: bytes. position, suppliers: among the customer's suppliers. seen, created, lapsed_at: unix seconds.
    noticed: how often the customer was told that the lease is about to lapse.
    """

    customer: NodeId
    idurl: str
    granted: int
    position: int
    suppliers: int
    lapsed: bool
    seen: int
    created: int
    lapsed_at: int = 0
    noticed: int = 0


@dataclass(frozen=True)
class PieceRow:
    """
    object: name in the store. size: bytes of the blocks. stored: unix seconds. data: the object itself, if it is small
    and lies in the ledger. payer: whose lease it fills, if that is not the customer's.
    """

    customer: NodeId
    version: bytes
    index: int
    object: str
    size: int
    root: bytes
    stored: int
    data: bytes | None = None
    payer: NodeId | None = None


@dataclass(frozen=True)
class Removed:
    """
    What a deletion took out of the books. pieces: how many. freed: bytes. objects: those whose files are to be removed.
    """

    pieces: int
    freed: int
    objects: list[str]


class Ledger:
    """
    Answers are about one customer, but for what the supplier asks for itself.
    """

    def __init__(self, path: Path | str, workers: Workers) -> None:
        self._database = Database(path, MIGRATIONS, workers, full_sync=True)
        #: Pieces that were found bad, and how far the scrub is.
        self.damage = Damage(self._database)

    async def close(self) -> None:
        await self._database.close()

    async def leases(self) -> list[LeaseRow]:
        def read(c: sqlite3.Connection) -> list[LeaseRow]:
            rows = c.execute(
                "SELECT customer, idurl, granted, position, suppliers, lapsed, seen, created, lapsed_at, noticed"
                " FROM leases"
            ).fetchall()
            return [replace(LeaseRow(*row), lapsed=bool(row[5])) for row in rows]

        return await self._database.read(read)

    async def save_leases(self, rows: Iterable[LeaseRow]) -> None:
        values = [astuple(row) for row in rows]
        query = "INSERT OR REPLACE INTO leases VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
        await self._database.run(lambda c: c.executemany(query, values))

    async def end_lease(self, customer: NodeId) -> None:
        await self._database.run(lambda c: c.execute("DELETE FROM leases WHERE customer = ?", (customer,)))

    async def used(self) -> dict[NodeId, int]:
        """
        Bytes of the pieces of each customer that has any, with a lease or without; those of shares count for their
        owners.
        """
        query = f"SELECT {PAYER}, SUM(size) FROM {PAID} GROUP BY 1"
        return dict(await self._database.read(lambda c: c.execute(query).fetchall()))

    async def on_disk(self) -> dict[NodeId, int]:
        """
        Bytes of the objects of each customer: their blocks, leaves and footers.
        """
        query = f"SELECT {PAYER}, SUM(size + ? * ((size + ?) / ?) + ?) FROM {PAID} GROUP BY 1"
        numbers = (HASH_BYTES, PIECE_BLOCK - 1, PIECE_BLOCK, FOOTER_BYTES)
        return dict(await self._database.read(lambda c: c.execute(query, numbers).fetchall()))

    async def add(self, piece: PieceRow, manifest: bytes) -> bytes | None:
        """
        Note a stored piece. If there is one under this version and index already, its root is the answer and its row
        stays; a small object that is the same is written anew, as the old one may have been damaged.
        """
        key = (piece.customer, piece.version, piece.index)

        def write(c: sqlite3.Connection) -> bytes | None:
            before = c.execute("SELECT root FROM pieces WHERE customer = ? AND version = ? AND idx = ?", key).fetchone()
            if before is not None:
                if before[0] == piece.root and piece.data is not None:
                    c.execute("UPDATE small SET data = ? WHERE object = ?", (piece.data, piece.object))
                    c.execute("DELETE FROM damaged WHERE customer = ? AND version = ? AND idx = ?", key)
                return bytes(before[0])
            row = (*key, piece.object, piece.size, piece.root, piece.stored)
            c.execute("INSERT INTO pieces VALUES (?, ?, ?, ?, ?, ?, ?)", row)
            if piece.payer is not None and piece.payer != piece.customer:
                c.execute("INSERT OR IGNORE INTO deposits VALUES (?, ?)", (piece.customer, piece.payer))
            if piece.data is not None:
                c.execute("INSERT INTO small VALUES (?, ?)", (piece.object, piece.data))
            c.execute("INSERT OR IGNORE INTO manifests VALUES (?, ?, ?)", (*key[:2], manifest))
            c.execute("DELETE FROM removals WHERE object = ?", (piece.object,))
            return None

        return await self._database.run(write)

    async def piece(self, customer: NodeId, version: bytes, index: int) -> PieceRow | None:
        query = (
            "SELECT customer, version, idx, object, size, root, stored, data FROM pieces LEFT JOIN small USING (object)"
            " WHERE customer = ? AND version = ? AND idx = ?"
        )
        row = await self._database.read(lambda c: c.execute(query, (customer, version, index)).fetchone())
        return PieceRow(*row) if row else None

    async def page(self, after: str, limit: int) -> list[PieceRow]:
        """
        Pieces of everybody in the order of their objects, those behind the object `after`.
        """
        query = (
            "SELECT customer, version, idx, object, size, root, stored, data FROM pieces LEFT JOIN small USING (object)"
            " WHERE object > ? ORDER BY object LIMIT ?"
        )
        return [
            PieceRow(*row) for row in await self._database.read(lambda c: c.execute(query, (after, limit)).fetchall())
        ]

    async def pieces(self, customer: NodeId, after: bytes, limit: int) -> list[PieceItem]:
        """
        In order, those behind the cursor `after` (`PieceItem.cursor`).
        """
        place = (customer, after[:16], int.from_bytes(after[16:], "big") if len(after) > 16 else -1, limit)
        query = (
            "SELECT version, idx, size, root FROM pieces"
            " WHERE customer = ? AND (version, idx) > (?, ?) ORDER BY version, idx LIMIT ?"
        )
        return [PieceItem(*row) for row in await self._database.read(lambda c: c.execute(query, place).fetchall())]

    async def manifest(self, customer: NodeId, version: bytes) -> bytes | None:
        query = "SELECT manifest FROM manifests WHERE customer = ? AND version = ?"
        row = await self._database.read(lambda c: c.execute(query, (customer, version)).fetchone())
        return bytes(row[0]) if row else None

    async def manifests(self, customer: NodeId, after: bytes, limit: int) -> list[bytes]:
        query = "SELECT version FROM manifests WHERE customer = ? AND version > ? ORDER BY version LIMIT ?"
        rows = await self._database.read(lambda c: c.execute(query, (customer, after, limit)).fetchall())
        return [bytes(row[0]) for row in rows]

    async def remove(self, customer: NodeId, versions: list[bytes] | None) -> Removed:
        """
        Take versions (None: all) out of the books, and note their objects for removal.
        """

        def write(c: sqlite3.Connection) -> Removed:
            wanted = versions
            if wanted is None:
                query = (
                    "SELECT version FROM pieces WHERE customer = ?"
                    " UNION SELECT version FROM manifests WHERE customer = ?"
                )
                wanted = [bytes(row[0]) for row in c.execute(query, (customer, customer))]
            pieces, freed, objects = 0, 0, []
            for version in wanted:
                query = "DELETE FROM pieces WHERE customer = ? AND version = ? RETURNING object, size"
                for name, size in c.execute(query, (customer, version)).fetchall():
                    pieces += 1
                    freed += size
                    if not c.execute("DELETE FROM small WHERE object = ?", (name,)).rowcount:
                        objects.append(name)
                c.execute("DELETE FROM manifests WHERE customer = ? AND version = ?", (customer, version))
                c.execute("DELETE FROM damaged WHERE customer = ? AND version = ?", (customer, version))
            if versions is None:
                c.execute("DELETE FROM deposits WHERE customer = ?", (customer,))
            c.executemany("INSERT OR IGNORE INTO removals VALUES (?)", [(name,) for name in objects])
            return Removed(pieces, freed, objects)

        return await self._database.run(write)

    async def paid_by(self, payer: NodeId) -> list[NodeId]:
        """
        The shares whose pieces fill the lease of a customer, by what their pieces are known by.
        """
        query = "SELECT customer FROM deposits WHERE payer = ?"
        return [NodeId(row[0]) for row in await self._database.read(lambda c: c.execute(query, (payer,)).fetchall())]

    async def removals(self, limit: int) -> list[str]:
        """
        Some of the objects that are still to be removed from the store.
        """
        query = "SELECT object FROM removals LIMIT ?"
        return [row[0] for row in await self._database.read(lambda c: c.execute(query, (limit,)).fetchall())]

    async def listed_removals(self, objects: Collection[str]) -> list[str]:
        """
        Those of them that are still to be removed.
        """
        query = "SELECT object FROM removals WHERE object = ?"
        if not objects:
            return []
        return await self._database.read(
            lambda c: [name for name in objects if c.execute(query, (name,)).fetchone() is not None]
        )

    async def to_remove(self, objects: Iterable[str]) -> None:
        """
        Objects that are to be removed from the store, unless there is a row for one by now.
        """
        change = "INSERT OR IGNORE INTO removals SELECT ?1 WHERE NOT EXISTS (SELECT 1 FROM pieces WHERE object = ?1)"
        names = [(name,) for name in objects]
        await self._database.run(lambda c: c.executemany(change, names))

    async def removed(self, objects: Iterable[str]) -> None:
        names = [(name,) for name in objects]
        await self._database.run(lambda c: c.executemany("DELETE FROM removals WHERE object = ?", names))

    async def unknown(self, objects: Collection[str]) -> list[str]:
        """
        Those of them that have no row.
        """
        query = "SELECT object FROM pieces WHERE object = ?"
        return await self._database.read(
            lambda c: [name for name in objects if c.execute(query, (name,)).fetchone() is None]
        )
