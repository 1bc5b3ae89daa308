"""
The hot path: about a megabyte of plaintext to the pieces of several segments, and back. Runs in worker threads.

What it costs is AES-GCM, zfec and SHA-256 plus one copy of each block into the buffer of its piece. The copy reads
from the ciphertext of one segment, which is small enough to be still in the processor's cache.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from bitdust_node.errors import Corrupt, Invalid
from bitdust_node.pieces.erasure import Buffer, Code
from bitdust_node.pieces.hashtree import leaf
from bitdust_node.pieces.layout import SEAL_BYTES, Layout
from bitdust_node.pieces.seal import Sealer

#: Plaintext that is worth one call; `batch_segments` rounds it to whole segments.
BATCH_BYTES = 1024 * 1024
#: Blocks of one piece that are worth a write of its stream, unless the batch becomes larger than this.
RUN, LARGEST_BATCH = 4, 4 * 1024 * 1024


def batch_segments(layout: Layout) -> int:
    """
    Segments that make a good batch: about a megabyte and some blocks of each piece, but one segment at least.
    """
    segment = layout.segment_bytes
    return max(1, BATCH_BYTES // segment, min(RUN, LARGEST_BATCH // segment))


@dataclass(frozen=True)
class Batch:
    """
    pieces: for each index the blocks of the batch, one after the other.
    leaves: for each index the hash of each of those blocks.
    segments: how many segments the batch holds.
    """

    pieces: list[bytes]
    leaves: list[list[bytes]]
    segments: int


class SegmentEncoder:
    """
    Seals and codes the segments of one version. Batches may be encoded by several threads at once, each once.
    """

    def __init__(self, key: bytes, version: bytes, k: int, m: int) -> None:
        self.layout = Layout(k, m)
        self._sealer = Sealer(key, version)
        self._code = Code(k, m)
        self._spare: list[bytearray] = []

    def encode(self, first_number: int, plaintext: Buffer, last: bool) -> Batch:
        """
        `plaintext` is any number of whole segments; only that of the last batch may end with a shorter one, and may
        be empty when the whole version is. Segments are numbered from `first_number`.
        """
        size = self.layout.segment_bytes
        if not last and (len(plaintext) % size or not plaintext):
            raise Invalid("only the last batch of a version may end within a segment")
        count = self.layout.segments(len(plaintext))
        view = memoryview(plaintext)
        rows: list[list[Buffer]] = [[] for _ in range(self.layout.m)]
        leaves: list[list[bytes]] = [[] for _ in range(self.layout.m)]
        # Each segment of the batch keeps its own ciphertext until the pieces are joined.
        used = [self._take() for _ in range(count)]
        for at, sealed in enumerate(used):
            plain = view[at * size : (at + 1) * size]
            for index, block in enumerate(self._blocks(first_number + at, plain, last and at == count - 1, sealed)):
                rows[index].append(block)
                leaves[index].append(leaf(block))
        pieces = [b"".join(row) for row in rows]
        rows.clear()
        self._spare.extend(used)
        return Batch(pieces, leaves, count)

    def _blocks(self, number: int, plain: memoryview, last: bool, sealed: bytearray) -> list[Buffer]:
        block = self.layout.block_of_plain(len(plain))
        length = len(plain) + SEAL_BYTES
        view = memoryview(sealed)
        self._sealer.seal_into(number, last, plain, view[:length])
        padding = block * self.layout.k - length
        if padding:
            view[length : length + padding] = bytes(padding)
        blocks: list[Buffer] = [view[start : start + block] for start in range(0, block * self.layout.k, block)]
        return blocks + list(self._code.parity(blocks))

    def _take(self) -> bytearray:
        # pop() of a list is atomic, so two threads never get the same buffer
        try:
            return self._spare.pop()
        except IndexError:
            return bytearray(self.layout.k * self.layout.block)


class SegmentDecoder:
    """
    Brings the plaintext of one version back from any k pieces. The seal is what it checks: when that fails, the leaves
    of the pieces (`hashtree.check_blocks`) say whose block was wrong.
    """

    def __init__(self, key: bytes, version: bytes, k: int, m: int, length: int) -> None:
        self.layout = Layout(k, m)
        self._sealer = Sealer(key, version)
        self._code = Code(k, m)
        self._length = length
        self._last = self.layout.segments(length) - 1

    def part_bytes(self, first_number: int, count: int) -> int:
        """
        Bytes of each piece that hold `count` segments from `first_number` on.
        """
        end = min(first_number + count, self._last + 1)
        full = (end - first_number) * self.layout.block
        if end <= self._last:
            return full
        return full - self.layout.block + self.layout.block_of(self._last, self._length)

    def decode(self, first_number: int, parts: Mapping[int, Buffer]) -> bytearray:
        """
        `parts`: for at least k indexes, the same run of whole blocks, beginning with that of segment `first_number`.
        Answers the plaintext of those segments; `Corrupt` when a seal does not match or the parts do not fit.
        """
        chosen = {index: memoryview(parts[index]) for index in sorted(parts)[: self.layout.k]}
        sizes = {len(part) for part in chosen.values()}
        if len(chosen) < self.layout.k or len(sizes) != 1:
            raise Corrupt(f"expected equal parts of {self.layout.k} pieces, got {len(chosen)} of sizes {sorted(sizes)}")
        count = -(-sizes.pop() // self.layout.block)
        if first_number + count > self._last + 1 or any(
            len(part) != self.part_bytes(first_number, count) for part in chosen.values()
        ):
            raise Corrupt("the parts of the pieces do not fit the length of the version")
        start = first_number * self.layout.segment_bytes
        end = min(start + count * self.layout.segment_bytes, self._length)
        out = bytearray(end - start)
        view = memoryview(out)
        for at in range(count):
            number = first_number + at
            plain = self.layout.segment_length(number, self._length)
            at_plain = at * self.layout.segment_bytes
            sealed = self._sealed(chosen, at * self.layout.block, plain)
            self._sealer.unseal_into(number, number == self._last, sealed, view[at_plain : at_plain + plain])
        view.release()
        return out

    def _sealed(self, parts: Mapping[int, memoryview], offset: int, plain: int) -> memoryview | bytes:
        block = self.layout.block_of_plain(plain)
        data = self._code.data_blocks({index: part[offset : offset + block] for index, part in parts.items()})
        if len(data) == 1:
            return memoryview(data[0])[: plain + SEAL_BYTES]
        return memoryview(b"".join(data))[: plain + SEAL_BYTES]
