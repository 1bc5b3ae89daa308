"""
Operations applied to the tables of the catalog: functions of an open connection.

An item is there if an operation that put it is newer than those that removed it or a folder above it, or if a version
or another item that is there is in it: what one device adds is never lost because another one deletes the folder. A
version is where the newest of its moves has brought it.
"""

# ruff: noqa: S608 - only constants are put into queries; values are always bound

from __future__ import annotations

import sqlite3

from services.catalog.moving import move, moved
from services.catalog.operations import Drop, Held, Listed, Move, Numbers, Operation, Pack, Put, Remove, Stamp, Store
from services.catalog.pack_rows import add_entries, entries_in, let_go, packs_item, place
from services.catalog.remembering import day_of, note_dropped, note_removal, removed
from services.catalog.rows import PUT_PIECE, bury, count_missing
from services.catalog.schema import Place
from services.catalog.tree import IMPLIED, ensure, give_name, note_id, note_number, settle


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
    elif isinstance(operation, Pack):
        _pack(c, operation)
    elif isinstance(operation, Move):
        move(c, operation)
    elif isinstance(operation, Numbers):
        for parent, following in operation.numbers:
            note_number(c, operation.alias, parent, following)
    else:
        _drop(c, operation, now)


def _put(c: sqlite3.Connection, put: Put) -> None:
    if removed(c, put.alias, put.path, put.stamp):
        note_id(c, put.alias, put.path_id)
        return
    item = ensure(c, put.alias, put.path, put.path_id, put.created, put.kind)
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
    new = _is_new(c, store)
    if new is None:
        note_id(c, store.alias, store.path_id)
        return
    if new:
        kind = "dir" if store.kind == "folder" else "file"
        alias, path, path_id = moved(c, store.version) or (store.alias, store.path, store.path_id)
        item = ensure(c, alias, path, path_id, store.created, kind)
        c.execute(
            "INSERT INTO versions (id, item, name, created, state, kind, size, k, m, missing, pack)"
            " VALUES (?, ?, ?, ?, 'ready', ?, ?, ?, ?, 0, ?)",
            (
                *(store.version, item.id, store.version.hex(), store.created, store.kind, store.size),
                *(store.k, store.m, b"" if store.packed else None),
            ),
        )
        give_name(c, item.id, store.version, store.name, store.created)
        settle(c, item.id)
    if store.packed:
        c.execute(
            "UPDATE versions SET clock = ?, log = ? WHERE id = ?", (store.stamp.clock, store.stamp.log, store.version)
        )
        place(c, [store.version])
    else:
        _hold(c, store)


def _pack(c: sqlite3.Connection, pack: Pack) -> None:
    new = _is_new(c, pack)
    if new is None:
        return
    if new:
        c.execute(
            "INSERT INTO versions (id, item, name, created, state, kind, size, k, m, missing)"
            " VALUES (?, ?, ?, ?, 'ready', 'pack', ?, ?, ?, 0)",
            (pack.version, packs_item(c), pack.version.hex(), pack.created, pack.size, pack.k, pack.m),
        )
        add_entries(c, pack.version, [Place(one.entry, one.start, one.length) for one in pack.entries])
    _hold(c, pack)


def _is_new(c: sqlite3.Connection, told: Store | Pack) -> bool | None:
    """True for a version that nobody has told of; None if what is told of it is of no interest, or can not be."""
    if told.k > told.m:
        # a writer of a share could make its list unreadable
        return None
    if c.execute("SELECT 1 FROM dropped WHERE version = ?", (told.version,)).fetchone():
        return None
    known = c.execute("SELECT clock, log, state FROM versions WHERE id = ?", (told.version,)).fetchone()
    if known is None:
        return True
    newer = known[2] == "ready" and (known[0], bytes(known[1])) < (told.stamp.clock, told.stamp.log)
    return False if newer else None


def _hold(c: sqlite3.Connection, store: Store | Pack) -> None:
    """Who keeps the pieces, as of the operation; of those that the version has, whatever a later operation says."""
    (m,) = c.execute("SELECT m FROM versions WHERE id = ?", (store.version,)).fetchone()
    c.execute(
        "UPDATE versions SET clock = ?, log = ? WHERE id = ?", (store.stamp.clock, store.stamp.log, store.version)
    )
    c.execute("DELETE FROM pieces WHERE version = ?", (store.version,))
    c.executemany(
        PUT_PIECE,
        [
            (store.version, held.number, held.node_id, held.idurl, store.piece, "stored" if held.stored else "sent")
            for held in store.holders
            if held.number < m
        ],
    )
    count_missing(c, store.version)


def _drop(c: sqlite3.Connection, drop: Drop, now: float) -> None:
    note_dropped(c, drop.versions, min(drop.day, day_of(now)))
    # whoever has deleted them may have died before the suppliers heard of it
    bury(c, drop.versions, now)
    # packs that are empty now are left to who has told of this, or to the upkeep: here nothing is written down
    let_go(c, drop.versions)
    for version in drop.versions:
        inside = entries_in(c, version)
        row = c.execute("DELETE FROM versions WHERE id = ? RETURNING item, kind", (version,)).fetchone()
        if row is not None and row[1] != "pack":
            settle(c, int(row[0]))
        place(c, inside)


def stored(c: sqlite3.Connection, version: bytes, stamp: Stamp) -> Store | Pack | None:
    """
    What is to be told of a version now; None while it is not stored.
    """
    row = c.execute(
        "SELECT items.alias, items.path, items.path_id, versions.name, versions.created, versions.kind, versions.size,"
        " versions.k, versions.m, versions.pack FROM versions JOIN items ON items.id = versions.item"
        " WHERE versions.id = ? AND versions.state = 'ready'",
        (version,),
    ).fetchone()
    if row is None:
        return None
    alias, path, path_id, name, created, kind, size, k, m, pack = row
    pieces = c.execute(
        "SELECT number, node_id, idurl, state, size FROM pieces WHERE version = ? AND state <> 'lost' ORDER BY number",
        (version,),
    ).fetchall()
    piece = max((int(one[4]) for one in pieces), default=0)
    holders = [Held(one[0], one[1], one[2], one[3] in ("stored", "leaving")) for one in pieces]
    if kind == "pack":
        rows = c.execute("SELECT entry, start, length FROM entries WHERE pack = ? ORDER BY start", (version,))
        entries = [Listed(bytes(entry), start, length) for entry, start, length in rows]
        return Pack(stamp, version, created, max(size, 0), k, m, piece, holders, entries)
    packed = pack is not None
    return Store(stamp, alias, path, path_id, version, name, created, kind, max(size, 0), k, m, piece, holders, packed)
