from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from bitdust_node.errors import Corrupt, Invalid
from bitdust_node.pieces.erasure import Code
from bitdust_node.pieces.layout import SCHEMES


class Coding(SynchronousTestCase):
    @given(st.sampled_from(sorted(SCHEMES.values())), st.binary(min_size=1, max_size=500), st.randoms())
    def test_any_k_of_m_bring_it_back(self, scheme: tuple[int, int], data: bytes, random: object) -> None:
        k, m = scheme
        code = Code(k, m)
        blocks = code.encode(data)
        self.assertEqual(len(blocks), m)
        kept = random.sample(range(m), k)  # type: ignore[attr-defined]
        have = {index: blocks[index] for index in kept}
        self.assertEqual(code.decode(have, len(data)), data)
        lost = [index for index in range(m) if index not in kept]
        self.assertEqual(code.rebuild(have, lost), [blocks[index] for index in lost])

    def test_too_few_or_uneven_blocks_are_refused(self) -> None:
        code = Code(2, 4)
        blocks = code.encode(b"some data")
        self.assertRaises(Corrupt, code.decode, {3: blocks[3]}, 9)
        self.assertRaises(Corrupt, code.decode, {0: blocks[0], 3: blocks[3][:-1]}, 9)
        self.assertRaises(Invalid, code.decode, {0: blocks[0], 9: blocks[3]}, 9)
        self.assertRaises(Invalid, Code, 5, 4)
