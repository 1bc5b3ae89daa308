"""
A catalog that is told again while it goes on, page by page: nothing of it is missing at the end.
"""

from __future__ import annotations

import random
import sqlite3
from hashlib import sha256
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase, TestCase

from bitdust_node.paths import DataFolder
from bitdust_node.threads import InlineWorkers
from services.catalog import journal, retelling
from services.catalog.batches import Batch, Read
from services.catalog.catalog import Catalog
from services.catalog.operations import Operation, Put, Stamp, pack, unpack
from services.catalog.retelling import begin, go_on, going
from services.catalog.schema import Piece
from tests.clock import Clock
from tests.services.catalog.test_merging import LOGS, merged, tree
from tests.services.catalog.test_renaming import PATHS, TARGETS, Device, checked

ACTS = st.tuples(
    st.sampled_from(["create", "store", "store", "rename", "rename", "delete", "other", "other", "hear"]),
    st.sampled_from(PATHS),
    st.sampled_from(TARGETS),
    st.integers(0, 2),
)


class RetellingTest(SynchronousTestCase):
    def act(self, a: Device, b: Device, step: tuple[str, str, str, int]) -> None:
        what, path, to, number = step
        if what == "hear":
            a.hear(b)
        elif what == "other":
            b.act(("store", "rename", "delete")[number], path, to)
        else:
            a.act(what, path, to)

    def page(self, device: Device) -> None:
        def write(operation: Operation) -> int:
            query = "INSERT INTO operations (body) VALUES (?)"
            return int(device.c.execute(query, (pack(operation),)).lastrowid or 0)

        go_on(device.c, write)

    @settings(max_examples=150, deadline=None)
    @given(st.lists(ACTS, max_size=15), st.lists(ACTS, max_size=15), st.integers(1, 3), st.randoms())
    def test_it_goes_on_meanwhile(
        self,
        before: list[tuple[str, str, str, int]],
        meanwhile: list[tuple[str, str, str, int]],
        size: int,
        chance: random.Random,
    ) -> None:
        self.patch(retelling, "PAGE", size)
        self.patch(retelling, "SHORT", size)
        a, b = Device(LOGS[0]), Device(LOGS[1])
        for step in before:
            self.act(a, b, step)
            if step[0] == "other":
                b.hear(a)
        a.hear(b)
        known = len(b.told())
        a.c.execute("DELETE FROM operations")
        begin(a.c, Stamp(10_000, LOGS[0]))
        for step in meanwhile:
            self.act(a, b, step)
            if going(a.c) and chance.random() < 0.7:
                self.page(a)
        while going(a.c):
            self.page(a)
        # whoever reads the new log, and what of the others it does not cover
        told = [*a.told(), *b.told()[known:]]
        a.hear(b)
        chance.shuffle(told)
        self.assertEqual(checked(merged(told)), checked(a.c))


class CompactTest(TestCase):
    async def open(self, folder: DataFolder) -> Catalog:
        catalog = Catalog(folder, InlineWorkers(), Clock())
        self.addCleanup(self.closing, catalog)
        await catalog.open()
        await catalog.journal.begin()
        return catalog

    async def closing(self, catalog: Catalog) -> None:
        await catalog.close()

    async def tell(self, catalog: Catalog) -> Batch | None:
        pending = await catalog.journal.pending()
        if pending is None:
            return None
        await catalog.journal.told(pending, sha256(repr(pending.batch).encode()).digest(), lambda c: None)
        return pending.batch

    async def test_restarted_in_the_midst(self) -> None:
        self.patch(retelling, "PAGE", 3)
        self.patch(journal, "BATCH_BYTES", 600)
        folder = DataFolder(Path(self.mktemp()))
        catalog = await self.open(folder)
        for number in range(20):
            item, _ = await catalog.create("master", f"docs/{number}", folder=False)
            version = bytes([number]) * 16
            await catalog.add_version(
                item, version, "file", 1, 1, [Piece(version, 0, "0" * 64, "http://s/s", 0, "sent")]
            )
            await catalog.note_stored(version, 9, b"manifest", 9, [0])
        while await self.tell(catalog) is not None:
            pass
        other = Put(Stamp(5, b"other"), "master", "x", "9", "file", 1.0)
        await catalog.merge(Read(Batch(1, b"other", 1, bytes(32), [], [pack(other)]), b"d" * 32))
        old, _ = await catalog.journal.own()
        await catalog.journal.compact()
        batches: list[Batch] = []
        while (batch := await self.tell(catalog)) is not None:
            batches.append(batch)
            self.assertLessEqual(sum(map(len, batch.operations)), 600)
            if len(batches) == 4:
                item, _ = await catalog.create("master", "meanwhile", folder=False)
            await catalog.close()
            catalog = await self.open(folder)
        self.assertGreater(len(batches), 8)
        self.assertEqual([bool(one.covers) for one in batches], [False] * (len(batches) - 1) + [True])
        self.assertEqual({(one.log, one.number > 0) for one in batches[-1].covers}, {(old, True), (b"other", True)})
        self.assertEqual(await catalog.journal.covered(), {one.log: one.number for one in batches[-1].covers})
        told = merged([unpack(body) for one in batches for body in one.operations])
        self.assertEqual(tree(told), await catalog._database.read(tree))
        self.assertFalse(await catalog._database.read(going))

    async def test_begun_anew_in_the_midst(self) -> None:
        self.patch(retelling, "PAGE", 3)
        self.patch(journal, "BATCH_BYTES", 200)
        catalog = await self.open(DataFolder(Path(self.mktemp())))
        for number in range(20):
            await catalog.create("master", f"docs/{number}", folder=False)
        await catalog.journal.compact()
        for _ in range(15):
            await self.tell(catalog)
        first, _ = await catalog.journal.own()
        await catalog.journal.compact()
        batches: list[Batch] = []
        while (batch := await self.tell(catalog)) is not None:
            batches.append(batch)
        told = merged([unpack(body) for one in batches for body in one.operations])
        self.assertEqual(tree(told), await catalog._database.read(tree))
        self.assertIn(first, [one.log for one in batches[-1].covers])

    async def test_older_than_its_log(self) -> None:
        catalog = await self.open(DataFolder(Path(self.mktemp())))
        await catalog.create("master", "a/b", folder=False)

        def forget(c: sqlite3.Connection) -> None:
            c.execute("UPDATE items SET clock = 0")
            c.execute("DELETE FROM operations")

        await catalog._database.run(forget)
        await catalog.journal.begin()
        batch = await self.tell(catalog)
        assert batch is not None
        self.assertEqual(tree(merged(list(map(unpack, batch.operations)))), await catalog._database.read(tree))
        await catalog.journal.begin()
        self.assertIsNone(await self.tell(catalog))
