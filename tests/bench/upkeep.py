"""
What upkeep costs in computing: audits, the coding of lost pieces, and versions that follow the number of suppliers.
"""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Callable

from bitdust_node.pieces.batch import SegmentDecoder, SegmentEncoder, batch_segments
from bitdust_node.pieces.blocks import Buffers
from bitdust_node.pieces.erasure import Code
from bitdust_node.pieces.hashtree import HASH_BYTES, check_blocks, check_path, leaf, path, root
from bitdust_node.pieces.isal import library
from bitdust_node.pieces.layout import PIECE_BLOCK, Layout

MB = 1_000_000
MIB = 1024 * 1024


def main() -> None:
    """
    Print the tables: CPU time of one core, best of three.
    """
    print("| audit of a piece of | supplier ms | customer ms | bytes sent |\n|---|---|---|---|")
    for size in (1, 64, 512):
        _audit(size)
    print("\n| coding | MB of the file a second |\n|---|---|")
    for k, m in ((2, 4), (4, 7), (9, 13)):
        _repair(k, m)
    for old, new in (((2, 4), (4, 7)), ((4, 7), (2, 4)), ((2, 4), (1, 2))):
        _recode(old, new)


def _audit(size: int) -> None:
    """The tree over the leaves is computed for each proof; reading the block and the leaves is not counted."""
    block = os.urandom(PIECE_BLOCK)
    leaves = [os.urandom(HASH_BYTES) for _ in range(size * MIB // PIECE_BLOCK)]
    at = len(leaves) // 3
    leaves[at] = leaf(block)
    top, beside = root(leaves), path(leaves, at)
    prove = _cpu(lambda: path(leaves, at))
    check = _cpu(lambda: check_path(block, at, len(leaves), beside, top))
    sent = PIECE_BLOCK + HASH_BYTES * len(beside)
    print(f"| {size} MiB | {1000 * prove:.2f} | {1000 * check:.2f} | {sent} |")


def _repair(k: int, m: int) -> None:
    """One piece out of k others, every block of which is hashed."""
    code = Code(k, m, library())
    kept = {number: os.urandom(PIECE_BLOCK) for number in range(1, k + 1)}
    place = {0: memoryview(bytearray(PIECE_BLOCK))}

    def work() -> None:
        for _ in range(100):
            for block in kept.values():
                leaf(block)
            code.make(kept, place)

    print(f"| one lost piece, {k} of {m} | {100 * k * PIECE_BLOCK / MB / _cpu(work):.0f} |")


def _recode(old: tuple[int, int], new: tuple[int, int]) -> None:
    layout, key, version = Layout(*old), secrets.token_bytes(32), secrets.token_bytes(16)
    data = os.urandom(layout.segment_bytes * batch_segments(layout))
    batch = SegmentEncoder(key, version, *old).encode(0, data, True)
    pieces = list(zip(batch.pieces, batch.leaves, strict=True))[: layout.k]
    decoder, encoder = SegmentDecoder(key, version, *old, len(data)), SegmentEncoder(key, version, *new)
    buffers = Buffers()

    def work() -> None:
        for _ in range(10):
            for piece, leaves in pieces:
                check_blocks(piece, PIECE_BLOCK, leaves)
            encoder.encode(0, decoder.decode(0, {at: piece for at, (piece, _) in enumerate(pieces)}, buffers), True)

    text = " to ".join(f"{k} of {m}" for k, m in (old, new))
    print(f"| all pieces anew, {text} | {10 * len(data) / MB / _cpu(work):.0f} |")


def _cpu(action: Callable[[], object]) -> float:
    def timed() -> float:
        begin = time.process_time()
        action()
        return time.process_time() - begin

    return min(timed() for _ in range(3))
