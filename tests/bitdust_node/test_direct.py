from __future__ import annotations

import errno
import fcntl
import os
import random
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from bitdust_node.direct import ALIGNED, BUFFER, LARGE, LARGE_PART, Appender, PageBuffers, read_part

SIZES = (0, 1, 4095, 4096, ALIGNED - 1, ALIGNED, LARGE - 1, LARGE, LARGE + 1, BUFFER, 2 * BUFFER + 777, 5_000_001)


class DirectTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.path = Path(self.mktemp())
        self.buffers = PageBuffers()
        self.calls: list[int] = []
        real = os.write

        def write(fd: int, data: Any) -> int:
            done = real(fd, data)
            self.assertTrue(fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_DIRECT)
            self.calls.append(done)
            return done

        # the only one that writes past the cache: that it was used
        self.patch(os, "write", write)

    @contextmanager
    def opened(self, at: int = 0) -> Iterator[int]:
        fd = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            os.lseek(fd, at, os.SEEK_SET)
            yield fd
        finally:
            os.close(fd)

    def written(self, chunks: list[bytes], per_call: int, buffers: PageBuffers | None = None, at: int = 0) -> bytes:
        """Append, so many chunks at a time; what was seen."""
        seen = bytearray()
        with self.opened(at) as fd:
            appender = Appender(fd, buffers or self.buffers, at, seen.extend)
            for start in range(0, len(chunks), per_call):
                given = [bytearray(chunk) for chunk in chunks[start : start + per_call]]
                appender.write(given)
                for chunk in given:
                    # whoever gave it uses it again
                    chunk[:] = bytes(len(chunk))
                self.assertLess(at + len(seen) - appender.written, ALIGNED)
            appender.flush()
            self.assertEqual(appender.written, at + sum(map(len, chunks)))
            self.assertFalse(fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_DIRECT)
        return bytes(seen)

    def check(self, data: bytes, chunks: list[bytes], per_call: int, buffers: PageBuffers | None = None) -> None:
        self.path.unlink(missing_ok=True)
        self.assertEqual(self.written(chunks, per_call, buffers), data)
        self.assertEqual(self.path.read_bytes(), data)

    def test_any_size_in_one_call(self) -> None:
        for size in SIZES:
            self.calls.clear()
            data = random.Random(size).randbytes(size)
            self.check(data, [data], 1)
            self.assertEqual(sum(self.calls), size - size % ALIGNED if size >= LARGE else 0)

    def test_chunks_of_odd_sizes(self) -> None:
        for seed, largest in ((1, 300_000), (2, 70_000), (3, 2_500_000)):
            dice = random.Random(seed)
            chunks = [dice.randbytes(dice.randrange(largest)) for _ in range(40)]
            for per_call in (1, 7, 40):
                self.check(b"".join(chunks), chunks, per_call)
        self.assertTrue(self.calls)

    def test_goes_on_at_any_place(self) -> None:
        data = random.Random(5).randbytes(4 * LARGE + 99)
        for at in (1, 4095, ALIGNED, LARGE + 5):
            self.path.write_bytes(data[:at])
            self.calls.clear()
            rest = [data[at : at + LARGE], data[at + LARGE :]]
            self.assertEqual(self.written(rest, 1, at=at), data[at:])
            self.assertEqual(self.path.read_bytes(), data)
            self.assertGreaterEqual(sum(self.calls), 2 * LARGE)

    def test_where_it_can_not_be_done_it_goes_through_the_cache(self) -> None:
        data = random.Random(6).randbytes(3 * LARGE + 5)
        chunks = [data[:LARGE], data[LARGE : LARGE + 100], data[LARGE + 100 :]]
        self.check(data, chunks, 1, PageBuffers(direct=False))
        self.assertEqual(self.calls, [])
        real = fcntl.fcntl

        def refuse(fd: int, what: int, *args: Any) -> Any:
            if what == fcntl.F_SETFL and args[0] & os.O_DIRECT:
                raise OSError(errno.EINVAL, "Invalid argument")
            return real(fd, what, *args)

        with self.patched(fcntl, "fcntl", refuse):
            self.check(data, chunks, 1)
        self.assertEqual(self.calls, [])

    def test_writes_that_are_refused_or_short(self) -> None:
        data = random.Random(7).randbytes(4 * BUFFER + 5)
        real = os.write

        for good in (0, 1, 2):
            left = [good]

            def refuse(fd: int, part: Any, left: list[int] = left) -> int:
                left[0] -= 1
                if left[0] < 0:
                    raise OSError(errno.EINVAL, "Invalid argument")
                return real(fd, part)

            with self.patched(os, "write", refuse):
                self.check(data, [data[: 2 * BUFFER], data[2 * BUFFER :]], 1)
            self.assertEqual(left, [-1])
        for most in (ALIGNED, 4096):
            with self.patched(os, "write", lambda fd, part, most=most: real(fd, part[:most])):
                self.check(data, [data], 1)

    def test_no_room(self) -> None:
        """The error is that of the system, also when the last bytes that fit are none of the disk's."""
        data = random.Random(8).randbytes(4 * LARGE)
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        for limit in (2 * LARGE, 2 * LARGE + 100):
            self.path.unlink(missing_ok=True)
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, before[1]))
            try:
                with self.assertRaises(OSError) as caught:
                    self.written([data], 1)
            finally:
                resource.setrlimit(resource.RLIMIT_FSIZE, before)
            self.assertEqual(caught.exception.errno, errno.EFBIG)
            self.assertEqual(self.path.read_bytes(), data[:limit])

    def test_parts_are_read(self) -> None:
        data = random.Random(9).randbytes(3 * LARGE + 12345)
        self.path.write_bytes(data)
        places = [(0, LARGE), (LARGE, BUFFER), (3 * LARGE, LARGE), (8 * LARGE, LARGE), (5, LARGE), (0, LARGE + 1)]
        places += [(0, len(data)), (LARGE, LARGE_PART), (ALIGNED, ALIGNED), (3 * LARGE, 12345), (0, 0)]
        for buffers in (self.buffers, PageBuffers(direct=False)):
            for at, length in places:
                self.assertEqual(read_part(self.path, at, length, buffers), data[at : at + length])
        self.assertRaises(FileNotFoundError, read_part, self.path.with_name("none"), 0, LARGE, self.buffers)

    def test_parts_are_read_where_it_can_not_be_done(self) -> None:
        self.path.write_bytes(bytes(LARGE))
        real = os.open

        def refuse(path: Any, flags: int, *args: Any) -> int:
            if flags & os.O_DIRECT:
                raise OSError(errno.EINVAL, "Invalid argument")
            return real(path, flags, *args)

        with self.patched(os, "open", refuse):
            self.assertEqual(read_part(self.path, 0, LARGE, self.buffers), bytes(LARGE))

    def test_few_buffers_are_kept(self) -> None:
        buffers = PageBuffers(2)
        with buffers.lent() as one, buffers.lent() as two, buffers.lent() as three:
            self.assertEqual({len(one), len(two), len(three)}, {BUFFER})
        self.assertEqual(len(buffers._free), 2)
        with buffers.lent():
            self.assertEqual(len(buffers._free), 1)

    @contextmanager
    def patched(self, module: Any, name: str, new: Any) -> Iterator[None]:
        patch = self.patch(module, name, new)
        try:
            yield
        finally:
            patch.restore()
