"""
How far the messages of others were read, and those that came before their turn, in `messages.db`.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass, replace

from services.messaging.entries import Entry, pack_data, unpack_data
from services.messaging.history import Writing

#: next: the number of the log that is shown next. seen: unix seconds of its last message.
MIGRATIONS = (
    """
    CREATE TABLE inbox_logs (
        sender TEXT NOT NULL,
        log BLOB NOT NULL,
        next INTEGER NOT NULL,
        seen INTEGER NOT NULL,
        PRIMARY KEY (sender, log)
    ) WITHOUT ROWID;
    CREATE TABLE inbox_early (
        sender TEXT NOT NULL,
        log BLOB NOT NULL,
        number INTEGER NOT NULL,
        message_id TEXT NOT NULL,
        time INTEGER NOT NULL,
        came INTEGER NOT NULL,
        data BLOB NOT NULL,
        PRIMARY KEY (sender, log, number)
    );
    CREATE INDEX inbox_early_by_age ON inbox_early (came);
    """,
)
#: Logs of one sender whose place is remembered.
LOGS_LIMIT = 50
#: Messages, and bytes, of one sender that may wait for those before them; with more they wait no longer.
EARLY_LIMIT, EARLY_BYTES = 1000, 8 * 1024 * 1024


@dataclass(frozen=True)
class Place:
    """
    Where a message stands: number in a log of its sender, and the lowest number that was on its way then.
    """

    log: bytes
    number: int
    least: int


def take(writing: Writing, entry: Entry, place: Place, now: int) -> str | None:
    """
    Keep a message: in the history if it is its turn, with all that waited for it, else among those that are early.
    The state of one that is here already, else None.
    """
    c = writing.connection
    known = writing.state_of(entry)
    if known is not None:
        return known
    key = (entry.sender, place.log)
    query = "SELECT message_id FROM inbox_early WHERE sender = ? AND log = ? AND number = ?"
    early = c.execute(query, (*key, place.number)).fetchone()
    if early is not None and early[0] == entry.message_id:
        return entry.state
    row = c.execute("SELECT next FROM inbox_logs WHERE sender = ? AND log = ?", key).fetchone()
    turn = max(row[0] if row else 0, place.least)
    turn = _release(writing, entry, place.log, turn)
    if place.number > turn and early is None and _room(c, entry.sender):
        values = (*key, place.number, entry.message_id, entry.time, now, pack_data(entry.data))
        c.execute("INSERT INTO inbox_early VALUES (?, ?, ?, ?, ?, ?, ?)", values)
    else:
        if place.number > turn:
            _release(writing, entry, place.log, place.number)
        writing.add(entry)
        turn = _release(writing, entry, place.log, max(turn, place.number + 1))
    c.execute("INSERT OR REPLACE INTO inbox_logs VALUES (?, ?, ?, ?)", (*key, turn, now))
    if row is None:
        _drop_old_logs(c, entry.sender)
    return None


def late(c: sqlite3.Connection, before: int) -> list[tuple[str, bytes]]:
    """
    Sender and log of messages that came before a time (unix seconds) and still wait.
    """
    query = "SELECT DISTINCT sender, log FROM inbox_early WHERE came < ? LIMIT 100"
    return [(row[0], bytes(row[1])) for row in c.execute(query, (before,))]


def give_up(writing: Writing, log: bytes, like: Entry, before: int, now: int) -> None:
    """
    Wait no longer for what is missing before messages that came before a time. like: an empty message of their sender.
    """
    c = writing.connection
    query = "SELECT MAX(number) FROM inbox_early WHERE sender = ? AND log = ? AND came < ?"
    (last,) = c.execute(query, (like.sender, log, before)).fetchone()
    if last is None:
        return
    turn = _release(writing, like, log, last + 1)
    c.execute("INSERT OR REPLACE INTO inbox_logs VALUES (?, ?, ?, ?)", (like.sender, log, turn, now))


def _release(writing: Writing, like: Entry, log: bytes, turn: int) -> int:
    """
    Show all early messages below a turn, and those that follow without a gap; the next turn.
    """
    c = writing.connection
    shown: list[int] = []
    query = "SELECT number, message_id, time, data FROM inbox_early WHERE sender = ? AND log = ? ORDER BY number"
    for number, message_id, time, data in c.execute(query, (like.sender, log)):
        if number > turn:
            break
        turn = max(turn, number + 1)
        writing.add(replace(like, message_id=message_id, time=time, data=unpack_data(data)))
        shown.append(number)
    _forget(c, like.sender, log, shown)
    return turn


def _forget(c: sqlite3.Connection, sender: str, log: bytes, numbers: Iterable[int]) -> None:
    query = "DELETE FROM inbox_early WHERE sender = ? AND log = ? AND number = ?"
    c.executemany(query, [(sender, log, number) for number in numbers])


def _room(c: sqlite3.Connection, sender: str) -> bool:
    query = "SELECT COUNT(*), COALESCE(SUM(LENGTH(data)), 0) FROM inbox_early WHERE sender = ?"
    count, size = c.execute(query, (sender,)).fetchone()
    return bool(count < EARLY_LIMIT and size < EARLY_BYTES)


def _drop_old_logs(c: sqlite3.Connection, sender: str) -> None:
    query = (
        "DELETE FROM inbox_logs WHERE sender = ? AND log NOT IN"
        " (SELECT log FROM inbox_logs WHERE sender = ? ORDER BY seen DESC LIMIT ?)"
    )
    c.execute(query, (sender, sender, LOGS_LIMIT))
