"""
What the transactions of the catalog have in common: functions of an open connection.
"""

# ruff: noqa: S608 - only names of columns and constants are put into queries; values are always bound

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any

from bitdust_node.errors import Conflict, Invalid
from services.catalog.names import is_path_id, version_name
from services.catalog.schema import Item, Piece, Version

#: Rows that one question may bring into memory.
PAGE = 1000

ITEM = "id, alias, path, path_id, kind, created, children"
VERSION = "id, item, name, created, state, kind, size, k, m, missing, manifest, pack"
PIECE = "version, number, node_id, idurl, size, state"
#: A piece, or who holds it now. Not `INSERT OR REPLACE`: no trigger would hear of the row that goes.
PUT_PIECE = (
    f"INSERT INTO pieces ({PIECE}) VALUES (?,?,?,?,?,?) ON CONFLICT (version, number) DO UPDATE"
    " SET node_id = excluded.node_id, idurl = excluded.idurl, size = excluded.size, state = excluded.state"
)
TASK = "id, kind, item, version, local_path, temporary, created"


def item_at(c: sqlite3.Connection, alias: str, path: str) -> Item | None:
    return one(c, "path", alias, path)


def one(c: sqlite3.Connection, column: str, alias: str, value: str) -> Item | None:
    query = f"SELECT {ITEM} FROM items WHERE alias = ? AND {column} = ?"
    row = c.execute(query, (alias, value)).fetchone()
    return Item(*row) if row else None


def insert(
    c: sqlite3.Connection, alias: str, path: str, parent: str, kind: str, now: float, forced: str | None
) -> Item:
    path_id = forced
    if path_id is not None:
        if not is_path_id(path_id) or path_id.rpartition("/")[0] != parent:
            raise Invalid(f"remote path {path!r} can not be assigned: {path_id!r} is not an id below {parent!r}")
        if one(c, "path_id", alias, path_id) is not None:
            raise Conflict(f"remote path {path!r} can not be assigned: id {path_id!r} is taken")
    if path_id is None:
        path_id = free_id(c, alias, parent)
    c.execute("UPDATE items SET children = children + 1 WHERE alias = ? AND path_id = ?", (alias, parent))
    cursor = c.execute(
        "INSERT INTO items (alias, path, path_id, parent, kind, created) VALUES (?,?,?,?,?,?)",
        (alias, path, path_id, parent, kind, now),
    )
    return Item(cursor.lastrowid or 0, alias, path, path_id, kind, now, 0)


def begin_version(
    c: sqlite3.Connection, item: int, version: bytes, kind: str, k: int, m: int, now: float, pack: bytes | None = None
) -> Version:
    """A version of an item under a new name, which is being uploaded. pack: empty for one that will be in a pack."""
    # above all of this second, so that names follow the order, and one that was pruned is not given again
    name = version_name(now)
    rows = c.execute(
        "SELECT name FROM versions WHERE item = ? AND name >= ? AND name < ?", (item, name, f"{name}:")
    ).fetchall()
    counter = max((int(row[0].removeprefix(name) or 0) + 1 for row in rows), default=0)
    made = Version(version, item, version_name(now, counter), now, "uploading", kind, -1, k, m, 0, None, pack)
    names = VERSION.split(", ")
    c.execute(
        f"INSERT INTO versions ({VERSION}) VALUES ({marks(names)})",
        [getattr(made, name) for name in names],
    )
    return made


def free_id(c: sqlite3.Connection, alias: str, parent: str) -> str:
    """A numeric path below a parent that nothing has, or had."""
    while True:
        number = next_number(c, alias, parent)
        candidate = f"{parent}/{number}" if parent else str(number)
        if one(c, "path_id", alias, candidate) is None:
            return candidate


def next_number(c: sqlite3.Connection, alias: str, parent: str) -> int:
    """Numbers are never used twice below one parent: an id that was deleted must not come to mean something else."""
    row = c.execute(
        "INSERT INTO numbers (parent, next) VALUES (?, 1)"
        " ON CONFLICT (parent) DO UPDATE SET next = next + 1 RETURNING next",
        (f"{alias}:{parent}",),
    ).fetchone()
    return int(row[0]) - 1


def bury(c: sqlite3.Connection, versions: Sequence[bytes], now: float) -> None:
    c.executemany(
        "INSERT OR IGNORE INTO tombstones (node_id, version, idurl, created)"
        " SELECT node_id, version, idurl, ? FROM pieces WHERE version = ?",
        [(now, version) for version in versions],
    )
    c.executemany(
        "INSERT OR IGNORE INTO tombstones (node_id, version, idurl, created)"
        " SELECT node_id, version, idurl, ? FROM renewals WHERE version = ?",
        [(now, version) for version in versions],
    )


def holds(c: sqlite3.Connection, version: bytes, node_id: str) -> bool:
    query = "SELECT 1 FROM pieces WHERE version = ? AND node_id = ?"
    return c.execute(query, (version, node_id)).fetchone() is not None


def count_missing(c: sqlite3.Connection, version: bytes) -> None:
    c.execute(
        "UPDATE versions SET missing = m - (SELECT count(*) FROM pieces WHERE version = ?1 AND state = 'stored')"
        " WHERE id = ?1",
        (version,),
    )


def piece_row(piece: Piece) -> tuple[object, ...]:
    return piece.version, piece.number, piece.node_id, piece.idurl, piece.size, piece.state


def parts(values: Sequence[Any]) -> Iterable[list[Any]]:
    for start in range(0, len(values), 500):
        yield list(values[start : start + 500])


def marks(values: Sequence[object]) -> str:
    return ",".join("?" * len(values))
