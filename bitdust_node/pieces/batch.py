"""
The hot path: some megabytes of plaintext to the pieces of several segments, and back. Runs in worker threads.

What it costs is AES-GCM, zfec and SHA-256. On the way out nothing is copied: the blocks of a piece stay where they
were made, in the ciphertext of their segments, until they are sent. On the way back each chunk that came is copied
once, to its place in the ciphertext of its segment. The memory for both is used again (`Buffers`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bitdust_node.errors import Corrupt, Invalid
from bitdust_node.pieces.blocks import Blocks, Buffer, Buffers
from bitdust_node.pieces.erasure import Code
from bitdust_node.pieces.hashtree import leaf
from bitdust_node.pieces.isal import library
from bitdust_node.pieces.layout import SEAL_BYTES, Layout
from bitdust_node.pieces.seal import Sealer

#: Bytes of all pieces that a batch makes, and blocks of one piece at most. Each write to a supplier wakes a process
#: there, which costs as much as some hundred KB more would; and all of it is in memory several times.
BATCH_BYTES, RUN = 5 * 1024 * 1024, 16
#: The same for what is only sent, which is in memory less often.
SENT_BYTES = 8 * 1024 * 1024


def batch_segments(layout: Layout, size: int = BATCH_BYTES) -> int:
    """
    Segments that make a good batch, which are as many blocks of each piece. size: bytes of all pieces.
    """
    return max(1, min(RUN, size // (layout.m * layout.block)))


@dataclass(frozen=True)
class Batch:
    """
    pieces: for each index the blocks of the batch, in order. Their memory is used again when they are forgotten.
    leaves: for each index the hash of each of those blocks.
    segments: how many segments the batch holds.
    """

    pieces: list[list[Buffer]]
    leaves: list[list[bytes]]
    segments: int

    @property
    def piece_bytes(self) -> int:
        """
        Bytes of each piece that are in the batch.
        """
        return sum(len(block) for block in self.pieces[0])


class SegmentEncoder:
    """
    Seals and codes the segments of one version. Batches may be encoded by several threads at once, each once.
    """

    def __init__(self, key: bytes, version: bytes, k: int, m: int) -> None:
        self.layout = Layout(k, m)
        self._sealer = Sealer(key, version)
        self._code = Code(k, m, library())
        self._buffers, self._spare = Buffers(), Buffers()

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
        pieces: list[list[Buffer]] = [[] for _ in range(self.layout.m)]
        leaves: list[list[bytes]] = [[] for _ in range(self.layout.m)]
        for at in range(count):
            plain = view[at * size : (at + 1) * size]
            for index, block in enumerate(self._blocks(first_number + at, plain, last and at == count - 1)):
                pieces[index].append(block)
                leaves[index].append(leaf(block))
        return Batch(pieces, leaves, count)

    def _blocks(self, number: int, plain: memoryview, last: bool) -> list[memoryview]:
        block = self.layout.block_of_plain(len(plain))
        length, full = len(plain) + SEAL_BYTES, block * self.layout.k
        # of one size, so that the last segment fits what others have left
        view = self._buffers.take(self.layout.k * self.layout.block)
        self._sealer.seal_into(number, last, plain, view[:length])
        if length < full:
            view[length:full] = bytes(full - length)
        data = [view[start : start + block] for start in range(0, full, block)]
        # each by itself, so that a slow supplier holds up no more memory than its own
        parity = [self._spare.take(self.layout.block)[:block] for _ in range(self.layout.m - self.layout.k)]
        self._code.make(dict(enumerate(data)), dict(enumerate(parity, self.layout.k)))
        return data + parity


class SegmentDecoder:
    """
    Brings the plaintext of one version back from any k pieces. The seal is what it checks: when that fails, the leaves
    of the pieces (`hashtree.check_blocks`) say whose block was wrong.
    """

    def __init__(self, key: bytes, version: bytes, k: int, m: int, length: int) -> None:
        self.layout = Layout(k, m)
        self._sealer = Sealer(key, version)
        self._code = Code(k, m, library())
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

    def decode(
        self, first_number: int, parts: Mapping[int, Sequence[Buffer]], buffers: Buffers | None = None
    ) -> memoryview:
        """
        `parts`: for at least k indexes, the same run of whole blocks, beginning with that of segment `first_number`, in
        chunks of any sizes. Answers the plaintext of those segments; `Corrupt` when a seal does not match or the parts
        do not fit. buffers: memory for whoever decodes one run after the other; the answer lies in it too.
        """
        chosen = {index: parts[index] for index in sorted(parts)[: self.layout.k]}
        sizes = {sum(len(chunk) for chunk in part) for part in chosen.values()}
        if len(chosen) < self.layout.k or len(sizes) != 1:
            raise Corrupt(f"expected equal parts of {self.layout.k} pieces, got {len(chosen)} of sizes {sorted(sizes)}")
        size = sizes.pop()
        count = -(-size // self.layout.block)
        if first_number + count > self._last + 1 or size != self.part_bytes(first_number, count):
            raise Corrupt("the parts of the pieces do not fit the length of the version")
        start = first_number * self.layout.segment_bytes
        end = min(start + count * self.layout.segment_bytes, self._length)
        buffers = buffers or Buffers()
        out = buffers.take(end - start)
        sealed = buffers.take(2 * self.layout.k * self.layout.block)
        rows = {index: Blocks(part) for index, part in chosen.items()}
        for number in range(first_number, first_number + count):
            plain = self.layout.segment_length(number, self._length)
            at = number * self.layout.segment_bytes - start
            self._lay(rows, sealed, self.layout.block_of_plain(plain))
            self._sealer.unseal_into(number, number == self._last, sealed[: plain + SEAL_BYTES], out[at : at + plain])
        return out

    def _lay(self, rows: Mapping[int, Blocks], sealed: memoryview, block: int) -> None:
        """Bring the next segment together: what is there to its place, and then what has to be computed."""
        k = self.layout.k
        places = [sealed[start : start + block] for start in range(0, 2 * block * k, block)]
        # those that are not data lie behind it
        behind = iter(places[k:])
        given = {index: places[index] if index < k else next(behind) for index in rows}
        for index, row in rows.items():
            row.lay(given[index])
        self._code.make(given, {index: places[index] for index in range(k) if index not in given})
