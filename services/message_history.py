"""
service_message_history: what was written and received, for people and programs to look through.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from bitdust_node.api.models import Source
from bitdust_node.api.pushes import Pushes
from bitdust_node.api.registry import method
from bitdust_node.errors import Invalid, NotFound
from bitdust_node.identity.me import Me
from bitdust_node.identity.names import MASTER
from bitdust_node.service import Service
from services.messaging.entries import PRIVATE, Kept
from services.messaging.history import History
from services.messaging.recipients import Recipients
from services.models.conversations import ConversationModel
from services.models.messages import MessageModel

NEEDS = ("service_message_history",)


class MessageHistory(Service):
    """
    Shows the history, and tells clients of each message that is kept.
    """

    name: ClassVar[str] = "message_history"
    depends: ClassVar[tuple[str, ...]] = ("private_groups",)
    needs_identity: ClassVar[bool] = True

    def __init__(
        self,
        history: History,
        recipients: Recipients,
        me: Me,
        pushes: Pushes,
        conversations: ConversationModel,
        messages: MessageModel,
    ) -> None:
        self._history, self._recipients, self._me, self._pushes = history, recipients, me, pushes
        self._conversations, self._messages = conversations, messages
        self._undo: Callable[[], None] | None = None

    async def start(self) -> None:
        await self._history.open()
        self._undo = self._history.observe(self._push)

    async def stop(self) -> None:
        undo, self._undo = self._undo, None
        if undo is not None:
            undo()
        await self._conversations.stop()

    def models(self) -> Sequence[Source]:
        return (self._conversations, self._messages)

    @method("GET", "/message/history/v1", "GET /msg/h", needs=NEEDS, accept={"recipient_id": ("id",)})
    async def message_history(
        self,
        recipient_id: str | None = None,
        sender_id: str | None = None,
        message_type: str | None = None,
        offset: int = 0,
        limit: int = 100,
        search: str = "",
    ) -> list[dict[str, Any]]:
        """
        List the stored messages of one conversation, newest first.

        recipient_id, sender_id: the other one of a private conversation, by nickname, global id or IDURL; or the key
        id of a group. search: words that all must be in the message; with it neither id is needed.
        """
        if not recipient_id and not sender_id and not search.strip():
            raise Invalid("recipient_id or sender_id is required")
        try:
            found = await self._page(recipient_id, sender_id, message_type, offset, limit, search)
        except _UnknownPerson:
            found = []
        return [{"doc": kept.document()} for kept in found]

    @method("GET", "/message/conversation/v1", needs=NEEDS)
    async def message_conversations_list(
        self, message_types: str = "", offset: int = 0, limit: int = 100
    ) -> list[dict[str, Any]]:
        """
        List the conversations, newest first. message_types: of their messages, separated by commas; all if empty.
        """
        kinds = [one.strip() for one in message_types.split(",") if one.strip()][:10]
        found = await self._history.conversations(kinds, offset, limit)
        return [self._conversations.describe(one) for one in found]

    async def _page(
        self, recipient_id: str | None, sender_id: str | None, kind: str | None, offset: int, limit: int, search: str
    ) -> list[Kept]:
        recipient = await self._recipients.named(recipient_id) if recipient_id else None
        sender = await self._recipients.named(sender_id, "sender_id") if sender_id else None
        kind = kind or (recipient.kind if recipient else PRIVATE)
        if recipient is None and sender is None:
            return await self._history.page(None, offset, limit, search=search)
        if recipient is not None and recipient.alias != MASTER:
            talk = await self._talk(kind, recipient.alias, recipient.name)
            writer = (await self._talk(PRIVATE, MASTER, sender.name)).owner if sender else None
            return await self._history.page(talk, offset, limit, writer, search)
        # one of the two is this node, and the other one names the conversation
        names = [one.name for one in (recipient, sender) if one is not None]
        others = [name for name in names if name != self._me.global_id]
        if len(others) != 1:
            return []
        return await self._history.page(await self._talk(kind, MASTER, others[0]), offset, limit, search=search)

    async def _talk(self, kind: str, alias: str, name: str) -> Any:
        try:
            return await self._history.talk_of(kind, alias, name)
        except NotFound:
            raise _UnknownPerson from None

    def _push(self, kept: Kept) -> None:
        self._pushes.stream_message(kept.push)


class _UnknownPerson(Exception):
    """Nobody of that name has ever written: the list is empty."""
