"""
The history: each message once, told to whoever listens when it is safely kept.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from bitdust_node.errors import NotFound
from bitdust_node.events import Events
from bitdust_node.identity.me import Me
from bitdust_node.identity.names import NodeId
from bitdust_node.identity.resolver import Resolver
from bitdust_node.keys.ring import KeyRing
from services.messaging.entries import Conversation, Direction, Entry, Kept, Moved, Talk, parties
from services.messaging.rows import (
    advance,
    conversation_of,
    conversations,
    insert,
    page,
    state_of,
    talk_named,
)
from services.messaging.schema import HISTORY, MessagesDb

T = TypeVar("T")

#: Messages of one answer, and bytes of their data.
PAGE_LIMIT, PAGE_BYTES = 1000, 16 * 1024 * 1024


class Writing:
    """
    What one transaction does with the history; further tables of the file may be changed by the same connection.
    """

    def __init__(self, connection: sqlite3.Connection, me: str) -> None:
        self.connection = connection
        self.kept: list[Kept] = []
        self.moved: list[Moved] = []
        self._me = me

    def add(self, entry: Entry) -> bool:
        """
        Keep a message; False if it was known already.
        """
        kept = insert(self.connection, entry, self._me)
        if kept is not None:
            self.kept.append(kept)
        return kept is not None

    def state_of(self, entry: Entry) -> str | None:
        """
        The state of a message if it is kept already.
        """
        return state_of(self.connection, entry)

    def advance(self, talk: Talk, sender: NodeId, message_ids: Iterable[str], state: str) -> None:
        """
        Messages of a sender have reached a state; those that are further already stay there.
        """
        for message_id in message_ids:
            moved = advance(self.connection, talk, sender, message_id, state, self._me)
            if moved is not None:
                self.moved.append(moved)


class History:
    """
    All messages of this node. `open` before use.
    """

    def __init__(self, database: MessagesDb, me: Me, resolver: Resolver, ring: KeyRing, events: Events) -> None:
        self._db, self._me, self._resolver, self._ring, self._events = database, me, resolver, ring, events
        self._kept_observers: tuple[Callable[[Kept], object], ...] = ()
        self._moved_observers: tuple[Callable[[Moved], object], ...] = ()

    async def open(self) -> None:
        """Prepare the tables; harmless when repeated."""
        await self._db.prepare("history", HISTORY)

    # --- write ---

    def entry(
        self,
        talk: Talk,
        message_id: str,
        time: float,
        sender: NodeId,
        direction: Direction,
        data: Mapping[str, Any],
        state: str,
    ) -> Entry:
        """
        A message to be kept, with the names by which people are known now.
        """
        key = self._ring.of(talk.owner, talk.alias) if talk.owner != talk.name else None
        return Entry(
            talk,
            message_id,
            int(time),
            sender,
            direction,
            data,
            state,
            self.name_of(sender),
            self.name_of(talk.owner),
            key.local_id if key is not None else 0,
        )

    async def add(self, entry: Entry, also: Callable[[sqlite3.Connection, bool], object] | None = None) -> bool:
        """
        Keep a message; False if it was known already. also: is called in the same transaction, in a worker, with the
        connection and that answer; if it raises nothing is kept.
        """

        def write(writing: Writing) -> bool:
            new = writing.add(entry)
            if also is not None:
                also(writing.connection, new)
            return new

        return await self.write(write)

    async def advance(self, talk: Talk, sender: NodeId, message_ids: Sequence[str], state: str) -> None:
        """
        Messages of a sender have reached a state.
        """
        await self.write(lambda writing: writing.advance(talk, sender, message_ids, state))

    async def write(self, function: Callable[[Writing], T]) -> T:
        """
        One transaction over the history and whatever else lies in the file. The function runs in a worker, perhaps
        twice. What it has kept and moved is told when it is committed.
        """
        me = self._me.global_id

        def run(connection: sqlite3.Connection) -> tuple[Writing, T]:
            writing = Writing(connection, me)
            return writing, function(writing)

        writing, result = await self._db.run(run)
        for kept in writing.kept:
            for tell_kept in self._kept_observers:
                tell_kept(kept)
        for moved in writing.moved:
            self._publish(moved)
            for tell_moved in self._moved_observers:
                tell_moved(moved)
        return result

    # --- listen ---

    def observe(self, callback: Callable[[Kept], object]) -> Callable[[], None]:
        """
        Call back with each message that is kept, in their order; returns the function that ends it.
        """
        self._kept_observers = (*self._kept_observers, callback)

        def undo() -> None:
            self._kept_observers = tuple(other for other in self._kept_observers if other is not callback)

        return undo

    def observe_states(self, callback: Callable[[Moved], object]) -> Callable[[], None]:
        """
        Call back with each message that has another state; returns the function that ends it.
        """
        self._moved_observers = (*self._moved_observers, callback)

        def undo() -> None:
            self._moved_observers = tuple(other for other in self._moved_observers if other is not callback)

        return undo

    # --- read ---

    async def page(
        self, talk: Talk | None, offset: int, limit: int, sender: NodeId | None = None, search: str = ""
    ) -> list[Kept]:
        """
        Messages of one conversation, or of all, newest first. search: words that all must be in them; the last may be
        a beginning. Fewer than `limit` are answered when they would have more than 16 MiB.
        """
        me = self._me.global_id
        limit = min(max(limit, 0), PAGE_LIMIT)
        found = await self._db.read(
            lambda c: page(c, talk, max(offset, 0), limit, sender, search.strip(), me, PAGE_BYTES)
        )
        return [self._renamed(kept) for kept in found]

    async def conversations(self, kinds: Sequence[str], offset: int, limit: int) -> list[Conversation]:
        """
        Conversations, those with the newest messages first. kinds: of their messages; none: all.
        """
        limit = min(max(limit, 0), PAGE_LIMIT)
        found = await self._db.read(lambda c: conversations(c, kinds, max(offset, 0), limit))
        return [replace(one, owner_name=self._current(one.talk.owner, one.owner_name)) for one in found]

    async def conversation(self, talk: Talk) -> Conversation | None:
        """One conversation, None if it has no message."""
        one = await self._db.read(lambda c: conversation_of(c, talk))
        return None if one is None else replace(one, owner_name=self._current(talk.owner, one.owner_name))

    async def talk_of(self, kind: str, alias: str, name: str) -> Talk:
        """
        The conversation with somebody, or of a group, by the present or an older global id of the person or owner.
        Raises `NotFound`.
        """
        document = self._resolver.find(name)
        node_id: str | None = document.node_id if document is not None else None
        if node_id is None:
            node_id = await self._db.read(lambda c: talk_named(c, name))
        if node_id is None:
            raise NotFound(f"no message of {name[:100]} is known")
        return Talk(kind, node_id) if alias == "master" else Talk.of_circle(kind, alias, node_id)

    # --- names ---

    def name_of(self, node_id: NodeId) -> str:
        """
        The global id of a node as it is known now, or "".
        """
        if self._me.has_identity and node_id == self._me.node_id:
            return self._me.global_id
        document = self._resolver.cached(node_id)
        return document.global_id if document is not None else ""

    def _current(self, node_id: NodeId, name: str) -> str:
        return self.name_of(node_id) or name

    def _renamed(self, kept: Kept) -> Kept:
        """With the names by which people are known now, instead of those that were noted."""
        entry = kept.entry
        sender = self._current(entry.sender, entry.sender_name)
        owner = self._current(entry.talk.owner, entry.owner_name)
        if (sender, owner) == (entry.sender_name, entry.owner_name):
            return kept
        entry = replace(entry, sender_name=sender, owner_name=owner)
        sender, recipient = parties(entry, self._me.global_id)
        return replace(kept, entry=entry, sender=sender, recipient=recipient)

    def _publish(self, moved: Moved) -> None:
        kept = moved.kept
        told = {
            "message_id": kept.entry.message_id,
            "conversation_id": kept.conversation_id,
            "sender": kept.sender,
            "recipient": kept.recipient,
            "direction": kept.entry.direction,
            "old_state": moved.old_state,
            "new_state": kept.entry.state,
        }
        self._events.publish("message-state-changed", told)
