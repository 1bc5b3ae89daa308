from __future__ import annotations

import platform
import sys
import weakref
from random import Random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SkipTest, SynchronousTestCase

from bitdust_node.errors import Corrupt, Invalid
from bitdust_node.pieces.erasure import Code
from bitdust_node.pieces.isal import library
from bitdust_node.pieces.layout import SCHEMES

Scheme = tuple[int, int]


def made(code: Code, blocks: dict[int, bytes], indexes: list[int]) -> dict[int, bytes]:
    places = {index: memoryview(bytearray(len(next(iter(blocks.values()))))) for index in indexes}
    code.make(blocks, places)
    return {index: bytes(place) for index, place in places.items()}


def coded(code: Code, size: int, random: Random) -> dict[int, bytes]:
    """All blocks of a random segment."""
    data = {index: random.randbytes(size) for index in range(code.k)}
    return data | made(code, data, list(range(code.k, code.m)))


#: zfec alone, and with ISA-L where there is one.
LIBRARIES = list(dict.fromkeys([None, library()]))

schemes = st.sampled_from(sorted(SCHEMES.values()))
randoms = st.randoms(use_true_random=False)


class Coding(SynchronousTestCase):
    @given(schemes, st.sampled_from(LIBRARIES), st.integers(1, 300), randoms)
    def test_any_k_of_m_bring_the_others_back(self, scheme: Scheme, isal: Any, size: int, random: Random) -> None:
        code = Code(*scheme, isal)
        blocks = coded(code, size, random)
        kept = random.sample(range(code.m), code.k)
        lost = [index for index in range(code.m) if index not in kept]
        self.assertEqual(
            made(code, {index: blocks[index] for index in kept}, lost), {index: blocks[index] for index in lost}
        )

    @given(schemes, st.integers(1, 300), randoms)
    def test_the_bytes_are_the_same(self, scheme: Scheme, size: int, random: Random) -> None:
        seed = random.random()
        told = [coded(Code(*scheme, isal), size, Random(seed)) for isal in LIBRARIES]
        self.assertEqual(told, told[:1] * len(LIBRARIES))

    def test_too_few_or_uneven_blocks_are_refused(self) -> None:
        for isal in LIBRARIES:
            code = Code(2, 4, isal)
            blocks = coded(code, 9, Random(1))
            self.assertRaises(Corrupt, made, code, {3: blocks[3]}, [0])
            self.assertRaises(Corrupt, made, code, {0: blocks[0], 3: blocks[3][:-1]}, [1])
            self.assertRaises(Invalid, made, code, {0: blocks[0], 9: blocks[3]}, [1])
            self.assertRaises(Invalid, made, code, blocks, [4])
            self.assertRaises(Corrupt, code.make, blocks, {1: memoryview(bytearray(10))})
        self.assertRaises(Invalid, Code, 5, 4)

    def test_nothing_to_make(self) -> None:
        for isal in LIBRARIES:
            code = Code(2, 4, isal)
            self.assertEqual(made(code, {0: b"a", 1: b"b"}, []), {})
            self.assertEqual(made(code, {0: b"", 1: b""}, [2, 3]), {2: b"", 3: b""})

    def test_of_memory_that_is_not_ours(self) -> None:
        for isal in LIBRARIES:
            code = Code(2, 4, isal)
            blocks = coded(code, 70, Random(2))
            seen = {0: memoryview(bytearray(blocks[0])), 3: memoryview(blocks[3])}
            self.assertEqual(made(code, seen, [1]), {1: blocks[1]})

    def test_places_that_can_not_be_written_to_are_refused(self) -> None:
        """Else what was made would be lost, and nobody would know."""
        for isal in LIBRARIES:
            self.assertRaises(TypeError, Code(1, 2, isal).make, {0: b"data"}, {1: memoryview(bytes(4))})

    def test_a_code_is_gone_with_its_last_user(self) -> None:
        """It has matrices of some MB, and each rebuilding makes one: the next collection may be far."""
        for isal in LIBRARIES:
            code = Code(2, 4, isal)
            coded(code, 9, Random(3))
            gone = weakref.ref(code)
            del code
            self.assertIsNone(gone())

    def test_this_machine_has_the_fast_one(self) -> None:
        if not sys.platform.startswith("linux") or platform.machine() not in ("x86_64", "aarch64"):
            raise SkipTest("no wheel of it is made for this machine")
        self.assertIsNotNone(library())
