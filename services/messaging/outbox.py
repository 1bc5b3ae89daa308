"""
The outbox: all letters of this node that have not arrived, and who carries them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from bitdust_node.errors import Full, TimedOut, Unavailable
from bitdust_node.identity.document import Document
from bitdust_node.identity.names import NodeId
from bitdust_node.router.router import Router
from bitdust_node.tasks import Tasks
from bitdust_node.waiting import within
from bitdust_node.wire.messages import MESSAGE, RECEIPT
from services.messaging import outbox_rows
from services.messaging.courier import OFF, Courier
from services.messaging.entries import Entry
from services.messaging.post import Post
from services.messaging.schema import MessagesDb

#: Recipients to whom something may be on its way at once.
RECIPIENTS_LIMIT = 5000
#: Messages whose senders wait to hear what becomes of them.
WAITING_LIMIT = 10_000


class Outbox:
    """
    One courier for each recipient to whom something is on its way.
    """

    log = Logger()

    def __init__(self, post: Post, database: MessagesDb, router: Router) -> None:
        self._post, self._db, self._router = post, database, router
        self._couriers: dict[NodeId, Courier] = {}
        self._loading: dict[NodeId, list[Deferred[None]]] = {}
        self._outcomes: dict[str, Deferred[tuple[str, bool]]] = {}
        self._tasks = Tasks("outbox")
        self._undo: Callable[[], None] | None = None

    async def start(self) -> None:
        """Take up what is on its way."""
        self._tasks = Tasks("outbox")
        await self._post.open()
        self._undo = self._router.contacts.observe(self._moved)
        for recipient in (await self._db.read(outbox_rows.recipients))[:RECIPIENTS_LIMIT]:
            (await self._courier(NodeId(recipient))).go()

    async def stop(self) -> None:
        """Carry nothing any more."""
        undo, self._undo = self._undo, None
        if undo is not None:
            undo()
        await self._tasks.stop()
        couriers, self._couriers = list(self._couriers.values()), {}
        for courier in couriers:
            await courier.close()

    @property
    def waiting(self) -> int:
        """Letters that are on their way."""
        return sum(courier.letters for courier in self._couriers.values())

    async def send(self, recipient: Document, message_id: bytes, contents: bytes, entry: Entry) -> None:
        """
        Write a message; it is safely in the outbox and the history when this returns. Raises `Full`.
        """
        courier = await self._courier(recipient.node_id, recipient.idurl)
        await courier.write(MESSAGE, message_id, contents, entry)

    async def outcome(self, message_id: str, seconds: float) -> tuple[str, bool]:
        """
        What becomes of a message first: its state, and whether a program of the recipient will soon collect it.
        Raises `TimedOut`.
        """
        if len(self._outcomes) >= WAITING_LIMIT:
            raise TimedOut("too many messages are waited for")
        outcome: Deferred[tuple[str, bool]] = Deferred()
        self._outcomes[message_id] = outcome
        try:
            return await within(self._post.clock, seconds, outcome, "the message")
        finally:
            if self._outcomes.get(message_id) is outcome:
                del self._outcomes[message_id]

    async def confirm(self, recipient: NodeId, idurl: str, message_id: bytes, contents: bytes) -> None:
        """
        Write a receipt.
        """
        await (await self._courier(recipient, idurl)).write(RECEIPT, message_id, contents, None)

    async def arrived(self, recipient: NodeId, message_ids: Sequence[bytes], state: str) -> None:
        """
        The recipient says what became of messages.
        """
        await (await self._courier(recipient)).arrived(message_ids, state)

    def _told(self, message_id: str, state: str, expected: bool) -> None:
        outcome = self._outcomes.pop(message_id, None)
        if outcome is not None and not outcome.called:
            outcome.callback((state, expected))

    async def _courier(self, recipient: NodeId, idurl: str = "") -> Courier:
        while recipient in self._loading:
            loaded: Deferred[None] = Deferred()
            self._loading[recipient].append(loaded)
            await loaded
        if self._undo is None:
            # whoever looked for his recipient meanwhile must not leave a courier that nobody ends
            raise Unavailable(OFF)
        courier = self._couriers.get(recipient)
        if courier is None:
            if len(self._couriers) >= RECIPIENTS_LIMIT:
                raise Full(f"messages to {RECIPIENTS_LIMIT} users are on their way already")
            waiting: list[Deferred[None]] = []
            self._loading[recipient] = waiting
            try:
                standing = await self._db.read(lambda c: outbox_rows.standing(c, recipient))
                courier = Courier(recipient, standing, self._post, self._idle, self._told)
                self._couriers[recipient] = courier
            finally:
                del self._loading[recipient]
                for loaded in waiting:
                    loaded.callback(None)
        courier.idurl = idurl or courier.idurl
        return courier

    def _idle(self, courier: Courier) -> None:
        if self._couriers.get(courier.recipient) is courier:
            del self._couriers[courier.recipient]
            self._tasks.spawn("end a courier", courier.close())

    def _moved(self, node_id: NodeId, old: str, new: str) -> None:
        courier = self._couriers.get(node_id)
        if courier is not None and new == "CONNECTED":
            courier.online()
