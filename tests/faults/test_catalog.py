"""
The catalog is stopped at each of its commits and within them: each change is there wholly, or not at all, and none that
was done is missing.
"""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from twisted.trial.unittest import TestCase

from bitdust_node.paths import DataFolder
from bitdust_node.threads import InlineWorkers
from bitdust_node.waiting import started
from services.catalog.batches import Batch, Read
from services.catalog.catalog import Catalog
from services.catalog.journal import _go_on
from services.catalog.operations import Drop, Operation, Put, Remove, Stamp, Store, pack, unpack
from services.catalog.packs import Packed, Stored
from services.catalog.schema import Piece, Place
from tests.clock import Clock
from tests.faults.disk import Committed, Disk
from tests.faults.watching import Watch, without_waits
from tests.services.catalog.test_merging import merged
from tests.services.catalog.test_sums import counted, sums

#: Power cuts in the midst of each commit, each after another part of it.
CUTS = 2
OTHER_LOG = b"other"

Rows = dict[str, list[Any]]


@dataclass(frozen=True)
class Act:
    """
    after: all rows when it was done. begun, ended: the operations on the disk before and with it.
    """

    after: Rows
    begun: int
    ended: int


def rows_of(path: Path) -> Rows:
    """All that stands in a database, which must be sound."""
    c = sqlite3.connect(path)
    try:
        assert c.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert c.execute("PRAGMA foreign_key_check").fetchall() == []
        assert sums(c) == counted(c)
        return all_rows(c)
    finally:
        c.close()


def version_of(number: int) -> bytes:
    return bytes([number]) * 16


def sent(number: int) -> list[Piece]:
    return [Piece(version_of(number), at, f"{at:064x}", f"http://s{at}/s.xml", 0, "sent") for at in range(4)]


class CatalogFaults(TestCase):
    def setUp(self) -> None:
        self.disk = Disk(self.folder("life").base)
        self.acts: list[Act] = []
        self.told: list[Operation] = []

    def folder(self, name: str) -> DataFolder:
        return DataFolder(Path(self.mktemp()).absolute().with_name(name))

    def open(self, folder: DataFolder) -> None:
        self.catalog = Catalog(folder, InlineWorkers(), Clock())
        self.run_it(self.catalog.open())

    def run_it(self, awaitable: Awaitable[Any]) -> Any:
        return self.successResultOf(started(awaitable))

    def do(self, do: Callable[[], Awaitable[Any]]) -> Any:
        begun = self.disk.done
        result = self.run_it(do())
        rows = self.run_it(self.catalog._database.read(lambda c: all_rows(c)))
        self.acts.append(Act(rows, begun, self.disk.done))
        self.check_log()
        return result

    def store(self, path: str, number: int, keep: int = 0, replaces: int | None = None) -> None:
        version = version_of(number)

        async def begin() -> None:
            item = await self.catalog.find("master", path)
            assert item is not None
            await self.catalog.add_version(item, version, "file", 2, 4, sent(number))

        self.do(begin)
        old = version_of(replaces) if replaces else None
        self.do(lambda: self.catalog.note_stored(version, 9, b"manifest", 8, [0, 1, 3], keep=keep, replaces=old))

    def create(self, path: str) -> None:
        self.do(lambda: self.catalog.create("master", path, folder=False))

    def delete(self, path: str) -> None:
        async def go() -> None:
            item = await self.catalog.find("master", path)
            assert item is not None
            await self.catalog.delete(item)

        self.do(go)

    def rename(self, path: str, new: str) -> None:
        async def go() -> None:
            item = await self.catalog.find("master", path)
            assert item is not None
            await self.catalog.rename(item, new)

        self.do(go)

    async def go_on(self) -> None:
        """The next page of a catalog that is told again."""
        await self.catalog._database.run(_go_on)

    def tell(self) -> None:
        """A batch is signed, and kept for the suppliers."""

        async def go() -> None:
            pending = await self.catalog.journal.pending()
            assert pending is not None
            self.told += map(unpack, pending.batch.operations)
            row = (version_of(200 + len(self.acts)), 0, pending.batch.number, b"manifest", b"data")
            await self.catalog.journal.told(
                pending,
                sha256(bytes(row[0])).digest(),
                lambda c: c.execute("INSERT INTO sealed VALUES (?, ?, ?, ?, ?)", row),
            )

        self.do(go)

    def pack(self) -> None:
        """Small files in a pack, most of which go, so that it is written anew; and one that is given up."""
        packs, paths = self.catalog.packs, ["small/1", "small/2", "small/3"]
        items: dict[bytes, int] = {}
        for number, path in enumerate(paths, 50):
            self.create(path)
            items[version_of(number)] = self.run_it(self.catalog.find("master", path)).id
        places = [Place(entry, 100 * at, 100) for at, entry in enumerate(items)]
        self.do(lambda: packs.begin(version_of(60), 2, 4, sent(60), items))
        files = [Packed(place, 90, 0) for place in places]
        self.do(lambda: packs.end(version_of(60), Stored(300, b"manifest", 150, [0, 1, 3]), files, keep=0))
        self.tell()
        self.delete(paths[0])
        self.delete(paths[2])
        (old,) = self.run_it(packs.wasteful(4))
        self.do(lambda: packs.begin_again(old, version_of(61), 2, 4, sent(61)))
        left = [Place(version_of(51), 0, 100)]
        self.do(lambda: packs.replace(old.id, version_of(61), Stored(100, b"manifest", 50, [0, 1, 2, 3]), left))
        again = {version_of(52): items[version_of(51)]}
        self.do(lambda: packs.begin(version_of(62), 2, 4, sent(62), again))
        self.do(lambda: packs.forget(version_of(62), list(again)))

    def merge(self, number: int, previous: bytes, *operations: Operation) -> bytes:
        batch = Batch(1, OTHER_LOG, number, previous, [], [pack(one) for one in operations])
        digest = sha256(repr(batch).encode()).digest()
        self.told += operations
        self.do(lambda: self.catalog.merge(Read(batch, digest)))
        return digest

    def live(self) -> None:
        """All that changes the catalog."""
        watch = Watch(self, self.disk)
        folder = DataFolder(self.disk.folder)
        self.open(folder)
        self.do(self.catalog.open)
        self.create("docs/a")
        self.create("docs/deep/b")
        self.create("c")
        self.do(lambda: self.catalog.errands.add_task("upload", 1, "/home/a"))
        self.store("docs/a", 1)
        self.store("docs/a", 2)
        self.store("docs/a", 3, keep=2)
        self.store("docs/deep/b", 4)
        self.store("docs/deep/b", 5, replaces=4)
        self.do(lambda: self.catalog.mark_piece(version_of(3), 1, f"{1:064x}", "bad"))
        self.tell()
        self.do(lambda: self.catalog.renewals.begin(version_of(3), [(f"{9:064x}", "http://s9/s.xml")]))
        made = Piece(version_of(3), 1, f"{9:064x}", "http://s9/s.xml", 8, "stored")
        self.do(lambda: self.catalog.renewals.end(version_of(3), [(f"{9:064x}", "http://s9/s.xml")], [made]))
        self.do(lambda: self.catalog.drop_version(version_of(2)))
        item = self.run_it(self.catalog.find("master", "c"))
        self.do(lambda: self.catalog.add_version(item, version_of(6), "file", 2, 4))
        self.do(self.catalog.drop_unfinished)
        self.pack()
        self.rename("docs/deep", "else/deeper")
        self.delete("else")
        self.do(lambda: self.catalog.errands.bury(f"{0:064x}", [version_of(1), version_of(5)]))
        stamps = [Stamp(clock, OTHER_LOG) for clock in range(2_000_000_000_000, 2_000_000_000_009)]
        name = "F20261121035410PM"
        digest = self.merge(
            1,
            bytes(32),
            Put(stamps[0], "master", "docs/d", "0/9", "file", 1.0),
            Store(stamps[1], "master", "docs/d", "0/9", version_of(7), name, 1.0, "file", 5, 1, 2, 9, []),
            Put(stamps[2], "master", "e", "7", "dir", 1.0),
        )
        self.tell()
        self.merge(2, digest, Remove(stamps[3], "master", "e"), Drop([version_of(3), version_of(7)]))
        self.do(self.catalog.journal.compact)
        self.do(self.go_on)
        self.do(self.go_on)
        self.create("meanwhile")
        for _ in range(4):
            self.do(self.go_on)
        self.tell()
        self.run_it(self.catalog.close())
        watch.end()

    def test_stopped_anywhere(self) -> None:
        self.live()
        self.assertGreater(sum(isinstance(one, Committed) for one in self.disk.operations), 30)
        without_waits(self)
        target = self.disk.folder.with_name("again")
        for number in range(self.disk.done + 1):
            for cut in range(1 + CUTS):
                self.disk.restore(target, number, random.Random(f"{number} {cut}") if cut else None)
                self.begin_again(target, number)

    def begin_again(self, target: Path, number: int) -> None:
        self.open(DataFolder(target))
        self.run_it(self.catalog.close())
        found = rows_of(target / "catalog.db")
        done = [act.after for act in self.acts if act.ended <= number]
        going = [act.after for act in self.acts if act.begun <= number < act.ended]
        if number > self.acts[0].ended:
            self.assertIn(found, [*done[-1:], *going], f"stopped after {number}")

    def check_log(self) -> None:
        """Whoever reads what was told, and is still to be told, has the same files and versions."""

        def look(c: sqlite3.Connection) -> tuple[Any, list[Operation]]:
            return tree(c), [unpack(body) for (body,) in c.execute("SELECT body FROM operations ORDER BY number")]

        here, waiting = self.run_it(self.catalog._database.read(look))
        self.assertEqual(tree(merged([*self.told, *waiting])), here)


def tree(c: sqlite3.Connection) -> Any:
    query = "SELECT hex(versions.id), path FROM versions JOIN items ON items.id = item WHERE state = 'ready'"
    # what packs belong to is told with the first one
    items = c.execute("SELECT path, kind FROM items WHERE kind <> 'packs' ORDER BY path").fetchall()
    return items, sorted(c.execute(query))


def all_rows(c: sqlite3.Connection) -> Rows:
    tables = [row[0] for row in c.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")]
    return {table: sorted(c.execute(f"SELECT * FROM {table}"), key=repr) for table in tables}
