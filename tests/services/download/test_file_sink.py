from __future__ import annotations

import os
import random
import resource
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from bitdust_node.direct import ALIGNED, PageBuffers
from bitdust_node.errors import BitDustError
from services.transfer.checkpoint import Mark
from services.transfer.sink import FileSink
from tests.faults.disk import Disk, Wrote
from tests.faults.watching import Watch

MEGABYTE = 1024 * 1024
SIZE = 6 * MEGABYTE + 4321
TIME = 1_600_000_000_123_456_789


class FileSinkTest(SynchronousTestCase):
    """A file that comes in many lives, past the page cache and through it."""

    def setUp(self) -> None:
        self.base = Path(self.mktemp()).absolute()
        self.base.mkdir()
        self.data = random.Random(1).randbytes(SIZE)

    def sink(self, folder: Path, mark: Mark | None = None, **more: Any) -> FileSink:
        return FileSink(folder / "out", folder / ".out.part", 0o640, TIME, mark, **more)

    def fill(self, sink: FileSink, step: int, end: int = SIZE) -> None:
        for at in range(sink.size, end, step):
            sink.write(self.data[at : min(end, at + step)])

    def assert_done(self, folder: Path) -> None:
        out = folder / "out"
        self.assertEqual(out.read_bytes(), self.data)
        self.assertEqual((out.stat().st_mode & 0o777, out.stat().st_mtime_ns), (0o640, TIME))
        self.assertEqual(os.listdir(folder), ["out"])

    def test_any_steps(self) -> None:
        for step in (SIZE, 4 * MEGABYTE, MEGABYTE + 1, MEGABYTE, 500_000):
            for buffers in (None, PageBuffers(direct=False)):
                sink = self.sink(self.base, buffers=buffers)
                self.fill(sink, step)
                sink.finish()
                self.assert_done(self.base)
                (self.base / "out").unlink()

    def test_what_it_takes_may_be_used_again(self) -> None:
        sink, plain = self.sink(self.base), bytearray(MEGABYTE + 1000)
        for at in range(0, SIZE, len(plain)):
            length = min(len(plain), SIZE - at)
            plain[:length] = self.data[at : at + length]
            sink.write(memoryview(plain)[:length])
            plain[:] = bytes(len(plain))
        sink.finish()
        self.assert_done(self.base)

    def test_goes_on_in_many_lives(self) -> None:
        mark = None
        for end in (100, MEGABYTE + 7, 2 * MEGABYTE + 7, 4 * MEGABYTE + 4096, 5 * MEGABYTE, SIZE - 1):
            sink = self.sink(self.base, mark)
            self.assertEqual(sink.size, mark.size if mark else 0)
            self.fill(sink, MEGABYTE + 333, end)
            safe = sink.sync(end)
            assert safe is not None
            # less than a block waits for the next one
            self.assertLess(end - safe[0], ALIGNED)
            mark = Mark(b"version", *safe)
            # the node ends: what waits is lost, and whatever it has begun is on the disk
            sink._close()
            with (self.base / ".out.part").open("ab") as file:
                file.write(b"rubbish")
        sink = self.sink(self.base, mark)
        self.fill(sink, 2 * MEGABYTE)
        sink.finish()
        self.assert_done(self.base)

    def test_power_cut_anywhere(self) -> None:
        """What a mark says is there, and the download goes on from it or from the beginning."""
        disk, marks = Disk(self.base), [(0, Mark(b"version", 0, b""))]
        watch = Watch(self, disk)
        sink = self.sink(self.base)
        for at in range(0, SIZE, MEGABYTE + 999):
            sink.write(self.data[at : at + MEGABYTE + 999])
            safe = sink.sync(min(SIZE, at + MEGABYTE + 999))
            assert safe is not None
            marks.append((disk.done, Mark(b"version", *safe)))
        sink.finish()
        watch.end()
        self.assertGreaterEqual(sum(isinstance(one, Wrote) and len(one.data) >= MEGABYTE for one in disk.operations), 4)
        went_on = 0
        for number in range(disk.done + 1):
            for cut in range(3):
                target = self.base.with_name("again")
                disk.restore(target, number, random.Random(f"{number} {cut}") if cut else None)
                if not cut and (target / "out").exists():
                    self.assertEqual((target / "out").read_bytes(), self.data)
                mark = next(mark for done, mark in reversed(marks) if done <= number)
                again = self.sink(target, mark)
                self.assertIn(again.size, (0, mark.size))
                went_on += again.size > 0
                self.fill(again, 3 * MEGABYTE)
                again.finish()
                self.assertEqual((target / "out").read_bytes(), self.data)
        self.assertGreater(went_on, disk.done)

    def test_no_room(self) -> None:
        sink = self.sink(self.base)
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (3 * MEGABYTE + 10, before[1]))
        try:
            self.assertRaises(BitDustError, self.fill, sink, MEGABYTE)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
        sink.abort()
        self.assertEqual(os.listdir(self.base), [])
