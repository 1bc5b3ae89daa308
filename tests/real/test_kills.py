"""
kill -9 of everybody in the middle of everything, and a disk that is full: on real processes.
"""

from __future__ import annotations

import os
import resource
import shutil
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

from bitdust_node.cli.devnet.nodes import DevnetNode
from tests.real.accidents import MEGABYTE, AccidentCase

#: Of the file system that is full: less than a piece of the large file, more than the small ones.
LITTLE = 8 * MEGABYTE


class KillTest(AccidentCase):
    """Whatever dies: the file comes back bit for bit, and nothing else is left."""

    def test_one_after_the_other(self) -> None:
        large, small = self.make_file(40 * MEGABYTE), self.make_file(300_000, 2)
        self.upload(small, "small")
        self.customer_dies_in_an_upload(large)
        self.customer_dies_in_a_download(large)
        self.suppliers_die_in_a_download(large)
        self.supplier_dies_in_an_upload(large)
        self.full_disk(large)
        self.assert_comes_back(small, "small", "at the end")
        self.assert_nobody_stumbled()

    def restart(self, *names: str) -> None:
        for name in names:
            self.network.revive(name)
        self.network.await_hired(self.alice)

    def customer_dies_in_an_upload(self, large: Path) -> None:
        self.begin_upload(large, "large")
        self.until_moving("files_uploads")
        self.network.kill("alice")
        self.restart("alice")
        self.until(lambda: self.call("files_uploads") == {"running": [], "pending": []}, "the upload to end")
        self.until_whole("large")
        # what the first try had stored is gone
        self.until(lambda: all(len(self.pieces(self.holder(at))) == 2 for at in range(4)), "the deletion")

    def customer_dies_in_a_download(self, large: Path) -> None:
        tree = self.folder / "tree"
        tree.mkdir()
        os.link(large, tree / "large")
        (tree / "small").write_bytes(b"small")
        self.call("file_create", remote_path="tree", as_folder=True)
        self.call("file_upload_start", local_path=str(tree), remote_path="tree", wait_result=True)
        limit = "services/network/receive-limit"
        before = self.call("config_get", key=limit)[0]["value"]
        self.call("config_set", key=limit, value=str(4 * MEGABYTE))
        for remote in ("large", "tree"):
            self.call("file_download_start", remote_path=remote, destination_path=str(self.folder / "killed"))
        self.until(lambda: self.marks() == 2, "marks of both downloads")
        self.network.kill("alice")
        self.assertEqual(len(list((self.folder / "killed").iterdir())), 2)
        self.restart("alice")
        self.call("config_set", key=limit, value=before)
        self.until(lambda: self.call("files_downloads") == [], "the download to end")
        came = self.folder / "killed" / "tree"
        self.assertEqual(sorted(path.name for path in came.iterdir()), ["large", "small"])
        self.assertEqual((came / "large").read_bytes(), large.read_bytes())
        shutil.rmtree(came)
        self.assert_same(large, "large", "killed")
        log = (Path(self.alice.base) / "logs" / "node.log").read_text()
        self.assertEqual(log.count("goes on from byte"), 2)
        self.assertEqual(self.marks(), 0)
        self.call("file_delete", remote_path="tree")

    def marks(self) -> int:
        """How many downloads alice has noted how far they have come."""
        with closing(sqlite3.connect(f"file:{self.alice.base}/state.db?mode=ro", uri=True)) as connection:
            (count,) = connection.execute("SELECT count(*) FROM checkpoints").fetchone()
        return int(count)

    def suppliers_die_in_a_download(self, large: Path) -> None:
        self.call("file_download_start", remote_path="large", destination_path=str(self.folder / "bereft"))
        self.until_moving("files_downloads")
        dead = [self.holder(0).name, self.holder(1).name]
        for name in dead:
            self.network.kill(name)
        self.until(lambda: self.call("files_downloads") == [], "the download to end")
        self.assert_same(large, "large", "bereft")
        self.restart(*dead)

    def supplier_dies_in_an_upload(self, large: Path) -> None:
        self.begin_upload(large, "another")
        self.until_moving("files_uploads")
        dead = self.holder(2)
        self.network.kill(dead.name)
        self.until(lambda: self.call("files_uploads") == {"running": [], "pending": []}, "the upload to end")
        self.assertIn(self.version("another")["delivered"], ("75%", "100%"))
        self.restart(dead.name)
        self.until_whole("another")
        self.assertEqual([path for path in self.pieces(dead) if path.suffix], [])
        self.assert_comes_back(large, "another", "without one")
        for remote in ("another", "large"):
            self.call("file_delete", remote_path=remote)
        self.until(lambda: all(len(self.pieces(self.holder(at))) == 1 for at in range(4)), "the deletion")

    def full_disk(self, large: Path) -> None:
        """One supplier has no room: the others take the file, what it had before stays, and it is told apart."""
        full = self.holder(3)
        self.fill(full)
        self.upload(large, "large")
        self.assertEqual(self.version("large")["delivered"], "75%")
        log = (Path(self.alice.base) / "logs" / "node.log").read_text()
        self.assertIn(f"{full.name}.xml drops out of an upload: the disk of the supplier has no room left", log)
        self.assertEqual(len(self.pieces(full)), 1)
        self.assert_comes_back(large, "large", "with a full disk")
        self.until(lambda: full.client.healthy(), "the supplier to answer")

    def fill(self, node: DevnetNode) -> None:
        """
        A small file system for the pieces, where the test may mount one; else no file of the process may grow large
        (Python ignores the signal for that, and hears of an error as with a full disk).
        """
        pieces = Path(node.base) / "pieces"
        (kept,) = self.pieces(node)
        data, name = kept.read_bytes(), kept.relative_to(pieces)
        self.network.kill(node.name)
        mount = ["mount", "-t", "tmpfs", "-o", f"size={LITTLE},mode=0700", "tmpfs", str(pieces)]
        mounted = os.geteuid() == 0 and subprocess.run(mount, capture_output=True, check=False).returncode == 0
        if mounted:
            self.addCleanup(subprocess.run, ["umount", "--lazy", str(pieces)], check=False)
            (pieces / name).parent.mkdir(mode=0o700)
            (pieces / name).write_bytes(data)
        self.restart(node.name)
        if not mounted:
            resource.prlimit(node.pid, resource.RLIMIT_FSIZE, (LITTLE, LITTLE))
