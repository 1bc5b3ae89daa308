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
from bitdust_node.identity.names import NodeId
from bitdust_node.tasks import Tasks
from bitdust_node.waiting import sleep
from bitdust_node.wire.messages import Receipt
from bitdust_node.wire.packet import pack
from services.messaging import receipt_rows
from services.messaging.outbox import Outbox
from services.messaging.receipt_rows import Due
from services.messaging.schema import MessagesDb

#: Seconds in which receipts to one sender are collected, and how many one letter tells of.
COLLECT, TOGETHER = 0.05, 1000
#: Receipts that wait to be written, in memory; more of those that are due come at the next start.
LIMIT = 20_000


class Receipts:
    """
    Collects what became of messages, and writes a letter to each sender. Whoever notes something here has noted it in
    `receipt_rows` too, together with what became of the message: what was not written when the process ends is written
    at the next start.
    """

    log = Logger()

    def __init__(self, outbox: Outbox, database: MessagesDb, clock: Clock) -> None:
        self._outbox, self._db, self._clock = outbox, database, clock
        self._noted: dict[tuple[NodeId, str], list[bytes]] = {}
        self._idurls: dict[NodeId, str] = {}
        self._count = 0
        self._writing = False
        self._tasks = Tasks("receipts")
        self._afterwards = Afterwards(clock, "receipts")

    async def start(self) -> None:
        """Write receipts from now on, first those that were due when the process ended."""
        self._tasks, self._afterwards = Tasks("receipts"), Afterwards(self._clock, "receipts")
        self._writing = False
        await self._db.prepare("receipts", receipt_rows.MIGRATIONS)
        for due in await self._db.read(lambda c: receipt_rows.due(c, LIMIT)):
            self.note(due)
        forget = partial(receipt_rows.forget_old, now=int(self._clock.seconds()))
        await self._afterwards.surely("forget receipts that nobody waits for", partial(self._db.run, forget))

    async def stop(self) -> None:
        """Write no more."""
        await self._tasks.stop()
        await self._afterwards.close()
        self._noted.clear()
        self._idurls.clear()
        self._count = 0

    def note(self, due: Due) -> None:
        """
        A message of somebody has reached a state.
        """
        if self._count >= LIMIT:
            return
        self._count += 1
        sender = NodeId(due.sender)
        if due.idurl:
            self._idurls[sender] = due.idurl
        self._noted.setdefault((sender, due.state), []).append(due.message_id)
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
        receipt = secrets.token_bytes(16)
        in_outbox = False

        async def confirm() -> None:
            nonlocal in_outbox
            if not in_outbox:
                await self._outbox.confirm(sender, idurl, receipt, contents)
                in_outbox = True
            await self._db.run(lambda c: receipt_rows.written(c, sender, message_ids, state))

        try:
            await self._afterwards.surely(f"write a receipt for {sender[:12]}", confirm)
        except Closed as error:
            self.log.info("a receipt for {sender} waits for the next start: {error}", sender=sender[:12], error=error)
