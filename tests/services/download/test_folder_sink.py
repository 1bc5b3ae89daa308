from __future__ import annotations

import os
import random
import shutil
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from bitdust_node.errors import BitDustError, Conflict
from services.transfer import placing
from services.transfer.checkpoint import Mark
from services.transfer.entries import MAGIC, Entry, pack, pack_end
from services.transfer.folder_sink import FolderSink, clear
from tests.services.download.test_download_grid import describe

TIME = 1_600_000_000_123_456_789


class Killed(BaseException):
    """The process ends here."""


def stream() -> bytes:
    """A folder with a large file, small ones, links and folders in folders."""
    rng = random.Random(4)
    parts = [MAGIC]

    def add(path: str, kind: Any, mode: int, data: bytes = b"", target: bytes = b"") -> None:
        parts.append(pack(Entry(path.encode(), kind, mode, TIME, len(data), target)) + data)

    add("", "d", 0o755)
    add("a", "d", 0o700)
    add("a/large", "f", 0o640, rng.randbytes(40_000))
    add("a/link", "l", 0o777, target=b"large")
    add("a/locked", "f", 0o400, rng.randbytes(2_000))
    add("b", "d", 0o755)
    add("b/c", "d", 0o755)
    add("b/c/empty", "f", 0o644)
    for number in range(20):
        add(f"b/c/{number:02}", "f", 0o644, rng.randbytes(500))
    add("z", "l", 0o777, target=b"nowhere")
    parts.append(pack_end())
    return b"".join(parts)


class FolderSinkTest(SynchronousTestCase):
    """A folder that comes in many lives, and into one that is there."""

    def setUp(self) -> None:
        self.base = Path(self.mktemp()).absolute()
        self.base.mkdir()
        self.addCleanup(shutil.rmtree, self.base, True)
        self.out, self.part = self.base / "out", self.base / ".out.part"
        self.stream = stream()
        sink = FolderSink(self.base / "whole", self.base / ".whole.part")
        sink.write(self.stream)
        sink.finish()
        self.whole = describe(self.base / "whole")
        self.assertEqual(len(self.whole), 29)

    def begun(self, size: int, more: int = 3000) -> Mark:
        """The mark of a life that had taken so many bytes then, and some more before it ended."""
        sink = FolderSink(self.out, self.part)
        sink.write(self.stream[:size])
        safe = sink.sync(size)
        assert safe is not None
        self.assertGreater(safe[0] + 200, size)
        sink.write(self.stream[size : size + more])
        sink._close()
        sink._entries.flush()
        sink._entries.close()
        return Mark(b"v" * 16, *safe)

    def go_on(self, mark: Mark | None) -> int:
        """The next life; the bytes that it did not need again."""
        sink = FolderSink(self.out, self.part, mark)
        sink.write(self.stream[sink.size :])
        sink.finish()
        self.assertFalse(self.part.exists())
        return sink.size

    def test_goes_on_from_anywhere(self) -> None:
        for size in (*range(60, len(self.stream) - 4, 3989), 42_500, len(self.stream) - 10):
            for more in (0, 3000, len(self.stream)):
                mark = self.begun(size, more)
                self.assertEqual(self.go_on(mark), mark.size)
                self.assertEqual(describe(self.out), self.whole)
                shutil.rmtree(self.out)

    def test_two_marks(self) -> None:
        sink = FolderSink(self.out, self.part)
        for end in range(0, 46_000, 1000):
            sink.write(self.stream[end : end + 1000])
            safe = sink.sync(end + 1000)
        assert safe is not None
        sink._entries.close()
        self.assertEqual(self.go_on(Mark(b"v" * 16, *safe)), safe[0])
        self.assertEqual(describe(self.out), self.whole)

    def test_what_it_is_not_sure_of_is_begun_afresh(self) -> None:
        tree = self.part / placing.TREE

        def change(path: Path) -> None:
            path.write_bytes(b"x" * path.stat().st_size)

        def link(path: Path) -> None:
            path.rename(self.base / "elsewhere")
            path.symlink_to(self.base / "elsewhere")

        harms = (
            lambda: change(tree / "b" / "c" / "03"),
            lambda: link(tree / "b" / "c" / "04"),
            lambda: (tree / "b" / "c" / "05").unlink(),
            lambda: change(self.part / placing.ENTRIES),
            lambda: (self.part / placing.ENTRIES).unlink(),
            lambda: shutil.rmtree(self.part),
        )
        for at, harm in enumerate(harms):
            with self.subTest(at):
                mark = self.begun(48_000)
                harm()
                self.assertEqual(self.go_on(mark), 0)
                self.assertEqual(describe(self.out), self.whole)
                shutil.rmtree(self.out)
        mark = self.begun(20_000)
        change(tree / "a" / "large")
        self.assertEqual(self.go_on(mark), 0)
        mark = self.begun(20_000)
        self.assertEqual(self.go_on(Mark(mark.version, mark.size, mark.sample[:-1] + b"?")), 0)

    # into one that is there

    def before(self) -> dict[str, Any]:
        shutil.rmtree(self.out, ignore_errors=True)
        (self.out / "a").mkdir(parents=True)
        (self.out / "a" / "large").write_text("before")
        (self.out / "a" / "mine").write_text("stays")
        (self.out / "z").symlink_to("elsewhere")
        return self.told()

    def told(self) -> dict[str, Any]:
        """What is there, without the times and modes of folders."""
        return {name: what[-1] if what[0] != "folder" else 0 for name, what in describe(self.out).items() if name}

    def merged(self) -> dict[str, Any]:
        return {**self.whole, "a/mine": 0, "": 0}

    def test_a_conflict_leaves_all_as_it_was(self) -> None:
        self.before()
        (self.out / "b").write_text("in the way")
        before = self.told()
        sink = FolderSink(self.out, self.part)
        sink.write(self.stream)
        self.assertRaises(Conflict, sink.finish)
        sink.abort()
        self.assertEqual(self.told(), before)
        self.assertFalse(self.part.exists())

    def counted(self, stop: int, error: BaseException) -> None:
        """The file system takes `stop` more changes while a folder is placed; then the error."""
        left = [stop]

        def counting(function: Any) -> Any:
            def call(*args: Any, **kwargs: Any) -> Any:
                left[0] -= 1
                if left[0] == -1:
                    raise error
                return function(*args, **kwargs)

            return call

        for name in ("rename", "replace", "link", "mkdir"):
            self.patch(placing.os, name, counting(self.real[name]))

    def real_again(self) -> None:
        for name, function in self.real.items():
            self.patch(placing.os, name, function)

    def test_an_error_anywhere_leaves_all_as_it_was(self) -> None:
        self.real = {name: getattr(os, name) for name in ("rename", "replace", "link", "mkdir")}
        failed = 0
        for stop in range(1, 15):
            before = self.before()
            sink = FolderSink(self.out, self.part)
            sink.write(self.stream)
            self.counted(stop, OSError(5, "Input/output error"))
            try:
                sink.finish()
            except BitDustError:
                failed += 1
                self.real_again()
                sink.abort()
                self.assertEqual(self.told(), before)
            else:
                # e.g. a link that is not possible: it is renamed
                self.real_again()
                self.assertEqual({**describe(self.out), "a/mine": 0, "": 0}, self.merged())
            self.assertFalse(self.part.exists())
        self.assertGreater(failed, 5)

    def test_killed_anywhere_the_second_try_completes(self) -> None:
        self.real = {name: getattr(os, name) for name in ("rename", "replace", "link", "mkdir")}
        for marked in (True, False):
            for stop in range(1, 20):
                before = self.before()
                mark = self.begun(len(self.stream) - 100, 0)
                sink = FolderSink(self.out, self.part, mark)
                sink.write(self.stream[sink.size :])
                self.counted(stop, Killed())
                try:
                    sink.finish()
                except Killed:
                    self.real_again()
                else:
                    self.real_again()
                    break
                if marked:
                    self.assertEqual(self.go_on(mark), mark.size)
                    self.assertEqual({**describe(self.out), "a/mine": 0, "": 0}, self.merged())
                else:
                    clear(self.part, self.out)
                    self.assertEqual(self.told(), before)
            self.assertGreater(stop, 5)
