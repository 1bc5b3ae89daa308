"""
A version that is opened to be read: its manifest, checked, and the key that is in it.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from bitdust_node.errors import BitDustError, Corrupt, Unavailable
from bitdust_node.pieces.batch import SegmentDecoder
from bitdust_node.pieces.manifest import Manifest
from bitdust_node.pieces.seal import Sealer
from bitdust_node.pieces.signet import Signet
from services.catalog.schema import Piece, Version
from services.data_motion import Holder
from services.transfer.means import Means, Meta

_META = msgspec.msgpack.Decoder(Meta)


class Opened:
    """
    A manifest that was checked and opened: all that is needed to read the version. Making one is heavy.
    """

    def __init__(self, packed: bytes, version: bytes, signet: Signet) -> None:
        self.manifest: Manifest = signet.check(packed)
        if self.manifest.version != version:
            raise Corrupt("the manifest belongs to another version")
        secret = signet.unwrap(self.manifest)
        try:
            self.meta = _META.decode(Sealer(secret, version).unseal_meta(self.manifest.sealed_meta))
        except (msgspec.MsgspecError, ValueError, RecursionError) as error:
            raise Corrupt(f"the description of the version can not be read: {error}") from None
        self.decoder = SegmentDecoder(secret, version, self.manifest.k, self.manifest.m, self.manifest.length)


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
