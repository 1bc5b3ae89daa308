from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any
from unittest.mock import patch

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from bitdust_node.errors import Closed, Full
from bitdust_node.pieces.hashtree import leaves_of, root
from bitdust_node.pieces.object_file import LeafHasher
from services.supplying.store import LocalFolder
from tests.services.supplier.stores import MEGABYTE, NAME, OWNER, VERSION, StoreSuite, written


class Folder(StoreSuite, SynchronousTestCase):
    store: LocalFolder

    def setUp(self) -> None:
        self.folder = Path(self.mktemp())
        self.folder.mkdir()
        self.store = LocalFolder(self.folder, margin=0)

    def files(self) -> list[str]:
        return sorted(path.name for path in self.folder.glob("*/*"))

    def raw(self, name: str) -> bytes:
        return (self.folder / name[:2] / name).read_bytes()

    def set_raw(self, name: str, data: bytes) -> None:
        (self.folder / name[:2] / name).write_bytes(data)

    def unfinished(self) -> int:
        return sum(not name.isalnum() for name in self.files())

    def test_unfinished_files_are_cleaned_away(self) -> None:
        written(self.store, [b"data"])
        written(self.store, [b"whole"]).commit()
        self.assertEqual(self.store.clean(), 1)
        self.assertEqual(self.files(), [NAME])
        self.assertEqual((self.folder / NAME[:2] / NAME).stat().st_mode & 0o777, 0o600)

    def test_full_disk_is_told_and_leaves_nothing(self) -> None:
        written(self.store, [b"old"]).commit()

        def no_room(*args: Any) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

        for step in ("writev", "fsync", "open"):
            writer = self.store.writer(OWNER, VERSION, 2)
            with patch(f"os.{step}", no_room):
                self.assertRaises(Full, lambda w=writer: (w.write([b"data"]), w.finish(), w.commit()))
            self.assertEqual(self.files(), [NAME])

    def test_full_disk_in_the_midst_of_a_large_piece(self) -> None:
        for step, good in (("write", 1), ("writev", 0), ("writev", 1)):
            real, left = getattr(os, step), [good]

            def no_room(*args: Any, real: Any = real, left: list[int] = left) -> Any:
                left[0] -= 1
                if left[0] < 0:
                    raise OSError(errno.ENOSPC, "No space left on device")
                return real(*args)

            writer = self.store.writer(OWNER, VERSION, 2)
            with patch(f"os.{step}", no_room):
                chunk = [os.urandom(MEGABYTE + 5000)]
                self.assertRaises(Full, lambda w=writer, c=chunk: (w.write(c), w.write(c), w.finish()))
            self.assertEqual(left, [-1])
            self.assertEqual(self.files(), [])
            self.assertRaises(Closed, writer.write, [b"more"])

    def test_what_waits_of_a_large_piece_is_little(self) -> None:
        """However many pieces are under way and do not move."""
        writers = [self.store.writer(OWNER, VERSION, index) for index in range(20)]
        for writer in writers:
            writer.write([bytes(MEGABYTE + 30_000)])
        self.assertEqual(len(self.store.buffers._free), 1)
        for writer in writers:
            writer.discard()

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
