"""
Deletions reach all suppliers: at once those that are connected, the others when they come back.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from bitdust_node.alarm import Alarm
from bitdust_node.clock import Clock
from bitdust_node.errors import BitDustError
from bitdust_node.identity.names import NodeId
from bitdust_node.router.contacts import Contacts
from bitdust_node.tasks import Tasks
from bitdust_node.wire.storage import VERSIONS_LIMIT
from services.catalog.catalog import Catalog
from services.customer import Customer
from services.data_motion import DataMotion, Holder

#: Seconds that deletions are collected before suppliers hear of them, and between tries: the first, and the longest.
COLLECT, AGAIN_FIRST, AGAIN_LONGEST = 0.5, 60.0, 960.0


class Deletions:
    """
    Tells suppliers what the tombstones of the catalog say, until each has acknowledged.
    """

    log = Logger()

    def __init__(
        self, catalog: Catalog, customer: Customer, motion: DataMotion, contacts: Contacts, clock: Clock
    ) -> None:
        self._catalog, self._customer, self._motion = catalog, customer, motion
        self._contacts = contacts
        #: Those that could not be told; they may be dismissed suppliers, which nothing else keeps in touch with.
        self._missed: set[str] = set()
        self._tasks = Tasks("deletions")
        self._clock = clock
        self._alarm = Alarm(clock, self._begin)
        self._running: Deferred[None] | None = None
        self._again = False
        #: Seconds between the last tries and the next, and when that is due.
        self._delay = self._due = 0.0
        self._undo: list[Callable[[], None]] = []

    def start(self) -> None:
        self._tasks = Tasks("deletions")
        self._undo = [self._customer.observe(self.soon), self._catalog.errands.observe(self.soon)]
        self._undo.append(self._contacts.observe(self._contact_changed))
        self.soon()

    async def stop(self) -> None:
        for undo in self._undo:
            undo()
        self._undo = []
        await self._tasks.stop()
        self._alarm.off()

    def soon(self) -> None:
        """
        There is something to tell, or somebody came whom it can be told.
        """
        self._alarm.set(COLLECT)

    def _contact_changed(self, node_id: NodeId, old: str, new: str) -> None:
        if new == "CONNECTED" and node_id in self._missed:
            # it may need a moment to be ready
            self._delay = self._due = 0.0
            self.soon()

    def _begin(self) -> None:
        if self._running is None:
            self._running = self._tasks.spawn("tell suppliers", self._tell())
            self._running.addCallback(self._ended)
        else:
            self._again = True

    def _ended(self, _result: object) -> None:
        self._running = None
        if self._again:
            self._again = False
            self.soon()

    async def _tell(self) -> None:
        again: float | None = AGAIN_FIRST
        try:
            again = await self._tell_all()
        except BitDustError as error:
            self.log.warn("suppliers are told later what to delete: {error}", error=error)
        finally:
            if again is not None:
                self._alarm.set(again)

    async def _tell_all(self) -> float | None:
        """Seconds until those who could not be told are told again; None if there are none."""
        missed, early = set(), self._clock.seconds() < self._due
        for node_id, idurl in await self._catalog.errands.buriers():
            link = self._customer.link_of(node_id)
            if link is not None and not link.connected:
                # it will be told when it is connected
                continue
            if link is None and early and node_id in self._missed:
                # not dialled anew for each deletion
                missed.add(node_id)
                continue
            if not await self._tell_one(Holder(NodeId(node_id), idurl)):
                missed.add(node_id)
        self._missed = missed
        if not missed:
            self._delay = self._due = 0.0
            return None
        now = self._clock.seconds()
        if now >= self._due:  # what is deleted meanwhile does not make anybody wait longer
            self._delay = min(max(2 * self._delay, AGAIN_FIRST), AGAIN_LONGEST)
            self._due = now + self._delay
        return self._due - now

    async def _tell_one(self, holder: Holder) -> bool:
        while True:
            stones = await self._catalog.errands.tombstones(holder.node_id, VERSIONS_LIMIT)
            if not stones:
                return True
            versions = [stone.version for stone in stones]
            try:
                await self._motion.delete(holder, versions)
                # on a full disk this can not be noted, and it is told once more
                await self._catalog.errands.bury(holder.node_id, versions)
            except BitDustError as error:
                self.log.info(
                    "{supplier} could not be told what to delete: {error}", supplier=holder.idurl, error=error
                )
                return False
