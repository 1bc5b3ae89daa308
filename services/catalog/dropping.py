"""
Versions that are deleted for ever, in a transaction of the catalog: suppliers and other devices will hear of it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from services.catalog.journal import note_drops
from services.catalog.pack_rows import let_go
from services.catalog.rows import bury


def drop(c: sqlite3.Connection, versions: Sequence[bytes], now: float) -> None:
    """
    Delete versions, and the packs that nothing is needed of after that. now: unix seconds.
    """
    _drop(c, versions, now)
    _drop(c, let_go(c, versions), now)


def _drop(c: sqlite3.Connection, versions: Sequence[bytes], now: float) -> None:
    bury(c, versions, now)
    note_drops(c, versions)
    c.executemany("DELETE FROM versions WHERE id = ?", [(version,) for version in versions])


def outdated(c: sqlite3.Connection, version: bytes, keep: int) -> list[bytes]:
    """
    The versions of the item of a version, beyond the newest `keep` that are stored; none if `keep` is 0.
    """
    if not keep:
        return []
    query = (
        "SELECT id FROM versions WHERE item = (SELECT item FROM versions WHERE id = ?) AND state = 'ready'"
        " ORDER BY created DESC, name DESC LIMIT -1 OFFSET ?"
    )
    return [bytes(row[0]) for row in c.execute(query, (version, keep))]
