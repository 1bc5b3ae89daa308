"""
The model `conversation`: with whom messages were exchanged, and whether they are there.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

from bitdust_node.api.models import Snapshot, Tell
from bitdust_node.identity.names import NodeId
from bitdust_node.identity.resolver import Resolver
from bitdust_node.router.router import Router
from bitdust_node.tasks import Tasks
from services.messaging.entries import PRIVATE, Conversation, Kept, Talk
from services.messaging.history import History
from services.people.friends import Friends

Describe = Callable[[Conversation], Mapping[str, Any]]


class ConversationModel:
    """
    Tells of conversations with a new message, or whose other side came or went. Who takes part in groups describes
    those, see `describe_by`.
    """

    model = "conversation"

    def __init__(self, history: History, router: Router, resolver: Resolver, friends: Friends) -> None:
        self._history, self._router, self._resolver, self._friends = history, router, resolver, friends
        self._describers: dict[str, Describe] = {PRIVATE: self._person}
        #: What has changed, with the state before, until it is told.
        self._changed: dict[Talk, str | None] = {}
        self._tells: tuple[Tell, ...] = ()
        self._tasks = Tasks("conversations")
        self._telling = False

    def describe_by(self, kind: str, describe: Describe) -> None:
        """
        Conversations of this kind of messages are described by this function from now on: `label`, `state`, `index`,
        `id`, `name` and what else the contract shows of them.
        """
        self._describers[kind] = describe

    def describe(self, one: Conversation) -> dict[str, Any]:
        """
        A conversation as clients see it.
        """
        describe = self._describers.get(one.talk.kind)
        return {
            "key_id": one.key_id,
            "label": one.key_id,
            "state": "OFFLINE",
            "index": None,
            "id": None,
            "name": None,
            "events": [],
            "conversation_id": one.id,
            "type": one.talk.kind,
            "started": one.started,
            "last_updated": one.updated,
            "last_message_id": one.last_message_id,
            **(describe(one) if describe is not None else {}),
        }

    async def all(self, query: Mapping[str, Any]) -> AsyncIterator[Snapshot]:
        offset = 0
        while found := await self._history.conversations((), offset, 100):
            for one in found:
                yield self._snapshot(one)
            offset += len(found)

    def observe(self, tell: Tell) -> Callable[[], None]:
        self._tells = (*self._tells, tell)
        ends = (self._history.observe(self._kept), self._router.contacts.observe(self._moved))

        def end() -> None:
            self._tells = tuple(other for other in self._tells if other is not tell)
            for one in ends:
                one()

        return end

    def changed(self, talk: Talk, old_state: str | None = None) -> None:
        """
        Tell of a conversation whose other side has changed, if anybody listens.
        """
        if not self._tells:
            return
        self._changed.setdefault(talk, old_state)
        if not self._telling:
            self._telling = True
            self._tasks.spawn("tell of conversations", self._tell_all())

    async def stop(self) -> None:
        """End what is being told."""
        await self._tasks.stop()
        self._tasks = Tasks("conversations")

    async def _tell_all(self) -> None:
        try:
            while self._changed:
                talk = next(iter(self._changed))
                old_state = self._changed.pop(talk)
                one = await self._history.conversation(talk)
                if one is not None:
                    for tell in self._tells:
                        tell(self._snapshot(one, old_state))
        finally:
            self._telling = False

    def _kept(self, kept: Kept) -> None:
        self.changed(kept.entry.talk)

    def _moved(self, node_id: NodeId, old: str, new: str) -> None:
        self.changed(Talk(PRIVATE, node_id), old)

    def _snapshot(self, one: Conversation, old_state: str | None = None) -> Snapshot:
        shown = self.describe(one)
        if old_state is not None:
            shown["old_state"] = old_state
        return Snapshot(one.id, shown, created=one.started)

    def _person(self, one: Conversation) -> dict[str, Any]:
        contact = self._router.contacts.get(one.talk.owner)
        friend = self._friends.named(one.owner_name) if one.owner_name else None
        shown: dict[str, Any] = {"label": (friend.alias if friend else "") or one.owner_name}
        if contact is not None:
            machine = contact.machine
            shown |= {"state": contact.state, "index": machine.index, "id": machine.id, "name": machine.automat.name}
        return shown
