"""
What a customer and a supplier say to each other. `docs/storage.md` has the exchanges in order.

The customer is always the authenticated peer; no field of a question names an owner. What belongs to a share is asked
for with its `circle`: the supplier looks in its roster what the peer may do there.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from bitdust_node.membership.roster import Circle
from bitdust_node.pieces.manifest import MANIFEST_LIMIT
from bitdust_node.wire.command import Command, Nothing

#: Versions that one question may name, and entries that one answer may bring.
VERSIONS_LIMIT = 1000
LIST_LIMIT = 500
#: Blocks that one audit may ask for.
AUDIT_LIMIT = 8

Version = Annotated[bytes, Meta(min_length=16, max_length=16)]
Index = Annotated[int, Meta(ge=0, le=255)]
#: The most bytes that a message can speak of.
BYTES_LIMIT = 1 << 60
Bytes = Annotated[int, Meta(ge=0, le=BYTES_LIMIT)]
Blocks = Annotated[int, Meta(ge=0, le=1 << 40)]
Time = Annotated[int, Meta(ge=0, le=1 << 40)]


class LeaseQuestion(msgspec.Struct, frozen=True, array_like=True):
    """needed: bytes. position: of this supplier among the customer's, from 0. suppliers: how many there are."""

    needed: Bytes
    position: Annotated[int, Meta(ge=0, le=255)]
    suppliers: Annotated[int, Meta(ge=1, le=256)]


class LeaseAnswer(msgspec.Struct, frozen=True, array_like=True):
    """granted: bytes in total, all that this customer may fill. expires: unix seconds, moved on by any contact."""

    granted: Bytes
    expires: Time


class LeaseState(msgspec.Struct, frozen=True, array_like=True):
    """granted, used: bytes; granted is 0 when there is no lease in force."""

    granted: Bytes
    used: Bytes
    expires: Time


class PieceName(msgspec.Struct, frozen=True, array_like=True):
    """One piece of the peer: piece `index` of `version`."""

    version: Version
    index: Index
    circle: Circle | None = None


class PieceCommit(msgspec.Struct, frozen=True, array_like=True):
    """The piece whose stream was sent before is whole; `manifest` is packed and signed."""

    version: Version
    index: Index
    manifest: Annotated[bytes, Meta(max_length=MANIFEST_LIMIT)]
    circle: Circle | None = None


class PieceStored(msgspec.Struct, frozen=True, array_like=True):
    """The piece is on disk and will survive a crash."""

    root: bytes
    size: int


class PieceGet(msgspec.Struct, frozen=True, array_like=True):
    """Blocks `first` .. `first + count` (count -1: to the end), behind the leaves of the whole piece if asked for."""

    version: Version
    index: Index
    first: Blocks = 0
    count: Annotated[int, Meta(ge=-1, le=1 << 40)] = -1
    leaves: bool = False
    circle: Circle | None = None


class PieceAudit(msgspec.Struct, frozen=True, array_like=True):
    """
    Prove that these blocks of a piece are there: for each comes the way from its hash to the root, and the block.
    """

    version: Version
    index: Index
    blocks: Annotated[list[Blocks], Meta(min_length=1, max_length=AUDIT_LIMIT)]
    circle: Circle | None = None


class PieceDelete(msgspec.Struct, frozen=True, array_like=True):
    """All pieces and the manifest of each version."""

    versions: Annotated[list[Version], Meta(max_length=VERSIONS_LIMIT)]
    circle: Circle | None = None


class PieceDeleted(msgspec.Struct, frozen=True, array_like=True):
    """deleted: pieces. freed: bytes. Versions that are not here are not counted and no error."""

    deleted: int
    freed: int


class PieceListQuestion(msgspec.Struct, frozen=True, array_like=True):
    """after: `cursor` of the last item of the answer before, empty at the start."""

    after: Annotated[bytes, Meta(max_length=18)] = b""
    limit: Annotated[int, Meta(ge=1, le=LIST_LIMIT)] = LIST_LIMIT
    circle: Circle | None = None


class PieceItem(msgspec.Struct, frozen=True, array_like=True):
    """One piece that is kept for the peer."""

    version: Version
    index: Index
    size: Bytes
    root: Annotated[bytes, Meta(min_length=32, max_length=32)]

    @property
    def cursor(self) -> bytes:
        return self.version + self.index.to_bytes(2, "big")


class PieceListAnswer(msgspec.Struct, frozen=True, array_like=True):
    """In the order of version and index; fewer than asked for: the end."""

    pieces: list[PieceItem]


class VersionName(msgspec.Struct, frozen=True, array_like=True):
    """One version of the peer."""

    version: Version
    circle: Circle | None = None


class ManifestAnswer(msgspec.Struct, frozen=True, array_like=True):
    """The packed, signed manifest as it was committed."""

    manifest: bytes


class ManifestListQuestion(msgspec.Struct, frozen=True, array_like=True):
    """after: the last version of the answer before, empty at the start."""

    after: Annotated[bytes, Meta(max_length=16)] = b""
    limit: Annotated[int, Meta(ge=1, le=VERSIONS_LIMIT)] = VERSIONS_LIMIT
    circle: Circle | None = None


class ManifestListAnswer(msgspec.Struct, frozen=True, array_like=True):
    """In order; fewer than asked for: the end."""

    versions: list[bytes]


class BadPiece(msgspec.Struct, frozen=True, array_like=True):
    """A piece that the supplier keeps for the peer is not what it was."""

    version: Version
    index: Index


class PieceBad(msgspec.Struct, frozen=True, array_like=True):
    """From the supplier to its customer; the answer says that he knows."""

    pieces: Annotated[list[BadPiece], Meta(max_length=LIST_LIMIT)]


class LeaseNotice(msgspec.Struct, frozen=True, array_like=True):
    """From the supplier to its customer: the lease lapses at `expires` (unix seconds) unless he is heard of."""

    granted: Bytes
    expires: Time


LEASE_REQUEST = Command("lease.request", LeaseQuestion, LeaseAnswer)
LEASE_CANCEL = Command("lease.cancel", Nothing, Nothing)
LEASE_INFO = Command("lease.info", Nothing, LeaseState)
PIECE_PUT = Command("piece.put", PieceName, Nothing, stream=True)
PIECE_COMMIT = Command("piece.commit", PieceCommit, PieceStored, limit=MANIFEST_LIMIT + 1024)
PIECE_GET = Command("piece.get", PieceGet, Nothing, stream=True)
PIECE_AUDIT = Command("piece.audit", PieceAudit, Nothing, stream=True)
PIECE_DELETE = Command("piece.delete", PieceDelete, PieceDeleted, limit=32 * VERSIONS_LIMIT)
PIECE_LIST = Command("piece.list", PieceListQuestion, PieceListAnswer)
MANIFEST_GET = Command("manifest.get", VersionName, ManifestAnswer)
MANIFEST_LIST = Command("manifest.list", ManifestListQuestion, ManifestListAnswer)
#: From the supplier to its customer: the lease is over and nothing is kept any more.
LEASE_ENDED = Command("lease.ended", Nothing, Nothing)
LEASE_NOTICE = Command("lease.notice", LeaseNotice, Nothing)
PIECE_BAD = Command("piece.bad", PieceBad, Nothing)
