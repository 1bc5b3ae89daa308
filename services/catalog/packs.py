"""
Packs: versions that keep the bytes of many small files, from the first note to the last entry.
"""

# ruff: noqa: S608 - only names of columns and constants are put into queries; values are always bound

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bitdust_node.clock import Clock
from bitdust_node.database import Database
from bitdust_node.errors import NotFound
from services.catalog.changes import Change, Changes, Gone, gone_versions
from services.catalog.dropping import drop, outdated
from services.catalog.journal import note_store
from services.catalog.pack_rows import LIVE, add_entries, entries_in, packs_item
from services.catalog.rows import PIECE, VERSION, begin_version, bury, count_missing, piece_row
from services.catalog.schema import Piece, Place, Version

Bury = Callable[[Callable[[sqlite3.Connection], Any]], Coroutine[Any, Any, Any]]


@dataclass(frozen=True)
class Packed:
    """
    A file that is in a pack now. size: bytes of its content. task: what is done by that.
    """

    place: Place
    size: int
    task: int


@dataclass(frozen=True)
class Stored:
    """
    What became of a pack at its suppliers. size: bytes of plaintext. manifest: packed and signed. piece: bytes of each
    piece. numbers: the pieces that were acknowledged.
    """

    size: int
    manifest: bytes
    piece: int
    numbers: Sequence[int]


class Packs:
    """
    The table `entries`, and the packs among the versions. See docs/files.md.

    bury: runs a transaction that may leave tombstones.
    """

    def __init__(self, database: Database, bury: Bury, changes: Changes, clock: Clock) -> None:
        self._database, self._bury, self._changes, self._clock = database, bury, changes, clock

    async def begin(
        self, pack: bytes, k: int, m: int, receivers: Iterable[Piece], items: Mapping[bytes, int]
    ) -> dict[bytes, Version]:
        """
        Begin a pack, and by id a version of each of these items in it. Items that were deleted are left out; with none
        left there is no pack either.
        """
        now = self._clock.seconds()

        def change(c: sqlite3.Connection) -> dict[bytes, Version]:
            there = "SELECT 1 FROM items WHERE id = ?"
            begun = {
                # one after the other, for those of one item
                entry: begin_version(c, item, entry, "file", k, m, now + at * 1e-6, b"")
                for at, (entry, item) in enumerate(items.items())
                if c.execute(there, (item,)).fetchone() is not None
            }
            if begun:
                _begin_pack(c, pack, k, m, receivers, now)
            return begun

        begun: dict[bytes, Version] = await self._bury(change)
        self._changes.tell(Change(versions=list(begun)))
        return begun

    async def end(self, pack: bytes, stored: Stored, files: Sequence[Packed], keep: int) -> None:
        """
        A pack can be read back, and with it these files, as far as they were not deleted meanwhile. keep: how many
        versions of each item stay, 0 for all.
        """
        now = self._clock.seconds()
        gone: list[Gone] = []

        def change(c: sqlite3.Connection) -> None:
            done = "UPDATE versions SET state = 'ready', size = ? WHERE id = ?"
            left = [one for one in files if c.execute(done, (one.size, one.place.entry)).rowcount]
            c.executemany("DELETE FROM tasks WHERE id = ?", [(one.task,) for one in left])
            if not left:
                bury(c, [pack], now)
                c.execute("DELETE FROM versions WHERE id = ?", (pack,))
                return
            _end_pack(c, pack, stored)
            add_entries(c, pack, [one.place for one in left])
            note_store(c, pack, now)
            for one in left:
                note_store(c, one.place.entry, now)
            old = [version for one in left for version in outdated(c, one.place.entry, keep)]
            gone[:] = gone_versions(c, old) if self._changes.heard else ()
            drop(c, old, now)

        await self._bury(change)
        self._changes.tell(Change(versions=[one.place.entry for one in files], gone=gone))

    async def forget(self, pack: bytes, entries: Sequence[bytes]) -> None:
        """
        A pack that was begun is not stored, nor are its entries. One that is stored all the same stays: who asks may
        not have heard of it.
        """
        now = self._clock.seconds()
        gone: list[Gone] = []

        def change(c: sqlite3.Connection) -> None:
            if c.execute("SELECT 1 FROM versions WHERE id = ? AND state = 'ready'", (pack,)).fetchone() is not None:
                return
            gone[:] = gone_versions(c, entries) if self._changes.heard else ()
            bury(c, [pack], now)
            c.executemany(
                "DELETE FROM versions WHERE id = ? AND state = 'uploading'", [(one,) for one in (pack, *entries)]
            )

        await self._bury(change)
        self._changes.tell(Change(gone=gone))

    # reading

    async def find(self, entry: bytes) -> tuple[Version, Place]:
        """
        The pack that an entry is read from, and where it is in it; `NotFound` when no pack is known that has it.
        """

        def look(c: sqlite3.Connection) -> tuple[Version, Place]:
            row = c.execute(
                f"SELECT start, length, {', '.join(f'p.{name}' for name in VERSION.split(', '))} FROM versions v"
                " JOIN entries ON entries.entry = v.id AND entries.pack = v.pack JOIN versions p ON p.id = v.pack"
                " WHERE v.id = ?",
                (entry,),
            ).fetchone()
            if row is None:
                raise NotFound("the pack that this version is in is not known (any more)")
            return Version(*row[2:]), Place(entry, row[0], row[1])

        return await self._database.read(look)

    async def items_in(self, pack: bytes) -> list[int]:
        """
        The items whose versions are read from a pack.
        """
        query = "SELECT DISTINCT item FROM versions WHERE pack = ?"
        return await self._database.read(lambda c: [int(row[0]) for row in c.execute(query, (pack,))])

    # packs that are written anew

    async def wasteful(self, m: int) -> list[Version]:
        """
        The packs that are less than half needed, or have another number of pieces, the least needed first.
        """
        query = (
            f"SELECT {VERSION} FROM versions WHERE kind = 'pack' AND state = 'ready' AND (live * 2 < size OR m <> ?)"
            " ORDER BY live LIMIT 1000"
        )
        return await self._database.read(lambda c: [Version(*row) for row in c.execute(query, (m,))])

    async def live(self, pack: bytes) -> list[Place]:
        """
        What a pack is still needed for, in order.
        """
        query = f"SELECT entry, start, length FROM {LIVE} ORDER BY start"
        return await self._database.read(lambda c: [Place(*row) for row in c.execute(query, (pack, pack))])

    async def begin_again(self, old: Version, pack: bytes, k: int, m: int, receivers: Iterable[Piece]) -> None:
        """
        Begin a pack that will take the place of another one; it is always the newer of the two.
        """
        created = max(self._clock.seconds(), old.created + 0.001)
        await self._database.run(lambda c: _begin_pack(c, pack, k, m, receivers, created))

    async def replace(self, old: bytes, pack: bytes, stored: Stored, places: Sequence[Place]) -> None:
        """
        The new pack can be read back: what is still needed of the old one is read from it from now on, and the old one
        is dropped. `NotFound` if the old one was dropped meanwhile.
        """
        now = self._clock.seconds()

        def change(c: sqlite3.Connection) -> list[bytes]:
            if c.execute("SELECT 1 FROM versions WHERE id = ?", (old,)).fetchone() is None:
                raise NotFound("the pack was dropped meanwhile")
            needed = {bytes(row[0]) for row in c.execute(f"SELECT entry FROM {LIVE}", (old, old))}
            _end_pack(c, pack, stored)
            add_entries(c, pack, [one for one in places if one.entry in needed])
            note_store(c, pack, now)
            drop(c, [old], now)
            return entries_in(c, pack)

        moved = await self._bury(change)
        self._changes.tell(Change(versions=moved))

    async def drop(self, pack: bytes) -> bool:
        """
        Drop a pack if it is not needed any more, or was never stored.
        """
        now = self._clock.seconds()

        def change(c: sqlite3.Connection) -> bool:
            idle = "SELECT 1 FROM versions WHERE id = ? AND (state <> 'ready' OR live = 0)"
            if c.execute(idle, (pack,)).fetchone() is None:
                return False
            drop(c, [pack], now)
            return True

        return bool(await self._bury(change))


def _begin_pack(c: sqlite3.Connection, pack: bytes, k: int, m: int, receivers: Iterable[Piece], created: float) -> None:
    begin_version(c, packs_item(c), pack, "pack", k, m, created)
    c.executemany(f"INSERT INTO pieces ({PIECE}) VALUES (?,?,?,?,?,?)", [piece_row(piece) for piece in receivers])


def _end_pack(c: sqlite3.Connection, pack: bytes, stored: Stored) -> None:
    done = "UPDATE versions SET state = 'ready', size = ?, manifest = ? WHERE id = ?"
    if not c.execute(done, (stored.size, stored.manifest, pack)).rowcount:
        raise NotFound("the pack was dropped meanwhile")
    c.executemany(
        "UPDATE pieces SET state = 'stored', size = ? WHERE version = ? AND number = ?",
        [(stored.piece, pack, number) for number in stored.numbers],
    )
    count_missing(c, pack)
