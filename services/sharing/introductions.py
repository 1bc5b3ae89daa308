"""
Suppliers that know who belongs to a share: nothing else is asked of one before.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

from twisted.logger import Logger

from bitdust_node.clock import Clock
from bitdust_node.errors import BitDustError, NotFound
from bitdust_node.identity.names import NodeId
from bitdust_node.membership.roster import Circle
from bitdust_node.tasks import Tasks
from services.membership.couriers import Couriers

#: Seconds between tries with those who did not answer, and between questions to one of the others after a newer roster.
AGAIN, NEWER = 20.0, 30.0


class Introductions:
    """
    A supplier that was hired after the members were told of has never heard of the share, and one that comes back may
    have missed a change: whoever uses it for the share tells it first, or hears of the change.

    changed: called when one more knows them.
    """

    log = Logger()

    def __init__(self, circle: Circle, couriers: Couriers, clock: Clock, changed: Callable[[], object]) -> None:
        self._circle, self._couriers, self._clock, self._changed = circle, couriers, clock, changed
        self._tasks = Tasks(f"introductions of {circle.alias}")
        self._online: set[NodeId] = set()
        self._known: set[NodeId] = set()
        self._asking: set[NodeId] = set()
        self._turn = 0

    def start(self) -> None:
        self._tasks = Tasks(self._tasks.name)
        self._online, self._known, self._asking = set(), set(), set()
        self._tasks.every(AGAIN, "introduce a share again", self._again, self._clock)
        self._tasks.every(NEWER, "ask for newer members of a share", self._in_turn, self._clock)

    async def stop(self) -> None:
        await self._tasks.stop()

    def knows(self, supplier: NodeId) -> bool:
        """
        True for a supplier that knows the members.
        """
        return supplier in self._known

    def look(self, online: Collection[NodeId]) -> None:
        """
        These are connected now, and no others.
        """
        self._online = set(online)
        self._known &= self._online
        self._ask()

    async def compare(self, supplier: NodeId) -> None:
        """
        Ask one that knows them whether they have changed: the owner tells only those whom he reaches.
        """
        try:
            await self._couriers.agree(self._circle, supplier)
        except NotFound:
            self._known.discard(supplier)
            self._changed()
        except BitDustError as error:
            self.log.debug("{share} at {who}: {error}", share=self._circle.alias, who=supplier[:12], error=error)

    async def _in_turn(self) -> None:
        known = sorted(self._known)
        if known:
            self._turn += 1
            await self.compare(known[self._turn % len(known)])

    async def _again(self) -> None:
        self._ask()

    def _ask(self) -> None:
        for supplier in self._online - self._known - self._asking:
            self._asking.add(supplier)
            self._tasks.spawn("introduce a share", self._introduce(supplier))

    async def _introduce(self, supplier: NodeId) -> None:
        try:
            await self._couriers.agree(self._circle, supplier)
        except BitDustError as error:
            self.log.info("{share} at {who}: {error}", share=self._circle.alias, who=supplier[:12], error=error)
            return
        finally:
            self._asking.discard(supplier)
        if supplier in self._online:
            self._known.add(supplier)
            self._changed()
