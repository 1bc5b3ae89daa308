from __future__ import annotations

import errno
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from unittest.mock import patch

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from bitdust_node.errors import Closed, Corrupt, Full, NotFound
from bitdust_node.identity.names import NodeId
from bitdust_node.pieces.hashtree import leaves_of, root
from bitdust_node.pieces.layout import PIECE_BLOCK
from bitdust_node.pieces.object_file import FOOTER_BYTES, LeafHasher, object_name
from services.supplying.store import LocalFolder, PieceWriter

OWNER, VERSION = NodeId("ab" * 32), b"v" * 16
NAME = object_name(OWNER, VERSION, 1)


def written(store: LocalFolder, chunks: Sequence[bytes]) -> PieceWriter:
    writer = store.writer(OWNER, VERSION, 1)
    for chunk in chunks:
        writer.write([chunk])
    writer.finish()
    return writer


class Folder(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = Path(self.mktemp())
        self.folder.mkdir()
        self.store = LocalFolder(self.folder, margin=0)

    def files(self) -> list[str]:
        return sorted(path.name for path in self.folder.glob("*/*"))

    def test_piece_comes_back(self) -> None:
        data = os.urandom(3 * PIECE_BLOCK + 100)
        writer = written(self.store, [data[:70_000], data[70_000:]])
        self.assertRaises(NotFound, self.store.footer, NAME)
        self.assertEqual(list(self.store.names()), [])
        writer.commit()
        footer = self.store.footer(NAME)
        self.assertEqual((footer.owner, footer.version, footer.index), (OWNER, VERSION, 1))
        self.assertEqual((footer.size, footer.count), (len(data), 4))
        self.assertEqual(footer.root, root(leaves_of(data, PIECE_BLOCK)))
        self.assertEqual(self.store.leaves(NAME), b"".join(leaves_of(data, PIECE_BLOCK)))
        self.assertEqual(self.store.read(NAME, 10, 1000), data[10:1010])
        self.assertEqual(list(self.store.names()), [NAME])
        self.assertEqual(self.store.size(), len(data) + 4 * 32 + FOOTER_BYTES)
        self.assertEqual((self.folder / NAME[:2] / NAME).stat().st_mode & 0o777, 0o600)
        self.store.delete(NAME)
        self.store.delete(NAME)
        self.assertEqual(self.files(), [])

    def test_discarded_piece_leaves_nothing(self) -> None:
        writer = written(self.store, [b"data"])
        self.assertEqual(len(self.files()), 1)
        writer.discard()
        writer.discard()
        self.assertEqual(self.files(), [])
        self.assertRaises(Closed, writer.write, [b"more"])
        self.assertEqual(self.files(), [])

    def test_unfinished_files_are_cleaned_away(self) -> None:
        written(self.store, [b"data"])
        written(self.store, [b"whole"]).commit()
        self.assertEqual(self.store.clean(), 1)
        self.assertEqual(self.files(), [NAME])

    def test_changes_on_the_disk_are_found(self) -> None:
        written(self.store, [os.urandom(100_000)]).commit()
        path = self.folder / NAME[:2] / NAME
        good = path.read_bytes()
        for at in (100_000, 100_040, len(good) - FOOTER_BYTES, len(good) - 60, len(good) - 1):
            wrong = bytearray(good)
            wrong[at] ^= 1
            path.write_bytes(wrong)
            self.assertRaises(Corrupt, self.store.leaves, NAME)
        for cut in (good[:-1], good[:10], b"", good + b"x", good[1:]):
            path.write_bytes(cut)
            self.assertRaises(Corrupt, self.store.leaves, NAME)

    def test_names_that_were_not_made_by_hashing_are_refused(self) -> None:
        for name in ("../../etc/passwd", "", "a" * 63, "A" * 64, "a" * 64 + "/..", "a" * 64 + "\n"):
            self.assertRaises(NotFound, self.store.path, name)

    def test_full_disk_is_told_and_leaves_nothing(self) -> None:
        written(self.store, [b"old"]).commit()

        def no_room(*args: Any) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

        for step in ("write", "fsync", "open"):
            writer = self.store.writer(OWNER, VERSION, 2)
            with patch(f"services.supplying.store.os.{step}", no_room):
                self.assertRaises(Full, lambda w=writer: (w.write([b"data"]), w.finish(), w.commit()))
            self.assertEqual(self.files(), [NAME])

    def test_margin_of_the_disk_is_left_free(self) -> None:
        disk = os.statvfs(self.folder)
        store = LocalFolder(self.folder, margin=1 << 62)
        used = disk.f_bavail * disk.f_frsize - store.free()
        self.assertLessEqual(abs(used - disk.f_blocks * disk.f_frsize // 20), 1 << 30)
        with patch.object(LocalFolder, "free", lambda self: 3):
            self.assertRaises(Full, written, self.store, [b"data"])
        self.assertEqual(self.files(), [])


class Hasher(SynchronousTestCase):
    @settings(deadline=None)
    @given(st.lists(st.binary(max_size=50), max_size=30), st.integers(1, 20))
    def test_chunks_of_any_size_give_the_same_leaves(self, chunks: list[bytes], block: int) -> None:
        hasher = LeafHasher(block)
        for chunk in chunks:
            hasher.update(chunk)
        leaves, count, top = hasher.finish()
        expected = leaves_of(b"".join(chunks), block)
        self.assertEqual((leaves, count, top), (b"".join(expected), len(expected), root(expected)))
