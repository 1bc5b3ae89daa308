"""
Products of matrices over GF(2^8) with blocks, by ISA-L, where this machine has it: some twenty times as fast as zfec.

The library counts in the field that zfec counts in (x^8 + x^4 + x^3 + x^2 + 1, 0x11d), so the bytes are the same
whichever of the two made them. Source: Intel, "Intelligent Storage Acceleration Library", `erasure_code.h`. The wheel
of `pyeclib` carries it; else it is the one of the system (`libisal2` of Debian).
"""

from __future__ import annotations

import ctypes
import ctypes.util
from collections.abc import Iterator, Sequence
from functools import cache
from importlib import metadata
from typing import Any

from bitdust_node.pieces.blocks import Buffer

#: Bytes that `ec_init_tables` makes of each coefficient.
TABLE_BYTES = 32


class Matrix:
    """
    One matrix, ready to be multiplied with. Safe to use from several threads at once.

    rows: for each block that is made, the coefficients of those that it is made of.
    """

    def __init__(self, library: Any, rows: Sequence[bytes]) -> None:
        self._library = library
        self._made, self._given = len(rows), len(rows[0])
        self._tables = ctypes.create_string_buffer(TABLE_BYTES * self._made * self._given)
        library.ec_init_tables(self._given, self._made, b"".join(rows), self._tables)

    def multiply(self, blocks: Sequence[Buffer], places: Sequence[memoryview]) -> None:
        """
        Make as many blocks as there are rows, each in its place, out of as many as there are columns. All are of one
        size, which is the caller's to see to: this writes where it is told to. TypeError for a place that can not be
        written to.
        """
        # seen from here on, so that nobody moves them
        seen, made = [*map(_seen, blocks)], [*map(ctypes.c_char.from_buffer, places)]
        sources = (ctypes.c_void_p * self._given)(*map(ctypes.addressof, seen))
        targets = (ctypes.c_void_p * self._made)(*map(ctypes.addressof, made))
        self._library.ec_encode_data(len(places[0]), self._given, self._made, self._tables, sources, targets)


@cache
def library() -> Any | None:
    """
    ISA-L, or None where there is none.
    """
    # the one thing that the modules keep: a process has a shared library once, however many nodes are in it
    for name in _names():
        try:
            found = ctypes.CDLL(name)
            found.ec_init_tables.restype = found.ec_encode_data.restype = None
        except (OSError, AttributeError):
            # of another machine, or something else of that name
            continue
        return found
    return None


def _names() -> Iterator[str]:
    try:
        files = metadata.files("pyeclib") or []
    except metadata.PackageNotFoundError:
        files = []
    yield from (str(file.locate()) for file in files if file.name.startswith("libisal"))
    system = ctypes.util.find_library("isal")
    if system:
        yield system


def _seen(block: Buffer) -> Any:
    """The first byte of a block to be read as C sees it; the others are behind it."""
    try:
        return ctypes.c_char.from_buffer(block)
    except TypeError:
        # not ours to write into
        return ctypes.c_char.from_buffer(bytearray(block))
