"""
What senders are still to be told, in `messages.db`: written together with what became of their messages, and removed
when the receipt is in the outbox.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

#: idurl: where the identity of the sender was, if that was at hand. since: unix seconds.
MIGRATIONS = (
    """
    CREATE TABLE receipts_due (
        sender TEXT NOT NULL,
        message_id BLOB NOT NULL,
        state TEXT NOT NULL,
        idurl TEXT NOT NULL,
        since INTEGER NOT NULL,
        PRIMARY KEY (sender, message_id, state)
    ) WITHOUT ROWID;
    """,
)
#: Seconds after which a sender is not told any more: he has given up the message.
LONGEST = 30 * 86400


@dataclass(frozen=True)
class Due:
    """
    A receipt that is to be written; see the table.
    """

    sender: str
    message_id: bytes
    state: str
    idurl: str = ""


def note(c: sqlite3.Connection, receipts: Iterable[Due], now: int) -> None:
    """
    Senders are to be told; harmless when repeated.
    """
    rows = [(one.sender, one.message_id, one.state, one.idurl, now) for one in receipts]
    c.executemany("INSERT OR IGNORE INTO receipts_due VALUES (?, ?, ?, ?, ?)", rows)


def written(c: sqlite3.Connection, sender: str, message_ids: Sequence[bytes], state: str) -> None:
    """
    A receipt is in the outbox; who hears that a message was read needs not hear that it has arrived.
    """
    query = "DELETE FROM receipts_due WHERE sender = ? AND message_id = ? AND (state = ? OR ? = 'read')"
    c.executemany(query, [(sender, one, state, state) for one in message_ids])


def due(c: sqlite3.Connection, limit: int) -> list[Due]:
    """
    What is still to be told, those of one sender together.
    """
    rows = c.execute("SELECT sender, message_id, state, idurl FROM receipts_due LIMIT ?", (limit,))
    return [Due(sender, bytes(message_id), state, idurl) for sender, message_id, state, idurl in rows]


def forget_old(c: sqlite3.Connection, now: int) -> None:
    """
    Nobody waits for those any more.
    """
    c.execute("DELETE FROM receipts_due WHERE since < ?", (now - LONGEST,))
