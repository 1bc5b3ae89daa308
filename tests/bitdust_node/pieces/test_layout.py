from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from bitdust_node.errors import Invalid
from bitdust_node.pieces.layout import PIECE_BLOCK, SCHEMES, Layout, ecc_map, suppliers_of

layouts = st.builds(
    lambda k, extra, block: Layout(k, k + extra, block), st.integers(1, 60), st.integers(0, 20), st.integers(17, 5000)
)


class Cutting(SynchronousTestCase):
    @given(layouts, st.integers(0, 3_000_000))
    def test_segments_cover_the_length_and_blocks_hold_the_segments(self, layout: Layout, length: int) -> None:
        count = layout.segments(length)
        lengths = [layout.segment_length(n, length) for n in (0, count - 1)]
        self.assertTrue(all(0 <= plain <= layout.segment_bytes for plain in lengths))
        self.assertEqual((count - 1) * layout.segment_bytes + lengths[-1], length)
        last = layout.block_of(count - 1, length)
        self.assertGreaterEqual(last * layout.k, lengths[-1] + 16)
        self.assertLessEqual(last, layout.block)
        self.assertEqual(layout.piece_bytes(length), (count - 1) * layout.block + last)

    def test_full_segments_fill_their_blocks(self) -> None:
        layout = Layout.of(4)
        self.assertEqual(layout.block_of_plain(layout.segment_bytes), PIECE_BLOCK)

    def test_names_of_the_schemes(self) -> None:
        for suppliers in SCHEMES:
            self.assertEqual(suppliers_of(ecc_map(suppliers)), suppliers)
        self.assertEqual(ecc_map(2), "ecc/2x2")
        self.assertRaises(Invalid, suppliers_of, "ecc/3x3")
        self.assertRaises(Invalid, Layout.of, 3)

    def test_impossible_codes_are_refused(self) -> None:
        for k, m in ((0, 1), (3, 2), (1, 257)):
            self.assertRaises(Invalid, Layout, k, m)
        self.assertRaises(Invalid, Layout, 2, 4, 16)
        self.assertRaises(Invalid, Layout, 2, 4, 1 << 30)
