from __future__ import annotations

import gc
import os
import socket
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred

from bitdust_node.api.registry import ApiError
from bitdust_node.errors import BitDustError, Conflict, Full, Invalid, NotFound
from bitdust_node.waiting import started
from bitdust_node.wire.storage import PIECE_GET
from services.backup_db import BackupDb
from services.restores import Restores
from services.transfer.gathering import Gathering
from services.transfer.means import Means
from services.transfer.passage import Passage
from services.transfer.range import read_range
from services.transfer.seal_pass import SealPass
from services.transfer.sink import FileSink
from tests.services.grid import GridCase, LateWorkers, Member


def heavy() -> list[object]:
    """What holds the bytes of transfers, oldest first."""
    return [each for each in gc.get_objects() if isinstance(each, Gathering | Passage | SealPass)]


def piece_file(member: Member) -> Path:
    (found,) = [path for path in member.folder.pieces.rglob("*") if path.is_file()]
    return found


class DownloadTest(GridCase):
    """Files on their way back."""

    def store(self, size: int = 5_000_000) -> bytes:
        data = os.urandom(size)
        path = self.tmp / "source"
        path.write_bytes(data)
        self.upload(path, "x")
        return data

    def begin(self, remote: str = "x", to: str = "out") -> Deferred[Any]:
        restores = self.customer.get(Restores)
        return started(restores.file_download_start(remote, str(self.tmp / to), wait_result=True))

    def bad_pieces(self) -> list[int]:
        info = self.run_now(self.customer.get(BackupDb).file_info("x"))
        return [one["position"] for one in info["versions"][0]["bad"]]

    def test_what_the_disk_says_reaches_the_user(self) -> None:
        def no_room(_sink: FileSink, _data: object) -> None:
            raise Full("no room left on the disk")

        self.store(100_000)
        self.customer.get(Means).workers = LateWorkers(self.clock)
        self.patch(FileSink, "write", no_room)
        with self.assertRaises(ApiError) as caught:
            self.run_now(self.begin())
        self.assertIn("no room left on the disk", str(caught.exception))

    def test_a_destination_that_is_not_absolute_is_below_the_restored_files(self) -> None:
        data = self.store(10_000)
        self.customer.config.set("paths/restore", str(self.tmp / "restored"))
        restores = self.customer.get(Restores)
        self.run_now(restores.file_download_start("x", "some/where", wait_result=True))
        self.assertEqual((self.tmp / "restored/some/where/x").read_bytes(), data)
        with self.assertRaises(Invalid):
            self.run_now(restores.file_download_start("x", "a\0b", wait_result=True))

    def test_corrupted_piece_is_named_and_read_from_another(self) -> None:
        data = self.store()
        path = piece_file(self.suppliers[0])
        raw = bytearray(path.read_bytes())
        raw[1_500_000] ^= 1
        path.chmod(0o600)
        path.write_bytes(raw)
        self.assertEqual(self.download("x").read_bytes(), data)
        failures = self.customer.events("restore-failed")
        self.assertTrue(failures, "the liar is not named")
        assert failures[0].data is not None
        number = failures[0].data["args"][1]
        self.assertIn(
            self.customer.node.resolver.cached(self.suppliers[0].node.node_id).idurl, failures[0].data["args"]
        )
        # it is made anew elsewhere or there; until then it is shown
        self.until(lambda: self.bad_pieces() in ([number], []))

    def test_truncated_piece(self) -> None:
        data = self.store()
        path = piece_file(self.suppliers[1])
        path.chmod(0o600)
        with path.open("r+b") as file:
            file.truncate(700_000)
        self.assertEqual(self.download("x").read_bytes(), data)

    def test_swapped_pieces(self) -> None:
        data = self.store()
        one, other = piece_file(self.suppliers[0]), piece_file(self.suppliers[1])
        first, second = one.read_bytes(), other.read_bytes()
        for path, raw in ((one, second), (other, first)):
            path.chmod(0o600)
            path.write_bytes(raw)
        self.assertEqual(self.download("x").read_bytes(), data)

    def test_nothing_of_a_transfer_is_left_to_the_garbage_collector(self) -> None:
        # what they have in memory is many times as much as the objects that the collector counts
        self.addCleanup(gc.enable)
        gc.disable()
        before = len(heavy())
        data = self.store()
        self.assertEqual(self.download("x").read_bytes(), data)
        item = self.run_now(self.customer.catalog.find("master", "x"))
        assert item is not None
        (version,) = self.run_now(self.customer.catalog.versions([item.id]))[item.id]
        self.assertEqual(self.run_now(read_range(self.customer.get(Means), version, 7, 70_000)), data[7:70_007])
        self.assertEqual(heavy()[before:], [])

    def test_too_many_are_gone(self) -> None:
        self.store()
        for member in self.suppliers[:3]:
            member.node.die()
        with self.assertRaises(ApiError) as caught:
            self.run_now(self.begin())
        text = str(caught.exception)
        self.assertIn("downloading", text)
        self.assertIn("failed", text)
        self.assertIn("2 of 4 pieces are needed, 1 of these can not be reached", text)
        self.assertEqual(caught.exception.extra["downloaded"], False)
        self.assertEqual(list((self.tmp / "out").iterdir()), [])

    def test_supplier_dies_in_the_middle(self) -> None:
        data = self.store(8_000_000)
        done = self.begin()
        self.until(lambda: bool(self.customer.running.downloads), step=0.001)
        download = next(iter(self.customer.running.downloads.values()))
        self.until(lambda: download.bytes_processed > 0, step=0.001)
        self.suppliers[0].node.die()
        self.run_now(done)
        self.assertEqual((self.tmp / "out" / "x").read_bytes(), data)

    def test_supplier_that_stalls_is_hedged(self) -> None:
        data = self.store()
        # the first supplier takes the question and says nothing
        router = self.suppliers[0].node.router
        router.withdraw(PIECE_GET)

        async def say_nothing(_peer: Any, _question: Any, _stream: Any) -> None:
            await Deferred()

        router.serve_stream(PIECE_GET, say_nothing)
        before = self.clock.seconds()
        self.assertEqual(self.download("x").read_bytes(), data)
        self.assertLess(self.clock.seconds() - before, 6)

    def test_cancel_leaves_nothing(self) -> None:
        self.store(8_000_000)
        done = self.begin()
        self.until(lambda: bool(self.customer.running.downloads), step=0.001)
        download = next(iter(self.customer.running.downloads.values()))
        self.until(lambda: download.bytes_processed > 0, step=0.001)
        told = self.run_now(self.customer.get(Restores).file_download_stop("x"))
        self.assertEqual([one["aborted"] for one in told], [True])
        with self.assertRaises(ApiError):
            self.run_now(done)
        self.until(lambda: not self.customer.running.downloads)
        self.assertEqual(list((self.tmp / "out").iterdir()), [])

    def test_restart_begins_again(self) -> None:
        data = self.store(8_000_000)
        done = self.begin()
        done.addErrback(lambda _: None)
        self.until(lambda: bool(self.customer.running.downloads), step=0.001)
        download = next(iter(self.customer.running.downloads.values()))
        self.until(lambda: download.bytes_processed > 0, step=0.001)
        self.run_now(self.customer.stop())
        self.customer.make()
        self.run_now(self.customer.start())
        self.until(lambda: not self.customer.running.downloads)
        self.assertEqual((self.tmp / "out" / "x").read_bytes(), data)
        self.assertEqual(len(list((self.tmp / "out").iterdir())), 1)

    def test_texts_of_the_contract(self) -> None:
        restores = self.customer.get(Restores)
        with self.assertRaises(NotFound) as missing:
            self.run_now(restores.file_download_start("nothing"))
        self.assertIn("was not found in the catalog", str(missing.exception))
        self.run_now(self.customer.get(BackupDb).file_create("x"))
        with self.assertRaises(NotFound) as empty:
            self.run_now(restores.file_download_start("x"))
        self.assertIn("no remotely stored versions", str(empty.exception))
        self.store(3_000_000)
        done = self.begin()
        self.until(lambda: bool(self.customer.running.downloads), step=0.001)
        with self.assertRaises(Conflict) as twice:
            self.run_now(restores.file_download_start("x", str(self.tmp / "out")), step=0.0001)
        self.assertIn("downloading", str(twice.exception))
        self.assertIn("already scheduled", str(twice.exception))
        self.run_now(done)

    def test_by_numeric_id_and_version(self) -> None:
        data = self.store(1000)
        info = self.run_now(self.customer.get(BackupDb).file_info("x"))
        for at, remote in enumerate((info["global_id"], info["versions"][0]["backup_id"], info["remote_path"])):
            self.assertEqual(self.download(remote, f"out{at}").read_bytes(), data)

    def test_folder(self) -> None:
        source = self.tmp / "tree"
        (source / "empty folder").mkdir(parents=True)
        (source / "пример").mkdir()
        (source / "пример" / "数据.bin").write_bytes(os.urandom(300_000))
        (source / "пример" / "empty").touch()
        (source / "run.sh").write_text("#!/bin/sh\n")
        (source / "run.sh").chmod(0o755)
        (source / "secret").write_text("s")
        (source / "secret").chmod(0o400)
        (source / "link").symlink_to("run.sh")
        (source / "away").symlink_to("/etc/passwd")
        (source / "nowhere").symlink_to("no/such/thing")
        os.mkfifo(source / "pipe")
        bound = socket.socket(socket.AF_UNIX)
        self.addCleanup(bound.close)
        os.utime(source / "run.sh", ns=(1, 1234567890_123456789))
        os.utime(source / "empty folder", ns=(1, 987654321_000000001))
        self.upload(source, "backup/tree")
        skipped = [event.data["message"] for event in self.customer.events("backup-task-finished") if event.data]
        self.assertIn("pipe", skipped[0])
        found = self.download("backup/tree")
        self.assertEqual(found, self.tmp.absolute() / "out" / "backup" / "tree")
        self.assertEqual(describe(found), describe(source))
        # once more, onto what is there: files are replaced, others are left
        (found / "mine").write_text("kept")
        (found / "run.sh").write_text("changed")
        self.download("backup/tree")
        self.assertEqual((found / "mine").read_text(), "kept")
        (found / "mine").unlink()
        self.assertEqual({**describe(found), "": 0}, {**describe(source), "": 0})

    def test_folder_in_the_way(self) -> None:
        self.store(10)
        (self.tmp / "out" / "x").mkdir(parents=True)
        with self.assertRaises(BitDustError):
            self.run_now(self.begin())


def describe(root: Path) -> dict[str, Any]:
    """Everything below a folder: kind, mode, time and content."""
    told: dict[str, Any] = {"": (root.stat().st_mode, root.stat().st_mtime_ns)}
    for path in sorted(root.rglob("*")):
        status = path.lstat()
        name = str(path.relative_to(root))
        if path.is_symlink():
            told[name] = ("link", os.readlink(path))
        elif path.is_dir():
            told[name] = ("folder", status.st_mode, status.st_mtime_ns)
        elif path.is_file():
            told[name] = ("file", status.st_mode, status.st_mtime_ns, path.read_bytes())
    return told
