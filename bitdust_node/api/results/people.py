"""
Results that tell of people: identities, keys, friends, messages, groups.
"""

from __future__ import annotations

from typing import Any, NotRequired, TypedDict


class Identity(TypedDict):
    """What an identity document says. `revision` and `signature` are decimal digits."""

    name: str
    idurl: str
    global_id: str
    sources: list[str]
    contacts: list[str]
    certificates: list[str]
    scrubbers: list[str]
    postage: str
    date: str
    version: str
    revision: str
    publickey: str
    signature: str
    xml: NotRequired[str]


class IdentityRotated(Identity):
    old_sources: list[str]
    rotated: NotRequired[bool]


class BackupWritten(TypedDict):
    """`result`: the text itself, when no file was named."""

    local_path: NotRequired[str]
    result: NotRequired[str]


class Key(TypedDict):
    """`size` in bits, as text; `private` only when it was asked for and is there."""

    key_id: str
    alias: str
    label: str
    creator: str
    is_public: bool
    public: str
    private: str | None
    size: str
    active: NotRequired[bool]
    local_key_id: NotRequired[int | None]
    signature: NotRequired[str]
    signature_pubkey: NotRequired[str]


class Friend(TypedDict):
    idurl: str
    global_id: str
    idhost: str
    username: str
    alias: str
    contact_state: str
    contact_status: str
    index: NotRequired[int]
    id: NotRequired[str]
    name: NotRequired[str]
    state: NotRequired[str]


class UserStatus(TypedDict):
    """`contact_state`: CONNECTED, PING? or OFFLINE; `contact_status`: online, checking or offline."""

    idurl: str
    global_id: str
    contact_state: str
    contact_status: str


class UserFound(TypedDict):
    """`result`: exist, or not exist with `position` -1."""

    result: str
    nickname: str
    position: int
    global_id: str
    idurl: str


class MessageKept(TypedDict):
    doc: dict[str, Any]


class Conversation(TypedDict):
    """
    `type` is that of its messages; `started` and `last_updated` in seconds since 1970. Groups have further fields.
    """

    key_id: str
    label: str
    state: str
    index: int | None
    id: str | None
    name: str | None
    events: list[Any]
    conversation_id: str
    type: str
    started: int
    last_updated: int
    last_message_id: str


class MessageSent(TypedDict):
    """`consumed`: a program of the receiver has taken it. `state`: pending, stored, delivered or read."""

    consumed: bool
    message_id: NotRequired[str]
    state: NotRequired[str]


class MessageReceived(TypedDict):
    """`dir`: incoming or outgoing; `time` in seconds since 1970."""

    data: dict[str, Any]
    recipient: str
    sender: str
    time: int
    message_id: str | int
    dir: str


class Queue(TypedDict):
    queue_id: str
    messages: int


class QueueConsumer(TypedDict):
    consumer_id: str
    queues: list[str]
    state: str
    consumed: int
    commands: NotRequired[list[str]]


class QueueProducer(TypedDict):
    producer_id: str
    queues: list[str]
    state: str
    produced: int


class QueueStream(TypedDict):
    """`consumers` and `producers`: global ids. `sequence_id`: number of the last message that is kept."""

    queue_id: str
    active: bool
    consumers: list[str]
    producers: list[str]
    sequence_id: int


class GroupMember(TypedDict):
    """`role`: reader, writer or admin; `since` in seconds since 1970."""

    global_id: str
    idurl: str
    role: str
    since: int
    owner: bool


class Group(TypedDict):
    """
    `last_sequence_id`: of the last message that was taken, -1 before any. `active_supplier_id` tells this node of
    posts; `synchronized`: all that it had was read.
    """

    group_key_id: str
    alias: str
    label: str
    creator: str
    state: str
    active: bool
    last_sequence_id: NotRequired[int]
    sequence_head: NotRequired[int | None]
    sequence_tail: NotRequired[int | None]
    sequence_count: NotRequired[int]
    active_queue_id: NotRequired[str | None]
    active_supplier_id: NotRequired[str | None]
    active_supplier_pos: NotRequired[int]
    active_broker_id: NotRequired[str | None]
    connected_brokers: NotRequired[dict[str, str]]
    latest_known_brokers: NotRequired[list[str]]
    participant_id: NotRequired[str]
    member_id: NotRequired[str]
    synchronized: NotRequired[bool]
    members: NotRequired[list[GroupMember]]
    group_key_info: NotRequired[dict[str, Any]]
    index: NotRequired[int]
    id: NotRequired[str]
    name: NotRequired[str]


class GroupCreated(Group):
    """The fields of its key too."""

    is_public: bool
    public: str
    private: str | None
    size: str


class GroupSupplier(TypedDict):
    """Who keeps the groups of somebody, as he has published it."""

    customer_id: str
    customer_idurl: str
    supplier_id: str
    supplier_idurl: str
    position: int
    revision: int
    timestamp: int | None


class PostSent(TypedDict):
    message_id: str


class Share(TypedDict):
    """
    A folder shared by a key. `state` is null while it is not opened; `error` says why one that was open could not be
    taken up when the node began.
    """

    key_id: str
    alias: str
    label: str
    creator: str
    state: str | None
    suppliers: list[str] | None
    ecc_map: str | None
    active: NotRequired[bool]
    revision: NotRequired[int | None]
    index: NotRequired[int | None]
    id: NotRequired[str | None]
    name: NotRequired[str | None]
    error: NotRequired[str]


class ShareWithMembers(Share):
    """Who belongs to the share, as far as that is known."""

    members: list[GroupMember]


class Deed(TypedDict):
    """What somebody did in a share. `remote_path` is empty if it is about a member, who is in `detail`."""

    key_id: str
    time: int
    user_id: str
    action: str
    remote_path: str
    detail: str
