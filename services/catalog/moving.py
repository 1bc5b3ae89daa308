"""
Where versions are after renames: functions of an open connection.

Each version is in the item that the newest of its moves names, else in that of the operation that has stored it. The
moves of versions that nobody has told of yet wait for them, so any order of the operations ends the same.
"""

from __future__ import annotations

import sqlite3

from services.catalog.operations import Move, Stamp
from services.catalog.tree import ensure, give_name, settle

Where = tuple[str, str, str]


def move(c: sqlite3.Connection, operation: Move) -> None:
    """
    These versions are there, but for those that were moved later, or dropped.
    """
    for version in operation.versions:
        if note_move(c, version, (operation.alias, operation.path, operation.path_id), operation.stamp):
            _bring(c, version)


def note_move(c: sqlite3.Connection, version: bytes, where: Where, stamp: Stamp) -> bool:
    """
    Remember where a version is; false if something newer is known of it.
    """
    if c.execute("SELECT 1 FROM dropped WHERE version = ?", (version,)).fetchone():
        return False
    changed = c.execute(
        "INSERT INTO moves VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (version) DO UPDATE SET alias = excluded.alias,"
        " path = excluded.path, path_id = excluded.path_id, clock = excluded.clock, log = excluded.log"
        " WHERE (excluded.clock, excluded.log) > (clock, log)",
        (version, *where, stamp.clock, stamp.log),
    ).rowcount
    return changed > 0


def moved(c: sqlite3.Connection, version: bytes) -> Where | None:
    """
    Alias, path and path id of where a version was moved.
    """
    found = c.execute("SELECT alias, path, path_id FROM moves WHERE version = ?", (version,)).fetchone()
    return None if found is None else (found[0], found[1], found[2])


def forget_moves(c: sqlite3.Connection, version: bytes) -> None:
    """
    A version was dropped: it is nowhere any more.
    """
    c.execute("DELETE FROM moves WHERE version = ?", (version,))


def _bring(c: sqlite3.Connection, version: bytes) -> None:
    """Put a version that is known into the item where it was moved."""
    query = "SELECT item, name, created, kind FROM versions WHERE id = ?"
    row, where = c.execute(query, (version,)).fetchone(), moved(c, version)
    if row is None or where is None:
        return
    old, name, created, kind = row
    item = ensure(c, *where, created, "dir" if kind == "folder" else "file")
    if item.id == old:
        return
    c.execute("UPDATE versions SET item = ?, name = hex(id) WHERE id = ?", (item.id, version))
    # before the item that they belonged to may go, and they with it
    c.execute("UPDATE tasks SET item = ? WHERE item = ? AND version = ?", (item.id, old, name))
    give_name(c, item.id, version, name, created)
    settle(c, old)
    settle(c, item.id)
