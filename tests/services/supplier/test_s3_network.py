"""
A network whose suppliers keep their pieces in an object store, which breaks, goes away, comes back and lies.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any
from unittest.mock import patch

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SkipTest

from bitdust_node.errors import BitDustError, Unavailable
from bitdust_node.waiting import started
from services.backup_db import BackupDb
from services.backups import Backups
from services.supplier import Supplier
from services.supplying.s3 import S3Store
from tests.s3_server import ACCESS_KEY, BUCKET, MISSING, SECRET_KEY, Fault, Proxy, S3Server
from tests.services.grid import GridCase, Member


class ObjectStoreTest(GridCase):
    """Four suppliers share a bucket. The server is slow to start, so that one test does many things to it."""

    def setUp(self) -> None:
        if MISSING:
            raise SkipTest(MISSING)
        # the pauses of the library between two tries are real ones
        pauses = patch("botocore.retries.standard.ExponentialBackoff.delay_amount", lambda *_: 0.0)
        pauses.start()
        self.addCleanup(pauses.stop)
        self.server = S3Server()
        self.addCleanup(self.server.stop)
        self.proxy = Proxy(self.server)
        self.addCleanup(self.proxy.stop)
        options = {
            "store": "s3", "s3-endpoint": f"http://127.0.0.1:{self.proxy.port}", "s3-bucket": BUCKET,
            "s3-access-key": ACCESS_KEY, "s3-secret-key": SECRET_KEY, "scrub-rate": "1 GB",
        }  # fmt: skip
        self.supplier_options = {f"services/supplier/{name}": value for name, value in options.items()}
        super().setUp()
        spool = self.tmp / "spool"
        spool.mkdir()
        #: What lies in the bucket, past the proxy.
        self.bucket = S3Store(self.server.settings(), spool, attempts=1)
        self.addCleanup(self.bucket.close)

    def test_breaks_and_comes_back(self) -> None:
        local = self.make_file("first")
        self.upload(local, "first")
        self.assertEqual(sorted(self.objects().values()), [1] * 4)
        self.assertEqual([list(member.folder.pieces.glob("*/*")) for member in self.suppliers], [[]] * 4)
        self.assert_back(local, "first")
        self.refused_for_a_while(local)
        self.gone_for_a_while(local)
        self.damaged(local)
        for name in ("first", "second"):
            self.run_now(self.customer.get(BackupDb).file_delete(name))
        self.until(lambda: not self.objects())

    def refused_for_a_while(self, local: Path) -> None:
        """500 to everything, while something is stored."""
        self.break_down("refuse")
        second = self.make_file("second")
        self.run_now(self.customer.get(BackupDb).file_create("second"))
        uploading = self.begin(self.customer.get(Backups).file_upload_start(str(second), "second", wait_result=True))
        self.clock.advance(1)
        self.assertEqual({self.healthy(one) for one in self.suppliers}, {self.healthy(self.suppliers[0])})
        self.assertIn("refuses", str(self.healthy(self.suppliers[0])))
        self.assertFalse(uploading.called)
        self.proxy.fault = None
        self.until(lambda: uploading.called)
        self.assertEqual(self.successResultOf(uploading).result["remote_path"], "second")
        for name, file in (("first", local), ("second", second)):
            self.assert_back(file, name)
        self.until(lambda: sorted(self.objects().values()) == [2] * 4)
        self.assertEqual([self.healthy(one) for one in self.suppliers], [None] * 4)

    def gone_for_a_while(self, local: Path) -> None:
        """Nobody answers, while something is read and a supplier begins."""
        self.break_down("hang up")
        with self.assertRaisesRegex(BitDustError, "object store of the supplier does not answer"):
            self.download("first", "gone")
        self.assertEqual(list((self.tmp / "gone").glob("*")), [])
        (service,) = self.suppliers[0].services
        self.run_now(self.suppliers[0].stop())
        with self.assertRaisesRegex(Unavailable, "object store of the supplier does not answer"):
            self.run_now(service.start())
        self.run_now(service.stop())
        self.proxy.fault = None
        self.suppliers[0].make()
        self.run_now(self.suppliers[0].start())
        self.assert_back(local, "first")

    def damaged(self, local: Path) -> None:
        """A byte of one object has changed, another object is gone: audits and scrubs find both, their owner makes them
        anew."""
        before = {key: self.read(key) for key in self.keys()}
        changed, lost = sorted(before)[0], sorted(before)[-1]
        client = self.bucket.client
        wrong = bytearray(before[changed])
        wrong[len(wrong) // 2] ^= 1
        client.put_object(Bucket=BUCKET, Key=changed, Body=bytes(wrong))
        client.delete_object(Bucket=BUCKET, Key=lost)
        scrubs = [member.get(Supplier).keeping.scrub for member in self.suppliers]
        self.until(lambda: all(scrub.progress.rounds for scrub in scrubs), 3000, 5)
        self.until(lambda: {key: self.read(key) for key in self.keys()} == before, 60, 1)
        self.assert_back(local, "first")

    def make_file(self, name: str) -> Path:
        path = self.tmp / name
        path.write_bytes(os.urandom(1_000_000))
        return path

    def assert_back(self, local: Path, remote: str) -> None:
        self.assertEqual(self.download(remote).read_bytes(), local.read_bytes())

    def begin(self, coroutine: Any) -> Deferred[Any]:
        begun = started(coroutine)
        self.clock.pump(20)
        return begun

    def break_down(self, kind: str) -> None:
        self.proxy.fault = Fault(kind, times=1_000_000)

    def healthy(self, member: Member) -> str | None:
        return member.get(Supplier).ready()

    def keys(self) -> list[str]:
        listed = self.bucket.client.list_objects_v2(Bucket=BUCKET).get("Contents", [])
        return [entry["Key"] for entry in listed if "/" in entry["Key"]]

    def read(self, key: str) -> bytes:
        return bytes(self.bucket.client.get_object(Bucket=BUCKET, Key=key)["Body"].read())

    def objects(self) -> dict[str, int]:
        """How many of each supplier lie in the bucket."""
        owners = [key.partition("/")[0] for key in self.keys()]
        return {owner: owners.count(owner) for owner in owners}
