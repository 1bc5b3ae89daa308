"""
The identities of others on disk: which document each node had last, and where it was published.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from typing import NamedTuple

from bitdust_node.database import StateDb
from bitdust_node.errors import BitDustError
from bitdust_node.identity.document import Document

#: Documents kept on disk; the longest unused give way.
DISK_LIMIT = 50_000

MIGRATIONS = (
    """
    CREATE TABLE identities (
        node_id TEXT PRIMARY KEY,
        revision INTEGER NOT NULL,
        used REAL NOT NULL,
        document BLOB NOT NULL
    ) WITHOUT ROWID;
    CREATE INDEX identities_used ON identities (used);
    CREATE TABLE identity_sources (
        idurl TEXT PRIMARY KEY,
        node_id TEXT NOT NULL REFERENCES identities (node_id) ON DELETE CASCADE
    ) WITHOUT ROWID;
    CREATE INDEX identity_sources_node ON identity_sources (node_id);
    """,
)

_SELECT = (
    "SELECT document, (SELECT group_concat(idurl, ' ') FROM identity_sources AS s WHERE s.node_id = i.node_id) "
    "FROM identities AS i "
)
_NEWEST = _SELECT + "ORDER BY used DESC LIMIT ?"
_OF_NODE = _SELECT + "WHERE node_id = ?"
_AT_IDURL = _SELECT + "WHERE node_id IN (SELECT node_id FROM identity_sources WHERE idurl = ?)"  # noqa: S608 - nothing but constants


class Stored(NamedTuple):
    """
    A document and the IDURLs that were confirmed to be its owner's.
    """

    document: Document
    confirmed: tuple[str, ...]


class IdentityCache:
    """
    The tables of the resolver in `state.db`. Only confirmed IDURLs are kept.
    """

    def __init__(self, state_db: StateDb) -> None:
        self._db = state_db

    async def prepare(self) -> None:
        """
        Make the tables; before anything else.
        """
        await self._db.prepare("identities", MIGRATIONS)

    async def newest(self, count: int) -> list[Stored]:
        """
        Those stored last, the oldest of them first.
        """
        return (await self._select(_NEWEST, count))[::-1]

    async def by_node_id(self, node_id: str) -> Stored | None:
        """
        The document of a node, or None.
        """
        found = await self._select(_OF_NODE, node_id)
        return found[0] if found else None

    async def by_idurl(self, idurl: str) -> Stored | None:
        """
        The document of whom this IDURL was confirmed to lead to, or None.
        """
        found = await self._select(_AT_IDURL, idurl)
        return found[0] if found else None

    async def store(self, document: Document, confirmed: Iterable[str], now: float) -> None:
        """
        Keep a document unless a newer one is there, and the IDURLs that are confirmed.
        """
        sources = [(idurl, str(document.node_id)) for idurl in confirmed]
        await self._db.run(lambda c: _store(c, document, sources, now))

    async def _select(self, query: str, value: object) -> list[Stored]:
        rows = await self._db.read(lambda c: c.execute(query, (value,)).fetchall())
        parsed = []
        for xml, confirmed in rows:
            try:
                parsed.append(Stored(Document.parse(xml), tuple((confirmed or "").split())))
            except BitDustError:
                continue  # a damaged row is fetched anew when it is needed
        return parsed


def _store(connection: sqlite3.Connection, document: Document, sources: list[tuple[str, str]], now: float) -> None:
    connection.execute(
        "INSERT INTO identities VALUES (?, ?, ?, ?) ON CONFLICT (node_id) DO UPDATE SET "
        "revision = excluded.revision, used = excluded.used, document = excluded.document "
        "WHERE excluded.revision >= revision",
        (document.node_id, document.revision, now, document.xml),
    )
    # The first that was confirmed stays: see KnownIdentities.
    connection.executemany("INSERT OR IGNORE INTO identity_sources VALUES (?, ?)", sources)
    (count,) = connection.execute("SELECT count(*) FROM identities").fetchone()
    if count > DISK_LIMIT:
        connection.execute(
            "DELETE FROM identities WHERE node_id IN (SELECT node_id FROM identities ORDER BY used LIMIT ?)",
            (count - DISK_LIMIT,),
        )
