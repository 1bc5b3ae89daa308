"""
How a version is cut: segments of plaintext, blocks of ciphertext, and one piece for each supplier.

A segment is the unit that is sealed and coded. Its ciphertext fills `k` blocks exactly; only the last segment of a
version may be shorter. Piece `i` is block `i` of every segment, one after the other. See `docs/storage.md`.
"""

from __future__ import annotations

from dataclasses import dataclass

from bitdust_node.errors import Invalid

#: Bytes of a block, the unit that is hashed and that can be asked for alone.
PIECE_BLOCK = 64 * 1024

#: Bytes that sealing adds to a segment (the tag of AES-GCM).
SEAL_BYTES = 16

#: Suppliers -> (k, m): any k of the m pieces bring a version back.
SCHEMES: dict[int, tuple[int, int]] = {
    2: (1, 2),
    4: (2, 4),
    7: (4, 7),
    13: (9, 13),
    18: (13, 18),
    26: (20, 26),
    64: (54, 64),
}


def ecc_map(suppliers: int) -> str:
    """
    The name that the API shows for a number of suppliers, e.g. `ecc/4x4`.
    """
    return f"ecc/{suppliers}x{suppliers}"


def suppliers_of(name: str) -> int:
    """
    The number of suppliers behind the name of a scheme; `Invalid` when there is no such scheme.
    """
    for suppliers in SCHEMES:
        if name == ecc_map(suppliers):
            return suppliers
    raise Invalid(f"unknown redundancy {name!r}, expected one of {', '.join(map(ecc_map, SCHEMES))}")


@dataclass(frozen=True)
class Layout:
    """
    The arithmetic of one version. All lengths are in bytes, `length` is that of the plaintext.
    """

    k: int
    m: int
    block: int = PIECE_BLOCK

    def __post_init__(self) -> None:
        if not 1 <= self.k <= self.m <= 256:
            raise Invalid(f"a code of {self.k} of {self.m} pieces is not possible")
        if not SEAL_BYTES < self.block <= 1024 * 1024:
            raise Invalid(f"a block of {self.block} bytes is not possible")

    @classmethod
    def of(cls, suppliers: int) -> Layout:
        """
        The layout for a number of suppliers of `SCHEMES`.
        """
        try:
            return cls(*SCHEMES[suppliers])
        except KeyError:
            raise Invalid(f"{suppliers} suppliers are not possible, expected one of {list(SCHEMES)}") from None

    @property
    def segment_bytes(self) -> int:
        """
        Plaintext of a full segment.
        """
        return self.k * self.block - SEAL_BYTES

    def segments(self, length: int) -> int:
        """
        Segments of a version; an empty one has one, so that its emptiness is sealed too.
        """
        return max(1, -(-length // self.segment_bytes))

    def segment_length(self, number: int, length: int) -> int:
        """
        Plaintext in segment `number`.
        """
        return min(self.segment_bytes, length - number * self.segment_bytes)

    def block_of_plain(self, plain: int) -> int:
        """
        Bytes of each of the k blocks that hold one segment of `plain` bytes.
        """
        return -(-(plain + SEAL_BYTES) // self.k)

    def block_of(self, number: int, length: int) -> int:
        """
        Bytes of block `number` of each piece: `self.block`, less in the last segment.
        """
        return self.block_of_plain(self.segment_length(number, length))

    def piece_bytes(self, length: int) -> int:
        """
        Bytes of each piece of a version.
        """
        full = self.segments(length) - 1
        return full * self.block + self.block_of(full, length)
