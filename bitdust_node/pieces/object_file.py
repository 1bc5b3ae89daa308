"""
The file in which a supplier keeps one piece: the blocks, their leaves, and a footer that says what it is.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from hashlib import sha256

from bitdust_node.errors import Corrupt
from bitdust_node.identity.names import NodeId
from bitdust_node.pieces.hashtree import HASH_BYTES, Buffer, new_leaf, root

_NAME = struct.Struct(">16sH32s16sH")
_FOOTER = struct.Struct(">8s32s16sHIQQ32s8x32s")
_MAGIC = b"BDPIECE1"
FOOTER_BYTES = _FOOTER.size


def object_name(owner: NodeId, version: bytes, index: int) -> str:
    """
    64 hex digits that stand for one piece of one customer; made by hashing, so that no foreign text becomes a path.
    """
    return sha256(_NAME.pack(b"bitdust.object.1", 50, bytes.fromhex(owner), version, index)).hexdigest()


@dataclass(frozen=True)
class Footer:
    """
    owner, version, index: whose piece it is. block: bytes of all blocks but the last. size: bytes of all blocks.
    count: how many there are. root: over their leaves.
    """

    owner: NodeId
    version: bytes
    index: int
    block: int
    size: int
    count: int
    root: bytes

    @property
    def leaves_bytes(self) -> int:
        return self.count * HASH_BYTES

    def pack(self, leaves: bytes) -> bytes:
        """
        The leaves and the footer as they stand in the file.
        """
        fields = (_MAGIC, bytes.fromhex(self.owner), self.version, self.index, self.block, self.size, self.count)
        head = _FOOTER.pack(*fields, self.root, b"")[:-HASH_BYTES]
        return leaves + head + sha256(leaves + head).digest()

    @classmethod
    def parse(cls, data: bytes, file_size: int) -> Footer:
        """
        Read the last `FOOTER_BYTES` of a file of `file_size` bytes; `check` compares the leaves.
        """
        if len(data) != FOOTER_BYTES or data[: len(_MAGIC)] != _MAGIC:
            raise Corrupt("the file is not a piece, or was cut off")
        _, owner, version, index, block, size, count, top, _ = _FOOTER.unpack(data)
        made = cls(NodeId(owner.hex()), version, index, block, size, count, top)
        if size + made.leaves_bytes + FOOTER_BYTES != file_size:
            raise Corrupt("the size of the file does not match its footer")
        return made

    def check(self, leaves: bytes, data: bytes) -> None:
        """
        `Corrupt` when leaves or footer have changed on the disk. `data`: what `parse` has read.
        """
        head, checksum = data[:-HASH_BYTES], data[-HASH_BYTES:]
        if sha256(leaves + head).digest() != checksum:
            raise Corrupt("the hashes of the piece have changed on the disk")


def small_object(owner: NodeId, version: bytes, index: int, block: int, data: bytes) -> tuple[Footer, bytes]:
    """
    The whole object of a piece that is at hand.
    """
    hasher = LeafHasher(block)
    hasher.update(data)
    leaves, count, top = hasher.finish()
    footer = Footer(owner, version, index, block, len(data), count, top)
    return footer, data + footer.pack(leaves)


def open_object(data: bytes) -> tuple[bytes, bytes]:
    """
    Leaves and blocks of a whole object; `Corrupt` when leaves or footer have changed.
    """
    tail = data[-FOOTER_BYTES:]
    footer = Footer.parse(tail, len(data))
    leaves = data[footer.size : -FOOTER_BYTES]
    footer.check(leaves, tail)
    return leaves, data[: footer.size]


class LeafHasher:
    """
    The leaves of a piece that arrives in chunks of any size.
    """

    def __init__(self, block: int) -> None:
        self._block = block
        self._leaves = bytearray()
        # of the block that is not whole yet: its hash so far, and the bytes that it still lacks
        self._open = new_leaf()
        self._lacks = block
        self.size = 0

    def update(self, data: Buffer) -> None:
        self.size += len(data)
        view = memoryview(data)
        while len(view) >= self._lacks:
            self._open.update(view[: self._lacks])
            self._leaves += self._open.digest()
            view = view[self._lacks :]
            self._open, self._lacks = new_leaf(), self._block
        if view:
            self._open.update(view)
            self._lacks -= len(view)

    def finish(self) -> tuple[bytes, int, bytes]:
        """
        All leaves one after the other, how many, and the root over them.
        """
        if self._lacks < self._block:
            self._leaves += self._open.digest()
            self._open, self._lacks = new_leaf(), self._block
        leaves = bytes(self._leaves)
        split = [leaves[at : at + HASH_BYTES] for at in range(0, len(leaves), HASH_BYTES)]
        return leaves, len(split), root(split)
