"""
What the owner does to the items of the catalog: made, renamed, deleted. Functions of an open connection, which write
down for other devices what they do.
"""

# ruff: noqa: S608 - only constants are put into queries; values are always bound

from __future__ import annotations

import sqlite3

from bitdust_node.errors import Conflict, Invalid, NotFound
from bitdust_node.identity.names import PATH_LIMIT
from services.catalog.journal import note_moves, note_put, note_removed
from services.catalog.names import DEPTH_LIMIT
from services.catalog.rows import free_id, insert, item_at, one
from services.catalog.schema import Item
from services.catalog.tree import IMPLIED, settle

#: An item and all below it; bound with its alias, path, and the ends of what begins with the path and a slash.
SCOPE = "alias = ?1 AND (path = ?2 OR (path > ?3 AND path < ?4))"


def below(alias: str, path: str) -> tuple[str, str, str, str]:
    """
    What is bound to `SCOPE`: "0" is the character after "/", so that the index finds all that begins with "path/".
    """
    return alias, path, f"{path}/", f"{path}0"


def make_item(
    c: sqlite3.Connection, alias: str, path: str, *, folder: bool, now: float, path_id: str | None
) -> tuple[Item, list[int]]:
    """
    A new item, and the numbers of all that were made with it. `Conflict` if something above it is a file.
    """
    above, made = _make_above(c, alias, path, now)
    item = insert(c, alias, path, above, "dir" if folder else "file", now, path_id)
    note_put(c, item.id, now)
    return item, [*made, item.id]


def rename_item(c: sqlite3.Connection, item: Item, path: str, now: float) -> tuple[Item, list[int]]:
    """
    Give an item another path, with all below it and all versions. Answers it, and the folders that were made.

    Whoever works on an item finds it under its number as ever; its numeric path changes with the folder it is in.
    """
    item = _present(c, item)
    if item_at(c, item.alias, path) is not None:
        raise Conflict(f"remote path {path!r} already exists in the catalog")
    if path.startswith(f"{item.path}/"):
        raise Invalid(f"{item.path!r} can not be moved into itself")
    _check_room(c, item, path)
    parent, made = _make_above(c, item.alias, path, now)
    old_parent = item.path_id.rpartition("/")[0]
    path_id = item.path_id
    if parent != old_parent:
        path_id = free_id(c, item.alias, parent)
        for at, step in ((old_parent, -1), (parent, 1)):
            c.execute(
                "UPDATE items SET children = children + ? WHERE alias = ? AND path_id = ?", (step, item.alias, at)
            )
        _move_numbers(c, item, path_id)
    c.execute(
        f"UPDATE items SET path = ?5 || substr(path, ?6), path_id = ?7 || substr(path_id, ?8),"
        f" parent = CASE id WHEN ?9 THEN ?10 ELSE ?7 || substr(parent, ?8) END WHERE {SCOPE}",
        (
            *below(item.alias, item.path),
            *(path, len(item.path) + 1, path_id, len(item.path_id) + 1),
            *(item.id, parent),
        ),
    )
    note_removed(c, item.alias, item.path, now)
    rows = c.execute(f"SELECT id, children FROM items WHERE {SCOPE}", below(item.alias, path)).fetchall()
    for number, children in rows:
        # what is there for its versions goes with them: two devices that rename a file leave nothing empty behind
        if not note_moves(c, number, now) or children:
            note_put(c, number, now)
        else:
            c.execute("UPDATE items SET clock = ? WHERE id = ?", (IMPLIED, number))
            settle(c, number)
    _settle_at(c, item.alias, old_parent)
    return _present(c, item), made


def delete_item(c: sqlite3.Connection, item: Item, now: float) -> None:
    """
    Remove an item and all below it, whose versions are noted as dropped by the caller.
    """
    note_removed(c, item.alias, item.path, now)
    c.execute(f"DELETE FROM items WHERE {SCOPE}", below(item.alias, item.path))
    parent = item.path_id.rpartition("/")[0]
    c.execute("UPDATE items SET children = children - 1 WHERE alias = ? AND path_id = ?", (item.alias, parent))
    _settle_at(c, item.alias, parent)


def _present(c: sqlite3.Connection, item: Item) -> Item:
    row = c.execute("SELECT path FROM items WHERE id = ?", (item.id,)).fetchone()
    found = item_at(c, item.alias, str(row[0])) if row is not None else None
    if found is None:
        raise NotFound(f"{item.path} was deleted")
    return found


def _make_above(c: sqlite3.Connection, alias: str, path: str, now: float) -> tuple[str, list[int]]:
    """The path id of the folder of a path, and the folders that were made for it."""
    names = path.split("/")
    parent, made = "", list[int]()
    for depth in range(1, len(names)):
        above = item_at(c, alias, "/".join(names[:depth]))
        if above is None:
            above = insert(c, alias, "/".join(names[:depth]), parent, "dir", now, None)
            made.append(above.id)
            note_put(c, above.id, now)
        elif above.kind != "dir":
            raise Conflict(f"remote path {path!r} can not be assigned: {above.path!r} is a file")
        parent = above.path_id
    return parent, made


def _check_room(c: sqlite3.Connection, item: Item, path: str) -> None:
    """All below must have paths that can be after the rename."""
    longest, deepest = c.execute(
        "SELECT max(length(CAST(path AS BLOB))), max(length(path) - length(replace(path, '/', ''))) FROM items"
        f" WHERE {SCOPE}",
        below(item.alias, item.path),
    ).fetchone()
    if longest - len(item.path.encode()) + len(path.encode()) > PATH_LIMIT:
        raise Invalid(f"a path below {path[:100]!r} would be longer than {PATH_LIMIT} bytes")
    if deepest - item.path.count("/") + path.count("/") >= DEPTH_LIMIT:
        raise Invalid(f"there would be more than {DEPTH_LIMIT} folders inside one another below {path[:100]!r}")


def _move_numbers(c: sqlite3.Connection, item: Item, path_id: str) -> None:
    """The next numbers below the item go with it."""
    old, new = f"{item.alias}:{item.path_id}", f"{item.alias}:{path_id}"
    c.execute(
        "UPDATE OR REPLACE numbers SET parent = ?1 || substr(parent, ?2)"
        " WHERE parent = ?3 OR (parent > ?3 || '/' AND parent < ?3 || '0')",
        (new, len(old) + 1, old),
    )


def _settle_at(c: sqlite3.Connection, alias: str, path_id: str) -> None:
    above = one(c, "path_id", alias, path_id)
    if above is not None:
        settle(c, above.id)
