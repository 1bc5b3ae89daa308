from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from bitdust_node.errors import Corrupt, Invalid
from bitdust_node.pieces.batch import SegmentDecoder, SegmentEncoder, batch_segments
from bitdust_node.pieces.blocks import Buffers
from bitdust_node.pieces.hashtree import leaves_of
from bitdust_node.pieces.layout import PIECE_BLOCK, SCHEMES, Layout

KEY, VERSION = b"k" * 32, b"v" * 16


def encoded(data: bytes, k: int, m: int, batch: int) -> tuple[list[bytes], list[list[bytes]]]:
    """All pieces of `data` and their leaves, made in batches of so many segments."""
    encoder = SegmentEncoder(KEY, VERSION, k, m)
    size = batch * encoder.layout.segment_bytes
    starts = list(range(0, len(data), size)) or [0]
    pieces, leaves = [b""] * m, [list[bytes]() for _ in range(m)]
    for start in starts:
        made = encoder.encode(start // encoder.layout.segment_bytes, data[start : start + size], start == starts[-1])
        for index in range(m):
            pieces[index] += b"".join(made.pieces[index])
            leaves[index] += made.leaves[index]
    return pieces, leaves


def chunked(part: memoryview, rnd: random.Random) -> list[memoryview]:
    """The same bytes in chunks of any sizes, of which some may be empty."""
    cuts = sorted(rnd.randint(0, len(part)) for _ in range(rnd.randint(0, 12)))
    return [part[begin:end] for begin, end in zip([0, *cuts], [*cuts, len(part)], strict=True)]


class Batches(SynchronousTestCase):
    @settings(max_examples=30, deadline=None)
    @given(
        st.sampled_from([(1, 2), (2, 4), (4, 7), (9, 13)]),
        st.sampled_from([0, 1, 15, 16, 17, 65519, 65520, 65521, 131055, 131056, 131057, 262128, 400_000, 1_234_567]),
        st.integers(1, 3),
        st.integers(0, 2**32),
    )
    def test_comes_back_from_any_pieces(self, scheme: tuple[int, int], length: int, batch: int, seed: int) -> None:
        (k, m), rnd = scheme, random.Random(seed)
        data = rnd.randbytes(length)
        pieces, leaves = encoded(data, k, m, batch)
        layout = Layout(k, m)
        for piece, hashes in zip(pieces, leaves, strict=True):
            self.assertEqual(len(piece), layout.piece_bytes(length))
            self.assertEqual(leaves_of(piece, PIECE_BLOCK), hashes)
        decoder = SegmentDecoder(KEY, VERSION, k, m, length)
        kept = rnd.sample(range(m), k)
        back, buffers = bytearray(), Buffers()
        number = 0
        while number < layout.segments(length):
            count = rnd.randint(1, 4)
            start = number * PIECE_BLOCK
            end = start + decoder.part_bytes(number, count)
            parts = {index: chunked(memoryview(pieces[index])[start:end], rnd) for index in kept}
            back += decoder.decode(number, parts, buffers)
            number += count
        self.assertEqual(back, data)

    def test_many_suppliers(self) -> None:
        for number, (k, m) in enumerate([(13, 18), (20, 26), (54, 64)]):
            rnd, size = random.Random(number), Layout(k, m).segment_bytes
            for length in (1, size - 1, size, size + 1, 2 * size + 100_000):
                data = rnd.randbytes(length)
                pieces, leaves = encoded(data, k, m, 1)
                self.assertEqual(leaves_of(pieces[-1], PIECE_BLOCK), leaves[-1])
                decoder = SegmentDecoder(KEY, VERSION, k, m, length)
                # as many of the coded pieces as there are, and any others
                kept = [*range(k, m), *rnd.sample(range(k), 2 * k - m)]
                back = decoder.decode(0, {index: [pieces[index]] for index in kept})
                self.assertEqual(back, data)

    def test_threads_share_an_encoder(self) -> None:
        encoder = SegmentEncoder(KEY, VERSION, 2, 4)
        size = 3 * encoder.layout.segment_bytes
        parts = [random.Random(n).randbytes(size) for n in range(12)]
        with ThreadPoolExecutor(4) as pool:
            made = list(pool.map(lambda n: encoder.encode(n * 3, parts[n], n == 11), range(12)))
        decoder = SegmentDecoder(KEY, VERSION, 2, 4, 12 * size)
        for n, batch in enumerate(made):
            self.assertEqual(decoder.decode(n * 3, {0: batch.pieces[0], 3: batch.pieces[3]}), parts[n])

    def test_wrong_parts_are_found(self) -> None:
        data = bytes(300_000)
        pieces, _ = encoded(data, 2, 4, 2)
        decoder = SegmentDecoder(KEY, VERSION, 2, 4, len(data))
        good = {index: [pieces[index]] for index in (1, 2)}
        self.assertEqual(decoder.decode(0, good), data)
        self.assertRaises(Corrupt, decoder.decode, 0, {1: [pieces[1]]})
        self.assertRaises(Corrupt, decoder.decode, 0, {1: [pieces[1]], 2: [pieces[2][:-1]]})
        self.assertRaises(Corrupt, decoder.decode, 0, {1: [pieces[1][:-1]], 2: [pieces[2][:-1]]})
        self.assertRaises(Corrupt, decoder.decode, 1, good)
        self.assertRaises(Corrupt, decoder.decode, 0, {1: [pieces[2]], 2: [pieces[1]]})  # swapped
        self.assertRaises(Corrupt, decoder.decode, 0, {1: [pieces[1]], 2: [bytes(len(pieces[2]))]})
        self.assertRaises(Corrupt, SegmentDecoder(b"x" * 32, VERSION, 2, 4, len(data)).decode, 0, good)

    def test_truncated_version_is_found(self) -> None:
        data = bytes(2 * Layout(2, 4).segment_bytes)
        pieces, _ = encoded(data, 2, 4, 2)
        shorter = SegmentDecoder(KEY, VERSION, 2, 4, len(data) // 2)
        self.assertRaises(Corrupt, shorter.decode, 0, {0: [pieces[0][:PIECE_BLOCK]], 1: [pieces[1][:PIECE_BLOCK]]})

    def test_batches_are_worth_a_write_and_bounded(self) -> None:
        found = {m: batch_segments(Layout(k, m)) for k, m in SCHEMES.values()}
        self.assertEqual(found, {2: 16, 4: 16, 7: 11, 13: 6, 18: 4, 26: 3, 64: 1})

    def test_only_the_last_batch_ends_within_a_segment(self) -> None:
        encoder = SegmentEncoder(KEY, VERSION, 2, 4)
        self.assertRaises(Invalid, encoder.encode, 0, b"abc", False)
        self.assertRaises(Invalid, encoder.encode, 0, b"", False)
        self.assertEqual(batch_segments(encoder.layout), 16)
        self.assertEqual(batch_segments(Layout(54, 64)), 1)
