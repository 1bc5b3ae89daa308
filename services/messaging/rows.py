"""
The rows of the history: what is written and read inside a transaction, beside the reactor.
"""

# ruff: noqa: S608 - only constants are put into queries; values are always bound

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from bitdust_node.identity.names import NodeId
from services.messaging.entries import (
    PRIVATE,
    STATES,
    Conversation,
    Entry,
    Kept,
    Moved,
    Talk,
    pack_data,
    parties,
    unpack_data,
)
from services.messaging.entries import words as words_of

_MESSAGE = (
    "SELECT m.position, t.kind, t.name, t.number, m.sender, m.message_id, m.time, m.direction, m.state, m.data,"
    " COALESCE(s.name, ''), COALESCE(o.name, '')"
    " FROM messages m JOIN talks t ON t.id = m.talk"
    " LEFT JOIN people s ON s.node_id = m.sender"
    " LEFT JOIN people o ON o.node_id = substr(t.name, -64)"
)
_RANK = {state: rank for rank, state in enumerate(STATES)}
#: Words of a search.
WORDS_LIMIT = 20


def insert(c: sqlite3.Connection, entry: Entry, me: str) -> Kept | None:
    """
    Keep a message, or None if it is known.
    """
    talk, number = _talk(c, entry)
    data = pack_data(entry.data)
    row = (talk, entry.sender, entry.message_id, entry.time, entry.direction, entry.state, data)
    done = c.execute(
        "INSERT OR IGNORE INTO messages (talk, sender, message_id, time, direction, state, data)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        row,
    )
    if not done.rowcount:
        return None
    position = int(done.lastrowid or 0)
    c.execute("INSERT INTO words (rowid, text) VALUES (?, ?)", (position, words_of(entry.data)))
    counted = "received" if entry.direction == "in" else "written"
    c.execute(
        f"UPDATE talks SET updated = ?, last_id = ?, last_position = ?, {counted} = {counted} + ? WHERE id = ?",
        (entry.time, entry.message_id, position, len(data), talk),
    )
    for node_id, name in ((entry.sender, entry.sender_name), (entry.talk.owner, entry.owner_name)):
        _note_name(c, node_id, name)
    return Kept(entry, position, conversation_id(entry.talk.kind, number), *parties(entry, me), len(data))


def advance(c: sqlite3.Connection, talk: Talk, sender: NodeId, message_id: str, state: str, me: str) -> Moved | None:
    """
    Note a further state of a message; None if it is not known or has got further already.
    """
    row = c.execute(
        f"{_MESSAGE} WHERE m.talk = (SELECT id FROM talks WHERE kind = ? AND name = ?)"
        " AND m.sender = ? AND m.message_id = ?",
        (talk.kind, talk.name, sender, message_id),
    ).fetchone()
    if row is None or _RANK[row[8]] >= _RANK[state]:
        return None
    c.execute("UPDATE messages SET state = ? WHERE position = ?", (state, row[0]))
    kept = _kept(row, me)
    return Moved(replace(kept, entry=replace(kept.entry, state=state)), kept.entry.state)


def state_of(c: sqlite3.Connection, entry: Entry) -> str | None:
    """
    The state of a message, None if it is not known.
    """
    row = c.execute(
        "SELECT state FROM messages WHERE talk = (SELECT id FROM talks WHERE kind = ? AND name = ?)"
        " AND sender = ? AND message_id = ?",
        (entry.talk.kind, entry.talk.name, entry.sender, entry.message_id),
    ).fetchone()
    return None if row is None else str(row[0])


def page(
    c: sqlite3.Connection,
    talk: Talk | None,
    offset: int,
    limit: int,
    sender: NodeId | None,
    search: str,
    me: str,
    bytes_limit: int,
) -> list[Kept]:
    """
    Newest first.
    """
    wanted: list[str] = []
    values: list[Any] = []
    if talk is not None:
        wanted.append("m.talk = (SELECT id FROM talks WHERE kind = ? AND name = ?)")
        values += [talk.kind, talk.name]
    if sender is not None:
        wanted.append("m.sender = ?")
        values.append(sender)
    if search:
        wanted.append("m.position IN (SELECT rowid FROM words WHERE words MATCH ?)")
        values.append(query_of(search))
    where = f" WHERE {' AND '.join(wanted)}" if wanted else ""
    rows = c.execute(f"{_MESSAGE}{where} ORDER BY m.position DESC LIMIT ? OFFSET ?", (*values, limit, offset))
    found: list[Kept] = []
    size = 0
    for row in rows:
        size += len(row[9])
        if found and size > bytes_limit:
            break
        found.append(_kept(row, me))
    return found


def conversations(c: sqlite3.Connection, kinds: Sequence[str], offset: int, limit: int) -> list[Conversation]:
    """
    Those with the newest messages first. kinds: of messages; none: all.
    """
    where = f" WHERE t.kind IN ({', '.join('?' * len(kinds))})" if kinds else ""
    rows = c.execute(
        "SELECT t.kind, t.name, t.number, t.started, t.updated, t.last_id, COALESCE(o.name, '') FROM talks t"
        f" LEFT JOIN people o ON o.node_id = substr(t.name, -64){where} ORDER BY t.last_position DESC LIMIT ? OFFSET ?",
        (*kinds, limit, offset),
    )
    return [Conversation(Talk(kind, name), conversation_id(kind, number), *rest) for kind, name, number, *rest in rows]


def conversation_of(c: sqlite3.Connection, talk: Talk) -> Conversation | None:
    """One conversation."""
    row = c.execute(
        "SELECT t.number, t.started, t.updated, t.last_id, COALESCE(o.name, '') FROM talks t"
        " LEFT JOIN people o ON o.node_id = substr(t.name, -64) WHERE t.kind = ? AND t.name = ?",
        (talk.kind, talk.name),
    ).fetchone()
    return None if row is None else Conversation(talk, conversation_id(talk.kind, row[0]), *row[1:])


def talk_named(c: sqlite3.Connection, name: str) -> str | None:
    """
    The node id of whoever has, or had, this global id.
    """
    row = c.execute("SELECT node_id FROM names WHERE name = ?", (name,)).fetchone()
    return None if row is None else str(row[0])


def query_of(search: str) -> str:
    """
    Words of a person as a query of FTS5: quoted, so that none is taken for an operator.
    """
    words = search.replace('"', " ").replace("\0", " ").encode("utf-8", "replace").decode("utf-8").split()[:WORDS_LIMIT]
    return " ".join(f'"{word}"' for word in words) + "*" if words else '""'


def conversation_id(kind: str, number: int) -> str:
    """
    As clients see it: two local ids, the smaller first; ours is 0.
    """
    return f"0&{number}" if kind == PRIVATE else f"{number}&{number}"


def _talk(c: sqlite3.Connection, entry: Entry) -> tuple[int, int]:
    key = (entry.talk.kind, entry.talk.name)
    row = c.execute("SELECT id, number FROM talks WHERE kind = ? AND name = ?", key).fetchone()
    if row is not None:
        return row[0], row[1]
    number = entry.number
    taken = c.execute("SELECT 1 FROM talks WHERE number = ?", (number,)).fetchone()
    if number < 1 or taken is not None:
        (number,) = c.execute("SELECT COALESCE(MAX(number), 0) + 1 FROM talks").fetchone()
    done = c.execute(
        "INSERT INTO talks (kind, name, number, started, updated, last_id, last_position, written, received)"
        " VALUES (?, ?, ?, ?, ?, '', 0, 0, 0)",
        (*key, number, entry.time, entry.time),
    )
    return int(done.lastrowid or 0), number


def _note_name(c: sqlite3.Connection, node_id: str, name: str) -> None:
    if not name:
        return
    row = c.execute("SELECT name FROM people WHERE node_id = ?", (node_id,)).fetchone()
    if row is None or row[0] != name:
        c.execute("INSERT OR REPLACE INTO people VALUES (?, ?)", (node_id, name))
        c.execute("INSERT OR REPLACE INTO names VALUES (?, ?)", (name, node_id))


def _kept(row: Any, me: str) -> Kept:
    position, kind, name, number, sender, message_id, time, direction, state, data, sender_name, owner_name = row
    entry = Entry(
        Talk(kind, name),
        message_id,
        time,
        NodeId(sender),
        direction,
        unpack_data(data),
        state,
        sender_name,
        owner_name,
        number,
    )
    return Kept(entry, position, conversation_id(kind, number), *parties(entry, me), len(data))
