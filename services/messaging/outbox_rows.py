"""
The letters of this node that have not arrived yet, in `messages.db`.
"""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bitdust_node.wire.messages import MESSAGE

#: number: of a message in the log to its recipient; 0 for a receipt. keepers: of each supplier that keeps the letter
#: the first 8 bytes of its node id.
MIGRATIONS = (
    """
    CREATE TABLE outbox (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        recipient TEXT NOT NULL,
        number INTEGER NOT NULL,
        kind INTEGER NOT NULL,
        message_id BLOB NOT NULL,
        created INTEGER NOT NULL,
        keepers BLOB NOT NULL,
        letter BLOB NOT NULL
    );
    CREATE INDEX outbox_by_recipient ON outbox (recipient, id);
    CREATE INDEX outbox_by_message ON outbox (recipient, message_id);
    CREATE TABLE outbox_logs (recipient TEXT PRIMARY KEY, idurl TEXT NOT NULL, last INTEGER NOT NULL) WITHOUT ROWID;
    CREATE TABLE outbox_log (log BLOB NOT NULL);
    """,
)
#: Letters, and bytes, that are taken up at once.
PART, PART_BYTES = 64, 2 * 1024 * 1024
KEEPER = 8


@dataclass(frozen=True)
class Row:
    """One letter; see the table."""

    id: int
    number: int
    kind: int
    message_id: bytes
    keepers: bytes
    letter: bytes

    @property
    def kept_by(self) -> frozenset[bytes]:
        """Suppliers that keep it."""
        return frozenset(self.keepers[at : at + KEEPER] for at in range(0, len(self.keepers), KEEPER))


@dataclass(frozen=True)
class Standing:
    """
    How things stand with one recipient. idurl: where his identity was last. last: number of the last message. open:
    numbers of those that have not arrived. letters, size: that are in the outbox.
    """

    idurl: str
    last: int
    open: frozenset[int]
    letters: int
    size: int


def own_log(c: sqlite3.Connection) -> bytes:
    """
    The name of the logs that are written from this data folder.
    """
    row = c.execute("SELECT log FROM outbox_log").fetchone()
    if row is None:
        row = (secrets.token_bytes(5),)
        c.execute("INSERT INTO outbox_log VALUES (?)", row)
    return bytes(row[0])


def recipients(c: sqlite3.Connection) -> list[str]:
    """Those to whom something is on its way."""
    return [row[0] for row in c.execute("SELECT DISTINCT recipient FROM outbox")]


def standing(c: sqlite3.Connection, recipient: str) -> Standing:
    """How things stand with one recipient."""
    row = c.execute("SELECT idurl, last FROM outbox_logs WHERE recipient = ?", (recipient,)).fetchone()
    idurl, last = row or ("", 0)
    numbers, size = [], 0
    query = "SELECT number, LENGTH(letter) FROM outbox WHERE recipient = ?"
    for number, length in c.execute(query, (recipient,)):
        numbers.append(number)
        size += length
    return Standing(idurl, last, frozenset(number for number in numbers if number), len(numbers), size)


def insert(
    c: sqlite3.Connection,
    recipient: str,
    idurl: str,
    last: int,
    now: int,
    rows: Iterable[tuple[int, int, bytes, bytes]],
) -> None:
    """
    Letters that were written. rows: number, kind, message id, letter of each. last: number of the last message.
    """
    c.execute("INSERT OR REPLACE INTO outbox_logs VALUES (?, ?, ?)", (recipient, idurl, last))
    c.executemany(
        "INSERT INTO outbox (recipient, number, kind, message_id, created, keepers, letter)"
        " VALUES (?, ?, ?, ?, ?, X'', ?)",
        [(recipient, number, kind, message_id, now, letter) for number, kind, message_id, letter in rows],
    )


def load(c: sqlite3.Connection, recipient: str, after: int) -> list[Row]:
    """
    The next letters to a recipient, in the order in which they were written.
    """
    rows: list[Row] = []
    size = 0
    query = (
        "SELECT id, number, kind, message_id, keepers, letter FROM outbox"
        " WHERE recipient = ? AND id > ? ORDER BY id LIMIT ?"
    )
    for values in c.execute(query, (recipient, after, PART)):
        row = Row(*values)
        size += len(row.letter)
        if rows and size > PART_BYTES:
            break
        rows.append(row)
    return rows


def delete(c: sqlite3.Connection, ids: Sequence[int]) -> set[int]:
    """Letters that have arrived; those of them that were still there: a receipt may have come first."""
    query = "DELETE FROM outbox WHERE id = ? RETURNING id"
    return {int(row[0]) for one in ids for row in c.execute(query, (one,)).fetchall()}


def delete_messages(c: sqlite3.Connection, recipient: str, message_ids: Sequence[bytes]) -> list[tuple[int, int]]:
    """
    Messages that have arrived as their recipient says; number and bytes of each that was still in the outbox.
    """
    query = "DELETE FROM outbox WHERE recipient = ? AND message_id = ? AND kind = ? RETURNING number, LENGTH(letter)"
    return [row for one in message_ids for row in c.execute(query, (recipient, one, MESSAGE)).fetchall()]


def delete_old(c: sqlite3.Connection, recipient: str, before: int) -> list[tuple[int, int, bytes, int]]:
    """
    Letters that were written before a time (unix seconds): number, kind, message id and bytes of each.
    """
    query = "DELETE FROM outbox WHERE recipient = ? AND created < ? RETURNING number, kind, message_id, LENGTH(letter)"
    return c.execute(query, (recipient, before)).fetchall()


def keep(c: sqlite3.Connection, kept: Iterable[tuple[int, bytes]]) -> None:
    """Note who keeps letters: id and keepers of each."""
    c.executemany("UPDATE outbox SET keepers = ? WHERE id = ?", [(keepers, one) for one, keepers in kept])
