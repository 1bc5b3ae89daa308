"""
Where a version is: the pieces that are worth asking for, and its manifest, opened.
"""

from __future__ import annotations

from collections.abc import Sequence

from bitdust_node.errors import BitDustError, Unavailable
from services.catalog.schema import Piece, Version
from services.data_motion import Holder
from services.transfer.means import Means
from services.transfer.opened import Opened


async def open_version(means: Means, version: Version, pieces: Sequence[Piece]) -> Opened:
    """
    A version ready to be read; `Unavailable` when nobody has its manifest, `Corrupt` when that is not what the owner
    has signed.
    """
    opened = means.opened.find(version.id)
    if opened is None:
        packed = await packed_manifest(means, version, pieces)
        opened = await means.workers.run(Opened, packed, version, means.signet)
        means.opened.keep(opened)
    return opened


async def pieces_of(means: Means, version: Version) -> list[Piece]:
    """
    The pieces of a version that are worth asking for.
    """
    held = (await means.catalog.pieces([version.id]))[version.id]
    return sources(held, version.k, ("stored", "leaving", "sent"))


def sources(held: Sequence[Piece], k: int, states: Sequence[str] = ("stored", "leaving")) -> list[Piece]:
    """
    The pieces in one of these states. If they are fewer than k, all: nothing is given up for a mark, as who was found
    without a piece may only have been without his disk for a while, and what is read is checked.
    """
    chosen = [piece for piece in held if piece.state in states]
    return chosen if len(chosen) >= k else list(held)


async def packed_manifest(means: Means, version: Version, pieces: Sequence[Piece]) -> bytes:
    """
    The manifest out of the catalog, else from the first holder that has it; `Unavailable` if none can be asked.
    """
    if version.manifest:
        return version.manifest
    errors = []
    for piece in pieces:
        link = means.customer.link_of(piece.node_id)
        if link is None:
            continue
        try:
            return await means.motion.manifest(Holder(link.node_id, piece.idurl), version.id)
        except BitDustError as error:
            errors.append(f"{piece.idurl}: {error}")
    raise Unavailable(f"no supplier has the manifest ({'; '.join(errors) or 'none is known'})")
