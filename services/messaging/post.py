"""
What all couriers use: the outbox, the ways to recipients and to their suppliers.
"""

from __future__ import annotations

from collections.abc import Sequence

from automats.registry import Automats
from bitdust_node.clock import Clock
from bitdust_node.database import StateDb
from bitdust_node.errors import Refused
from bitdust_node.identity.document import Document
from bitdust_node.identity.me import Me
from bitdust_node.identity.names import NodeId
from bitdust_node.identity.resolver import Resolver
from bitdust_node.router.router import Router
from bitdust_node.router.transport import Stream
from bitdust_node.threads import Workers
from bitdust_node.waiting import within
from bitdust_node.wire.command import Nothing
from bitdust_node.wire.messages import (
    MAIL_PUT,
    MAIL_PUT_LARGE,
    MESSAGE_GIVE,
    MESSAGE_GIVE_LARGE,
    SMALL,
    LargeLetter,
    LargeMailPut,
    Letter,
    MailPut,
    Taken,
)
from bitdust_node.wire.packet import unpack
from services.membership.keepers import Keepers
from services.membership.rows import MIGRATIONS as MEMBERSHIP
from services.messaging import outbox_rows
from services.messaging.history import History
from services.messaging.letters import Draft, KeysToSend, Writer, write
from services.messaging.outbox_rows import Row
from services.messaging.schema import MessagesDb

#: Seconds for an answer, and for a large letter.
ANSWER, LARGE = 15.0, 60.0
#: Bytes of an answer in a stream.
ANSWER_LIMIT = 1024


class Post:
    """
    own_log: the name of the logs that are written from this data folder, known after `open`.
    """

    def __init__(
        self,
        history: History,
        database: MessagesDb,
        state_db: StateDb,
        router: Router,
        resolver: Resolver,
        me: Me,
        keepers: Keepers,
        workers: Workers,
        clock: Clock,
        automats: Automats,
    ) -> None:
        self.history, self.router, self.me, self.clock, self.automats = history, router, me, clock, automats
        self._db, self._state_db = database, state_db
        self._resolver, self._keepers, self._workers = resolver, keepers, workers
        self._keys = KeysToSend()
        self.own_log = b""

    async def open(self) -> None:
        """Prepare the tables."""
        await self.history.open()
        await self._db.prepare("outbox", outbox_rows.MIGRATIONS)
        # what the DHT has told of suppliers is remembered there
        await self._state_db.prepare("membership", MEMBERSHIP)
        self.own_log = await self._db.run(outbox_rows.own_log)

    async def load(self, recipient: NodeId, after: int) -> list[Row]:
        """The next letters to a recipient."""
        return await self._db.read(lambda c: outbox_rows.load(c, recipient, after))

    async def document(self, node_id: NodeId, idurl: str) -> Document:
        """
        The identity of somebody, also of one who was forgotten here.
        """
        known = self._resolver.cached(node_id)
        if known is not None:
            return known
        found = await self._resolver.resolve(idurl or node_id)
        if found.node_id != node_id:
            raise Refused(f"{idurl} belongs to somebody else now")
        return found

    async def seal(self, drafts: Sequence[Draft], recipient: Document) -> list[bytes]:
        """Write letters."""
        key = self._keys.key(recipient.public, len(drafts), self.clock.seconds())
        writer = Writer(self.me.node_id, self.me.idurl, self.me.device, self.me.device_record)
        return await self._workers.run(write, drafts, recipient.node_id, writer, key)

    def online(self, recipient: NodeId) -> bool:
        """True if there is a session with somebody."""
        return self.router.contacts.is_online(recipient)

    async def give(self, recipient: NodeId, letter: bytes) -> Taken:
        """
        Give a letter to its recipient.
        """
        if len(letter) <= SMALL:
            return await self.router.request(recipient, MESSAGE_GIVE, Letter(letter), ANSWER)
        stream = await self.router.open_stream(recipient, MESSAGE_GIVE_LARGE, LargeLetter(len(letter)), ANSWER)
        return unpack(Taken, await self._bring(stream, letter))

    async def leave(self, keeper: NodeId, recipient: NodeId, letter: bytes) -> None:
        """
        Leave a letter with a supplier of its recipient.
        """
        if len(letter) <= SMALL:
            await self.router.request(keeper, MAIL_PUT, MailPut(recipient, letter), ANSWER)
            return
        question = LargeMailPut(recipient, len(letter))
        stream = await self.router.open_stream(keeper, MAIL_PUT_LARGE, question, ANSWER)
        unpack(Nothing, await self._bring(stream, letter))

    async def keepers(self, recipient: NodeId, idurl: str) -> list[NodeId]:
        """
        The suppliers of a recipient that may keep letters for him, best first.
        """
        found = await self._keepers.of(recipient, idurl)
        return [one for one in found if one not in (recipient, self.me.node_id)]

    async def _bring(self, stream: Stream, letter: bytes) -> bytes:
        return await within(self.clock, LARGE, bring(stream, letter), "a large letter")


async def bring(stream: Stream, letter: bytes) -> bytes:
    """
    Write a letter into a stream and answer with what comes back.
    """
    try:
        await stream.write(letter)
        stream.finish()
        answer = b""
        while len(answer) <= ANSWER_LIMIT and (chunk := await stream.read()):
            answer += chunk
        return answer
    finally:
        stream.release()
