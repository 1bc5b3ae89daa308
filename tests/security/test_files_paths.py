"""
Rules 7, 14, 20: remote text never becomes a path, and every input has its limit.
"""

from __future__ import annotations

import os
from pathlib import Path

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from bitdust_node.errors import BitDustError, Conflict, Corrupt, Invalid
from services.catalog.names import parse_remote
from services.transfer.entries import HEADER_LIMIT, MAGIC, Content, Entry, Reader, check, pack, pack_end
from services.transfer.folder_sink import FolderSink

ME = "alice@id-a.example_8084"


class RemotePathTest(SynchronousTestCase):
    """What a client may call a file."""

    def test_hostile_paths(self) -> None:
        for path in (
            "../x",
            "a/../../x",
            "a/./b",
            "a//b",
            "a\x00b",
            "x" * 5000,
            "y" * 256,
            f"master${ME}:../x",
            f"{ME}:a/../b",
            "\ud800",
        ):
            with self.assertRaises(Invalid, msg=repr(path)) as caught:
                parse_remote(path, ME)
            self.assertIn("invalid remote_path format", str(caught.exception))


def hostile(path: bytes, kind: str = "f", **more: object) -> bytes:
    """An entry that our own side would never write."""
    header = msgspec.msgpack.encode(
        [path, kind, more.get("mode", 0o644), 0, more.get("size", 0), more.get("target", b"")]
    )
    return len(header).to_bytes(4, "big") + header


class ExtractionTest(SynchronousTestCase):
    """A stored folder that was made to harm who restores it."""

    def setUp(self) -> None:
        self.base = Path(self.mktemp()).absolute()
        self.base.mkdir()
        self.outside = self.base / "outside"
        self.outside.mkdir()
        self.sink = FolderSink(self.base / "out", self.base / ".out.part")
        self.root = MAGIC + pack(Entry(path=b"", kind="d", mode=0o755))

    def extract(self, *entries: bytes) -> None:
        try:
            self.sink.write(self.root + b"".join(entries) + pack_end())
            self.sink.finish()
        except BaseException:
            self.sink.abort()
            raise

    def test_paths_that_lead_out(self) -> None:
        for path in (b"../x", b"/etc/x", b"a/../../x", b"a//x", b".", b"..", b"a\x00b", b"x" * 5000):
            sink = FolderSink(self.base / "out", self.base / ".bad.part")
            with self.assertRaises(Corrupt, msg=repr(path)):
                sink.write(self.root + hostile(path))
            sink.abort()
        self.assertEqual(sorted(path.name for path in self.base.iterdir()), [".out.part", "outside"])

    def test_nothing_is_written_through_a_link_of_the_archive(self) -> None:
        target = os.fsencode(self.outside)
        with self.assertRaises(Corrupt):
            self.extract(hostile(b"a", "l", target=target), hostile(b"a/x", "f"))
        self.assertEqual(list(self.outside.iterdir()), [])

    def test_a_name_as_folder_and_as_link(self) -> None:
        target = os.fsencode(self.outside)
        with self.assertRaises(Corrupt):
            self.extract(pack(Entry(b"a", "d", 0o755)), hostile(b"a", "l", target=target), hostile(b"a/x", "f"))
        self.assertEqual(list(self.outside.iterdir()), [])
        self.assertFalse((self.base / "out").exists())

    def test_a_file_twice(self) -> None:
        with self.assertRaises(Corrupt):
            self.extract(hostile(b"a", "f"), hostile(b"a", "f"))

    def test_a_link_that_was_there_before_is_not_followed(self) -> None:
        (self.base / "out").mkdir()
        (self.base / "out" / "a").symlink_to(self.outside)
        with self.assertRaises(Conflict):
            self.extract(pack(Entry(b"a", "d", 0o755)), hostile(b"a/x", "f"))
        self.assertEqual(list(self.outside.iterdir()), [])

    def test_a_link_that_was_there_before_is_replaced_by_a_file(self) -> None:
        victim = self.outside / "victim"
        victim.write_text("mine")
        (self.base / "out").mkdir()
        (self.base / "out" / "a").symlink_to(victim)
        self.extract(hostile(b"a", "f"))
        self.assertEqual(victim.read_text(), "mine")
        self.assertFalse((self.base / "out" / "a").is_symlink())

    def test_devices_and_set_user_id(self) -> None:
        with self.assertRaises(Corrupt):
            self.sink.write(self.root + hostile(b"a", "c"))
        self.sink.abort()
        self.sink = FolderSink(self.base / "out", self.base / ".out2.part")
        self.extract(hostile(b"a", "f", mode=0o6755))
        self.assertEqual((self.base / "out" / "a").stat().st_mode & 0o7777, 0o755)

    def test_lying_lengths(self) -> None:
        for data in (
            (HEADER_LIMIT + 1).to_bytes(4, "big"),
            b"\xff\xff\xff\xff",
            hostile(b"a", "f", size=-1),
            hostile(b"a", "d", size=5),
            hostile(b"a", "l"),
            hostile(b"a", "f", mode=-1),
            b"\x00\x00\x00\x01\xc1",
        ):
            with self.assertRaises(Corrupt):
                list(Reader().feed(self.root + data))
        with self.assertRaises(Corrupt):
            self.extract(hostile(b"a", "f", size=100))
        self.assertFalse((self.base / "out").exists())

    @given(st.binary(max_size=200))
    @settings(max_examples=200, deadline=None)
    def test_garbage_never_raises_anything_else(self, data: bytes) -> None:
        for start in (b"", MAGIC, self.root):
            try:
                list(Reader().feed(start + data))
            except BitDustError:
                continue


class StreamTest(SynchronousTestCase):
    """The stream of entries, cut anywhere."""

    @given(st.lists(st.binary(max_size=300), max_size=6), st.integers(min_value=1, max_value=50))
    @settings(deadline=None)
    def test_cut_anywhere(self, contents: list[bytes], step: int) -> None:
        stream = MAGIC + pack(Entry(b"", "d"))
        for at, content in enumerate(contents):
            stream += pack(check(Entry(b"%d" % at, "f", size=len(content)))) + content
        stream += pack_end()
        reader, found = Reader(), [b"" for _ in contents]
        at = -1
        for start in range(0, len(stream), step):
            for event in reader.feed(stream[start : start + step]):
                if isinstance(event, Entry) and event.path:
                    at = int(event.path)
                elif isinstance(event, Content):
                    found[at] += event.data
        self.assertTrue(reader.ended)
        self.assertEqual(found, contents)
