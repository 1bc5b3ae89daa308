"""
service_private_messages: messages from one person to another, and by which nickname people are found.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any, ClassVar

from twisted.logger import Logger

from bitdust_node.api.registry import Answer, method
from bitdust_node.clock import Clock
from bitdust_node.config.config import Config
from bitdust_node.errors import Invalid, TimedOut, Unavailable
from bitdust_node.identity.me import Me
from bitdust_node.identity.resolver import Resolver
from services.messaging.consumers import Consumers
from services.messaging.entries import PERSONAL, PRIVATE, Talk, pack_data
from services.messaging.history import History
from services.messaging.inbox import Inbox
from services.messaging.mail import Mail
from services.messaging.outbox import Outbox
from services.messaging.receipts import Receipts
from services.messaging.recipients import Recipients
from services.people.naming import NicknameService
from services.people.nicknames import Nicknames

MESSAGES = ("service_private_messages",)
RECIPIENT = {"recipient_id": ("global_id", "idurl", "id")}
#: Seconds that a sender may wait for his recipient.
PATIENCE = 600
#: Kinds of messages that one consumer may ask for.
KINDS_LIMIT = 10


class PrivateMessages(NicknameService):
    """
    Sends and receives.
    """

    log = Logger()
    name: ClassVar[str] = "private_messages"
    depends: ClassVar[tuple[str, ...]] = ("keys_registry", "entangled_dht")
    needs_identity: ClassVar[bool] = True

    def __init__(
        self,
        nicknames: Nicknames,
        history: History,
        outbox: Outbox,
        receipts: Receipts,
        inbox: Inbox,
        mail: Mail,
        consumers: Consumers,
        recipients: Recipients,
        resolver: Resolver,
        config: Config,
        me: Me,
        clock: Clock,
    ) -> None:
        super().__init__(nicknames, config, me, clock)
        self._history, self._outbox, self._receipts, self._inbox, self._mail = history, outbox, receipts, inbox, mail
        self._consumers, self._recipients, self._resolver = consumers, recipients, resolver

    async def start(self) -> None:
        for part in (self._outbox, self._receipts, self._inbox, self._mail):
            await part.start()
        await super().start()

    async def stop(self) -> None:
        await super().stop()
        self._consumers.close()
        for part in (self._mail, self._inbox, self._receipts, self._outbox):
            await part.stop()

    async def counters(self) -> Mapping[str, Mapping[str, Any]]:
        return {"message": {"waiting": self._outbox.waiting, "consumers": len(self._consumers)}}

    @method("POST", "/message/send/v1", "POST /msg/s", needs=MESSAGES, accept=RECIPIENT)
    async def message_send(
        self, recipient_id: str, data: dict[str, Any], ping_timeout: int = 30, message_ack_timeout: int = 15
    ) -> Answer:
        """
        Encrypt a JSON object for one user and deliver it: to him if he can be reached, else to his suppliers, else
        later. It arrives once, and after those that were sent to him before.

        recipient_id: a nickname of the address book, a global id or an IDURL. data: up to 1 MB. ping_timeout,
        message_ack_timeout: seconds to wait until the message is delivered, and until a program there has taken it.
        The answer tells how far it is by then: `state` is pending, stored, delivered or read, and `consumed` is true
        when it is read.
        """
        named = await self._recipients.named(recipient_id)
        if named.kind == PERSONAL:
            raise Unavailable("method is not implemented yet")
        if named.kind != PRIVATE:
            raise Invalid("wrong recipient: messages to groups are sent by message_send_group")
        contents = pack_data(data)
        recipient = await self._resolver.resolve(named.name)
        if recipient.node_id == self._me.node_id:
            raise Invalid("wrong recipient: this is the own identity")
        message_id = secrets.token_bytes(16)
        name, me = message_id.hex(), self._me.node_id
        talk = Talk(PRIVATE, recipient.node_id)
        entry = self._history.entry(talk, name, self._clock.seconds(), me, "out", data, "pending")
        await self._outbox.send(recipient, message_id, contents, entry)
        state = await self._fate(name, _seconds(ping_timeout), _seconds(message_ack_timeout))
        return Answer({"consumed": state == "read", "message_id": name, "state": state}, message="message sent")

    @method(
        "GET",
        "/message/receive/{consumer_callback_id}/v1",
        "GET /msg/r/{consumer_callback_id}",
        needs=MESSAGES,
    )
    async def message_receive(
        self,
        consumer_callback_id: str,
        direction: str = "incoming",
        message_types: Any = "private_message,group_message",
        polling_timeout: int = 60,
    ) -> list[dict[str, Any]]:
        """
        Return the messages that wait for a named consumer, or wait for the next one.

        The first call registers the consumer. Up to 100 messages are kept for it between two calls; with more it is
        dropped. A new call of the same consumer ends the older one with nothing.
        """
        kinds = message_types.split(",") if isinstance(message_types, str) else message_types
        if not isinstance(kinds, list) or len(kinds) > KINDS_LIMIT or not all(isinstance(one, str) for one in kinds):
            raise Invalid("message_types are names of types, separated by commas")
        wanted = [one.strip() for one in kinds if one.strip()]
        return await self._consumers.collect(consumer_callback_id, direction, wanted, polling_timeout)

    async def _fate(self, message_id: str, ping_timeout: int, ack_timeout: int) -> str:
        """How far a message has come when there is nothing more to wait for."""
        state, expected = "pending", False
        try:
            state, expected = await self._outbox.outcome(message_id, ping_timeout + ack_timeout)
            if expected:
                state, _ = await self._outbox.outcome(message_id, ack_timeout)
        except TimedOut:
            self.log.debug("nobody has taken message {message_id} yet", message_id=message_id)
        return state


def _seconds(timeout: int) -> int:
    return min(max(timeout, 1), PATIENCE)
