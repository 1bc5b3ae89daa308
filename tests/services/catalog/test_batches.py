"""
Batches of operations that are damaged, foreign, forked or missing are refused, and nothing is lost by that.
"""

from __future__ import annotations

import secrets
import zlib
from pathlib import Path

import msgspec
from twisted.trial.unittest import SynchronousTestCase

from bitdust_node.errors import BitDustError, Corrupt, Invalid
from bitdust_node.identity.device import DeviceKey, DeviceRecord
from bitdust_node.paths import DataFolder
from bitdust_node.pieces.signet import OwnSignet
from bitdust_node.threads import InlineWorkers
from bitdust_node.waiting import started
from services.catalog.batches import UNPACKED_LIMIT, Batch, Read, sign_batch, unpack_batch
from services.catalog.catalog import Catalog
from services.catalog.objects import BATCH, Name, Names, open_object, seal_object
from services.catalog.operations import Put, Stamp, pack, unpack
from tests.clock import Clock
from tests.keys import test_document, test_key

LOG = b"other"
ZEROS = bytes(32)


def put(path: str, clock: int = 5) -> bytes:
    return pack(Put(Stamp(clock, LOG), "master", path, "", "file", 1.0))


class BatchTest(SynchronousTestCase):
    def setUp(self) -> None:
        self.device = DeviceKey.generate(1.0)
        self.record = DeviceRecord.make(test_key(1), self.device.spki, "laptop", 2.0)
        self.clock = Clock()
        folder = Path(self.mktemp())
        self.catalog = Catalog(DataFolder(folder), InlineWorkers(), self.clock)
        self.addCleanup(lambda: self.now(self.catalog.close()))

    def now(self, awaitable: object) -> object:
        work = started(awaitable)  # type: ignore[arg-type]
        self.clock.pump(20)
        return self.successResultOf(work)

    def batch(self, number: int, previous: bytes, *bodies: bytes, log: bytes = LOG) -> Read:
        packed, digest = sign_batch(Batch(1, log, number, previous, [], list(bodies)), self.device, self.record)
        read = unpack_batch(packed).check(test_document(1))
        self.assertEqual(read.digest, digest)
        return read

    def refused(self, read: Read) -> str:
        work = started(self.catalog.merge(read))
        self.clock.pump(20)
        return str(self.failureResultOf(work, BitDustError).value)

    def paths(self) -> list[str]:
        items = self.now(self.catalog.items(None, None, limit=100))
        return [item.path for item in items]  # type: ignore[attr-defined]

    def test_chain(self) -> None:
        one = self.batch(1, ZEROS, put("a"))
        two = self.batch(2, one.digest, put("b"))
        three = self.batch(3, two.digest, put("c"))
        self.assertIn("gap: 1 is missing before 2", self.refused(two))
        self.assertTrue(self.now(self.catalog.merge(one)))
        self.assertFalse(self.now(self.catalog.merge(one)))
        self.assertIn("gap", self.refused(three))
        self.assertIn("forked", self.refused(self.batch(2, bytes(31) + b"x", put("x"))))
        self.assertIn("written twice", self.refused(self.batch(1, ZEROS, put("y"))))
        self.assertEqual(self.paths(), ["a"])
        for read in (two, three):
            self.assertTrue(self.now(self.catalog.merge(read)))
        self.assertEqual(self.paths(), ["a", "b", "c"])

    def test_one_bad_operation_spoils_the_batch(self) -> None:
        for wrong in (b"", b"\xc1", put("a")[:-1], put("../x"), put("a//b"), put("a\0")):
            with self.assertRaises(Invalid):
                unpack(wrong)
            self.assertIn("operation", self.refused(self.batch(1, ZEROS, put("a"), wrong)))
        self.assertEqual(self.paths(), [])

    def test_only_the_own_devices(self) -> None:
        batch = Batch(1, LOG, 1, ZEROS, [], [put("a")])
        foreign = DeviceRecord.make(test_key(2), self.device.spki, "laptop", 2.0)
        for record in (foreign, self.record[:-5] + bytes(5)):
            with self.assertRaises(BitDustError):
                unpack_batch(sign_batch(batch, self.device, record)[0]).check(test_document(1))
        # the record of one device with the signature of another
        with self.assertRaises(Corrupt):
            unpack_batch(sign_batch(batch, DeviceKey.generate(1.0), self.record)[0]).check(test_document(1))

    def test_noise_and_bombs(self) -> None:
        packed, _ = sign_batch(Batch(1, LOG, 1, ZEROS, [], []), self.device, self.record)
        bomb = zlib.compress(msgspec.msgpack.encode(bytes(UNPACKED_LIMIT + 1)))
        for wrong in (b"", secrets.token_bytes(100), packed[:-1], bomb, zlib.compress(b"\x93\x01\x02\x03")):
            with self.assertRaises(BitDustError):
                unpack_batch(wrong).check(test_document(1))

    def test_objects(self) -> None:
        names = Names(bytes(32))
        name = Name(BATCH, LOG, 7)
        version = names.id_of(name)
        self.assertEqual(names.read(version), name)
        self.assertIsNone(Names(bytes(31) + b"1").read(version))
        self.assertIsNone(names.read(b"short"))
        for plain in (b"", b"x" * 200_000):
            manifest, piece = seal_object(OwnSignet(test_key(1)), version, plain, 1)
            self.assertEqual(open_object(OwnSignet(test_key(1)), version, manifest, piece), plain)
            other = names.id_of(Name(BATCH, LOG, 8))
            for key, named, data in (
                (test_key(2), version, piece),
                (test_key(1), other, piece),
                (test_key(1), version, piece[:-1]),
                (test_key(1), version, piece[:-1] + bytes([piece[-1] ^ 1])),
            ):
                with self.assertRaises(BitDustError):
                    open_object(OwnSignet(key), named, manifest, data)
