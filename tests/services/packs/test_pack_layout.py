"""The layout of a pack."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from bitdust_node.errors import Corrupt, Invalid
from services.transfer.pack import CONTENT_LIMIT, FILE_LIMIT, Head, PackWriter, read_entry


def head(entry: int, content: bytes) -> Head:
    return Head(bytes([entry]) * 16, b"name", 0o644, 1, len(content))


class PackLayoutTest(SynchronousTestCase):
    @given(st.lists(st.binary(max_size=300), max_size=20))
    def test_all_come_back(self, contents: list[bytes]) -> None:
        writer = PackWriter()
        places = [writer.add(head(at, content), content) for at, content in enumerate(contents)]
        data = writer.finish()
        self.assertEqual(len(data), writer.size)
        for at, (content, (start, length)) in enumerate(zip(contents, places, strict=True)):
            found, came = read_entry(data[start : start + length], bytes([at]) * 16)
            self.assertEqual((found, bytes(came)), (head(at, content), content))

    @given(st.binary(max_size=200))
    def test_anything_else_is_corrupt(self, data: bytes) -> None:
        self.assertRaises(Corrupt, read_entry, data, bytes(16))

    def test_another_entry_and_another_length(self) -> None:
        writer = PackWriter()
        start, length = writer.add(head(1, b"abc"), b"abc")
        packed = writer.finish()[start : start + length]
        self.assertRaises(Corrupt, read_entry, packed, bytes([2]) * 16)
        self.assertRaises(Corrupt, read_entry, packed[:-1], bytes([1]) * 16)

    def test_limits(self) -> None:
        writer = PackWriter()
        full = bytes(FILE_LIMIT)
        for at in range(CONTENT_LIMIT // FILE_LIMIT):
            writer.add(head(at, full), full)
        self.assertTrue(writer.fits(0))
        self.assertRaises(Invalid, writer.add, head(77, b"x"), b"x")
        self.assertRaises(Invalid, PackWriter().add, head(1, b""), b"other")
