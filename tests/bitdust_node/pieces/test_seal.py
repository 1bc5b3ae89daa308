from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from bitdust_node.errors import Corrupt, Invalid
from bitdust_node.pieces.seal import Sealer, seal, unseal

KEY, VERSION = b"k" * 32, b"v" * 16


class Sealing(SynchronousTestCase):
    @given(st.binary(max_size=300), st.integers(0, 2**40), st.booleans())
    def test_comes_back(self, plain: bytes, number: int, last: bool) -> None:
        sealed = seal(KEY, VERSION, number, last, plain)
        self.assertEqual(len(sealed), len(plain) + 16)
        self.assertEqual(unseal(KEY, VERSION, number, last, sealed), plain)

    @given(st.binary(max_size=100), st.data())
    def test_any_changed_bit_is_found(self, plain: bytes, data: st.DataObject) -> None:
        sealed = bytearray(seal(KEY, VERSION, 3, False, plain))
        sealed[data.draw(st.integers(0, len(sealed) - 1))] ^= 1 << data.draw(st.integers(0, 7))
        self.assertRaises(Corrupt, unseal, KEY, VERSION, 3, False, bytes(sealed))

    def test_segment_is_bound_to_its_place_version_and_end(self) -> None:
        sealed = seal(KEY, VERSION, 1, False, b"data")
        self.assertRaises(Corrupt, unseal, KEY, VERSION, 2, False, sealed)
        self.assertRaises(Corrupt, unseal, KEY, VERSION, 1, True, sealed)
        self.assertRaises(Corrupt, unseal, KEY, b"w" * 16, 1, False, sealed)
        self.assertRaises(Corrupt, unseal, b"l" * 32, VERSION, 1, False, sealed)
        self.assertRaises(Corrupt, unseal, KEY, VERSION, 1, False, sealed[:10])

    def test_meta_is_not_a_segment(self) -> None:
        sealer = Sealer(KEY, VERSION)
        sealed = sealer.seal_meta(b"name")
        self.assertEqual(sealer.unseal_meta(sealed), b"name")
        self.assertRaises(Corrupt, sealer.unseal_meta, seal(KEY, VERSION, 0, True, b"name"))
        self.assertRaises(Corrupt, unseal, KEY, VERSION, 0, True, sealed)

    def test_wrong_sizes_are_refused(self) -> None:
        self.assertRaises(Invalid, Sealer, b"short", VERSION)
        self.assertRaises(Invalid, Sealer, KEY, b"short")
