from __future__ import annotations

import os
import random
from copy import copy
from dataclasses import replace

import msgspec

from bitdust_node.errors import Corrupt, Invalid, Unavailable
from bitdust_node.pieces.layout import PIECE_BLOCK, Layout
from bitdust_node.pieces.manifest import Manifest
from bitdust_node.pieces.signet import OwnSignet
from services.catalog.schema import Version
from services.transfer.means import Means
from services.transfer.opened import KEPT
from services.transfer.range import READ_LIMIT, VersionReader, read_range
from tests.services.download.test_download_grid import piece_file
from tests.services.grid import GridCase

SEGMENT = Layout.of(4).segment_bytes


class RangeTest(GridCase):
    """Bytes out of the middle of a file."""

    def setUp(self) -> None:
        super().setUp()
        self.data = random.Random(7).randbytes(3_000_000)
        path = self.tmp / "source"
        path.write_bytes(self.data)
        self.upload(path, "x")
        self.means = self.customer.get(Means)

    def version(self) -> Version:
        catalog = self.customer.catalog
        item = self.run_now(catalog.find("master", "x"))
        assert item is not None
        return self.run_now(catalog.versions([item.id]))[item.id][0]

    def read(self, offset: int, length: int) -> bytes:
        return self.run_now(read_range(self.means, self.version(), offset, length))

    def test_a_version_is_opened_once(self) -> None:
        opened = []
        unwrap = OwnSignet.unwrap

        def counted(signet: OwnSignet, manifest: Manifest) -> bytes:
            opened.append(manifest.version)
            return unwrap(signet, manifest)

        self.patch(OwnSignet, "unwrap", counted)
        for at in range(5):
            self.assertEqual(self.read(at, 3), self.data[at : at + 3])
        self.assertEqual(opened, [self.version().id])
        # others push it out
        kept = self.means.opened
        found = kept.find(opened[0])
        assert found is not None
        for number in range(KEPT):
            other = copy(found)
            other.manifest = msgspec.structs.replace(found.manifest, version=bytes([number]) * 16)
            kept.keep(other)
        self.assertIsNone(kept.find(opened[0]))
        self.assertEqual(self.read(7, 3), self.data[7:10])
        self.assertEqual(len(opened), 2)

    def test_any_range(self) -> None:
        reader = self.run_now(VersionReader.open(self.means, self.version()))
        size = len(self.data)
        self.assertEqual(reader.size, size)
        cases = [
            (0, 0),
            (0, 1),
            (size, 0),
            (size - 1, 1),
            (0, size),
            (SEGMENT - 1, 2),
            (SEGMENT, SEGMENT),
            (8 * SEGMENT - 1, 8 * SEGMENT + 2),
            (size - SEGMENT, SEGMENT),
        ]
        dice = random.Random(1)
        for _ in range(10):
            offset = dice.randrange(size)
            cases.append((offset, dice.randrange(size - offset)))
        for offset, length in cases:
            self.assertEqual(self.run_now(reader.read(offset, length)), self.data[offset : offset + length])

    def test_only_what_is_needed_is_fetched(self) -> None:
        before = self.came()
        self.assertEqual(self.read(10 * SEGMENT + 5, SEGMENT), self.data[10 * SEGMENT + 5 : 11 * SEGMENT + 5])
        # two segments, of which each has two blocks
        self.assertTrue(4 * PIECE_BLOCK < self.came() - before < 4.2 * PIECE_BLOCK)

    def came(self) -> int:
        """Bytes that the customer has received."""
        router = self.customer.node.router
        return router.traffic.totals(router.sessions())[0].total()

    def test_long_ranges_come_in_chunks(self) -> None:
        async def all_of_it() -> list[bytes]:
            reader = await VersionReader.open(self.means, self.version())
            async with reader.chunks(100, len(self.data) - 200) as chunks:
                return [chunk async for chunk in chunks]

        chunks = self.run_now(all_of_it())
        self.assertEqual(b"".join(chunks), self.data[100:-100])
        self.assertGreater(len(chunks), 1)
        self.assertLessEqual(max(map(len, chunks)), 2 * 1024 * 1024)

    def test_whoever_stops_early_leaves_nothing_running(self) -> None:
        async def only_the_first() -> bytes:
            reader = await VersionReader.open(self.means, self.version())
            async with reader.chunks(0, len(self.data)) as chunks:
                return await anext(chunks)

        first = self.run_now(only_the_first())
        self.assertEqual(first, self.data[: len(first)])
        self.assertEqual(self.run_now(self.means.motion.transfers_list()), [])

    def test_a_wrong_block_is_named_and_read_from_another(self) -> None:
        for member in self.suppliers[:2]:
            path = piece_file(member)
            raw = bytearray(path.read_bytes())
            raw[12 * 65536 + 9] ^= 1
            path.chmod(0o600)
            path.write_bytes(raw)
        self.assertEqual(self.read(0, 1000), self.data[:1000])
        self.assertEqual(self.customer.events("restore-failed"), [])
        self.assertEqual(self.read(12 * SEGMENT, 1000), self.data[12 * SEGMENT :][:1000])
        self.assertTrue(self.customer.events("restore-failed"))

    def test_lost_suppliers(self) -> None:
        for member in self.suppliers[:2]:
            member.node.die()
        self.assertEqual(self.read(1_000_000, 70_000), self.data[1_000_000:1_070_000])
        self.suppliers[2].node.die()
        with self.assertRaises(Unavailable):
            self.read(0, 1)

    def test_what_is_refused(self) -> None:
        size = len(self.data)
        for offset, length in ((-1, 1), (0, -1), (0, size + 1), (size, 1), (1 << 70, 1), (0, READ_LIMIT + 1)):
            with self.assertRaises(Invalid):
                self.read(offset, length)
        folder = self.tmp / "tree"
        folder.mkdir()
        (folder / "a").write_bytes(os.urandom(10))
        self.upload(folder, "tree")
        catalog = self.customer.catalog
        item = self.run_now(catalog.find("master", "tree"))
        assert item is not None
        version = self.run_now(catalog.versions([item.id]))[item.id][0]
        with self.assertRaises(Invalid) as caught:
            self.run_now(read_range(self.means, version, 0, 1))
        self.assertIn("this is a folder", str(caught.exception))

    def test_manifest_of_another_version(self) -> None:
        one = self.version()
        path = self.tmp / "source"
        path.write_bytes(b"other")
        self.upload(path, "y")
        item = self.run_now(self.customer.catalog.find("master", "y"))
        assert item is not None
        other = self.run_now(self.customer.catalog.versions([item.id]))[item.id][0]
        mixed = replace(one, manifest=other.manifest)
        with self.assertRaises(Corrupt):
            self.run_now(read_range(self.means, mixed, 0, 1))
