"""
What the DHT keeps in `state.db` over a restart: records, own publications, contacts.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from typing import Any, NamedTuple

from bitdust_node.database import StateDb
from bitdust_node.dht.contact import Contact
from bitdust_node.dht.store import Slot

CONTACTS = 256

_MIGRATIONS = (
    """
    CREATE TABLE dht_records (
        layer INTEGER NOT NULL, place BLOB NOT NULL, owner BLOB NOT NULL, packed BLOB NOT NULL, received REAL NOT NULL,
        PRIMARY KEY (layer, place, owner)
    ) WITHOUT ROWID;
    CREATE TABLE dht_owned (
        layer INTEGER NOT NULL, type TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL, ends REAL,
        PRIMARY KEY (layer, type, key)
    ) WITHOUT ROWID;
    CREATE TABLE dht_contacts (
        id BLOB PRIMARY KEY, host TEXT NOT NULL, port INTEGER NOT NULL, layers INTEGER NOT NULL
    ) WITHOUT ROWID;
    """,
)


class Owned(NamedTuple):
    """
    A record that this node wants to be in the network.

    ends: unix seconds when that wish ends, None: as long as the service wants it.
    """

    layer: int
    type: str
    key: str
    value: dict[str, Any]
    ends: float | None


class Kept(NamedTuple):
    """
    A record of the local store: owner, packed, unix seconds when it came.
    """

    owner: bytes
    packed: bytes
    received: float


class DhtMemory:
    """
    Reads all at the start, writes what changed.
    """

    def __init__(self, state_db: StateDb) -> None:
        self._db = state_db

    async def load(self) -> tuple[list[Kept], list[Owned], list[Contact]]:
        await self._db.prepare("dht", _MIGRATIONS)
        return await self._db.read(_load)

    async def save_records(self, changed: Sequence[tuple[Slot, Kept | None]]) -> None:
        """
        Write records; None: the slot is empty now.
        """

        def write(connection: sqlite3.Connection) -> None:
            for (layer, place, owner), kept in changed:
                if kept is None:
                    connection.execute(
                        "DELETE FROM dht_records WHERE layer = ? AND place = ? AND owner = ?", (layer, place, owner)
                    )
                else:
                    connection.execute(
                        "INSERT OR REPLACE INTO dht_records VALUES (?, ?, ?, ?, ?)",
                        (layer, place, owner, kept.packed, kept.received),
                    )

        await self._db.run(write)

    async def save_contacts(self, contacts: Sequence[Contact]) -> None:
        def write(connection: sqlite3.Connection) -> None:
            connection.execute("DELETE FROM dht_contacts")
            connection.executemany(
                "INSERT INTO dht_contacts VALUES (?, ?, ?, ?)",
                [(contact.id, contact.host, contact.port, contact.layers) for contact in contacts[:CONTACTS]],
            )

        await self._db.run(write)

    async def save_owned(self, owned: Owned) -> None:
        value = json.dumps(owned.value)
        await self._db.run(
            lambda connection: connection.execute(
                "INSERT OR REPLACE INTO dht_owned VALUES (?, ?, ?, ?, ?)",
                (owned.layer, owned.type, owned.key, value, owned.ends),
            )
        )

    async def forget_owned(self, layer: int, record_type: str, key: str) -> None:
        await self._db.run(
            lambda connection: connection.execute(
                "DELETE FROM dht_owned WHERE layer = ? AND type = ? AND key = ?", (layer, record_type, key)
            )
        )


def _load(connection: sqlite3.Connection) -> tuple[list[Kept], list[Owned], list[Contact]]:
    kept = [Kept(*row) for row in connection.execute("SELECT owner, packed, received FROM dht_records")]
    owned = [
        Owned(layer, record_type, key, json.loads(value), ends)
        for layer, record_type, key, value, ends in connection.execute("SELECT * FROM dht_owned")
    ]
    contacts = [Contact(*row) for row in connection.execute("SELECT id, host, port, layers FROM dht_contacts")]
    return kept, owned, contacts
