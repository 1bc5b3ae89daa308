"""
A file that is in a pack, read without the rest of it.
"""

from __future__ import annotations

from bitdust_node.errors import BitDustError
from services.catalog.schema import Version
from services.transfer.means import Means
from services.transfer.pack import Head, read_entry
from services.transfer.range import read_range

#: How often a pack may be written anew while one of its files is read.
TRIES = 3


async def fetch_entry(means: Means, version: Version) -> tuple[Head, bytes]:
    """
    Head and content of a packed version. `NotFound` when its pack is not known; raises what `read_range` raises.
    """
    for left in reversed(range(TRIES)):
        pack, place = await means.catalog.packs.find(version.id)
        try:
            packed = await read_range(means, pack, place.start, place.length)
        except BitDustError:
            if not left or (await means.catalog.packs.find(version.id))[0].id == pack.id:
                raise
        else:
            break
    head, content = read_entry(packed, version.id)
    return head, bytes(content)
