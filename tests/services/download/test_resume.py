from __future__ import annotations

import random
from pathlib import Path

from bitdust_node.config.config import Config
from bitdust_node.pieces.layout import Layout
from bitdust_node.process import Process
from bitdust_node.router.bandwidth import Bandwidth
from bitdust_node.waiting import started
from services.backup_db import BackupDb
from services.backups import Backups
from services.data_motion import DataMotion
from services.gateway import Gateway
from services.restores import Restores
from services.transfer.checkpoint import PAGE, STRIDE, Checkpoints, Samples
from services.transfer.download import Download
from tests.services.download.test_download_grid import describe
from tests.services.grid import GridCase

SIZE = 24_000_000
SEGMENT = Layout.of(4).segment_bytes


class ResumeTest(GridCase):
    """A download that the end of the node breaks off goes on from what is on the disk."""

    # far away, so that it takes some seconds
    latency = 0.25

    def setUp(self) -> None:
        super().setUp()
        self.data = random.Random(5).randbytes(SIZE)
        path = self.tmp / "source"
        path.write_bytes(self.data)
        self.upload(path, "x")

    def begin(self) -> Path:
        """The temporary file of a download that has been marked, and whose node has ended."""
        restores = self.customer.get(Restores)
        self.run_now(restores.file_download_start("x", str(self.tmp / "out")))
        checkpoints = self.customer.get(Checkpoints)
        self.until(lambda: bool(self.run_now(checkpoints.load())), 60)
        (mark,) = self.run_now(checkpoints.load()).values()
        self.size = mark.size
        self.assertTrue(0 < self.size < SIZE)
        self.assertEqual(self.size % SEGMENT, 0)
        self.run_now(self.customer.stop())
        (temporary,) = (self.tmp / "out").iterdir()
        self.assertGreaterEqual(temporary.stat().st_size, self.size)
        return temporary

    def came(self) -> int:
        router = self.customer.node.router
        return router.traffic.totals(router.sessions())[0].total()

    def restart(self) -> int:
        """The node begins again and the download ends well; the bytes that had to be fetched."""
        before = self.came()
        self.customer.make()
        self.run_now(self.customer.start())
        self.until(lambda: not self.customer.running.downloads)
        self.assertEqual((self.tmp / "out" / "x").read_bytes(), self.data)
        self.assertEqual([path.name for path in (self.tmp / "out").iterdir()], ["x"])
        self.until(lambda: self.run_now(self.customer.get(Checkpoints).load()) == {})
        return self.came() - before

    def test_goes_on(self) -> None:
        self.begin()
        fetched = self.restart()
        self.assertGreaterEqual(fetched, SIZE - self.size)
        self.assertLess(fetched, SIZE - self.size // 2)

    def test_what_it_is_not_sure_of_is_fetched_anew(self) -> None:
        def changed(path: Path) -> None:
            with path.open("r+b") as file:
                file.seek(self.size - 100)
                file.write(b"changed")

        def cut(path: Path) -> None:
            with path.open("r+b") as file:
                file.truncate(self.size - 1)

        def link(path: Path) -> None:
            path.rename(self.tmp / "elsewhere")
            path.symlink_to(self.tmp / "elsewhere")

        for harm in (changed, cut, link):
            with self.subTest(harm.__name__):
                harm(self.begin())
                self.assertGreaterEqual(self.restart(), SIZE)
                (self.tmp / "out" / "x").unlink()

    def test_speed_and_time_left(self) -> None:
        restores, motion = self.customer.get(Restores), self.customer.get(DataMotion)
        done = started(self.run_now(self.begun()).wait())
        for _ in range(60):
            self.clock.advance(0.05)
        (download,) = self.run_now(restores.files_downloads())
        self.assertGreater(download["bytes_per_second"], 500_000)
        left = (SIZE - download["bytes_processed"]) / download["bytes_per_second"]
        self.assertApproximates(download["seconds_left"], left, 0.1)
        # we have opened them, and the data come in
        streams = self.run_now(self.gateway().streams_list())
        self.assertEqual([one["type"] for one in streams], ["in", "in"])
        peers = self.run_now(motion.transfers_list())
        self.assertEqual(len(peers), 2)
        for peer in peers:
            (piece,) = peer["incoming"]
            self.assertEqual(piece["bytes_total"], Layout.of(4).piece_bytes(SIZE))
            self.assertGreater(piece["bytes_per_second"], 500_000)
            self.assertGreater(piece["seconds_left"], 0)
            self.assertEqual(piece["progress"], f"{100 * piece['bytes_current'] / piece['bytes_total']:.1f}%")
        self.run_now(done)

    def test_speed_and_time_left_of_an_upload(self) -> None:
        backups, gateway = self.customer.get(Backups), self.gateway()
        self.run_now(self.customer.get(BackupDb).file_create("y"))
        done = started(backups.file_upload_start(str(self.tmp / "source"), "y", wait_result=True))
        for _ in range(6):
            self.run_now(gateway.streams_list())
            for _ in range(10):
                self.clock.advance(0.05)
        (upload,) = self.run_now(backups.files_uploads())["running"]
        self.assertGreater(upload["bytes_per_second"], 1_000_000)
        left = (SIZE - upload["bytes_processed"]) / upload["bytes_per_second"]
        self.assertApproximates(upload["seconds_left"], left, 0.1)
        streams = [one for one in self.run_now(gateway.streams_list()) if one["type"] == "out"]
        self.assertEqual(len(streams), 4)
        for stream in streams:
            self.assertGreater(stream["bytes_per_second"], 500_000)
            left = (stream["bytes_total"] - stream["bytes_current"]) / stream["bytes_per_second"]
            self.assertApproximates(stream["seconds_left"], left, 0.1)
        self.run_now(done)

    def gateway(self) -> Gateway:
        node, config = self.customer.node, Config(None)
        process, bandwidth = Process(1, 0.0, lambda: None, lambda: None), Bandwidth(config, node.clock)
        return Gateway(node.router, node.me, node.resolver, process, bandwidth, config, node.events, node.clock)

    async def begun(self) -> Download:
        await self.customer.get(Restores).file_download_start("x", str(self.tmp / "out"))
        (download,) = self.customer.running.downloads.values()
        return download

    def test_a_mark_of_another_version_counts_for_nothing(self) -> None:
        self.begin()
        self.customer.make()
        self.run_now(self.customer.get(Checkpoints).load())
        self.run_now(self.customer.state_db.run(lambda c: c.execute("UPDATE checkpoints SET version = x'00'")))
        self.run_now(self.customer.state_db.close())
        self.run_now(self.customer.catalog.close())
        self.assertGreaterEqual(self.restart(), SIZE)

    def test_it_shows_where_it_goes_on(self) -> None:
        self.begin()
        self.customer.make()
        self.run_now(self.customer.start())
        found: list[Download] = list(self.customer.running.downloads.values())
        self.until(lambda: found[0].bytes_processed > 0, step=0.001)
        self.assertGreaterEqual(found[0].describe()["bytes_processed"], self.size)
        # stopped by its owner, it leaves nothing behind
        self.run_now(self.customer.get(Restores).file_download_stop("x"))
        self.until(lambda: not self.customer.running.downloads)
        self.assertEqual(list((self.tmp / "out").iterdir()), [])
        self.assertEqual(self.run_now(self.customer.get(Checkpoints).load()), {})


class FolderResumeTest(GridCase):
    """A folder goes on from what is on the disk, also one that is there already."""

    latency = 0.25

    def test_goes_on(self) -> None:
        source, out, rng = self.tmp / "source", self.tmp / "out" / "x", random.Random(6)
        (source / "in").mkdir(parents=True)
        (source / "in" / "large").write_bytes(rng.randbytes(SIZE))
        for number in range(50):
            (source / f"{number:02}").write_bytes(rng.randbytes(3000))
        (source / "link").symlink_to("in/large")
        self.upload(source, "x")
        (out / "in").mkdir(parents=True)
        (out / "in" / "mine").write_text("stays")
        checkpoints = self.customer.get(Checkpoints)
        self.run_now(self.customer.get(Restores).file_download_start("x", str(out.parent)))
        self.until(lambda: bool(self.run_now(checkpoints.load())), 60)
        (mark,) = self.run_now(checkpoints.load()).values()
        self.run_now(self.customer.stop())
        self.assertEqual([path.name for path in (out / "in").iterdir()], ["mine"])
        router = self.customer.node.router
        before = router.traffic.totals(router.sessions())[0].total()
        self.customer.make()
        self.run_now(self.customer.start())
        self.until(lambda: not self.customer.running.downloads)
        fetched = router.traffic.totals(router.sessions())[0].total() - before
        self.assertLess(fetched, SIZE - mark.size // 2)
        self.assertEqual((out / "in" / "mine").read_text(), "stays")
        (out / "in" / "mine").unlink()
        self.assertEqual({**describe(out), "in": 0}, {**describe(source), "in": 0})
        self.assertEqual([path.name for path in out.parent.iterdir()], ["x"])
        self.until(lambda: self.run_now(self.customer.get(Checkpoints).load()) == {})


class SamplesTest(GridCase):
    hire = False

    def test_the_same_in_one_go_and_in_steps(self) -> None:
        path = self.tmp / "file"
        data = bytearray(random.Random(2).randbytes(2 * STRIDE + 10))
        path.write_bytes(data)
        with path.open("rb") as file:
            steps = Samples(file.fileno())
            for size in (0, 1, PAGE, STRIDE, STRIDE + PAGE, len(data)):
                self.assertEqual(steps.until(size), Samples(file.fileno()).until(size))
            before = Samples(file.fileno()).until(len(data))
        for at in (0, STRIDE + PAGE - 1, len(data) - 1):
            data[at] ^= 1
            path.write_bytes(data)
            with path.open("rb") as file:
                self.assertNotEqual(Samples(file.fileno()).until(len(data)), before)
            data[at] ^= 1
