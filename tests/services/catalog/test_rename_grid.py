"""
Files are renamed while they are stored and fetched.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from bitdust_node.errors import BitDustError, Conflict, Invalid, NotFound
from bitdust_node.waiting import started
from services.backup_db import BackupDb
from services.backups import Backups
from services.restores import Restores
from tests.services.grid import GridCase


class RenameTest(GridCase):
    suppliers_number = 2

    def file(self, name: str, size: int) -> Path:
        path = self.tmp / name
        path.write_bytes(os.urandom(size))
        return path

    def rename(self, path: str, to: str) -> dict[str, Any]:
        return self.run_now(self.customer.get(BackupDb).file_rename(path, to)).result

    def listed(self) -> dict[str, int]:
        listed = self.run_now(self.customer.get(BackupDb).files_list()).result
        return {one["path"]: len(one["versions"]) for one in listed}

    def test_what_is_stored(self) -> None:
        one = self.file("one", 100_000)
        self.upload(one, "docs/one")
        before = self.run_now(self.customer.get(BackupDb).file_info("docs/one"))
        told = self.rename("docs", "papers/old")
        self.assertEqual((told["path"], told["old_path"], told["type"]), ("papers/old", "docs", "dir"))
        self.assertEqual(self.listed(), {"papers": 0, "papers/old": 0, "papers/old/one": 1})
        self.assertEqual(self.download("papers/old/one").read_bytes(), one.read_bytes())
        # in one folder the numbers stay too
        self.rename("papers/old/one", "papers/old/two")
        after = self.run_now(self.customer.get(BackupDb).file_info(f"{told['path_id']}/0"))
        self.assertEqual(after["path"], "papers/old/two")
        self.assertEqual([one["label"] for one in after["versions"]], [one["label"] for one in before["versions"]])

    def test_transfers_go_on(self) -> None:
        big = self.file("big", 8_000_000)
        backup_db, restores = self.customer.get(BackupDb), self.customer.get(Restores)
        self.run_now(backup_db.file_create("a/big"))
        uploads = [
            started(self.customer.get(Backups).file_upload_start(str(big), "a/big", wait_result=True)) for _ in range(5)
        ]
        self.until(lambda: any(not up.pending for up in self.customer.running.uploads.values()))
        told = self.rename("a", "b")
        for upload in self.customer.running.uploads.values():
            self.assertEqual(upload.item.path, "b/big")
        for each in uploads:
            answer = self.run_now(each)
            self.assertIn(f"{told['path_id']}/0/F", answer.result["version"])
        versions = self.listed()["b/big"]
        download = started(restores.file_download_start("b/big", str(self.tmp / "out"), wait_result=True))
        self.until(lambda: self.customer.running.downloads, step=0.001)
        self.rename("b/big", "c")
        self.assertEqual(Path(self.run_now(download).result["local_path"]).read_bytes(), big.read_bytes())
        self.assertEqual(self.listed(), {"b": 0, "c": versions})

    def test_refused(self) -> None:
        backup_db = self.customer.get(BackupDb)
        self.run_now(backup_db.file_create("a/b"))
        self.run_now(backup_db.file_create("c"))
        me = self.customer.node.me.global_id
        cases: tuple[tuple[str, str, type[BitDustError], str], ...] = (
            ("x", "y", NotFound, "path 'x' was not found"),
            ("a", "c", Conflict, "already exists"),
            ("a", "a/b/c", Invalid, "can not be moved into itself"),
            ("c", "a/b/c", Conflict, "'a/b' is a file"),
            ("c", "../c", Invalid, "invalid remote_path format"),
            ("c", "", Invalid, "the path of an item is expected"),
            ("c", f"share_1${me}:x", Invalid, "can not be moved to key"),
            ("c", "master$bob@127.0.0.1_9:x", NotFound, "customer bob@127.0.0.1_9 was not found"),
        )
        for path, to, error, text in cases:
            with self.assertRaises(error) as caught:
                self.rename(path, to)
            self.assertIn(text, str(caught.exception))
        self.assertEqual(self.listed(), {"a": 0, "a/b": 0, "c": 0})
