"""
The letters that a supplier keeps, in tables.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from bitdust_node.wire.messages import PAGE_BYTES, PAGE_ITEMS, SMALL, MailItem

MIGRATIONS = (
    """
    CREATE TABLE mail (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        owner TEXT NOT NULL,
        sender TEXT NOT NULL,
        message_id BLOB NOT NULL,
        came INTEGER NOT NULL,
        size INTEGER NOT NULL,
        letter BLOB NOT NULL,
        UNIQUE (owner, sender, message_id)
    );
    CREATE INDEX mail_by_owner ON mail (owner, number);
    CREATE INDEX mail_by_age ON mail (came);
    """,
)


@dataclass(frozen=True)
class Gone:
    """A letter that is kept no more. size: bytes."""

    owner: str
    sender: str
    size: int


def totals(c: sqlite3.Connection) -> list[tuple[str, str, int, int]]:
    """
    Owner, sender, letters and bytes.
    """
    return c.execute("SELECT owner, sender, COUNT(*), SUM(size) FROM mail GROUP BY owner, sender").fetchall()


def insert(c: sqlite3.Connection, owner: str, sender: str, message_id: bytes, now: int, letter: bytes) -> bool:
    """
    Keep a letter; False if it is there already.
    """
    row = (owner, sender, message_id, now, len(letter), letter)
    query = "INSERT OR IGNORE INTO mail (owner, sender, message_id, came, size, letter) VALUES (?, ?, ?, ?, ?, ?)"
    return bool(c.execute(query, row).rowcount)


def page(c: sqlite3.Connection, owner: str, after: int) -> list[MailItem]:
    """
    The next letters of an owner, as many as fit one answer; large ones without their bytes.
    """
    query = (
        "SELECT number, size, CASE WHEN size <= ? THEN letter ELSE X'' END FROM mail"
        " WHERE owner = ? AND number > ? ORDER BY number LIMIT ?"
    )
    items: list[MailItem] = []
    room = PAGE_BYTES
    for number, size, letter in c.execute(query, (SMALL, owner, after, PAGE_ITEMS)):
        room -= len(letter) + 32
        if items and room < 0:
            break
        items.append(MailItem(number, size, letter))
    return items


def letter_at(c: sqlite3.Connection, owner: str, number: int) -> bytes | None:
    """One letter of an owner."""
    row = c.execute("SELECT letter FROM mail WHERE owner = ? AND number = ?", (owner, number)).fetchone()
    return None if row is None else bytes(row[0])


def delete(c: sqlite3.Connection, owner: str, numbers: Sequence[int]) -> list[Gone]:
    """Letters of an owner."""
    query = "DELETE FROM mail WHERE owner = ? AND number = ? RETURNING owner, sender, size"
    return [Gone(*row) for number in numbers for row in c.execute(query, (owner, number)).fetchall()]


def delete_all(c: sqlite3.Connection, owner: str) -> list[Gone]:
    """All letters of an owner."""
    query = "DELETE FROM mail WHERE owner = ? RETURNING owner, sender, size"
    return [Gone(*row) for row in c.execute(query, (owner,)).fetchall()]


def delete_old(c: sqlite3.Connection, before: int, limit: int) -> list[Gone]:
    """Letters that came before a time (unix seconds)."""
    query = (
        "DELETE FROM mail WHERE number IN (SELECT number FROM mail WHERE came < ? LIMIT ?)"
        " RETURNING owner, sender, size"
    )
    return [Gone(*row) for row in c.execute(query, (before, limit)).fetchall()]


def last_numbers(c: sqlite3.Connection) -> dict[str, int]:
    """The number of the last letter of each owner."""
    return dict(c.execute("SELECT owner, MAX(number) FROM mail GROUP BY owner").fetchall())
