"""
Whether a version fits what its suppliers have promised, asked before the first byte is sent.
"""

from __future__ import annotations

from collections.abc import Collection

from bitdust_node.errors import Full
from bitdust_node.pieces.layout import Layout
from bitdust_node.waiting import all_of
from services.data_motion import DataMotion, Holder
from services.transfer.means import enough


async def check_room(motion: DataMotion, holders: Collection[Holder], layout: Layout, length: int) -> None:
    """
    `Full` if too few of these suppliers have room for their pieces of `length` bytes. One that does not answer may have
    it: the upload itself will show that.
    """
    needed, wanted = layout.piece_bytes(length), enough(layout.k, layout.m)
    told = await all_of([motion.room(holder) for holder in holders])
    rooms = sorted((room for room in told if isinstance(room, int)), reverse=True)
    fitting = len(told) - len(rooms) + sum(room >= needed for room in rooms)
    if fitting < wanted:
        left = ", ".join(str(room) for room in rooms)
        raise Full(
            f"too few suppliers have room for this: {needed} bytes are needed at {wanted} of them, left are {left}"
        )
