from __future__ import annotations

import os

from services.backup_db import BackupDb
from services.data_motion import DataMotion
from tests.services.grid import GridCase


class UploadTest(GridCase):
    """A customer and four suppliers."""

    def test_small_file_there_and_back(self) -> None:
        source = self.tmp / "a.txt"
        source.write_bytes(b"hello")
        os.utime(source, ns=(10**18 + 123, 10**18 + 123))
        source.chmod(0o640)
        backup_id = self.upload(source, "docs/ä 文.txt")
        self.assertIn("/F2", backup_id)
        found = self.download("docs/ä 文.txt")
        self.assertEqual(found.read_bytes(), b"hello")
        self.assertEqual(found.stat().st_mode & 0o777, 0o640)
        self.assertEqual(found.stat().st_mtime_ns, 10**18 + 123)
        info = self.run_now(self.customer.get(BackupDb).file_info("docs/ä 文.txt"))
        self.assertEqual(info["versions"][0]["delivered"], "100%")
        self.assertEqual(info["versions"][0]["size"], 5)
        self.assertEqual(self.run_now(self.customer.get(DataMotion).transfers_list()), [])

    def test_empty_file(self) -> None:
        source = self.tmp / "empty"
        source.touch()
        self.upload(source, "empty")
        self.assertEqual(self.download("empty").read_bytes(), b"")

    def test_large_file_with_two_suppliers_gone(self) -> None:
        source = self.tmp / "large"
        source.write_bytes(os.urandom(5 * 1024 * 1024 + 17))
        self.upload(source, "large")
        for member in self.suppliers[:2]:
            member.node.die()
        self.assertEqual(self.download("large").read_bytes(), source.read_bytes())
