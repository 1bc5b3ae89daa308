"""
What happens to a catalog, as operations that can be told to other devices of the same identity. See docs/storage.md.

Operations commute: whoever has applied the same ones, in whatever order, has the same tree.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from bitdust_node.errors import Invalid

#: Versions that one `Drop` or `Move` may name.
DROP_LIMIT = 1000
#: Entries that one `Pack` may have.
ENTRIES_LIMIT = 1000

#: Parents that one `Numbers` may name.
NUMBERS_LIMIT = 1000

LOG_BYTES = 5

Log = Annotated[bytes, Meta(min_length=LOG_BYTES, max_length=LOG_BYTES)]
Clock = Annotated[int, Meta(ge=0, lt=1 << 62)]
Alias = Annotated[str, Meta(min_length=1, max_length=100)]
Path = Annotated[str, Meta(min_length=1, max_length=4096)]
PathId = Annotated[str, Meta(max_length=1400)]
Kind = Literal["file", "dir"]
VersionId = Annotated[bytes, Meta(min_length=16, max_length=16)]
Number = Annotated[int, Meta(ge=0, le=1_000_000_000)]
Size = Annotated[int, Meta(ge=0, le=1 << 60)]
#: Unix seconds, to the end of the year 9999. No infinite ones, and none that is no number: a writer of a share could
#: stop all others from reading on.
Created = Annotated[float, Meta(ge=0, le=253_402_300_799)]


class Stamp(msgspec.Struct, frozen=True, array_like=True, order=True):
    """
    When: clock is milliseconds since 1970, or one more than the highest that the device has seen; log decides between
    equal ones.
    """

    clock: Clock
    log: Log


class Held(msgspec.Struct, frozen=True, array_like=True):
    """
    Piece `number` was sent to this node; stored: which has acknowledged it.
    """

    number: Annotated[int, Meta(ge=0, le=255)]
    node_id: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
    idurl: Annotated[str, Meta(max_length=1024)]
    stored: bool


class Put(msgspec.Struct, frozen=True, array_like=True, tag="p"):
    """
    An item was made, or made a file or folder. path_id: its numeric path where it was made.
    """

    stamp: Stamp
    alias: Alias
    path: Path
    path_id: PathId
    kind: Kind
    created: Created


class Remove(msgspec.Struct, frozen=True, array_like=True, tag="r"):
    """
    An item and all below it were deleted, as far as they are older than this. Their versions are in `Drop`s: what the
    writer did not know of stays.
    """

    stamp: Stamp
    alias: Alias
    path: Path


class Store(msgspec.Struct, frozen=True, array_like=True, tag="s"):
    """
    A version is stored, with these holders; a later one tells of other holders.

    kind: `file` or `folder`. size: bytes of plaintext. piece: bytes of each piece. packed: its bytes are in a pack, and
    who holds that is told with the pack.
    """

    stamp: Stamp
    alias: Alias
    path: Path
    path_id: PathId
    version: VersionId
    name: Annotated[str, Meta(pattern=r"^F\d{14}(AM|PM)\d{0,9}$")]
    created: Created
    kind: Literal["file", "folder"]
    size: Size
    k: Annotated[int, Meta(ge=1, le=256)]
    m: Annotated[int, Meta(ge=1, le=256)]
    piece: Size
    holders: Annotated[list[Held], Meta(max_length=256)]
    packed: bool = False


class Listed(msgspec.Struct, frozen=True, array_like=True):
    """
    The bytes of a version are in a pack, `length` of them from byte `start` on.
    """

    entry: VersionId
    start: Size
    length: Size


class Pack(msgspec.Struct, frozen=True, array_like=True, tag="k"):
    """
    A version of no item that keeps the bytes of others is stored, with these holders; a later one tells of other
    holders. Which entries a pack has never changes: those that were dropped need not be named again.
    """

    stamp: Stamp
    version: VersionId
    created: Created
    size: Size
    k: Annotated[int, Meta(ge=1, le=256)]
    m: Annotated[int, Meta(ge=1, le=256)]
    piece: Size
    holders: Annotated[list[Held], Meta(max_length=256)]
    entries: Annotated[list[Listed], Meta(max_length=ENTRIES_LIMIT)]


class Drop(msgspec.Struct, frozen=True, array_like=True, tag="d"):
    """
    Versions or packs were deleted, for ever. day: when, in days since 1970, if it is told again; else 0.
    """

    versions: Annotated[list[VersionId], Meta(max_length=DROP_LIMIT)]
    day: Annotated[int, Meta(ge=0, lt=1 << 31)] = 0


class Move(msgspec.Struct, frozen=True, array_like=True, tag="m"):
    """
    Versions are in this item from now on, as it or a folder above it was renamed. path_id: its numeric path there.
    """

    stamp: Stamp
    alias: Alias
    path: Path
    path_id: PathId
    versions: Annotated[list[VersionId], Meta(max_length=DROP_LIMIT)]


class Numbers(msgspec.Struct, frozen=True, array_like=True, tag="n"):
    """
    Below the item of each numeric path (empty: the top) all numbers before this one were given: deleted items keep
    theirs.
    """

    alias: Alias
    numbers: Annotated[
        list[tuple[PathId, Annotated[int, Meta(ge=0, le=1_000_000_000)]]], Meta(max_length=NUMBERS_LIMIT)
    ]


Operation = Put | Remove | Store | Pack | Drop | Move | Numbers

_decoder: msgspec.msgpack.Decoder[Operation] = msgspec.msgpack.Decoder(Operation)


def pack(operation: Operation) -> bytes:
    return msgspec.msgpack.encode(operation)


def unpack(data: bytes) -> Operation:
    """
    One operation; `Invalid` for anything else.
    """
    try:
        operation = _decoder.decode(data)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise Invalid(f"not an operation of a catalog: {str(error)[:200]}") from None
    if not isinstance(operation, Drop | Pack | Numbers):
        _check_path(operation.path)
    return operation


def _check_path(path: str) -> None:
    names = path.split("/")
    if len(names) > 128 or "\0" in path or any(name in ("", ".", "..") for name in names):
        raise Invalid("an operation of a catalog names a path that can not be")
