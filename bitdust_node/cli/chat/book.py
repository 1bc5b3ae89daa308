"""
What the chat knows: conversations, their messages, and who is there. Built from answers and pushes of the node, in
which other people have written whatever they liked.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from bitdust_node.cli.chat.text import one_line

PRIVATE, GROUP = "private_message", "group_message"
#: Messages and notes of one conversation that are kept in memory; older ones are read again when somebody wants them.
ITEMS_LIMIT = 5000
#: Conversations; with more, those with strangers that were known first are forgotten until they write again.
TALKS_LIMIT = 5000
#: Files of one conversation that can be named by number.
FILES_LIMIT = 1000
#: Ids of messages that are remembered, so that each counts once however often we hear of it.
HEARD_LIMIT = 2000
#: A message never goes back in this order.
STATES = ("pending", "stored", "expired", "delivered", "read")
_MASTER = "master$"
_SHARED = re.compile(r"share_[0-9a-f]{32}\$[^:/\s]{1,200}:(?P<path>[^\x00]{1,1000})")


@dataclass(frozen=True)
class SharedFile:
    """
    A file that a message names. remote_path: in a share. size: bytes, as the sender says.
    """

    remote_path: str
    size: int

    @property
    def path(self) -> str:
        """Where it is in its share, and below the folder that it is downloaded to."""
        return self.remote_path.partition(":")[2]


@dataclass
class Message:
    """
    One message. talk: key of its conversation. time: unix seconds. sender: global id. state: one of `STATES`.
    file: what comes with it. number: by which `/get` names the file.
    """

    id: str
    talk: str
    kind: str
    time: int
    sender: str
    mine: bool
    text: str
    state: str
    file: SharedFile | None = None
    number: int = 0


@dataclass(frozen=True)
class Note:
    """
    What the chat itself tells, between the messages. kind: `hint`, `error` or `news`.
    """

    text: str
    kind: str = "hint"


Item = Message | Note


@dataclass
class Talk:
    """
    A conversation. key: global id of the other one, or key id of the group. label: the name that the user gave.
    state: of the contact or of the group. updated: unix seconds of the last message, 0 for none. unread: messages
    since it was last open. items: oldest first. whole: there is nothing older.
    """

    key: str
    kind: str
    label: str
    state: str = ""
    updated: int = 0
    unread: int = 0
    members: tuple[str, ...] = ()
    items: list[Item] = field(default_factory=list)
    files: dict[int, Message] = field(default_factory=dict)
    whole: bool = False
    _known: dict[str, Message] = field(default_factory=dict)

    @property
    def is_group(self) -> bool:
        return self.kind == GROUP

    @property
    def count(self) -> int:
        """How many messages are here."""
        return len(self._known)

    def append(self, item: Item) -> bool:
        """Add what is newest; False if it was there."""
        if isinstance(item, Message) and not self._learn(item):
            return False
        self.items.append(item)
        if len(self.items) > ITEMS_LIMIT:
            for old in self.items[: ITEMS_LIMIT // 10]:
                if isinstance(old, Message):
                    del self._known[old.id]
                    self.whole = False
            del self.items[: ITEMS_LIMIT // 10]
        return True

    def prepend(self, older: Iterable[Message]) -> int:
        """Add older messages, the oldest first; tells how many were new."""
        new = [one for one in older if self._learn(one)]
        self.items[:0] = new
        return len(new)

    def moved(self, message_id: str, state: str) -> bool:
        """A message has another state; False if it is not here, or was further already."""
        message = self._known.get(message_id)
        if message is None or _rank(state) <= _rank(message.state):
            return False
        message.state = state
        return True

    def forget(self) -> None:
        """Drop the messages: they are in the history of the node."""
        self.items, self.files, self._known, self.whole = [], {}, {}, False

    def _learn(self, message: Message) -> bool:
        if message.id in self._known:
            return False
        self._known[message.id] = message
        if message.file is not None:
            message.number = max(self.files, default=0) + 1
            self.files[message.number] = message
            if len(self.files) > FILES_LIMIT:
                del self.files[min(self.files)]
        return True


class Book:
    """
    me: own global id. online: state of the contacts by global id. names: aliases of friends by global id.
    """

    def __init__(self) -> None:
        self.me = ""
        self.talks: dict[str, Talk] = {}
        self.online: dict[str, str] = {}
        self.names: dict[str, str] = {}
        self._shown: dict[str, str] = {}
        #: States by message ids: they may be told while the page of the history that lacks them is under way.
        self._heard: dict[str, str] = {}

    def name(self, global_id: str) -> str:
        """
        How a person is shown: by the name that the user gave, else by the first part of the global id as long as
        nobody else could be meant by it: anybody can have the name of a friend on another identity server.
        """
        if global_id not in self._shown:
            self._shown[global_id] = self._name(global_id)
        return self._shown[global_id]

    def title(self, talk: Talk) -> str:
        """How a conversation is shown."""
        if not talk.is_group:
            return self.name(talk.key)
        return one_line(talk.label or talk.key)

    def is_online(self, talk: Talk) -> bool:
        """True if messages reach the other side now."""
        return (talk.state if talk.is_group else self.online.get(talk.key)) == "CONNECTED"

    def newest(self) -> list[Talk]:
        """All conversations, those with the newest messages first, then people, then groups."""
        return sorted(self.talks.values(), key=lambda one: (-one.updated, one.is_group, self.title(one).casefold()))

    def find(self, name: str) -> list[Talk]:
        """
        Conversations that a typed name may mean: those that have it, else those that begin with it, else those that
        contain it.
        """
        wanted = name.removeprefix(_MASTER).casefold()
        spellings = [
            (talk, {self.title(talk).casefold(), talk.key.casefold(), talk.key.partition("@")[0].casefold()})
            for talk in self.newest()
        ]
        for fits in (str.__eq__, str.startswith, str.__contains__):
            found = [talk for talk, names in spellings if any(fits(one, wanted) for one in names)]
            if found:
                return found
        return []

    def talk_of(self, key: str, kind: str) -> Talk:
        """The conversation with this key, made if there is none."""
        if key not in self.talks:
            self.talks[key] = Talk(key, kind, "")
            self._shown = {}
            strangers = (one for one, talk in self.talks.items() if not talk.is_group and one not in self.names)
            if len(self.talks) > TALKS_LIMIT and (first := next(strangers, key)) != key:
                del self.talks[first]
        return self.talks[key]

    def heard(self, message_id: str) -> bool:
        """Whether we were told of this message before; remembers it."""
        if message_id in self._heard:
            return True
        self._heard[message_id] = ""
        if len(self._heard) > HEARD_LIMIT:
            del self._heard[next(iter(self._heard))]
        return False

    def moved(self, message_id: str, state: str) -> None:
        """A message has another state."""
        self.heard(message_id)
        if _rank(state) > _rank(self._heard[message_id]):
            self._heard[message_id] = state
        for talk in self.talks.values():
            talk.moved(message_id, state)

    # what the node answers

    def take_friends(self, friends: Iterable[Mapping[str, Any]]) -> None:
        self.names, self._shown = {}, {}
        for one in friends:
            key = str(one.get("global_id") or "")
            if key:
                self.names[key] = str(one.get("alias") or "")
                self.online[key] = str(one.get("contact_state") or "")
                self.talk_of(key, PRIVATE)

    def take_groups(self, groups: Iterable[Mapping[str, Any]]) -> None:
        for one in groups:
            self.take_group(one)

    def take_group(self, group: Mapping[str, Any]) -> None:
        talk = self.talk_of(str(group.get("group_key_id") or ""), GROUP)
        talk.label, talk.state = str(group.get("label") or ""), str(group.get("state") or "")
        talk.members = tuple(str(one.get("global_id")) for one in group.get("members") or ())
        self._shown = {}

    def take_conversations(self, conversations: Iterable[Mapping[str, Any]]) -> None:
        for one in conversations:
            key, kind = str(one.get("key_id") or ""), str(one.get("type") or "")
            if kind not in (PRIVATE, GROUP):
                continue
            talk = self.talk_of(key.removeprefix(_MASTER), kind)
            talk.updated = int(one.get("last_updated") or 0)
            if kind == GROUP:
                talk.label = talk.label or str(one.get("label") or "")
            else:
                self.online.setdefault(talk.key, str(one.get("state") or ""))

    def message(self, document: Mapping[str, Any]) -> Message | None:
        """
        A message from a document of the history or of a push; None for what is none of ours.
        """
        payload = document.get("payload") or {}
        kind, data = payload.get("msg_type"), payload.get("data")
        sender = str((document.get("sender") or {}).get("glob_id") or "").removeprefix(_MASTER)
        recipient = str((document.get("recipient") or {}).get("glob_id") or "").removeprefix(_MASTER)
        if kind not in (PRIVATE, GROUP) or not payload.get("message_id"):
            return None
        mine = sender == self.me
        talk = recipient if kind == GROUP or mine else sender
        message_id = str(payload["message_id"])
        states = (str(document.get("state") or ("pending" if mine else "delivered")), self._heard.get(message_id, ""))
        return Message(
            message_id,
            talk,
            kind,
            int(payload.get("time") or 0),
            sender,
            mine,
            text_of(data),
            max(states, key=_rank),
            file_of(data),
        )

    def _name(self, global_id: str) -> str:
        if global_id == self.me:
            return "you"
        if self.names.get(global_id):
            return one_line(self.names[global_id])
        short = one_line(global_id.partition("@")[0])
        others = {one for talk in self.talks.values() for one in (talk.members if talk.is_group else (talk.key,))}
        taken = {self.names[one] or one.partition("@")[0] for one in self.names if one != global_id}
        taken |= {one.partition("@")[0] for one in others - {global_id}} | {"you"}
        return one_line(global_id) if short.casefold() in {one.casefold() for one in taken} else short


def text_of(data: object) -> str:
    """What a message says; data that is made for programs is shown as JSON."""
    if isinstance(data, Mapping):
        for key in ("message", "text"):
            if isinstance(data.get(key), str):
                return str(data[key])
    return data if isinstance(data, str) else json.dumps(data, ensure_ascii=False, default=str)


def file_of(data: object) -> SharedFile | None:
    """
    The file that a message names. Anything but a path in a share is none: what we fetch is not to be chosen among our
    own files by somebody else.
    """
    told = data.get("file") if isinstance(data, Mapping) else None
    remote, size = (told.get("remote_path"), told.get("size")) if isinstance(told, Mapping) else (None, None)
    found = _SHARED.fullmatch(remote) if isinstance(remote, str) else None
    if found is None or any(part in ("", ".", "..") for part in found["path"].split("/")):
        return None
    return SharedFile(str(remote), size if isinstance(size, int) and 0 <= size < 2**63 else 0)


def file_text(name: str) -> str:
    """What a message with a file says to clients that know nothing of files."""
    return f"a file for you: {name}"


def _rank(state: str) -> int:
    return STATES.index(state) if state in STATES else -1
