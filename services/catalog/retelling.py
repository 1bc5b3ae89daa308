"""
The whole catalog told again, as operations, page by page: a new log says all that was said so far. Functions of an
open connection.

While it is told the catalog goes on. What the owner does meanwhile is an operation of the same log; what others have
told meanwhile stays in their logs. So each row may be told as it is when its page comes, and all together say what
was said when the telling began, and perhaps more. How far it has come is in the table `retelling`, in the same
transaction as its operations: a node that is stopped goes on from there.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from itertools import groupby
from typing import Any

import msgspec

from services.catalog.merging import stored
from services.catalog.operations import DROP_LIMIT, NUMBERS_LIMIT, Drop, Move, Numbers, Operation, Put, Remove, Stamp

#: Rows of a page, and those of them that are very short.
PAGE, SHORT = 500, 5000
#: The number of an operation that is not written yet.
NOT_YET = 1 << 61

#: Of a row of `part` behind which the next page begins.
Cursor = list[Any]
Told = tuple[list[Operation], Cursor | None]


def begin(c: sqlite3.Connection, stamp: Stamp) -> None:
    """
    The whole catalog is to be told, from its beginning on. stamp: for what is older than stamps are.
    """
    c.execute("DELETE FROM retelling")
    c.execute("INSERT INTO retelling VALUES (0, ?, ?, ?, 0)", (_pack([]), stamp.clock, stamp.log))


def going(c: sqlite3.Connection) -> bool:
    """
    True until all is told.
    """
    return c.execute("SELECT 1 FROM retelling").fetchone() is not None


def go_on(c: sqlite3.Connection, write: Callable[[Operation], int]) -> None:
    """
    Write the next page; with the last one, the logs that are covered are known to be. write: answers the number of the
    operation that was written.
    """
    part, after, clock, log, last = c.execute("SELECT part, after, clock, log, last FROM retelling").fetchone()
    stamp = Stamp(int(clock), bytes(log))
    operations, behind = PARTS[part](c, stamp, msgspec.msgpack.decode(bytes(after)))
    for operation in operations:
        last = write(operation)
    if behind is not None or part + 1 < len(PARTS):
        following = (part, _pack(behind)) if behind is not None else (part + 1, _pack([]))
        c.execute("UPDATE retelling SET part = ?, after = ?, last = ?", (*following, last))
        return
    for old in ("items SET clock = ?, log = ? WHERE", "versions SET clock = ?, log = ? WHERE state = 'ready' AND"):
        c.execute(f"UPDATE {old} clock = 0", (stamp.clock, stamp.log))
    c.execute("UPDATE covered SET operation = ? WHERE operation = ?", (last, NOT_YET))
    c.execute("DELETE FROM retelling")


def state(c: sqlite3.Connection, stamp: Stamp) -> Iterator[Operation]:
    """
    All that would be told now.
    """
    for part in PARTS:
        behind: Cursor | None = []
        while behind is not None:
            operations, behind = part(c, stamp, behind)
            yield from operations


def _items(c: sqlite3.Connection, stamp: Stamp, after: Cursor) -> Told:
    rows = c.execute(
        "SELECT id, alias, path, path_id, coalesce(said, kind), created, clock, log FROM items"
        " WHERE id > ? ORDER BY id LIMIT ?",
        (*(after or [0]), PAGE),
    ).fetchall()
    told: list[Operation] = [
        Put(Stamp(clock, bytes(log)) if clock else stamp, alias, path, path_id, kind, created)
        for _, alias, path, path_id, kind, created, clock, log in rows
        if clock >= 0
    ]
    return told, rows[-1][:1] if len(rows) == PAGE else None


def _versions(c: sqlite3.Connection, stamp: Stamp, after: Cursor) -> Told:
    rows = c.execute(
        "SELECT id, clock, log FROM versions WHERE id > ? AND state = 'ready' ORDER BY id LIMIT ?",
        (*(after or [b""]), PAGE),
    ).fetchall()
    found = (stored(c, bytes(one), Stamp(clock, bytes(log)) if clock else stamp) for one, clock, log in rows)
    return [one for one in found if one is not None], rows[-1][:1] if len(rows) == PAGE else None


def _moves(c: sqlite3.Connection, stamp: Stamp, after: Cursor) -> Told:
    rows = c.execute(
        "SELECT version, alias, path, path_id, clock, log FROM moves WHERE version > ? ORDER BY version LIMIT ?",
        (*(after or [b""]), PAGE),
    ).fetchall()
    told: list[Operation] = []
    for (alias, path, path_id, clock, log), group in groupby(sorted(rows, key=_where), _where):
        told.append(Move(Stamp(clock, bytes(log)), alias, path, path_id, [bytes(row[0]) for row in group]))
    return told, rows[-1][:1] if len(rows) == PAGE else None


def _where(row: tuple[Any, ...]) -> tuple[Any, ...]:
    return row[1:]


def _removals(c: sqlite3.Connection, stamp: Stamp, after: Cursor) -> Told:
    rows = c.execute(
        "SELECT alias, path, clock, log FROM removals WHERE (alias, path) > (?, ?) ORDER BY alias, path LIMIT ?",
        (*(after or ["", ""]), PAGE),
    ).fetchall()
    told: list[Operation] = [Remove(Stamp(clock, bytes(log)), alias, path) for alias, path, clock, log in rows]
    return told, rows[-1][:2] if len(rows) == PAGE else None


def _dropped(c: sqlite3.Connection, stamp: Stamp, after: Cursor) -> Told:
    rows = c.execute(
        "SELECT version, day FROM dropped WHERE version > ? ORDER BY version LIMIT ?", (*(after or [b""]), SHORT)
    ).fetchall()
    told: list[Operation] = []
    for day, group in groupby(sorted(rows, key=_day), _day):
        versions = [bytes(row[0]) for row in group]
        told += (Drop(versions[start : start + DROP_LIMIT], day) for start in range(0, len(versions), DROP_LIMIT))
    return told, rows[-1][:1] if len(rows) == SHORT else None


def _day(row: tuple[Any, ...]) -> int:
    return int(row[1])


def _numbers(c: sqlite3.Connection, stamp: Stamp, after: Cursor) -> Told:
    # by rowid, which a rename leaves: what is moved meanwhile is told before or behind it
    rows = c.execute(
        "SELECT rowid, parent, next FROM numbers WHERE rowid > ? ORDER BY rowid LIMIT ?", (*(after or [0]), PAGE)
    ).fetchall()
    found: dict[str, list[tuple[str, int]]] = {}
    for _, parent, following in rows:
        alias, _, path_id = parent.partition(":")
        found.setdefault(alias, []).append((path_id, following))
    told: list[Operation] = [
        Numbers(alias, given[start : start + NUMBERS_LIMIT])
        for alias, given in found.items()
        for start in range(0, len(given), NUMBERS_LIMIT)
    ]
    return told, rows[-1][:1] if len(rows) == PAGE else None


#: What is told, in this order: a folder before what is in it costs its readers least.
PARTS = (_items, _versions, _moves, _removals, _dropped, _numbers)


def _pack(after: Cursor) -> bytes:
    return msgspec.msgpack.encode(after)
