"""
The hash tree over the blocks of a piece: its root stands in the manifest, its leaves tell which block is wrong.

The tree is that of RFC 6962, section 2.1: a leaf is SHA-256 over 0x00 and the block, an inner node SHA-256 over 0x01
and its two children, and the left side of a node is the largest power of two that leaves something for the right.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import sha256

from bitdust_node.errors import Corrupt

HASH_BYTES = 32

Buffer = bytes | bytearray | memoryview

_LEAF = sha256(b"\x00")
_NODE = sha256(b"\x01")


def leaf(block: Buffer) -> bytes:
    """
    The hash of one block.
    """
    digest = _LEAF.copy()
    digest.update(block)
    return digest.digest()


def leaves_of(piece: Buffer, block: int) -> list[bytes]:
    """
    The hashes of all blocks of a piece or of a part that starts at a block; the last block may be shorter.
    """
    view = memoryview(piece)
    return [leaf(view[start : start + block]) for start in range(0, len(view), block)]


def _pair(left: bytes, right: bytes) -> bytes:
    digest = _NODE.copy()
    digest.update(left + right)
    return digest.digest()


def root(leaves: Iterable[bytes]) -> bytes:
    """
    The root over all leaves; that of nothing is SHA-256 of nothing.
    """
    level = list(leaves)
    if not level:
        return sha256().digest()
    while len(level) > 1:
        odd = level[-1:] if len(level) % 2 else []
        level = [_pair(left, right) for left, right in zip(level[::2], level[1::2], strict=False)] + odd
    return level[0]


def check_leaves(leaves: Sequence[bytes], expected: bytes) -> None:
    """
    `Corrupt` when these are not the leaves under a root.
    """
    if root(leaves) != expected:
        raise Corrupt("the hashes of the piece do not match its manifest")


def check_blocks(part: Buffer, block: int, leaves: Sequence[bytes], first: int = 0) -> None:
    """
    `Corrupt` naming the first block that does not match its leaf. `part` begins with block number `first`.
    """
    for offset, found in enumerate(leaves_of(part, block)):
        if first + offset >= len(leaves) or found != leaves[first + offset]:
            raise Corrupt(f"block {first + offset} does not match its hash")
