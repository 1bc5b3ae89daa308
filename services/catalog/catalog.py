"""
The catalog of a node, in `catalog.db`, and every change of its items, versions and pieces.
"""

# ruff: noqa: S608 - only names of columns and constants are put into queries; values are always bound

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable
from typing import TypeVar

from bitdust_node.afterwards import Afterwards
from bitdust_node.clock import Clock
from bitdust_node.database import Database
from bitdust_node.errors import Conflict, NotFound
from bitdust_node.paths import DataFolder
from bitdust_node.threads import Workers
from services.catalog.batches import Read
from services.catalog.changes import Change, Changes, Gone, gone_items, gone_versions
from services.catalog.departures import Departures
from services.catalog.dropping import drop, outdated
from services.catalog.editing import SCOPE, below, delete_item, make_item, rename_item
from services.catalog.errands import Errands
from services.catalog.journal import Journal, note_drops, note_put, note_store
from services.catalog.operations import Pack, Store, unpack
from services.catalog.packs import Packs
from services.catalog.questions import Questions
from services.catalog.renewals import Renewals
from services.catalog.rows import (
    PIECE,
    begin_version,
    bury,
    count_missing,
    item_at,
    piece_row,
)
from services.catalog.schema import MIGRATIONS, Item, Piece, PieceState, Version
from services.catalog.shelf import Shelf
from services.catalog.tree import settle
from services.catalog.views import Views

T = TypeVar("T")


class Catalog(Questions):
    """
    All changes are transactions that are on the disk when the call returns.
    """

    def __init__(self, folder: DataFolder, workers: Workers, clock: Clock) -> None:
        super().__init__(Database(folder.catalog_db, MIGRATIONS, workers, full_sync=True))
        self._clock = clock
        #: All changes, in the words that other devices and suppliers hear them in.
        self.journal = Journal(self._database, clock)
        #: What is still to be done.
        self.errands = Errands(self._database, clock)
        #: What dismissed suppliers hold.
        self.departures = Departures(self._database, self._change)
        #: What suppliers keep of the catalog itself.
        self.shelf = Shelf(self._database, clock)
        #: Tells of items and versions that changed.
        self.changes = Changes()
        #: Pieces that are being made anew.
        self.renewals = Renewals(self._database, self._bury, self.changes, clock)
        #: Small files that are stored together.
        self.packs = Packs(self._database, self._bury, self.changes, clock)
        #: What failed transfers have left, and could not be removed when they ended.
        self.afterwards = Afterwards(clock, "changes of the catalog")
        #: What lists show.
        self.views = Views(self._database)
        #: Grows with every change; clients compare it.
        self.revision = 0

    async def open(self) -> None:
        """
        Read the revision; raises `Conflict` if a newer program wrote the file.
        """
        self.revision = await self._database.read(lambda c: int(c.execute("SELECT number FROM revision").fetchone()[0]))

    async def close(self) -> None:
        await self.afterwards.close()
        await self._database.close()

    # items

    async def create(
        self, alias: str, path: str, *, folder: bool, exist_ok: bool = False, path_id: str | None = None
    ) -> tuple[Item, bool]:
        """
        Add an item and the folders above it. Answers it, and false if it was there already (with `exist_ok`).
        """
        now = self._clock.seconds()
        made: list[int] = []

        def change(c: sqlite3.Connection) -> tuple[Item, bool]:
            found = item_at(c, alias, path)
            if found is not None:
                if not exist_ok:
                    raise Conflict(f"remote path {path!r} already exists in the catalog")
                return found, False
            item, made[:] = make_item(c, alias, path, folder=folder, now=now, path_id=path_id)
            return item, True

        answer = await self._change(change)
        self.changes.tell(Change(items=made))
        return answer

    async def set_kind(self, item: Item, kind: str) -> None:
        """
        Make an item that has nothing below it a `file` or a `dir`.
        """
        now = self._clock.seconds()

        def change(c: sqlite3.Connection) -> None:
            c.execute("UPDATE items SET kind = ?1, said = ?1 WHERE id = ?2", (kind, item.id))
            note_put(c, item.id, now)

        await self._change(change)
        self.changes.tell(Change(items=(item.id,)))

    async def rename(self, item: Item, path: str) -> Item:
        """
        Give an item, with all below it and all versions, another path below the same key. Nothing is sent anew.

        `Conflict` if something is there already, `NotFound` if the item was deleted meanwhile.
        """
        now = self._clock.seconds()
        told: list[int] = []
        gone: list[Gone] = []

        def change(c: sqlite3.Connection) -> Item:
            old = gone_items(c, item.alias, item.path) if self.changes.heard else []
            renamed, told[:] = rename_item(c, item, path, now)
            # what keeps its numeric path is the same to clients, under another name
            gone[:] = old if renamed.path_id != item.path_id else ()
            if self.changes.heard:
                query = f"SELECT id FROM items WHERE {SCOPE}"
                told.extend(int(row[0]) for row in c.execute(query, below(item.alias, path)))
            return renamed

        renamed = await self._change(change)
        self.changes.tell(Change(items=told, gone=gone))
        return renamed

    async def delete(self, item: Item) -> list[bytes]:
        """
        Remove an item and all below it, leaving a tombstone for every supplier of every version. Answers the versions.
        """
        now = self._clock.seconds()
        gone: list[Gone] = []

        def change(c: sqlite3.Connection) -> list[bytes]:
            gone[:] = gone_items(c, item.alias, item.path) if self.changes.heard else ()
            query = f"SELECT id FROM versions WHERE item IN (SELECT id FROM items WHERE {SCOPE})"
            versions = [row[0] for row in c.execute(query, below(item.alias, item.path))]
            drop(c, versions, now)
            delete_item(c, item, now)
            return versions

        versions = await self._bury(change)
        self.changes.tell(Change(gone=gone))
        return versions

    # versions and pieces

    async def add_version(
        self,
        item: Item,
        version: bytes,
        kind: str,
        k: int,
        m: int,
        receivers: Iterable[Piece] = (),
        created: float | None = None,
    ) -> Version:
        """
        Begin a version of an item under a free name. Who is about to get which piece is written before anything is
        sent, so that a crash leaves nobody forgotten. created: when that is not now, as it is an older one anew.
        """
        now = self._clock.seconds() if created is None else created

        def change(c: sqlite3.Connection) -> Version:
            if c.execute("SELECT 1 FROM items WHERE id = ?", (item.id,)).fetchone() is None:
                raise NotFound(f"{item.path} was deleted")
            made = begin_version(c, item.id, version, kind, k, m, now)
            c.executemany(
                f"INSERT INTO pieces ({PIECE}) VALUES (?,?,?,?,?,?)", [piece_row(piece) for piece in receivers]
            )
            return made

        begun = await self._change(change)
        self.changes.tell(Change(versions=(version,)))
        return begun

    async def note_stored(
        self,
        version: bytes,
        size: int,
        manifest: bytes,
        piece_bytes: int,
        stored: Iterable[int],
        *,
        task: int = 0,
        keep: int = 0,
        replaces: bytes | None = None,
    ) -> None:
        """
        The version can be read back: these of its pieces were acknowledged.

        task: what is done by that. keep: how many versions of the item stay, 0 for all. replaces: a version that is
        removed at the same moment and leaves its name to this one; `NotFound` if one of the two was deleted meanwhile.
        """
        numbers = [(piece_bytes, version, number) for number in stored]
        now = self._clock.seconds()
        gone: list[Gone] = []

        def change(c: sqlite3.Connection) -> None:
            if replaces is not None:
                # while it is there: it may have been told of
                note_drops(c, [replaces])
                name = _give_way(c, replaces, version, now)
                c.execute("UPDATE versions SET name = ? WHERE id = ?", (name, version))
            c.executemany("UPDATE pieces SET state = 'stored', size = ? WHERE version = ? AND number = ?", numbers)
            c.execute(
                "UPDATE versions SET state = 'ready', size = ?, manifest = ? WHERE id = ?", (size, manifest, version)
            )
            count_missing(c, version)
            c.execute("DELETE FROM tasks WHERE id = ?", (task,))
            note_store(c, version, now)
            old = outdated(c, version, keep)
            gone[:] = gone_versions(c, old) if self.changes.heard else ()
            drop(c, old, now)

        await self._bury(change)
        self.changes.tell(Change(versions=(version,), gone=gone))

    async def mark_piece(self, version: bytes, number: int, node_id: str, state: PieceState) -> None:
        """
        What is known of a piece has changed, if that node still is who holds it.
        """

        def change(c: sqlite3.Connection) -> None:
            c.execute(
                "UPDATE pieces SET state = ? WHERE version = ? AND number = ? AND node_id = ?",
                (state, version, number, node_id),
            )
            count_missing(c, version)

        await self._change(change)
        self.changes.tell(Change(versions=(version,)))

    async def drop_version(self, version: bytes, task: int = 0) -> None:
        """
        Remove one version, leaving tombstones for its suppliers; and the task that failed to make it.
        """
        now = self._clock.seconds()
        gone: list[Gone] = []

        def change(c: sqlite3.Connection) -> None:
            gone[:] = gone_versions(c, [version]) if self.changes.heard else ()
            row = c.execute("SELECT item FROM versions WHERE id = ?", (version,)).fetchone()
            drop(c, [version], now)
            c.execute("DELETE FROM tasks WHERE id = ?", (task,))
            if row is not None:
                settle(c, int(row[0]))

        await self._bury(change)
        self.changes.tell(Change(gone=gone))

    async def drop_unfinished(self) -> int:
        """
        Remove the versions that were being uploaded when the node ended.
        """
        now = self._clock.seconds()
        gone: list[Gone] = []

        def change(c: sqlite3.Connection) -> int:
            versions = [row[0] for row in c.execute("SELECT id FROM versions WHERE state = 'uploading'")]
            gone[:] = gone_versions(c, versions) if self.changes.heard else ()
            bury(c, versions, now)
            c.execute("DELETE FROM versions WHERE state = 'uploading'")
            return len(versions)

        dropped = await self._bury(change)
        self.changes.tell(Change(gone=gone))
        return dropped

    # what other devices have told

    async def merge(self, read: Read) -> bool:
        """
        Apply a batch of operations; see `Journal.merge`.
        """
        done = await self.journal.merge(read)
        await self.open()
        self.errands.tell()
        stores = [one for one in map(unpack, read.batch.operations) if isinstance(one, Store | Pack)]
        self.changes.tell(Change(versions=[one.version for one in stores]))
        return done

    async def note_manifest(self, version: bytes, packed: bytes) -> None:
        """
        The manifest of a version, checked, as a supplier keeps it.
        """
        query = "UPDATE versions SET manifest = ? WHERE id = ? AND manifest IS NULL"
        await self._database.run(lambda c: c.execute(query, (packed, version)))

    async def _bury(self, change: Callable[[sqlite3.Connection], T]) -> T:
        """A change that may leave tombstones."""
        result = await self._change(change)
        self.errands.tell()
        return result

    async def _change(self, change: Callable[[sqlite3.Connection], T]) -> T:
        def counted(c: sqlite3.Connection) -> tuple[T, int]:
            result = change(c)
            (revision,) = c.execute("UPDATE revision SET number = number + 1 RETURNING number").fetchone()
            return result, int(revision)

        result, revision = await self._database.run(counted)
        self.revision = max(self.revision, revision)
        self.journal.tell()
        return result


def _give_way(c: sqlite3.Connection, old: bytes, new: bytes, now: float) -> str:
    """Remove a version for another one of the same item; answers its name."""
    query = "SELECT old.name FROM versions old JOIN versions new ON new.item = old.item WHERE old.id = ? AND new.id = ?"
    row = c.execute(query, (old, new)).fetchone()
    if row is None:
        raise NotFound("the version was deleted meanwhile")
    bury(c, [old], now)
    c.execute("DELETE FROM versions WHERE id = ?", (old,))
    return str(row[0])
