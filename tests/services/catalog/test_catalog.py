from __future__ import annotations

from pathlib import Path

from twisted.trial.unittest import TestCase

from bitdust_node.errors import Conflict, Full, Invalid, NotFound
from bitdust_node.paths import DataFolder
from bitdust_node.threads import InlineWorkers
from services.catalog.catalog import Catalog
from services.catalog.operations import Drop, pack
from services.catalog.packs import Packed, Stored
from services.catalog.schema import Item, Piece, Place
from tests.clock import Clock

VERSION = bytes(range(16))


class CatalogTest(TestCase):
    """Items, versions and what is left to do, in a real file."""

    async def make(self) -> Catalog:
        folder = DataFolder(Path(self.mktemp()))
        self.clock = Clock()
        catalog = Catalog(folder, InlineWorkers(), self.clock)
        self.addCleanup(lambda: self.closing(catalog))
        await catalog.open()
        return catalog

    async def closing(self, catalog: Catalog) -> None:
        await catalog.close()

    async def test_ids_and_parents(self) -> None:
        catalog = await self.make()
        item, created = await catalog.create("master", "docs/2026/a.txt", folder=False)
        self.assertTrue(created)
        self.assertEqual(item.path_id, "0/0/0")
        second, _ = await catalog.create("master", "docs/b.txt", folder=False)
        self.assertEqual(second.path_id, "0/1")
        folder = await catalog.find("master", "docs")
        assert folder is not None
        self.assertEqual((folder.kind, folder.children), ("dir", 2))
        self.assertEqual(await catalog.find("master", "0/1"), second)
        self.assertIsNone(await catalog.find("share_x", "docs"))
        listed = await catalog.items("master", folder, recursive=False, limit=10)
        self.assertEqual([one.path for one in listed], ["docs/2026", "docs/b.txt"])
        listed = await catalog.items(None, None, limit=2)
        listed += await catalog.items(None, None, after=listed[-1], limit=10)
        self.assertEqual([one.path for one in listed], ["docs", "docs/2026", "docs/2026/a.txt", "docs/b.txt"])

    async def test_taken_and_impossible(self) -> None:
        catalog = await self.make()
        item, _ = await catalog.create("master", "a", folder=False)
        with self.assertRaises(Conflict):
            await catalog.create("master", "a", folder=False)
        self.assertEqual(await catalog.create("master", "a", folder=False, exist_ok=True), (item, False))
        with self.assertRaises(Conflict):
            await catalog.create("master", "a/b", folder=False)
        forced, _ = await catalog.create("master", "c", folder=False, path_id="7")
        self.assertEqual(forced.path_id, "7")
        with self.assertRaises(Conflict):
            await catalog.create("master", "d", folder=False, path_id="7")
        with self.assertRaises(Invalid):
            await catalog.create("master", "d", folder=False, path_id="../7")
        for _ in range(10):
            await catalog.create("master", f"more{_}", folder=False)
        self.assertEqual(len({one.path_id for one in await catalog.items(None, None, limit=100)}), 12)

    async def test_ids_are_not_used_twice(self) -> None:
        catalog = await self.make()
        first, _ = await catalog.create("master", "a", folder=False)
        await catalog.delete(first)
        second, _ = await catalog.create("master", "a", folder=False)
        self.assertNotEqual(first.path_id, second.path_id)
        inside, _ = await catalog.create("master", "b/c", folder=False)
        await catalog.delete(inside)
        await catalog.journal.compact()
        again, _ = await catalog.create("master", "b/c", folder=False)
        self.assertNotEqual(inside.path_id, again.path_id)

    async def test_names_that_differ_little(self) -> None:
        catalog = await self.make()
        for name in ("é", "e\u0301", "A", "a", "a%", "a_", "a'"):
            await catalog.create("master", name, folder=True)
            await catalog.create("master", f"{name}/x", folder=False)
        for name in ("é", "e\u0301", "A", "a", "a%", "a_", "a'"):
            folder = await catalog.find("master", name)
            assert folder is not None
            self.assertEqual([one.path for one in await catalog.items("master", folder, limit=10)], [f"{name}/x"])

    async def stored(self, catalog: Catalog, item: Item, version: bytes = VERSION) -> None:
        pieces = [Piece(version, at, f"node{at}", f"http://s{at}/s.xml", 0, "sent") for at in range(4)]
        await catalog.add_version(item, version, "file", 2, 4, pieces)
        await catalog.note_stored(version, 100, b"manifest", 58, [0, 1, 2])

    async def test_a_version_and_its_pieces(self) -> None:
        catalog = await self.make()
        item, _ = await catalog.create("master", "a", folder=False)
        revision = catalog.revision
        await self.stored(catalog, item)
        self.assertGreater(catalog.revision, revision)
        (version,) = (await catalog.versions([item.id]))[item.id]
        self.assertEqual((version.state, version.size, version.missing), ("ready", 100, 1))
        self.assertEqual([one.id for one in await catalog.endangered()], [VERSION])
        await catalog.renewals.begin(VERSION, [("node9", "http://s9/s.xml")])
        await catalog.renewals.end(
            VERSION, [("node9", "http://s9/s.xml")], [Piece(VERSION, 3, "node9", "http://s9/s.xml", 58, "stored")]
        )
        self.assertEqual(await catalog.endangered(), [])
        # who should have got it hears that he may forget it
        self.assertEqual([one.node_id for one in await catalog.errands.tombstones()], ["node3"])
        self.assertEqual(await catalog.stored_at("node9"), [(VERSION, 3)])
        self.assertEqual(await catalog.stored_at("node9", (VERSION, 3)), [])
        self.assertEqual((await catalog.stored_bytes())["node0"], 58)
        await catalog.mark_piece(VERSION, 0, "somebody else", "lost")
        self.assertEqual(await catalog.endangered(), [])
        await catalog.mark_piece(VERSION, 0, "node0", "lost")
        self.assertEqual(len(await catalog.endangered()), 1)
        self.assertEqual((await catalog.totals(True))["files_size"], 100)

    async def test_a_version_that_gives_way_is_told_to_be_gone(self) -> None:
        catalog = await self.make()
        item, _ = await catalog.create("master", "a", folder=False)
        await self.stored(catalog, item)
        other = bytes(16)
        await catalog.add_version(item, other, "file", 4, 7)
        await catalog.note_stored(other, 100, b"manifest", 30, [], replaces=VERSION)
        pending = await catalog.journal.pending()
        assert pending is not None
        self.assertIn(pack(Drop([VERSION])), pending.batch.operations)

    async def test_who_was_to_get_a_piece_is_never_forgotten(self) -> None:
        catalog = await self.make()
        item, _ = await catalog.create("master", "a", folder=False)
        await self.stored(catalog, item)
        receivers = [("node8", "http://s8/s.xml"), ("node9", "http://s9/s.xml")]
        await catalog.renewals.begin(VERSION, receivers)
        with self.assertRaises(Conflict):
            await catalog.renewals.begin(VERSION, receivers)
        await catalog.renewals.end(VERSION, receivers, [Piece(VERSION, 3, "node8", "http://s8/s.xml", 58, "stored")])
        # the one that should have had it, and the one that may have stored it although nobody heard of that
        self.assertEqual(await catalog.renewals.barred(VERSION), {"node3", "node9"})
        await catalog.errands.bury("node3", [VERSION])
        await catalog.errands.bury("node9", [VERSION])
        await catalog.renewals.begin(VERSION, [*receivers, ("node7", "http://s7/s.xml")])
        await catalog.renewals.clear()  # the node was killed in between
        self.assertEqual(await catalog.renewals.barred(VERSION), {"node7", "node9"})
        await catalog.renewals.begin(VERSION, [("node6", "http://s6/s.xml")])
        await catalog.delete(item)
        self.assertIn("node6", await catalog.renewals.barred(VERSION))
        await catalog.errands.bury("node6", [VERSION])
        await catalog.renewals.end(
            VERSION, [("node6", "http://s6/s.xml")], [Piece(VERSION, 3, "node6", "http://s6/s.xml", 58, "stored")]
        )
        self.assertIn("node6", await catalog.renewals.barred(VERSION))
        with self.assertRaises(NotFound):
            await catalog.renewals.begin(VERSION, [])

    async def test_a_renewal_whose_end_could_not_be_written_is_ended_by_the_next_one(self) -> None:
        catalog = await self.make()
        item, _ = await catalog.create("master", "a", folder=False)
        await self.stored(catalog, item)
        receivers = [("node9", "http://s9/s.xml")]
        await catalog.renewals.begin(VERSION, receivers)
        self.assertEqual(await catalog.renewals.barred(VERSION), set())

        async def full(change: object) -> None:
            raise Full("no room left on the disk")

        bury = catalog.renewals._bury
        catalog.renewals._bury = full  # type: ignore[assignment]
        with self.assertRaises(Full):
            await catalog.renewals.end(VERSION, receivers, [])
        with self.assertRaises(Full):
            await catalog.renewals.barred(VERSION)
        catalog.renewals._bury = bury
        self.assertEqual(await catalog.renewals.barred(VERSION), {"node9"})
        await catalog.renewals.begin(VERSION, [("node8", "http://s8/s.xml")])
        self.assertEqual(await catalog.renewals.barred(VERSION), {"node9"})

    async def test_a_pack_that_is_stored_is_not_forgotten(self) -> None:
        """Who was to get a piece of it would delete it."""
        catalog = await self.make()
        item, _ = await catalog.create("master", "a", folder=False)
        for number, stores in enumerate((True, False)):
            entry, name = bytes([number]) * 16, bytes([9, number]) * 8
            pieces = [Piece(name, at, f"node{at}", f"http://s{at}/s.xml", 0, "sent") for at in range(4)]
            await catalog.packs.begin(name, 2, 4, pieces, {entry: item.id})
            if stores:
                packed = Packed(Place(entry, 0, 90), 80, 0)
                await catalog.packs.end(name, Stored(90, b"manifest", 58, [0, 1, 2, 3]), [packed], 0)
            await catalog.packs.forget(name, [entry])
            there = [version.id for version in (await catalog.versions([item.id]))[item.id]]
            self.assertEqual(there, [bytes(16)])
            self.assertEqual(len(await catalog.errands.tombstones()), 0 if stores else 4)

    async def test_deleting_leaves_tombstones_until_they_are_buried(self) -> None:
        catalog = await self.make()
        told = []
        catalog.errands.observe(lambda: told.append(1))
        item, _ = await catalog.create("master", "dir/a", folder=False)
        await catalog.errands.add_task("upload", item.id, "/local")
        await self.stored(catalog, item)
        folder = await catalog.find("master", "dir")
        assert folder is not None
        other, _ = await catalog.create("master", "dir2/a", folder=False)
        self.assertEqual(await catalog.delete(folder), [VERSION])
        self.assertTrue(told)
        self.assertEqual([one.path for one in await catalog.items(None, None, limit=10)], ["dir2", "dir2/a"])
        self.assertEqual(await catalog.errands.tasks("upload"), [])
        self.assertEqual(len(await catalog.errands.buriers()), 4)
        await catalog.errands.bury("node1", [VERSION])
        self.assertEqual(await catalog.errands.tombstones("node1"), [])
        self.assertEqual(len(await catalog.errands.tombstones()), 3)
        with self.assertRaises(NotFound):
            await catalog.add_version(item, b"x" * 16, "file", 1, 2)
        with self.assertRaises(NotFound):
            await catalog.errands.add_task("upload", item.id, "/local")
        self.assertIsNotNone(await catalog.item(other.id))

    async def test_unfinished_versions_are_dropped_at_start(self) -> None:
        catalog = await self.make()
        item, _ = await catalog.create("master", "a", folder=False)
        await self.stored(catalog, item)
        await catalog.add_version(
            item, b"u" * 16, "file", 2, 4, [Piece(b"u" * 16, 0, "node0", "http://x/x.xml", 0, "sent")]
        )
        self.assertEqual(await catalog.drop_unfinished(), 1)
        self.assertEqual([one.version for one in await catalog.errands.tombstones()], [b"u" * 16])
        self.assertEqual(len((await catalog.versions([item.id]))[item.id]), 1)

    async def test_versions_of_one_second_have_different_names(self) -> None:
        catalog = await self.make()
        item, _ = await catalog.create("master", "a", folder=False)
        names = [(await catalog.add_version(item, bytes([at]) * 16, "file", 1, 2)).name for at in range(3)]
        self.assertEqual(len(set(names)), 3)

    async def test_a_change_that_fails_undoes_only_itself(self) -> None:
        catalog = await self.make()
        await catalog.create("master", "a", folder=False)
        with self.assertRaises(Conflict):
            await catalog.create("master", "a/b/c", folder=False)
        await catalog.create("master", "b", folder=False)
        self.assertEqual([one.path for one in await catalog.items(None, None, limit=10)], ["a", "b"])
