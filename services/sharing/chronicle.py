"""
Who did what in a share, and when.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from bitdust_node.database import StateDb
from bitdust_node.membership.roster import Roster
from services.catalog.batches import Batch
from services.catalog.operations import Move, Put, Remove, Store, unpack

MIGRATIONS = (
    """
    CREATE TABLE chronicle (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        time INTEGER NOT NULL,
        node_id TEXT NOT NULL,
        action TEXT NOT NULL,
        path TEXT NOT NULL,
        detail TEXT NOT NULL,
        UNIQUE (time, node_id, action, path, detail)
    );
    CREATE INDEX chronicle_time ON chronicle (time);
    CREATE TABLE noted (roster INTEGER NOT NULL, members TEXT NOT NULL);
    INSERT INTO noted VALUES (0, '');
    """,
)
#: Deeds that are remembered of one share; the oldest are forgotten.
LIMIT = 100_000


@dataclass(frozen=True)
class Deed:
    """
    time: milliseconds since 1970, by the clock of who did it. node_id: who. action: `created`, `stored`, `moved`,
    `deleted`, `granted` or `revoked`. path: virtual path, empty if it is about no item. detail: name of the version, or
    node id and role of the member.
    """

    time: int
    node_id: str
    action: str
    path: str
    detail: str


class Chronicle:
    """
    Kept in the folder of the share; what was told again, as after a repair, is written once.
    """

    def __init__(self, state_db: StateDb) -> None:
        self._db = state_db

    async def open(self) -> None:
        """
        Make the tables.
        """
        await self._db.prepare("chronicle", MIGRATIONS)

    async def note_batch(self, node_id: str, batch: Batch) -> None:
        """
        Write down what a member has done.
        """
        deeds = [deed for body in batch.operations if (deed := _deed(node_id, body)) is not None]
        if deeds:
            await self._write(deeds)

    async def note_roster(self, roster: Roster) -> None:
        """
        Write down who was let in or removed, once for each roster.
        """
        now = {member.node_id: str(member.role) for member in roster.members}

        def change(c: sqlite3.Connection) -> None:
            number, text = c.execute("SELECT roster, members FROM noted").fetchone()
            if number >= roster.number:
                return
            before = dict(entry.split("=", 1) for entry in text.split(",") if entry)
            time = roster.created * 1000
            deeds = [
                Deed(time, roster.author, "granted", "", f"{node_id} {role}")
                for node_id, role in now.items()
                if before.get(node_id) != role
            ]
            deeds += [Deed(time, roster.author, "revoked", "", node_id) for node_id in before if node_id not in now]
            _insert(c, deeds)
            c.execute(
                "UPDATE noted SET roster = ?, members = ?",
                (roster.number, ",".join(f"{node_id}={role}" for node_id, role in now.items())),
            )

        await self._db.run(change)

    async def noted(self) -> int:
        """
        The number of the last roster that was noted.
        """
        return int(await self._db.read(lambda c: c.execute("SELECT roster FROM noted").fetchone()[0]))

    async def newest(self, limit: int) -> list[Deed]:
        """
        The newest first.
        """
        query = "SELECT time, node_id, action, path, detail FROM chronicle ORDER BY time DESC, id DESC LIMIT ?"
        return await self._db.read(lambda c: [Deed(*row) for row in c.execute(query, (limit,))])

    async def _write(self, deeds: Sequence[Deed]) -> None:
        await self._db.run(lambda c: _insert(c, deeds))


def _insert(c: sqlite3.Connection, deeds: Sequence[Deed]) -> None:
    c.executemany(
        "INSERT OR IGNORE INTO chronicle (time, node_id, action, path, detail) VALUES (?, ?, ?, ?, ?)",
        [(deed.time, deed.node_id, deed.action, deed.path, deed.detail) for deed in deeds],
    )
    c.execute("DELETE FROM chronicle WHERE id <= (SELECT max(id) FROM chronicle) - ?", (LIMIT,))


def _deed(node_id: str, body: bytes) -> Deed | None:
    operation = unpack(body)
    if isinstance(operation, Put):
        return Deed(operation.stamp.clock, node_id, "created", operation.path, operation.kind)
    if isinstance(operation, Store):
        # when it was made, not when it was told of again
        return Deed(int(operation.created * 1000), node_id, "stored", operation.path, operation.name)
    if isinstance(operation, Move):
        return Deed(operation.stamp.clock, node_id, "moved", operation.path, "")
    if isinstance(operation, Remove):
        return Deed(operation.stamp.clock, node_id, "deleted", operation.path, "")
    # versions that are dropped are those of a deleted item, or give way to newer ones: these tell of it
    return None
