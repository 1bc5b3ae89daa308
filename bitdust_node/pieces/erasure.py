"""
The erasure code: k blocks become m, and any k of them bring the rest back.

Reed-Solomon over GF(2^8) by zfec (L. Rizzo, "Effective erasure codes", 1997). The first k blocks are the data itself.
It has no integrity of its own: a wrong block gives wrong data, which the seal and the hash tree find.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import zfec

from bitdust_node.errors import Corrupt, Invalid
from bitdust_node.pieces.blocks import Buffer


class Code:
    """
    The code for one k and m. Safe to use from several threads at once.
    """

    def __init__(self, k: int, m: int) -> None:
        if not 1 <= k <= m <= 256:
            raise Invalid(f"a code of {k} of {m} pieces is not possible")
        self.k, self.m = k, m
        self._encoder = zfec.Encoder(k, m)
        self._decoder = zfec.Decoder(k, m)
        self._parity = tuple(range(k, m))

    def parity(self, blocks: Sequence[Buffer]) -> list[bytes]:
        """
        The m - k further blocks for the k given ones, which are all of one size.
        """
        made: list[bytes] = self._encoder.encode(tuple(blocks), self._parity) if self._parity else []
        return made

    def encode(self, ciphertext: Buffer) -> list[bytes]:
        """
        Pad to k equal blocks with zeros and answer all m blocks.
        """
        size = -(-len(ciphertext) // self.k)
        padded = bytes(ciphertext).ljust(size * self.k, b"\0")
        blocks = [padded[start : start + size] for start in range(0, size * self.k, size)]
        return blocks + self.parity(blocks)

    def data_blocks(self, blocks: Mapping[int, Buffer]) -> list[Buffer]:
        """
        The k data blocks in order out of any k (or more) blocks named by their index.
        """
        chosen = sorted(blocks)[: self.k]
        if len(chosen) < self.k:
            raise Corrupt(f"{len(chosen)} of {self.k} pieces are not enough")
        if not 0 <= chosen[0] <= chosen[-1] < self.m:
            raise Invalid(f"piece {chosen[-1]} does not exist in a code of {self.m}")
        if len({len(blocks[index]) for index in chosen}) > 1:
            raise Corrupt("the blocks of one segment differ in size")
        if chosen[-1] < self.k:
            return [blocks[index] for index in chosen]
        decoded: list[Buffer] = self._decoder.decode(tuple(blocks[index] for index in chosen), tuple(chosen))
        return decoded

    def decode(self, blocks: Mapping[int, Buffer], length: int) -> bytes:
        """
        The first `length` bytes of what was encoded.
        """
        return b"".join(self.data_blocks(blocks))[:length]

    def rebuild(self, blocks: Mapping[int, Buffer], indexes: Sequence[int]) -> list[bytes]:
        """
        Blocks that were lost, from any k that are left.
        """
        data = self.data_blocks(blocks)
        wanted: list[Buffer] = self._encoder.encode(tuple(data), tuple(indexes)) if indexes else []
        return [bytes(block) for block in wanted]
