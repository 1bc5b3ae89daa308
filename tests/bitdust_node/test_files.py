from __future__ import annotations

import fcntl
import os
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from bitdust_node.cli.client import running_pid
from bitdust_node.errors import Conflict, Invalid
from bitdust_node.files import WRITE_BACK, begin_writing, make_private_folder, read_file, write_all, write_file
from bitdust_node.lock import FolderLock
from bitdust_node.paths import DataFolder


class FilesTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = make_private_folder(Path(self.mktemp()))

    def test_writes_for_us_alone(self) -> None:
        path = self.folder / "x"
        write_file(path, b"one")
        write_file(path, b"two")
        self.assertEqual((path.read_bytes(), path.stat().st_mode & 0o777), (b"two", 0o600))
        self.assertEqual(os.listdir(self.folder), ["x"])

    def test_many_chunks_are_written_in_order_also_when_the_system_takes_less_at_once(self) -> None:
        chunks = [os.urandom(size % 50) for size in range(3000)]
        real = os.writev
        self.patch(os, "writev", lambda handle, parts: real(handle, [b"".join(parts)[:777]]))
        with (self.folder / "x").open("wb") as file:
            self.assertEqual(write_all(file.fileno(), chunks), sum(map(len, chunks)))
        self.assertEqual((self.folder / "x").read_bytes(), b"".join(chunks))

    def test_the_disk_begins_when_it_is_worth_it(self) -> None:
        with (self.folder / "x").open("wb") as file:
            self.assertEqual(begin_writing(file.fileno(), 5, WRITE_BACK), 5)
            self.assertEqual(begin_writing(file.fileno(), 5, WRITE_BACK + 5), WRITE_BACK + 5)

    def test_a_failure_leaves_the_old_content(self) -> None:
        path = self.folder / "x"
        path.mkdir()
        self.assertRaises(OSError, write_file, path, b"two")
        self.assertEqual(os.listdir(self.folder), ["x"])

    def test_long_names(self) -> None:
        path = self.folder / ("n" * 250)
        write_file(path, b"one")
        self.assertEqual(path.read_bytes(), b"one")

    def test_reads_up_to_a_limit(self) -> None:
        path = self.folder / "x"
        write_file(path, b"12345")
        self.assertEqual(read_file(path, 5), b"12345")
        self.assertRaises(Invalid, read_file, path, 4)

    def test_data_folder_is_private(self) -> None:
        folder = DataFolder(self.folder / "a" / "b")
        for path in (folder.base, folder.keys, folder.logs, folder.config):
            self.assertEqual(path.stat().st_mode & 0o777, 0o700)


class FolderLockTests(SynchronousTestCase):
    def test_one_at_a_time(self) -> None:
        path = make_private_folder(Path(self.mktemp())) / "processid"
        lock = FolderLock(path)
        self.assertEqual(path.read_text(), str(os.getpid()))
        with self.assertRaises(Conflict) as caught:
            FolderLock(path)
        self.assertIn(f"another process [{os.getpid()}]", str(caught.exception))
        lock.release()
        lock.release()
        self.assertFalse(path.exists())
        FolderLock(path).release()

    def test_what_a_killed_process_left_behind_is_no_lock(self) -> None:
        path = make_private_folder(Path(self.mktemp())) / "processid"
        path.write_text("99999999")
        FolderLock(path).release()

    def test_those_who_only_look_are_not_in_the_way(self) -> None:
        """Not even one that was stopped while it looked."""
        path = make_private_folder(Path(self.mktemp())) / "processid"
        path.write_text("99999999")
        with path.open("r+") as looker:
            fcntl.flock(looker, fcntl.LOCK_SH)
            lock = FolderLock(path)
            self.assertEqual(path.read_text(), str(os.getpid()))
            self.assertEqual(running_pid(path.parent), os.getpid())
            self.assertRaises(Conflict, FolderLock, path)
        lock.release()
        self.assertIsNone(running_pid(path.parent))

    def test_one_of_an_older_version(self) -> None:
        """It locks the file where it lies."""
        path = make_private_folder(Path(self.mktemp())) / "processid"
        path.write_text("123")
        with path.open("r+") as older:
            fcntl.flock(older, fcntl.LOCK_EX)
            with self.assertRaises(Conflict) as caught:
                FolderLock(path)
        self.assertIn("[123]", str(caught.exception))
        self.assertEqual([each.name for each in path.parent.iterdir()], ["processid"])

    def test_two_that_start_at_once(self) -> None:
        path = make_private_folder(Path(self.mktemp())) / "processid"
        with path.with_name("processid.new").open("x") as other:
            fcntl.flock(other, fcntl.LOCK_EX)
            self.assertRaises(Conflict, FolderLock, path)
        # it was killed before it gave the file its name
        FolderLock(path).release()
        self.assertEqual(list(path.parent.iterdir()), [])

    def test_the_other_one_ends_while_this_one_starts(self) -> None:
        """The new file that this one has opened is not there any more when it gets the lock."""
        path = make_private_folder(Path(self.mktemp())) / "processid"
        flock, asked = fcntl.flock, []

        def overtaken(file: int, kind: int) -> None:
            asked.append(file)
            if len(asked) == 1:
                FolderLock(path).release()
            flock(file, kind)

        self.patch(fcntl, "flock", overtaken)
        lock = FolderLock(path)
        self.assertTrue(os.path.samestat(path.stat(), os.fstat(lock.fileno())))
        lock.release()
