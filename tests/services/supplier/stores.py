"""
What every store of pieces must do.
"""

from __future__ import annotations

import os
import random
from collections.abc import Sequence
from typing import Any

from bitdust_node.errors import Closed, Corrupt, NotFound
from bitdust_node.identity.names import NodeId
from bitdust_node.pieces.hashtree import leaves_of, root
from bitdust_node.pieces.layout import PIECE_BLOCK
from bitdust_node.pieces.object_file import FOOTER_BYTES, object_name
from services.supplying.store import PieceStore, PieceWriter

MEGABYTE = 1024 * 1024
OWNER, VERSION = NodeId("ab" * 32), b"v" * 16
NAME = object_name(OWNER, VERSION, 1)


def written(store: PieceStore, chunks: Sequence[bytes], index: int = 1) -> PieceWriter:
    writer = store.writer(OWNER, VERSION, index)
    for chunk in chunks:
        writer.write([chunk])
    writer.finish()
    return writer


class StoreSuite:
    """Mixed into test cases; these offer `store` and what comes next."""

    store: PieceStore

    def raw(self, name: str) -> bytes:
        """A whole object as it lies there."""
        raise NotImplementedError

    def set_raw(self, name: str, data: bytes) -> None:
        """Put something else in its place."""
        raise NotImplementedError

    def unfinished(self) -> int:
        """What writers have left that is no piece."""
        raise NotImplementedError

    def test_piece_comes_back(self: Any) -> None:
        data = os.urandom(3 * PIECE_BLOCK + 100)
        writer = written(self.store, [data[:70_000], data[70_000:]])
        self.assertRaises(NotFound, self.store.footer, NAME)
        self.assertRaises(NotFound, self.store.read, NAME, 0, 10)
        self.assertEqual(list(self.store.names()), [])
        writer.commit()
        footer = self.store.footer(NAME)
        self.assertEqual((footer.owner, footer.version, footer.index), (OWNER, VERSION, 1))
        self.assertEqual((footer.size, footer.count), (len(data), 4))
        self.assertEqual(footer.root, root(leaves_of(data, PIECE_BLOCK)))
        self.assertEqual(self.store.leaves(NAME), b"".join(leaves_of(data, PIECE_BLOCK)))
        self.assertEqual(self.store.read(NAME, 10, 1000), data[10:1010])
        self.assertEqual(self.store.read(NAME, 0, len(data)), data)
        self.assertEqual(self.store.read(NAME, len(data) + 4 * 32 + 140, 50), self.raw(NAME)[-10:])
        self.assertEqual(self.store.read(NAME, 1 << 30, 50), b"")
        self.assertEqual(list(self.store.names()), [NAME])
        self.assertEqual(self.store.size(), len(data) + 4 * 32 + FOOTER_BYTES)
        self.store.delete(NAME)
        self.store.delete(NAME)
        self.assertEqual((list(self.store.names()), self.unfinished()), ([], 0))

    def test_large_pieces_in_chunks_of_any_size(self: Any) -> None:
        dice = random.Random(1)
        for index, size in enumerate((MEGABYTE - 1, MEGABYTE, MEGABYTE + 1, 2 * MEGABYTE + 12_345, 5 * MEGABYTE)):
            data = dice.randbytes(size)
            writer = self.store.writer(OWNER, VERSION, index)
            at = 0
            while at < size:
                chunks = []
                while at < size and sum(map(len, chunks)) < MEGABYTE:
                    end = at + dice.randrange(1, 250_000)
                    chunks.append(data[at:end])
                    at = end
                writer.write(chunks)
            footer = writer.finish()
            writer.commit()
            leaves = leaves_of(data, PIECE_BLOCK)
            self.assertEqual((footer.size, footer.root), (size, root(leaves)))
            name = object_name(OWNER, VERSION, index)
            self.assertEqual(self.raw(name), data + footer.pack(b"".join(leaves)))
            read = [self.store.read(name, at, min(MEGABYTE, size - at)) for at in range(0, size, MEGABYTE)]
            self.assertEqual(b"".join(read), data)

    def test_nothing_and_one_byte(self: Any) -> None:
        for index, data in ((0, b""), (1, b"x")):
            written(self.store, [data], index).commit()
            name = object_name(OWNER, VERSION, index)
            self.assertEqual((self.store.footer(name).size, self.store.read(name, 0, len(data))), (len(data), data))

    def test_discarded_piece_leaves_nothing(self: Any) -> None:
        writer = written(self.store, [b"data"])
        writer.discard()
        writer.discard()
        self.assertRaises(Closed, writer.write, [b"more"])
        self.assertEqual((list(self.store.names()), self.unfinished()), ([], 0))

    def test_discard_after_commit_keeps_the_piece(self: Any) -> None:
        writer = written(self.store, [b"data"])
        writer.commit()
        writer.discard()
        self.assertEqual(self.store.read(NAME, 0, 4), b"data")

    def test_second_piece_of_a_name_takes_the_place_of_the_first(self: Any) -> None:
        written(self.store, [b"data"]).commit()
        self.set_raw(NAME, b"rubbish")
        self.assertRaises(Corrupt, self.store.leaves, NAME)
        written(self.store, [b"data"]).commit()
        self.assertEqual(self.store.leaves(NAME), b"".join(leaves_of(b"data", PIECE_BLOCK)))
        self.assertEqual((list(self.store.names()), self.unfinished()), ([NAME], 0))

    def test_changes_are_found(self: Any) -> None:
        written(self.store, [os.urandom(100_000)]).commit()
        good = self.raw(NAME)
        for at in (100_000, 100_040, len(good) - FOOTER_BYTES, len(good) - 60, len(good) - 1):
            wrong = bytearray(good)
            wrong[at] ^= 1
            self.set_raw(NAME, bytes(wrong))
            self.assertRaises(Corrupt, self.store.leaves, NAME)
        for cut in (good[:-1], good[:10], b"", good + b"x", good[1:]):
            self.set_raw(NAME, cut)
            self.assertRaises(Corrupt, self.store.leaves, NAME)

    def test_names_that_were_not_made_by_hashing_are_refused(self: Any) -> None:
        for name in ("../../etc/passwd", "", "a" * 63, "A" * 64, "a" * 64 + "/..", "a" * 64 + "\n"):
            self.assertRaises(NotFound, self.store.read, name, 0, 1)
            self.assertRaises(NotFound, self.store.delete, name)
