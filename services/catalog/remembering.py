"""
What was deleted: remembered so that no log of any device brings it back, and forgotten when that is very unlikely.
Functions of an open connection.

Whoever was away when something was deleted may still tell of it. Nobody knows how many devices there are, so nothing
but time says that all have heard: a device that comes back after more than `KEEP_DAYS` may bring entries back that were
deleted meanwhile. Nothing else can be forgotten safely, and nothing is lost by that.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

from services.catalog.moving import forget_moves
from services.catalog.operations import Stamp

#: Days for which deletions are remembered.
KEEP_DAYS = 365

_DAY = 86400


def day_of(now: float) -> int:
    """
    Days since 1970.
    """
    return int(now // _DAY)


def note_removal(c: sqlite3.Connection, alias: str, path: str, stamp: Stamp) -> None:
    """
    Nothing older than this comes back at or below a path.
    """
    if removed(c, alias, path, stamp):
        return
    # what was removed before at a path below it comes back no more than the folder does
    c.execute(
        "DELETE FROM removals WHERE alias = ? AND path > ? AND path < ? AND (clock, log) <= (?, ?)",
        (alias, f"{path}/", f"{path}0", stamp.clock, stamp.log),
    )
    c.execute(
        "INSERT INTO removals VALUES (?1, ?2, ?3, ?4) ON CONFLICT (alias, path) DO UPDATE"
        " SET clock = excluded.clock, log = excluded.log WHERE (excluded.clock, excluded.log) > (clock, log)",
        (alias, path, stamp.clock, stamp.log),
    )


def removed(c: sqlite3.Connection, alias: str, path: str, stamp: Stamp) -> bool:
    """
    True if nothing as old as this can be at a path any more.
    """
    names = path.split("/")
    for depth in range(1, len(names) + 1):
        row = c.execute(
            "SELECT clock, log FROM removals WHERE alias = ? AND path = ?", (alias, "/".join(names[:depth]))
        ).fetchone()
        if row is not None and (row[0], bytes(row[1])) >= (stamp.clock, stamp.log):
            return True
    return False


def note_dropped(c: sqlite3.Connection, versions: Iterable[bytes], day: int = 0) -> None:
    """
    These versions never come back. day: when they were deleted, 0 for lately.
    """
    for version in versions:
        c.execute("INSERT OR IGNORE INTO dropped (version, day) VALUES (?, ?)", (version, day))
        forget_moves(c, version)


def forget(c: sqlite3.Connection, now: float) -> None:
    """
    Let go of what is older than `KEEP_DAYS`, and of numbers below folders that are gone with theirs.
    """
    today = day_of(now)
    before = (today - KEEP_DAYS) * _DAY * 1000
    c.execute("UPDATE dropped SET day = ? WHERE day = 0", (today,))
    c.execute("DELETE FROM dropped WHERE day < ?", (today - KEEP_DAYS,))
    c.execute("DELETE FROM removals WHERE clock < ?", (before,))
    c.execute("DELETE FROM moves WHERE clock < ? AND version NOT IN (SELECT id FROM versions)", (before,))
    c.execute(
        "DELETE FROM numbers WHERE parent NOT LIKE '%:' AND NOT EXISTS (SELECT 1 FROM items WHERE"
        # by the index of ids; items have a parent too
        " alias = substr(numbers.parent, 1, instr(numbers.parent, ':') - 1)"
        " AND path_id = substr(numbers.parent, instr(numbers.parent, ':') + 1))"
    )
