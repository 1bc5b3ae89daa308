"""
Device keys and the records that bind them to identities.
"""

from __future__ import annotations

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from bitdust_node.errors import Corrupt, Invalid, Refused
from bitdust_node.identity.device import DeviceKey, DeviceRecord, spki_of
from tests.keys import test_document, test_key

NOW = 1_800_000_000.0


class DeviceTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.device = DeviceKey.generate(NOW)
        self.record = DeviceRecord.make(test_key(1), self.device.spki, "laptop", NOW + 100)

    def test_pem_there_and_back(self) -> None:
        again = DeviceKey.from_pem(self.device.pem)
        self.assertEqual((again.spki, again.certificate_der), (self.device.spki, self.device.certificate_der))
        self.assertEqual(spki_of(self.device.certificate_der), self.device.spki)
        self.assertNotIn("PRIVATE", repr(again))

    def test_a_key_with_a_foreign_certificate(self) -> None:
        other = DeviceKey.generate(NOW)
        for text in (self.device.key_pem + other.certificate_pem, self.device.key_pem, "", "x"):
            with self.assertRaises(Invalid):
                DeviceKey.from_pem(text)

    def test_a_record_is_believed(self) -> None:
        record = DeviceRecord.parse_and_verify(self.record, test_document(1), NOW)
        self.assertEqual((record.device_key, record.name), (self.device.spki, "laptop"))

    def test_a_record_of_another_identity(self) -> None:
        with self.assertRaises(Corrupt):
            DeviceRecord.parse_and_verify(self.record, test_document(2), NOW)

    def test_an_expired_record(self) -> None:
        with self.assertRaises(Refused):
            DeviceRecord.parse_and_verify(self.record, test_document(1), NOW + 2 * 86400)

    def test_each_field_is_signed(self) -> None:
        fields = msgspec.msgpack.decode(self.record)
        for index, value in ((2, DeviceKey.generate(NOW).spki), (3, "other"), (4, int(NOW) + 10**9), (5, b"x" * 128)):
            forged = msgspec.msgpack.encode([*fields[:index], value, *fields[index + 1 :]])
            with self.assertRaises(Corrupt):
                DeviceRecord.parse_and_verify(forged, test_document(1), NOW)

    @settings(max_examples=100, deadline=None)
    @given(st.binary(max_size=400) | st.just(b"\x96" * 3000))
    def test_any_bytes_are_refused(self, data: bytes) -> None:
        with self.assertRaises(Invalid):
            DeviceRecord.parse(data)
