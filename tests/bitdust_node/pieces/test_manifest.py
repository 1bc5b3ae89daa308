from __future__ import annotations

import msgspec
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from bitdust_node.errors import Corrupt, Invalid
from bitdust_node.keys.rsa import PrivateKey
from bitdust_node.pieces.manifest import (
    MANIFEST_LIMIT,
    Manifest,
    SignedManifest,
    unwrap_key,
    verify_manifest,
    wrap_key,
)

OWNER, OTHER = PrivateKey.generate(1024), PrivateKey.generate(1024)


def manifest(**changes: object) -> Manifest:
    made = Manifest(
        format=1,
        version=b"v" * 16,
        owner=OWNER.public.node_id,
        k=2,
        m=4,
        block=65536,
        length=1000,
        roots=[bytes([index]) * 32 for index in range(4)],
        wrapped_key=b"wrapped",
        sealed_meta=b"sealed",
        backup_id="master$alice@127.0.0.1_8084:0/1/F20250101010101AM",
        created=1_700_000_000,
    )
    return msgspec.structs.replace(made, **changes)


class Manifests(SynchronousTestCase):
    def test_comes_back_and_its_owner_is_checked(self) -> None:
        packed = manifest().sign(OWNER)
        self.assertEqual(verify_manifest(packed, OWNER.public), manifest())
        self.assertRaises(Corrupt, verify_manifest, packed, OTHER.public)
        self.assertRaises(Corrupt, verify_manifest, manifest().sign(OTHER), OWNER.public)

    def test_any_changed_byte_is_found(self) -> None:
        packed = manifest().sign(OWNER)
        for at in range(len(packed)):
            wrong = bytearray(packed)
            wrong[at] ^= 1
            self.assertRaises((Corrupt, Invalid), verify_manifest, bytes(wrong), OWNER.public)

    def test_what_can_not_be_is_refused(self) -> None:
        for changes in ({"k": 5}, {"m": 3}, {"format": 2}, {"version": b"short"}, {"owner": "../x"}, {"length": -1},
                        {"roots": [b"r"] * 4}, {"block": 1 << 30}, {"k": 0}):  # fmt: skip
            self.assertRaises(Invalid, SignedManifest.parse, manifest(**changes).sign(OWNER))
        self.assertRaises(Invalid, SignedManifest.parse, bytes(MANIFEST_LIMIT + 1))
        self.assertRaises(Invalid, manifest(sealed_meta=bytes(MANIFEST_LIMIT)).sign, OWNER)

    @given(st.binary(max_size=200))
    def test_rubbish_is_refused(self, data: bytes) -> None:
        self.assertRaises(Invalid, SignedManifest.parse, data)

    def test_deep_nesting_is_refused(self) -> None:
        self.assertRaises(Invalid, SignedManifest.parse, b"\x91" * 30000)

    def test_key_is_wrapped_for_one_reader_and_one_version(self) -> None:
        key = bytes(range(32))
        wrapped = wrap_key(OWNER.public, b"v" * 16, key)
        self.assertEqual(unwrap_key(OWNER, manifest(wrapped_key=wrapped)), key)
        self.assertRaises(Corrupt, unwrap_key, OTHER, manifest(wrapped_key=wrapped))
        self.assertRaises(Corrupt, unwrap_key, OWNER, manifest(wrapped_key=wrapped, version=b"w" * 16))
