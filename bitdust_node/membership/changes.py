"""
The next roster: somebody comes, goes, or gets another role.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from bitdust_node.errors import Conflict, Full, Invalid, NotFound
from bitdust_node.identity.document import Document
from bitdust_node.identity.names import NodeId
from bitdust_node.keys.rsa import PublicKey
from bitdust_node.membership.epochs import new_secret, seal_past, wrap
from bitdust_node.membership.roster import (
    MEMBERS_LIMIT,
    NO_DIGEST,
    Circle,
    Member,
    Role,
    Roster,
    SignedRoster,
    members_in_order,
)


@dataclass(frozen=True)
class Changed:
    """
    A roster that is still to be signed, and the secret of its epoch.
    """

    roster: Roster
    secret: bytes


def first_roster(circle: Circle, owner: Document, created: int) -> Changed:
    """
    The roster of a new share or group: its owner alone. Heavy, as all of these.
    """
    if owner.node_id != circle.owner:
        raise Invalid("a share or group begins with its owner")
    secret = new_secret()
    member = _member(circle, 1, secret, owner, Role.ADMIN, created)
    return Changed(Roster(1, circle, 1, NO_DIGEST, 1, circle.owner, created, [member], b""), secret)


def with_member(
    known: SignedRoster,
    author: NodeId,
    document: Document,
    role: Role,
    secrets: Mapping[int, bytes],
    readers: Mapping[str, PublicKey],
    created: int,
    *,
    with_past: bool = True,
) -> Changed:
    """
    Take somebody in, or give a member another role.

    secrets: of all epochs that this node knows. readers: the keys of the present members. with_past: the new one may
    read what was before; if not, a new epoch begins.
    Raises `Conflict` if nothing would change, `Invalid` for the owner, `Full`.
    """
    old = known.roster
    present = old.member(document.node_id)
    if document.node_id == old.circle.owner and present is not None:
        raise Invalid("the owner stays what he is")
    if present is not None and present.role is role:
        raise Conflict(f"{document.global_id} is a {role} already")
    if present is None and len(old.members) >= MEMBERS_LIMIT:
        raise Full(f"{MEMBERS_LIMIT} members are the most that a share or group has")
    others = [member for member in old.members if member.node_id != document.node_id]
    if present is None and not with_past:
        epoch, secret = old.epoch + 1, new_secret()
        others = _again(old.circle, epoch, secret, others, readers)
        past = b""
    else:
        epoch, secret, past = old.epoch, _secret(secrets, old.epoch), old.past
    since = present.since if present else created
    others.append(_member(old.circle, epoch, secret, document, role, since))
    return Changed(_next(known, author, epoch, created, others, past), secret)


def without_member(
    known: SignedRoster,
    author: NodeId,
    node_id: str,
    secrets: Mapping[int, bytes],
    readers: Mapping[str, PublicKey],
    created: int,
    *,
    with_past: bool = True,
) -> Changed:
    """
    Remove a member; what comes after belongs to a new epoch, which he can not read.

    Raises `NotFound` if he is none, `Invalid` for the owner.
    """
    old = known.roster
    if node_id == old.circle.owner:
        raise Invalid("the owner can not be removed")
    if old.member(node_id) is None:
        raise NotFound("this user is not a member")
    others = [member for member in old.members if member.node_id != node_id]
    epoch, secret = old.epoch + 1, new_secret()
    past = seal_past(old.circle, epoch, secret, secrets) if with_past else b""
    return Changed(
        _next(known, author, epoch, created, _again(old.circle, epoch, secret, others, readers), past), secret
    )


def _next(known: SignedRoster, author: NodeId, epoch: int, created: int, members: list[Member], past: bytes) -> Roster:
    old = known.roster
    return Roster(1, old.circle, old.number + 1, known.digest, epoch, author, created, members_in_order(members), past)


def _member(circle: Circle, epoch: int, secret: bytes, document: Document, role: Role, since: int) -> Member:
    key = wrap(circle, epoch, secret, document.public)
    return Member(document.node_id, document.idurl, role, since, key)


def _again(
    circle: Circle, epoch: int, secret: bytes, members: list[Member], readers: Mapping[str, PublicKey]
) -> list[Member]:
    """The same members with the secret of a new epoch."""
    again = []
    for member in members:
        reader = readers.get(member.node_id)
        if reader is None or reader.node_id != member.node_id:
            raise NotFound(f"the identity of {member.idurl} is not known")
        key = wrap(circle, epoch, secret, reader)
        again.append(Member(member.node_id, member.idurl, member.role, member.since, key))
    return again


def _secret(secrets: Mapping[int, bytes], epoch: int) -> bytes:
    found = secrets.get(epoch)
    if found is None:
        raise NotFound(f"the secret of epoch {epoch} is not known")
    return found
