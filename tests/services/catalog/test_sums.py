"""
The sums that the catalog keeps are those of its rows, whatever happens to these.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase, TestCase

from bitdust_node.database import run_script
from bitdust_node.errors import Failed
from bitdust_node.paths import DataFolder
from bitdust_node.threads import InlineWorkers
from services.catalog import departures
from services.catalog.catalog import Catalog
from services.catalog.merging import apply
from services.catalog.operations import Listed, Move, Operation, Pack, Stamp, Store
from services.catalog.schema import MIGRATIONS, Piece
from services.catalog.sums import MIGRATION
from tests.clock import Clock
from tests.services.catalog.test_merging import LOGS, PATHS, empty, held, histories, merged, version_of


def sums(c: sqlite3.Connection) -> Any:
    """As they are kept, but for the zeros that are left over."""
    kept = "SELECT alias, kind, items, size FROM sums WHERE items <> 0 OR size <> 0 ORDER BY alias, kind"
    used = "SELECT alias, node_id, bytes FROM used WHERE bytes <> 0 ORDER BY alias, node_id"
    return c.execute(kept).fetchall(), c.execute(used).fetchall()


def counted(c: sqlite3.Connection) -> Any:
    """The same, from the rows themselves."""
    size = "(SELECT coalesce(sum(max(v.size, 0)), 0) FROM versions v JOIN items i ON i.id = v.item"
    kept = (
        f"SELECT alias, kind, count(*), {size} WHERE i.alias = items.alias AND i.kind = items.kind)"
        " FROM items GROUP BY alias, kind ORDER BY alias, kind"
    )
    used = (
        "SELECT alias, node_id, sum(pieces.size) AS bytes FROM pieces JOIN versions ON versions.id = pieces.version"
        " JOIN items ON items.id = versions.item WHERE pieces.state = 'stored' GROUP BY alias, node_id"
        " HAVING bytes <> 0 ORDER BY alias, node_id"
    )
    return c.execute(kept).fetchall(), c.execute(used).fetchall()


class SumsOfMerges(SynchronousTestCase):
    @settings(max_examples=100, deadline=None)
    @given(histories(), st.lists(st.tuples(st.integers(1, 9), st.sampled_from(PATHS), st.booleans()), max_size=4))
    def test_after_each_operation(self, operations: list[Operation], moves: list[tuple[int, str, bool]]) -> None:
        c = empty()
        where = [Move(Stamp(9 + n, LOGS[n % 3]), "k" if other else "m", path, "", [version_of(number)])
                 for n, (number, path, other) in enumerate(moves)]  # fmt: skip
        for operation in [*operations, *where, *operations]:
            apply(c, operation, 0.0)
            self.assertEqual(sums(c), counted(c))

    def test_packs(self) -> None:
        c, stamps = empty(), [Stamp(clock, LOGS[0]) for clock in range(9)]
        name = "F20261121035410PM"
        apply(c, Store(stamps[1], "m", "a", "", version_of(1), name, 1.0, "file", 5, 1, 3, 0, [], True), 0.0)
        pack = [version_of(50), 1.0, 70, 1, 3, 40, [held(0), held(0), held(2)], [Listed(version_of(1), 0, 5)]]
        apply(c, Pack(stamps[2], *pack), 0.0)
        self.assertEqual(sums(c), counted(c))
        self.assertEqual(len(sums(c)[1]), 2)
        apply(c, Pack(stamps[3], *pack), 0.0)
        self.assertEqual(sums(c), counted(c))

    @settings(max_examples=20, deadline=None)
    @given(histories())
    def test_catalogs_of_before(self, operations: list[Operation]) -> None:
        old = sqlite3.connect(":memory:", isolation_level=None)
        old.execute("PRAGMA foreign_keys=ON")
        at = MIGRATIONS.index(MIGRATION)
        for migration in MIGRATIONS[:at]:
            run_script(old, migration)
        for operation in operations:
            apply(old, operation, 0.0)
        for migration in MIGRATIONS[at:]:
            run_script(old, migration)
        self.assertEqual(sums(old), counted(old))
        self.assertEqual(sums(old), sums(merged(operations)))


class SumsOfChanges(TestCase):
    async def closing(self, catalog: Catalog) -> None:
        await catalog.close()

    async def check(self, catalog: Catalog) -> None:
        kept, there = await catalog._database.read(lambda c: (sums(c), counted(c)))
        self.assertEqual(kept, there)

    async def test_departures_that_are_broken_off(self) -> None:
        self.patch(departures, "MOVED", 2)
        catalog = Catalog(DataFolder(Path(self.mktemp())), InlineWorkers(), Clock())
        self.addCleanup(self.closing, catalog)
        await catalog.open()
        for number in range(7):
            item, _ = await catalog.create("master", str(number), folder=False)
            version = bytes([number]) * 16
            pieces = [Piece(version, at, f"node{at % 2}", "http://s/s.xml", 0, "sent") for at in range(3)]
            await catalog.add_version(item, version, "file", 1, 3, pieces)
            await catalog.note_stored(version, 100, b"manifest", 10, range(3))
        change, left = catalog.departures._change, 2

        async def stops(step: Any) -> None:
            nonlocal left
            left -= 1
            if left < 0:
                raise Failed("the node was stopped")
            await change(step)

        for go, before, after in ((catalog.departures.leave, 140, 0), (catalog.departures.stay, 0, 140)):
            self.patch(catalog.departures, "_change", stops)
            left = 2
            with self.assertRaises(Failed):
                await go("node0")
            used = (await catalog.stored_bytes()).get("node0", 0)
            self.assertTrue(min(before, after) < used < max(before, after))
            await self.check(catalog)
            self.patch(catalog.departures, "_change", change)
            await go("node0")
            self.assertEqual((await catalog.stored_bytes()).get("node0", 0), after)
            self.assertEqual(len(await catalog.endangered()), 0 if after else 7)
            await self.check(catalog)

    async def test_what_the_owner_does(self) -> None:
        catalog = Catalog(DataFolder(Path(self.mktemp())), InlineWorkers(), Clock())
        self.addCleanup(self.closing, catalog)
        await catalog.open()
        for number, path in enumerate(("a/b", "a/c", "d")):
            item, _ = await catalog.create("master", path, folder=False)
            for each in range(3):
                version = bytes([number, each]) * 8
                pieces = [Piece(version, at, f"node{at}", "http://s/s.xml", 0, "sent") for at in range(4)]
                await catalog.add_version(item, version, "file", 2, 4, pieces)
                await self.check(catalog)
                await catalog.note_stored(version, 100 + each, b"manifest", 58, [0, 1, 2], keep=2)
                await self.check(catalog)
        node9 = ("node9", "http://s9/s.xml")
        await catalog.renewals.begin(version, [node9])
        await catalog.renewals.end(version, [node9], [Piece(version, 2, *node9, 59, "stored")])
        await self.check(catalog)
        self.assertEqual((await catalog.stored_bytes())["node9"], 59)
        self.assertTrue(await catalog.departures.leave("node1"))
        self.assertFalse(await catalog.departures.leave("node1"))
        await self.check(catalog)
        self.assertNotIn("node1", await catalog.stored_bytes())
        await catalog.departures.stay("node1")
        await catalog.departures.lose("node2")
        await self.check(catalog)
        await catalog.mark_piece(version, 0, "node0", "bad")
        folder = await catalog.find("master", "a")
        assert folder is not None
        await catalog.rename(folder, "e/f")
        await self.check(catalog)
        await catalog.set_kind(item, "dir")
        await self.check(catalog)
        totals = await catalog.totals(True)
        self.assertEqual((totals["files"], totals["folders"], totals["folders_size"]), (2, 3, 203))
        renamed = await catalog.find("master", "e")
        assert renamed is not None
        await catalog.drop_version(version)
        await self.check(catalog)
        await catalog.delete(renamed)
        await catalog.delete(item)
        await self.check(catalog)
        nothing = {"files": 0, "folders": 0, "files_size": 0, "folders_size": 0, "backups_size": 0}
        self.assertEqual(await catalog.totals(True), nothing)
        self.assertEqual(await catalog.stored_bytes(), {})
