"""
The roster of a share or group: all its members, signed by its owner or by an admin.

Each roster names the digest of the one before, so that together they are a log of who came and went. What one says is
complete: to decide who may do what, the newest is enough. `docs/groups.md` has the fields.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from hashlib import sha256
from typing import Annotated

import msgspec
from msgspec import Meta

from bitdust_node.errors import Conflict, Corrupt, Full, Invalid, NotFound, Refused
from bitdust_node.identity.names import NodeId
from bitdust_node.keys.canonical import canonical
from bitdust_node.keys.rsa import PrivateKey, PublicKey

DOMAIN = "bitdust.roster.1"
#: Bytes of a packed roster: it travels in one message.
ROSTER_LIMIT = 60 * 1024
MEMBERS_LIMIT = 200
DIGEST_BYTES = 32
NO_DIGEST = bytes(DIGEST_BYTES)

Node = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
Alias = Annotated[str, Meta(pattern="^(share|group)_[0-9a-f]{32}$")]
Digest = Annotated[bytes, Meta(min_length=DIGEST_BYTES, max_length=DIGEST_BYTES)]
Number = Annotated[int, Meta(ge=1, lt=1 << 40)]
Time = Annotated[int, Meta(ge=0, le=1 << 40)]


class Role(StrEnum):
    """
    What a member may do: read; write too; change the roster too (but not what concerns admins and the owner).
    """

    READER = "reader"
    WRITER = "writer"
    ADMIN = "admin"

    @property
    def writes(self) -> bool:
        return self is not Role.READER


class Circle(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """
    The name of a share or group that nobody can give to another one: the owner's node id and the alias of its key.
    """

    owner: Node
    alias: Alias

    @classmethod
    def of(cls, owner: str, alias: str) -> Circle:
        """
        Raises `Invalid` for what names no share or group.
        """
        try:
            return msgspec.convert([owner, alias], cls)
        except msgspec.ValidationError:
            raise Invalid(f"{alias[:60]!r} is not the alias of a share or group") from None

    @property
    def canonical(self) -> bytes:
        """
        The same as bytes, to which all that is sealed or signed in the circle is bound.
        """
        return canonical("bitdust.circle.1", self.owner, self.alias)


class Member(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """
    idurl: where its identity is found. since: unix seconds. key: the secret of the epoch, wrapped for this member.
    """

    node_id: Node
    idurl: Annotated[str, Meta(max_length=400)]
    role: Role
    since: Time
    key: Annotated[bytes, Meta(max_length=512)]


class Roster(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """
    number: from 1, one more each time. previous: digest of the roster before, zeros for the first. epoch: from 1; a new
    one begins when somebody is removed. author: node id of who signs. created: unix seconds. past: the secrets of the
    epochs before, sealed under that of this one; empty if members are not to read what was before them.
    """

    format: Annotated[int, Meta(ge=1, le=1)]
    circle: Circle
    number: Number
    previous: Digest
    epoch: Number
    author: Node
    created: Time
    members: Annotated[list[Member], Meta(min_length=1, max_length=MEMBERS_LIMIT)]
    past: Annotated[bytes, Meta(max_length=20 * 1024)]

    def member(self, node_id: str) -> Member | None:
        """
        The entry of a node, or None.
        """
        return next((member for member in self.members if member.node_id == node_id), None)

    def role(self, node_id: str) -> Role:
        """
        What a node may do here; raises `NotFound` for who is no member, as for a circle that does not exist.
        """
        member = self.member(node_id)
        if member is None:
            raise NotFound("there is no such share or group")
        return member.role

    def sign(self, key: PrivateKey) -> SignedRoster:
        """
        Heavy: run it in a worker. Raises `Full` if there are too many members for one roster.
        """
        body = msgspec.msgpack.encode(self)
        signed = SignedRoster(self, body, key.sign(DOMAIN, body))
        if len(signed.packed) > ROSTER_LIMIT:
            raise Full(f"{len(self.members)} members are too many for one share or group")
        return signed


class _Packed(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    body: bytes
    signature: Annotated[bytes, Meta(max_length=1024)]


@dataclass(frozen=True)
class SignedRoster:
    """
    A roster as it came: what it says, and the bytes that were signed.
    """

    roster: Roster
    body: bytes
    signature: bytes

    @classmethod
    def parse(cls, packed: bytes) -> SignedRoster:
        """
        Read a roster without checking who signed it. Raises `Invalid`.
        """
        if len(packed) > ROSTER_LIMIT:
            raise Invalid(f"a roster has at most {ROSTER_LIMIT} bytes, this one {len(packed)}")
        try:
            outer = msgspec.msgpack.decode(packed, type=_Packed)
            roster = msgspec.msgpack.decode(outer.body, type=Roster)
        except (msgspec.MsgspecError, ValueError, RecursionError) as error:
            raise Invalid(f"this is not a roster: {error}") from None
        _check_members(roster)
        return cls(roster, outer.body, outer.signature)

    @cached_property
    def packed(self) -> bytes:
        return msgspec.msgpack.encode(_Packed(self.body, self.signature))

    @cached_property
    def digest(self) -> bytes:
        return sha256(self.body).digest()

    def verify(self, author: PublicKey) -> None:
        """
        Raises `Corrupt` unless `author` is the key of the author and has signed it. About 30 us.
        """
        if author.node_id != self.roster.author:
            raise Corrupt("the roster names another author")
        author.verify(DOMAIN, self.body, self.signature)


def check_next(new: SignedRoster, known: SignedRoster | None) -> None:
    """
    May this roster take the place of the one that is known? Its signature was checked before.

    The owner may always write a newer one. An admin of the roster before may write the next one, if it leaves admins
    and the owner as they are. Of two with the same number all choose the same one (see `prevails`).

    Raises `Conflict` for an older one, or for an admin's with a gap before it (who has the rosters between checks them
    first), `Refused` for whoever may not write it.
    """
    roster = new.roster
    if roster.author == roster.circle.owner:
        if known is not None and not prevails(new, known):
            raise Conflict(f"roster {known.roster.number} is known already")
        return
    if known is None:
        raise Conflict("the roster before is not known")
    if roster.circle != known.roster.circle:
        raise Refused("the roster is that of another share or group")
    if roster.number != known.roster.number + 1 or roster.previous != known.digest:
        raise Conflict(f"this roster does not follow roster {known.roster.number}")
    author = known.roster.member(roster.author)
    if author is None or author.role is not Role.ADMIN:
        raise Refused("only the owner and admins change the members")
    if _untouchable(roster) != _untouchable(known.roster):
        raise Refused("only the owner changes admins")
    # one that he could choose freely might be the last one that there can be
    if roster.epoch - known.roster.epoch not in (0, 1):
        raise Refused("the epoch of a roster is that of the one before, or the next one")


def prevails(one: SignedRoster, other: SignedRoster) -> bool:
    """
    Which of two rosters of one circle counts: the higher number, then the owner's, then the smaller digest.
    """
    return _rank(one) > _rank(other)


def _rank(signed: SignedRoster) -> tuple[int, bool, Sequence[int]]:
    roster = signed.roster
    return roster.number, roster.author == roster.circle.owner, [-byte for byte in signed.digest]


def _untouchable(roster: Roster) -> set[tuple[str, str]]:
    """Who is admin or owner: what admins leave alone."""
    owner = roster.circle.owner
    return {
        (member.node_id, member.role)
        for member in roster.members
        if member.role is Role.ADMIN or member.node_id == owner
    }


def _check_members(roster: Roster) -> None:
    ids = [member.node_id for member in roster.members]
    if ids != sorted(set(ids)):
        raise Invalid("this is not a roster: its members are not in order, or one is there twice")
    if (roster.number == 1) != (roster.previous == NO_DIGEST):
        raise Invalid("this is not a roster: the first one, and no other, follows none")


def members_in_order(members: Sequence[Member]) -> list[Member]:
    """
    The members as a roster lists them.
    """
    return sorted(members, key=lambda member: NodeId(member.node_id))
