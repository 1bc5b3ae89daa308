"""
What members of a group and the suppliers of its owner say to each other about posts. docs/groups.md has the exchanges.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from bitdust_node.identity.device import RECORD_LIMIT
from bitdust_node.membership.post import POST_LIMIT, LogName
from bitdust_node.membership.roster import Circle, Number
from bitdust_node.wire.command import MESSAGE_LIMIT, Command, Nothing

#: Logs of one group, and of one author in it.
LOGS_LIMIT, AUTHOR_LOGS_LIMIT = 1000, 20
#: Posts of one batch, and bytes of them with what goes with them: a message takes no more.
BATCH_POSTS, BATCH_BYTES = 200, 56 * 1024

Count = Annotated[int, Meta(ge=0, lt=1 << 40)]
Author = Annotated[bytes, Meta(min_length=32, max_length=32)]
Packed = Annotated[bytes, Meta(max_length=POST_LIMIT)]


class Proof(msgspec.Struct, frozen=True, array_like=True):
    """A device record, and where the identity is published that vouches for it."""

    record: Annotated[bytes, Meta(max_length=RECORD_LIMIT)]
    idurl: Annotated[str, Meta(max_length=400)]

    @property
    def size(self) -> int:
        """Bytes that it takes in a message, at most."""
        return len(self.record) + len(self.idurl) + 16


class Head(msgspec.Struct, frozen=True, array_like=True):
    """How far a log goes. author: node id. first: lowest number that is there; what was below is gone for good."""

    author: Author
    log: LogName
    first: Number
    last: Count


class Cursor(msgspec.Struct, frozen=True, array_like=True):
    """The posts of a log above this number are wanted."""

    author: Author
    log: LogName
    number: Count


class PostPut(msgspec.Struct, frozen=True, array_like=True):
    """
    Posts of any authors, those of one log in their order. proofs: device records that the posts name. starts: logs
    whose earlier posts nobody has any more, in case that the receiver has none of them.
    """

    circle: Circle
    posts: Annotated[list[Packed], Meta(max_length=BATCH_POSTS)]
    proofs: Annotated[list[Proof], Meta(max_length=BATCH_POSTS)]
    starts: Annotated[list[Head], Meta(max_length=LOGS_LIMIT)] = []


class PostsKept(msgspec.Struct, frozen=True, array_like=True):
    """heads: of the logs of the batch, as they are now. refused: why the first one that was not kept was not, or ""."""

    heads: list[Head]
    refused: Annotated[str, Meta(max_length=500)] = ""


class GroupName(msgspec.Struct, frozen=True, array_like=True):
    """One group."""

    circle: Circle


class PostHeads(msgspec.Struct, frozen=True, array_like=True):
    """roster: number of the newest one that is known. heads: of all logs."""

    roster: Count
    heads: Annotated[list[Head], Meta(max_length=LOGS_LIMIT)]


class PostGet(msgspec.Struct, frozen=True, array_like=True):
    """Posts above the cursors are wanted, as many as one answer takes."""

    circle: Circle
    cursors: Annotated[list[Cursor], Meta(max_length=LOGS_LIMIT)]


class PostBatch(msgspec.Struct, frozen=True, array_like=True):
    """
    Posts in the order in which they came, those of one log in theirs. more: there is more than was sent.
    """

    circle: Circle
    posts: Annotated[list[Packed], Meta(max_length=BATCH_POSTS)]
    proofs: Annotated[list[Proof], Meta(max_length=BATCH_POSTS)]
    more: bool = False


#: To a supplier of the owner.
POST_PUT = Command("post.put", PostPut, PostsKept, limit=MESSAGE_LIMIT)
POST_GET = Command("post.get", PostGet, PostBatch, limit=MESSAGE_LIMIT)
POST_HEADS = Command("post.heads", GroupName, PostHeads)
POST_LISTEN = Command("post.listen", GroupName, PostHeads)
POST_LEAVE = Command("post.leave", GroupName, Nothing)
#: From a supplier to members that listen.
POST_NEW = Command("post.new", PostBatch, Nothing, limit=MESSAGE_LIMIT)
