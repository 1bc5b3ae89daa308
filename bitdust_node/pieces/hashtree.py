"""
The hash tree over the blocks of a piece: its root stands in the manifest, its leaves tell which block is wrong.

The tree is that of RFC 6962, section 2.1: a leaf is SHA-256 over 0x00 and the block, an inner node SHA-256 over 0x01
and its two children, and the left side of a node is the largest power of two that leaves something for the right.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import TYPE_CHECKING

from bitdust_node.errors import Corrupt
from bitdust_node.pieces.blocks import Blocks

if TYPE_CHECKING:
    import hashlib

HASH_BYTES = 32

Buffer = bytes | bytearray | memoryview

_LEAF = sha256(b"\x00")
_NODE = sha256(b"\x01")


def new_leaf() -> hashlib._Hash:
    """
    The hash of one block before the first of its bytes, for blocks that come in parts.
    """
    return _LEAF.copy()


def leaf(block: Buffer) -> bytes:
    """
    The hash of one block.
    """
    digest = new_leaf()
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
        level = _above(level)
    return level[0]


def _above(level: list[bytes]) -> list[bytes]:
    odd = level[-1:] if len(level) % 2 else []
    return [_pair(left, right) for left, right in zip(level[::2], level[1::2], strict=False)] + odd


def path(leaves: Iterable[bytes], at: int) -> list[bytes]:
    """
    The hashes beside the way from leaf number `at` up to the root, lowest first: with them the root can be computed
    from that leaf alone.
    """
    level, found = list(leaves), []
    while len(level) > 1:
        if at ^ 1 < len(level):
            found.append(level[at ^ 1])
        level, at = _above(level), at // 2
    return found


def path_length(at: int, count: int) -> int:
    """
    How many hashes `path` has for leaf `at` of `count`.
    """
    length = 0
    while count > 1:
        length += at ^ 1 < count
        at, count = at // 2, (count + 1) // 2
    return length


def check_path(block: Buffer, at: int, count: int, beside: Sequence[bytes], expected: bytes) -> None:
    """
    `Corrupt` when this is not block number `at` of the `count` blocks under a root.
    """
    found, number, rest = leaf(block), at, list(reversed(beside))
    while count > 1:
        if at ^ 1 < count:
            if not rest:
                raise Corrupt(f"the way from block {number} to the root is too short")
            other = rest.pop()
            found = _pair(other, found) if at & 1 else _pair(found, other)
        at, count = at // 2, (count + 1) // 2
    if rest or found != expected:
        raise Corrupt(f"block {number} does not match the root of its piece")


def check_leaves(leaves: Sequence[bytes], expected: bytes) -> None:
    """
    `Corrupt` when these are not the leaves under a root.
    """
    if root(leaves) != expected:
        raise Corrupt("the hashes of the piece do not match its manifest")


def check_blocks(chunks: Iterable[Buffer], block: int, leaves: Sequence[bytes], first: int = 0) -> None:
    """
    `Corrupt` naming the first block that does not match its leaf. The chunks, of any sizes, begin with block number
    `first`.
    """
    blocks, number = Blocks(chunks), first
    while parts := blocks.next(block):
        digest = new_leaf()
        for part in parts:
            digest.update(part)
        if number >= len(leaves) or digest.digest() != leaves[number]:
            raise Corrupt(f"block {number} does not match its hash")
        number += 1
