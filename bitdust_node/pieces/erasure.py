"""
The erasure code: k blocks become m, and any k of them bring the rest back.

Reed-Solomon over GF(2^8) by zfec (L. Rizzo, "Effective erasure codes", 1997). The first k blocks are the data itself.
It has no integrity of its own: a wrong block gives wrong data, which the seal and the hash tree find.

zfec says what is multiplied with what; ISA-L multiplies where there is one (`isal`), else zfec does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache, partial
from typing import Any

import zfec

from bitdust_node.errors import Corrupt, Invalid
from bitdust_node.pieces import isal
from bitdust_node.pieces.blocks import Buffer

#: Matrices of one code that are kept ready: each set of pieces that is there has its own.
MATRICES = 64


class Code:
    """
    The code for one k and m. Safe to use from several threads at once.

    library: ISA-L, or None to do without.
    """

    def __init__(self, k: int, m: int, library: Any | None = None) -> None:
        if not 1 <= k <= m <= 256:
            raise Invalid(f"a code of {k} of {m} pieces is not possible")
        self.k, self.m = k, m
        self._library = library
        self._zfec = _Zfec(k, m)
        # nothing of it leads back here, so that all of it is gone with its last user
        self._matrix = lru_cache(MATRICES)(partial(_matrix, library, self._zfec))

    def make(self, blocks: Mapping[int, Buffer], places: Mapping[int, memoryview]) -> None:
        """
        Make blocks, named by their index, each in its place, out of any k (or more) others. `Corrupt` when those are
        too few, or not all of one size.
        """
        given = tuple(sorted(blocks)[: self.k])
        if len(given) < self.k:
            raise Corrupt(f"{len(given)} of {self.k} pieces are not enough")
        for index in (*given, *places):
            if not 0 <= index < self.m:
                raise Invalid(f"piece {index} does not exist in a code of {self.m}")
        chosen = [blocks[index] for index in given]
        if len({*map(len, chosen), *map(len, places.values())}) > 1:
            raise Corrupt("the blocks of one segment differ in size")
        if not places or not chosen[0]:
            return
        if self._library is not None:
            self._matrix(given, tuple(places)).multiply(chosen, list(places.values()))
            return
        for place, made in zip(places.values(), self._zfec.make(chosen, given, tuple(places)), strict=True):
            place[:] = made


class _Zfec:
    """What zfec makes of blocks by itself."""

    def __init__(self, k: int, m: int) -> None:
        self.k = k
        self._encoder = zfec.Encoder(k, m)
        self._decoder = zfec.Decoder(k, m)

    def make(self, blocks: Sequence[Buffer], given: tuple[int, ...], wanted: tuple[int, ...]) -> list[bytes]:
        data = blocks if given[-1] < self.k else self._decoder.decode(tuple(blocks), given)
        made: list[bytes] = self._encoder.encode(tuple(data), wanted)
        return made


def _matrix(library: Any, code: _Zfec, given: tuple[int, ...], wanted: tuple[int, ...]) -> isal.Matrix:
    # what becomes of 1, 0, 0 ... and 0, 1, 0 ... is what the others are multiplied with
    ones = [bytes(row == column for column in range(code.k)) for row in range(code.k)]
    return isal.Matrix(library, code.make(ones, given, wanted))
