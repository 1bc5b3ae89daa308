"""
Operations applied to the tables of the catalog: functions of an open connection.

An item is there if an operation that put it is newer than those that removed it or a folder above it, or if a version
or another item that is there is in it: what one device adds is never lost because another one deletes the folder.
"""

# ruff: noqa: S608 - only constants are put into queries; values are always bound

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator

from services.catalog.names import version_name
from services.catalog.operations import Drop, Held, Operation, Put, Remove, Stamp, Store
from services.catalog.rows import bury, count_missing, insert, item_at
from services.catalog.schema import Item

#: The clock of an item that nobody put, or that was removed: it is there only for what is in it.
IMPLIED = -1


def apply(c: sqlite3.Connection, operation: Operation, now: float) -> None:
    """
    Once or more often, in any order. now: unix seconds.
    """
    if isinstance(operation, Put):
        _put(c, operation)
    elif isinstance(operation, Remove):
        _remove(c, operation)
    elif isinstance(operation, Store):
        _store(c, operation)
    else:
        _drop(c, operation, now)


def note_removal(c: sqlite3.Connection, alias: str, path: str, stamp: Stamp) -> None:
    """
    Nothing older than this comes back at or below a path.
    """
    c.execute(
        "INSERT INTO removals VALUES (?1, ?2, ?3, ?4) ON CONFLICT (alias, path) DO UPDATE"
        " SET clock = excluded.clock, log = excluded.log WHERE (excluded.clock, excluded.log) > (clock, log)",
        (alias, path, stamp.clock, stamp.log),
    )


def note_dropped(c: sqlite3.Connection, versions: Iterable[bytes]) -> None:
    """
    These versions never come back.
    """
    c.executemany("INSERT OR IGNORE INTO dropped VALUES (?)", [(version,) for version in versions])


def _put(c: sqlite3.Connection, put: Put) -> None:
    if _removed(c, put.alias, put.path, put.stamp):
        return
    item = _ensure(c, put.alias, put.path, put.path_id, put.created, put.kind)
    changed = c.execute(
        "UPDATE items SET clock = ?1, log = ?2, said = ?3 WHERE id = ?4 AND (clock, log) < (?1, ?2)",
        (put.stamp.clock, put.stamp.log, put.kind, item.id),
    ).rowcount
    if changed:
        settle(c, item.id)


def _remove(c: sqlite3.Connection, remove: Remove) -> None:
    note_removal(c, remove.alias, remove.path, remove.stamp)
    below = (remove.alias, remove.path, f"{remove.path}/", f"{remove.path}0")
    scope = "alias = ? AND (path = ? OR (path > ? AND path < ?))"
    old = c.execute(
        f"SELECT id FROM items WHERE {scope} AND (clock, log) <= (?, ?) ORDER BY path DESC",
        (*below, remove.stamp.clock, remove.stamp.log),
    ).fetchall()
    for (item,) in old:
        c.execute("UPDATE items SET clock = ? WHERE id = ?", (IMPLIED, item))
        settle(c, item)


def _store(c: sqlite3.Connection, store: Store) -> None:
    if c.execute("SELECT 1 FROM dropped WHERE version = ?", (store.version,)).fetchone():
        return
    stamp = (store.stamp.clock, store.stamp.log)
    known = c.execute("SELECT clock, log, state FROM versions WHERE id = ?", (store.version,)).fetchone()
    if known is not None and (known[2] != "ready" or (known[0], bytes(known[1])) >= stamp):
        return
    if known is None:
        kind = "dir" if store.kind == "folder" else "file"
        item = _ensure(c, store.alias, store.path, store.path_id, store.created, kind)
        c.execute(
            "INSERT INTO versions (id, item, name, created, state, kind, size, k, m, missing)"
            " VALUES (?, ?, ?, ?, 'ready', ?, ?, ?, ?, ?)",
            (store.version, item.id, store.version.hex(), store.created, store.kind, store.size, store.k, store.m, 0),
        )
        _name(c, item.id, store.version, store.name, store.created)
        settle(c, item.id)
    c.execute("UPDATE versions SET clock = ?, log = ? WHERE id = ?", (*stamp, store.version))
    c.execute("DELETE FROM pieces WHERE version = ?", (store.version,))
    c.executemany(
        "INSERT OR REPLACE INTO pieces (version, number, node_id, idurl, size, state) VALUES (?,?,?,?,?,?)",
        [
            (store.version, held.number, held.node_id, held.idurl, store.piece, "stored" if held.stored else "sent")
            for held in store.holders
            if held.number < store.m
        ],
    )
    count_missing(c, store.version)


def _drop(c: sqlite3.Connection, drop: Drop, now: float) -> None:
    note_dropped(c, drop.versions)
    # whoever has deleted them may have died before the suppliers heard of it
    bury(c, drop.versions, now)
    for version in drop.versions:
        row = c.execute("DELETE FROM versions WHERE id = ? RETURNING item", (version,)).fetchone()
        if row is not None:
            settle(c, int(row[0]))


def _removed(c: sqlite3.Connection, alias: str, path: str, stamp: Stamp) -> bool:
    names = path.split("/")
    for depth in range(1, len(names) + 1):
        row = c.execute(
            "SELECT clock, log FROM removals WHERE alias = ? AND path = ?", (alias, "/".join(names[:depth]))
        ).fetchone()
        if row is not None and (row[0], bytes(row[1])) >= (stamp.clock, stamp.log):
            return True
    return False


def _ensure(c: sqlite3.Connection, alias: str, path: str, path_id: str, created: float, kind: str) -> Item:
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
            forced = _free_id(c, alias, parent, wanted)
            item = insert(c, alias, here, parent, kind if depth == len(names) else "dir", created, forced)
            c.execute("UPDATE items SET clock = ? WHERE id = ?", (IMPLIED, item.id))
        if depth < len(names) and item.kind != "dir":
            c.execute("UPDATE items SET kind = 'dir', said = coalesce(said, kind) WHERE id = ?", (item.id,))
        parent = item.path_id
        found = item
    assert found is not None
    return found


def _free_id(c: sqlite3.Connection, alias: str, parent: str, wanted: str) -> str | None:
    if not (wanted.isascii() and wanted.isdigit() and len(wanted) <= 9):
        return None
    path_id = f"{parent}/{wanted}" if parent else wanted
    if c.execute("SELECT 1 FROM items WHERE alias = ? AND path_id = ?", (alias, path_id)).fetchone():
        return None
    c.execute(
        "INSERT INTO numbers (parent, next) VALUES (?1, ?2)"
        " ON CONFLICT (parent) DO UPDATE SET next = max(next, excluded.next)",
        (f"{alias}:{parent}", int(wanted) + 1),
    )
    return path_id


def _name(c: sqlite3.Connection, item: int, version: bytes, name: str, created: float) -> None:
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
        _name(c, item, moves, version_name(made, counter), made)


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


def state(c: sqlite3.Connection, stamp: Stamp) -> Iterator[Operation]:
    """
    The whole catalog as operations. stamp: for what is older than stamps are.
    """
    rows = c.execute(
        "SELECT alias, path, path_id, coalesce(said, kind), created, clock, log FROM items WHERE clock >= 0"
    )
    for alias, path, path_id, kind, created, clock, log in rows.fetchall():
        yield Put(Stamp(clock, bytes(log)) if clock else stamp, alias, path, path_id, kind, created)
    for version, clock, log in c.execute("SELECT id, clock, log FROM versions WHERE state = 'ready'").fetchall():
        found = stored(c, bytes(version), Stamp(clock, bytes(log)) if clock else stamp)
        if found is not None:
            yield found
    for alias, path, clock, log in c.execute("SELECT alias, path, clock, log FROM removals").fetchall():
        yield Remove(Stamp(clock, bytes(log)), alias, path)
    dropped = [bytes(row[0]) for row in c.execute("SELECT version FROM dropped")]
    for start in range(0, len(dropped), 1000):
        yield Drop(dropped[start : start + 1000])


def stored(c: sqlite3.Connection, version: bytes, stamp: Stamp) -> Store | None:
    """
    What is to be told of a version now; None while it is not stored.
    """
    row = c.execute(
        "SELECT items.alias, items.path, items.path_id, versions.name, versions.created, versions.kind, versions.size,"
        " versions.k, versions.m FROM versions JOIN items ON items.id = versions.item"
        " WHERE versions.id = ? AND versions.state = 'ready'",
        (version,),
    ).fetchone()
    if row is None:
        return None
    alias, path, path_id, name, created, kind, size, k, m = row
    pieces = c.execute(
        "SELECT number, node_id, idurl, state, size FROM pieces WHERE version = ? AND state <> 'lost' ORDER BY number",
        (version,),
    ).fetchall()
    piece = max((int(one[4]) for one in pieces), default=0)
    holders = [Held(one[0], one[1], one[2], one[3] in ("stored", "leaving")) for one in pieces]
    return Store(stamp, alias, path, path_id, version, name, created, kind, max(size, 0), k, m, piece, holders)
