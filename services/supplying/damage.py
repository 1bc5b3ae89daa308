"""
Pieces that a supplier has found bad, noted in the ledger until they are stored anew or deleted; and how far its scrub
is.

Nothing is removed because it is bad: a part of it may still serve.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from bitdust_node.database import Database
from bitdust_node.identity.names import NodeId

#: The tables; a migration of the ledger.
TABLES = """
    CREATE TABLE damaged (
        customer TEXT NOT NULL,
        version BLOB NOT NULL,
        idx INTEGER NOT NULL,
        reason TEXT NOT NULL,
        found INTEGER NOT NULL,
        told INTEGER NOT NULL DEFAULT 0,
        PRIMARY KEY (customer, version, idx)
    ) WITHOUT ROWID;
    CREATE TABLE scrubbed (
        id INTEGER PRIMARY KEY CHECK (id = 1),
        cursor TEXT NOT NULL,
        began INTEGER NOT NULL,
        objects INTEGER NOT NULL,
        bytes INTEGER NOT NULL,
        bad INTEGER NOT NULL,
        rounds INTEGER NOT NULL,
        ended INTEGER NOT NULL
    );
    INSERT INTO scrubbed VALUES (1, '', 0, 0, 0, 0, 0, 0);
    """


@dataclass(frozen=True)
class Progress:
    """
    How far the scrub is.

    cursor: the last object that was read in this round, empty before the first. began: unix seconds of its start.
    objects, bytes, bad: of this round so far. rounds: whole ones; ended: when the last of them ended.
    """

    cursor: str = ""
    began: int = 0
    objects: int = 0
    bytes: int = 0
    bad: int = 0
    rounds: int = 0
    ended: int = 0


class Damage:
    """
    Tables `damaged` and `scrubbed` of the ledger. Who is told of a piece is who pays for it.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def note(self, customer: NodeId, version: bytes, index: int, reason: str, now: int) -> bool:
        """
        A piece is bad; False if there is no such piece any more. When it was told stays.
        """
        key = (customer, version, index)

        def write(c: sqlite3.Connection) -> bool:
            found = "SELECT 1 FROM pieces WHERE customer = ? AND version = ? AND idx = ?"
            if c.execute(found, key).fetchone() is None:
                return False
            c.execute("INSERT OR IGNORE INTO damaged VALUES (?, ?, ?, ?, ?, 0)", (*key, reason, now))
            return True

        return await self._database.run(write)

    async def mended(self, customer: NodeId, version: bytes, index: int) -> None:
        """
        A piece has been stored anew, or was read without a fault.
        """
        key = (customer, version, index)
        await self._database.run(
            lambda c: c.execute("DELETE FROM damaged WHERE customer = ? AND version = ? AND idx = ?", key)
        )

    async def has(self, customer: NodeId, version: bytes, index: int) -> bool:
        """
        Whether a piece is known to be bad.
        """
        query = "SELECT 1 FROM damaged WHERE customer = ? AND version = ? AND idx = ?"
        key = (customer, version, index)
        return await self._database.read(lambda c: c.execute(query, key).fetchone() is not None)

    async def count(self) -> int:
        """
        Pieces that are known to be bad.
        """
        return int(await self._database.read(lambda c: c.execute("SELECT count(*) FROM damaged").fetchone()[0]))

    async def owners(self, before: int) -> list[NodeId]:
        """
        Customers who have bad pieces of which they were not told since `before`.
        """
        query = (
            "SELECT DISTINCT coalesce(payer, customer) FROM damaged LEFT JOIN deposits USING (customer) WHERE told < ?"
        )
        return [NodeId(row[0]) for row in await self._database.read(lambda c: c.execute(query, (before,)).fetchall())]

    async def untold(self, owner: NodeId, before: int, limit: int) -> list[tuple[NodeId, bytes, int]]:
        """
        Customer, version and index of some of those pieces.
        """
        query = (
            "SELECT customer, version, idx FROM damaged LEFT JOIN deposits USING (customer)"
            " WHERE coalesce(payer, customer) = ? AND told < ? LIMIT ?"
        )
        rows = await self._database.read(lambda c: c.execute(query, (owner, before, limit)).fetchall())
        return [(NodeId(row[0]), bytes(row[1]), int(row[2])) for row in rows]

    async def told(self, pieces: Sequence[tuple[NodeId, bytes, int]], now: int) -> None:
        """
        The owner knows of these.
        """
        rows = [(now, *piece) for piece in pieces]
        query = "UPDATE damaged SET told = ? WHERE customer = ? AND version = ? AND idx = ?"
        await self._database.run(lambda c: c.executemany(query, rows))

    async def progress(self) -> Progress:
        query = "SELECT cursor, began, objects, bytes, bad, rounds, ended FROM scrubbed"
        return Progress(*await self._database.read(lambda c: c.execute(query).fetchone()))

    async def save_progress(self, at: Progress) -> None:
        row = (at.cursor, at.began, at.objects, at.bytes, at.bad, at.rounds, at.ended)
        query = "UPDATE scrubbed SET cursor = ?, began = ?, objects = ?, bytes = ?, bad = ?, rounds = ?, ended = ?"
        await self._database.run(lambda c: c.execute(query, row))
