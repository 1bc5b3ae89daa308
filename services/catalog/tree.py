"""
The tree of the catalog as operations of whatever order shape it: items are made with all that is above them, and go
when nothing says any more that they are there. Functions of an open connection.
"""

from __future__ import annotations

import sqlite3

from services.catalog.names import is_path_id, version_name
from services.catalog.rows import insert, item_at
from services.catalog.schema import Item

#: The clock of an item that nobody put, or that was removed: it is there only for what is in it.
IMPLIED = -1


def ensure(c: sqlite3.Connection, alias: str, path: str, path_id: str, created: float, kind: str) -> Item:
    """The item, made with all above it if need be, under the given numbers as far as these are free."""
    found = item_at(c, alias, path)
    if found is not None:
        return found
    names, numbers = path.split("/"), path_id.split("/")
    parent = ""
    for depth in range(1, len(names) + 1):
        here = "/".join(names[:depth])
        item = item_at(c, alias, here)
        if item is None:
            wanted = numbers[depth - 1] if len(numbers) == len(names) else ""
            forced = _given_id(c, alias, parent, wanted)
            item = insert(c, alias, here, parent, kind if depth == len(names) else "dir", created, forced)
            c.execute("UPDATE items SET clock = ? WHERE id = ?", (IMPLIED, item.id))
        if depth < len(names) and item.kind != "dir":
            c.execute("UPDATE items SET kind = 'dir', said = coalesce(said, kind) WHERE id = ?", (item.id,))
        parent = item.path_id
        found = item
    assert found is not None
    return found


def _given_id(c: sqlite3.Connection, alias: str, parent: str, wanted: str) -> str | None:
    if not (wanted.isascii() and wanted.isdigit() and len(wanted) <= 9):
        return None
    path_id = f"{parent}/{wanted}" if parent else wanted
    if c.execute("SELECT 1 FROM items WHERE alias = ? AND path_id = ?", (alias, path_id)).fetchone():
        return None
    note_number(c, alias, parent, int(wanted) + 1)
    return path_id


def note_number(c: sqlite3.Connection, alias: str, parent: str, following: int) -> None:
    """
    The numbers below `following` were given to items of a parent, by whomever: they are not given again.
    """
    c.execute(
        "INSERT INTO numbers (parent, next) VALUES (?1, ?2)"
        " ON CONFLICT (parent) DO UPDATE SET next = max(next, excluded.next)",
        (f"{alias}:{parent}", following),
    )


def note_id(c: sqlite3.Connection, alias: str, path_id: str) -> None:
    """
    An item had this numeric path, although it is not there any more.
    """
    if is_path_id(path_id):
        parent, _, number = path_id.rpartition("/")
        note_number(c, alias, parent, int(number) + 1)


def give_name(c: sqlite3.Connection, item: int, version: bytes, name: str, created: float) -> None:
    """Two devices may have given one name: the version with the lower id keeps it, the other gets the next one."""
    other = c.execute("SELECT id FROM versions WHERE item = ? AND name = ?", (item, name)).fetchone()
    keeps, moves = version, None
    if other is not None:
        keeps, moves = sorted((version, bytes(other[0])))
        c.execute("UPDATE versions SET name = hex(id) WHERE id = ?", (moves,))
    c.execute("UPDATE versions SET name = ? WHERE id = ?", (name, keeps))
    if moves is not None:
        counter = int(name.partition("M")[2] or 0) + 1
        (made,) = c.execute("SELECT created FROM versions WHERE id = ?", (moves,)).fetchone()
        give_name(c, item, moves, version_name(made, counter), made)


def settle(c: sqlite3.Connection, item: int) -> None:
    """The kind of an item, or its end and that of the folders that were there only for it."""
    while True:
        query = "SELECT alias, parent, children, clock, said, kind FROM items WHERE id = ?"
        found = c.execute(query, (item,)).fetchone()
        if found is None:
            return
        alias, parent, children, clock, said, kind = found
        kinds = {str(one[0]) for one in c.execute("SELECT DISTINCT kind FROM versions WHERE item = ?", (item,))}
        if clock != IMPLIED or children or kinds:
            alone = (said or kind) if clock != IMPLIED else "file" if kinds == {"file"} else "dir"
            c.execute("UPDATE items SET kind = ?, said = ? WHERE id = ?", ("dir" if children else alone, alone, item))
            return
        c.execute("DELETE FROM items WHERE id = ?", (item,))
        c.execute("UPDATE items SET children = children - 1 WHERE alias = ? AND path_id = ?", (alias, parent))
        above = c.execute("SELECT id FROM items WHERE alias = ? AND path_id = ?", (alias, parent)).fetchone()
        if above is None:
            return
        item = int(above[0])
