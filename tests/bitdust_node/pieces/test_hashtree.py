from __future__ import annotations

from hashlib import sha256

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from bitdust_node.errors import Corrupt
from bitdust_node.pieces.hashtree import (
    check_blocks,
    check_leaves,
    check_path,
    leaf,
    leaves_of,
    path,
    path_length,
    root,
)


def by_the_book(blocks: list[bytes]) -> bytes:
    """The definition of RFC 6962, section 2.1, word by word."""
    if not blocks:
        return sha256(b"").digest()
    if len(blocks) == 1:
        return sha256(b"\x00" + blocks[0]).digest()
    half = 1
    while half * 2 < len(blocks):
        half *= 2
    return sha256(b"\x01" + by_the_book(blocks[:half]) + by_the_book(blocks[half:])).digest()


class Tree(SynchronousTestCase):
    @given(st.lists(st.binary(max_size=8), max_size=70))
    def test_is_that_of_the_rfc(self, blocks: list[bytes]) -> None:
        self.assertEqual(root(map(leaf, blocks)), by_the_book(blocks))

    def test_known_answers(self) -> None:
        # the test vectors of the certificate transparency sources
        inputs = [bytes.fromhex(text) for text in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657")]
        self.assertEqual(
            root(map(leaf, inputs)).hex(), "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c"
        )

    def test_wrong_block_is_named(self) -> None:
        piece = bytes(range(256)) * 4
        leaves = leaves_of(piece, 300)
        self.assertEqual(len(leaves), 4)
        check_leaves(leaves, root(leaves))
        self.assertRaises(Corrupt, check_leaves, leaves[:-1], root(leaves))
        check_blocks([piece[300:]], 300, leaves, first=1)
        wrong = bytearray(piece)
        wrong[700] ^= 1
        with self.assertRaises(Corrupt) as caught:
            check_blocks([wrong[:650], wrong[650:]], 300, leaves)
        self.assertIn("block 2", str(caught.exception))
        self.assertRaises(Corrupt, check_blocks, [piece, b"more" * 100], 300, leaves)

    @given(st.integers(1, 70), st.data())
    def test_one_block_is_proved_by_its_way_to_the_root(self, count: int, data: st.DataObject) -> None:
        blocks = [bytes([number]) for number in range(count)]
        at = data.draw(st.integers(0, count - 1))
        top, beside = by_the_book(blocks), path(map(leaf, blocks), at)
        self.assertEqual(len(beside), path_length(at, count))
        check_path(blocks[at], at, count, beside, top)
        self.assertRaises(Corrupt, check_path, b"other", at, count, beside, top)
        self.assertRaises(Corrupt, check_path, blocks[at], at, count, [*beside, top], top)
        if beside:
            self.assertRaises(Corrupt, check_path, blocks[at], at, count, beside[:-1], top)
            self.assertRaises(Corrupt, check_path, blocks[at], at, count, [top, *beside[1:]], top)
