"""
The mail of this node: what its suppliers keep of messages to it.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.logger import Logger

from bitdust_node.clock import Clock
from bitdust_node.errors import BitDustError, Corrupt, Invalid, NotFound, Refused, Unavailable
from bitdust_node.identity.names import NodeId
from bitdust_node.router.router import Router
from bitdust_node.tasks import Tasks
from bitdust_node.waiting import all_of, within
from bitdust_node.wire.command import Nothing
from bitdust_node.wire.messages import (
    LETTER_LIMIT,
    MAIL_DELETE,
    MAIL_FETCH,
    MAIL_NEWS,
    MAIL_READ,
    MailDelete,
    MailFetch,
    MailItem,
    MailRead,
)
from services.customer import Customer
from services.messaging.inbox import Inbox
from services.messaging.letters import look

#: Seconds between two looks at all mailboxes, in case that nobody told of something new; for an answer; for a letter.
ROUND, ANSWER, LARGE = 60.0, 30.0, 120.0
#: Pages of one supplier that are read in one go; a liar has no end of them.
PAGES_LIMIT = 1000
#: Letters that are taken at the same time.
AT_ONCE = 64


class Mail:
    """
    Reads the mailbox at each supplier as soon as it is connected, and whenever it says that something came.
    """

    log = Logger()

    def __init__(self, router: Router, customer: Customer, inbox: Inbox, clock: Clock) -> None:
        self._router, self._customer, self._inbox, self._clock = router, customer, inbox, clock
        self._tasks = Tasks("mail")
        self._connected: frozenset[NodeId] = frozenset()
        #: Suppliers whose mail is being read; True if it is to be read once more.
        self._reading: dict[NodeId, bool] = {}
        self._undo: Callable[[], None] | None = None

    async def start(self) -> None:
        """Read mail from now on."""
        self._tasks = Tasks("mail")
        self._connected = frozenset()
        self._router.serve(MAIL_NEWS, self._news)
        self._undo = self._customer.observe(self._suppliers_changed)
        self._tasks.every(ROUND, "look for mail", self._look_everywhere, self._clock)
        self._suppliers_changed()

    async def stop(self) -> None:
        """Read no mail any more."""
        undo, self._undo = self._undo, None
        if undo is not None:
            undo()
        self._router.withdraw(MAIL_NEWS)
        await self._tasks.stop()
        self._reading.clear()

    def _suppliers_changed(self) -> None:
        now = frozenset(link.node_id for link in self._customer.connected().values())
        came, self._connected = now - self._connected, now
        for supplier in came:
            self._look(supplier)

    async def _look_everywhere(self) -> None:
        for supplier in self._connected:
            self._look(supplier)

    async def _news(self, peer: NodeId, question: Nothing) -> Nothing:
        if self._customer.link_of(peer) is None:
            raise Refused("this node is no supplier")
        self._look(peer)
        return Nothing()

    def _look(self, supplier: NodeId) -> None:
        if supplier in self._reading:
            self._reading[supplier] = True
        else:
            self._reading[supplier] = False
            self._tasks.spawn("read mail", self._read_all(supplier))

    async def _read_all(self, supplier: NodeId) -> None:
        try:
            while True:
                await self._read(supplier)
                if not self._reading[supplier]:
                    return
                self._reading[supplier] = False
        except BitDustError as error:
            self.log.info("the mail at {who} is not read: {error}", who=supplier[:12], error=str(error))
        finally:
            self._reading.pop(supplier, None)

    async def _read(self, supplier: NodeId) -> None:
        after = 0
        #: Senders that can not be found now: one attempt a round is enough, however much there is of them.
        absent: set[str] = set()
        for _ in range(PAGES_LIMIT):
            page = await self._router.request(supplier, MAIL_READ, MailRead(after), ANSWER)
            if not page.items:
                return
            if any(item.number <= after for item in page.items):
                raise Invalid("a supplier shows the same mail again")
            taken = await all_of((self._take(supplier, item, absent) for item in page.items), limit=AT_ONCE)
            done = [item.number for item, one in zip(page.items, taken, strict=True) if one is True]
            if done:
                await self._router.request(supplier, MAIL_DELETE, MailDelete(done), ANSWER)
            after = max(item.number for item in page.items)

    async def _take(self, supplier: NodeId, item: MailItem, absent: set[str]) -> bool:
        """
        True if the letter needs to be kept no longer: it is here, or it is none. What can not be taken now stays.
        """
        letter = item.letter or await self._fetch(supplier, item)
        sender = ""
        try:
            sender = look(letter).envelope.sender
            if sender in absent:
                return False
            await self._inbox.take(letter)
        except (Invalid, Refused, Corrupt) as error:
            self.log.warn("mail at {who} is no letter: {error}", who=supplier[:12], error=str(error))
        except BitDustError as error:
            self.log.info("mail at {who} must wait: {error}", who=supplier[:12], error=str(error))
            if isinstance(error, Unavailable | NotFound):
                absent.add(sender)
            return False
        return True

    async def _fetch(self, supplier: NodeId, item: MailItem) -> bytes:
        if item.size > LETTER_LIMIT:
            return b""
        stream = await self._router.open_stream(supplier, MAIL_FETCH, MailFetch(item.number), ANSWER)
        try:
            return await within(self._clock, LARGE, stream.read_exactly(item.size), "a letter")
        finally:
            stream.release()
