"""
A message as the history keeps it, and its data as bytes.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from bitdust_node.api.pushes import StreamMessage
from bitdust_node.errors import Full, Invalid
from bitdust_node.identity.names import MASTER, KeyId, NodeId

PRIVATE, GROUP, PERSONAL = "private_message", "group_message", "personal_message"
KINDS = (PRIVATE, GROUP, PERSONAL)
#: What becomes of a message, in this order; it never goes back. An expired one was never delivered.
STATES = ("pending", "stored", "expired", "delivered", "read")

#: Bytes of the data of one message, as JSON; more is a matter of files.
DATA_LIMIT = 1_000_000
#: Levels of lists and objects in it; the API shows no more.
DEPTH_LIMIT = 40
#: Characters of it that are looked through by a search.
WORDS_LIMIT = 100_000

Direction = Literal["in", "out"]


@dataclass(frozen=True)
class Talk:
    """
    A conversation. kind: of its messages. name: what outlives the names of people: the node id of the other one; of a
    group its alias, `$`, and the node id of its owner.
    """

    kind: str
    name: str

    @classmethod
    def of_circle(cls, kind: str, alias: str, owner: str) -> Talk:
        """That of a group. owner: node id."""
        return cls(kind, f"{alias}${owner}")

    @property
    def alias(self) -> str:
        """The alias of its key, `master` for people."""
        alias, dollar, _ = self.name.rpartition("$")
        return alias if dollar else MASTER

    @property
    def owner(self) -> NodeId:
        """Node id of the other one, or of the owner of the group."""
        return NodeId(self.name.rpartition("$")[2])


@dataclass(frozen=True)
class Entry:
    """
    A message to be kept; `History.entry` makes it. time: unix seconds. sender_name, owner_name: global ids as far as
    they are known now. number: local id of the key of a group, as a wish.
    """

    talk: Talk
    message_id: str
    time: int
    sender: NodeId
    direction: Direction
    data: Mapping[str, Any]
    state: str
    sender_name: str = ""
    owner_name: str = ""
    number: int = 0


@dataclass(frozen=True)
class Kept:
    """
    A message of the history, as it is shown. position: grows with each one that is kept. sender, recipient: key ids or
    global ids, as the contract has them. size: bytes of the data.
    """

    entry: Entry
    position: int
    conversation_id: str
    sender: str
    recipient: str
    size: int

    @property
    def push(self) -> StreamMessage:
        """What clients hear of it."""
        entry = self.entry
        return StreamMessage(
            entry.talk.kind,
            entry.message_id,
            entry.time,
            entry.data,
            self.sender,
            self.recipient,
            entry.direction,
            self.conversation_id,
        )

    def document(self) -> dict[str, Any]:
        """As `message_history` and the model show it; `state` is our own field."""
        return self.push.payload() | {"state": self.entry.state}


@dataclass(frozen=True)
class Moved:
    """A message of the history that has another state now."""

    kept: Kept
    old_state: str


@dataclass(frozen=True)
class Conversation:
    """
    One that has messages. started, updated: unix seconds of the first and last message. owner_name: global id of the
    other one, or of the owner of the group.
    """

    talk: Talk
    id: str
    started: int
    updated: int
    last_message_id: str
    owner_name: str

    @property
    def key_id(self) -> str:
        """The key of the other one, or of the group."""
        return f"{self.talk.alias}${self.owner_name}"


def parties(entry: Entry, me: str) -> tuple[str, str]:
    """
    Sender and recipient as they are shown. me: own global id.
    """
    if entry.talk.kind == GROUP:
        return entry.sender_name, f"{entry.talk.alias}${entry.owner_name}"
    mine, others = (str(KeyId(MASTER, name)) if name else "" for name in (me, entry.owner_name))
    return (others, mine) if entry.direction == "in" else (mine, others)


def pack_data(data: Mapping[str, Any]) -> bytes:
    """
    Data as JSON that says exactly the same when it is read. Raises `Invalid` for what JSON can not say, `Full` for too
    much of it.
    """
    _check(data, 1)
    try:
        packed = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    except (TypeError, ValueError, RecursionError) as error:
        raise Invalid(f"the data of a message must be JSON: {str(error)[:200]}") from None
    # halves of characters, which JSON allows, survive
    written = packed.encode("utf-8", "surrogatepass")
    if len(written) > DATA_LIMIT:
        raise Full(
            f"the data of a message has at most {DATA_LIMIT} bytes, this has {len(written)}: upload it as a file and"
            " share that"
        )
    return written


def unpack_data(packed: bytes) -> dict[str, Any]:
    """
    The data of a message that came from somewhere; raises `Invalid`.
    """
    if len(packed) > DATA_LIMIT:
        raise Invalid(f"the data of a message have more than {DATA_LIMIT} bytes")
    try:
        data = json.loads(packed.decode("utf-8", "surrogatepass"), parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise Invalid(f"the data of a message are no JSON: {str(error)[:200]}") from None
    if not isinstance(data, dict):
        raise Invalid("the data of a message are no object")
    _check(data, 1)
    return data


def words(data: Mapping[str, Any]) -> str:
    """
    What a search looks through: all texts in the data.
    """
    found, length = [], 0
    for text in _texts(data):
        found.append(text)
        length += len(text)
        if length > WORDS_LIMIT:
            break
    # SQLite takes no halves of characters
    return " ".join(found)[:WORDS_LIMIT].encode("utf-8", "replace").decode("utf-8")


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from _texts(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _texts(inner)


def _check(value: Any, depth: int) -> None:
    if isinstance(value, float) and not math.isfinite(value):
        raise Invalid("the data of a message have a number that JSON does not know")
    if not isinstance(value, dict | list | tuple):
        return
    if depth > DEPTH_LIMIT:
        raise Invalid(f"the data of a message are nested deeper than {DEPTH_LIMIT} levels")
    inner = value.values() if isinstance(value, dict) else value
    for one in inner:
        _check(one, depth + 1)


def _refuse(name: str) -> None:
    raise ValueError(f"{name} is no JSON")
