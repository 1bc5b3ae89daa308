"""
Receipts: what a node tells the senders of messages that came by a mailbox, or were read later.
"""

from __future__ import annotations

import secrets
from functools import partial

from twisted.logger import Logger

from bitdust_node.afterwards import Afterwards
from bitdust_node.clock import Clock
from bitdust_node.errors import Closed
from bitdust_node.identity.document import Document
from bitdust_node.identity.names import NodeId
from bitdust_node.tasks import Tasks
from bitdust_node.waiting import sleep
from bitdust_node.wire.messages import Receipt
from bitdust_node.wire.packet import pack
from services.messaging.outbox import Outbox

#: Seconds in which receipts to one sender are collected, and how many one letter tells of.
COLLECT, TOGETHER = 0.05, 1000
#: Receipts that wait to be written; with more the oldest senders ask again by giving their messages once more.
LIMIT = 20_000


class Receipts:
    """
    Collects what became of messages, and writes a letter to each sender.
    """

    log = Logger()

    def __init__(self, outbox: Outbox, clock: Clock) -> None:
        self._outbox, self._clock = outbox, clock
        self._noted: dict[tuple[NodeId, str], list[bytes]] = {}
        self._idurls: dict[NodeId, str] = {}
        self._count = 0
        self._writing = False
        self._tasks = Tasks("receipts")
        self._afterwards = Afterwards(clock, "receipts")

    async def start(self) -> None:
        """Write receipts from now on."""
        self._tasks, self._afterwards = Tasks("receipts"), Afterwards(self._clock, "receipts")
        self._writing = False

    async def stop(self) -> None:
        """Write no more; senders that heard nothing give their messages again."""
        await self._tasks.stop()
        await self._afterwards.close()
        self._noted.clear()
        self._idurls.clear()
        self._count = 0

    def note(self, sender: Document, message_id: bytes, state: str) -> None:
        """
        A message of somebody has reached a state.
        """
        if self._count < LIMIT:
            self._idurls[sender.node_id] = sender.idurl
        self.note_to(sender.node_id, message_id, state)

    def note_to(self, sender: NodeId, message_id: bytes, state: str) -> None:
        """
        The same for somebody whose identity is known.
        """
        if self._count >= LIMIT:
            return
        self._count += 1
        self._noted.setdefault((sender, state), []).append(message_id)
        if not self._writing:
            self._writing = True
            self._tasks.spawn("write receipts", self._write())

    async def _write(self) -> None:
        try:
            while self._noted:
                await sleep(self._clock, COLLECT)
                noted, self._noted = self._noted, {}
                self._count = 0
                for (sender, state), message_ids in noted.items():
                    idurl = self._idurls.pop(sender, "")
                    for at in range(0, len(message_ids), TOGETHER):
                        await self._tell(sender, idurl, message_ids[at : at + TOGETHER], state)
        finally:
            self._writing = False

    async def _tell(self, sender: NodeId, idurl: str, message_ids: list[bytes], state: str) -> None:
        contents = pack(Receipt(message_ids, state))
        confirm = partial(self._outbox.confirm, sender, idurl, secrets.token_bytes(16), contents)
        try:
            await self._afterwards.surely(f"write a receipt for {sender[:12]}", confirm)
        except Closed as error:
            # a sender who has heard nothing of a message gives it once more, and hears it then
            self.log.info("no receipt for {sender}: {error}", sender=sender[:12], error=error)
