"""
Packs and their entries in the tables of the catalog: functions of an open connection.

An entry may be in several packs, with the same bytes: it is read from the newest. A pack is needed for the entries
that are read from it, and for those that this device has not heard of yet.
"""

# ruff: noqa: S608 - only constants are put into queries; values are always bound

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence

from services.catalog.rows import marks, parts
from services.catalog.schema import Place

#: Of a pack `p`: the rows of `entries` that it is still needed for.
LIVE = "entries LEFT JOIN versions v ON v.id = entries.entry WHERE entries.pack = ? AND (v.id IS NULL OR v.pack = ?)"


def packs_item(c: sqlite3.Connection) -> int:
    """
    The item that all packs belong to; no list shows it, as it is in the catalog of no key.
    """
    c.execute(
        "INSERT OR IGNORE INTO items (alias, path, path_id, parent, kind, created, clock)"
        " VALUES ('', '', '', '/', 'packs', 0, -2)"
    )
    return int(c.execute("SELECT id FROM items WHERE alias = '' AND path = ''").fetchone()[0])


def add_entries(c: sqlite3.Connection, pack: bytes, places: Sequence[Place]) -> None:
    """
    A pack that is ready has these entries, as far as they were not dropped: they are read from it, if none is newer.
    """
    c.executemany(
        "INSERT OR IGNORE INTO entries SELECT ?1, ?2, ?3, ?4 WHERE NOT EXISTS"
        " (SELECT 1 FROM dropped WHERE version = ?2)",
        [(pack, one.entry, one.start, one.length) for one in places],
    )
    place(c, [one.entry for one in places])
    weigh(c, [pack])


def place(c: sqlite3.Connection, entries: Iterable[bytes]) -> None:
    """
    Decide anew which packs these are read from, after packs came or went.
    """
    touched: set[bytes] = set()
    for entry in entries:
        found = c.execute(
            "SELECT p.id, p.k, p.m FROM entries JOIN versions p ON p.id = entries.pack"
            " WHERE entries.entry = ? ORDER BY p.created DESC, p.id DESC",
            (entry,),
        ).fetchall()
        pack, k, m = found[0] if found else (b"", None, None)
        c.execute(
            "UPDATE versions SET pack = ?, k = coalesce(?, k), m = coalesce(?, m) WHERE id = ? AND pack IS NOT NULL",
            (pack, k, m, entry),
        )
        if len(found) > 1:
            touched.update(bytes(row[0]) for row in found)
    weigh(c, touched)


def weigh(c: sqlite3.Connection, packs: Iterable[bytes]) -> None:
    """
    Count the bytes that packs are still needed for.
    """
    c.executemany(
        f"UPDATE versions SET live = (SELECT coalesce(sum(length), 0) FROM {LIVE.replace('?', '?1')}) WHERE id = ?1",
        [(pack,) for pack in packs],
    )


def let_go(c: sqlite3.Connection, versions: Sequence[bytes]) -> list[bytes]:
    """
    Versions are deleted: their bytes are not needed any more. Answers the packs that nothing is needed of.
    """
    touched: set[bytes] = set()
    for part in parts(versions):
        query = f"SELECT DISTINCT pack FROM entries WHERE entry IN ({marks(part)})"
        touched.update(bytes(row[0]) for row in c.execute(query, part))
        c.execute(f"DELETE FROM entries WHERE entry IN ({marks(part)})", part)
    weigh(c, touched)
    return [
        pack for pack in touched if c.execute("SELECT 1 FROM versions WHERE id = ? AND live = 0", (pack,)).fetchone()
    ]


def entries_in(c: sqlite3.Connection, pack: bytes) -> list[bytes]:
    """
    The entries that are read from a pack.
    """
    return [bytes(row[0]) for row in c.execute("SELECT id FROM versions WHERE pack = ?", (pack,))]
