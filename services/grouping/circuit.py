"""
The suppliers of the owner of a group, as one member uses them: which take its posts, and which lag behind.
"""

from __future__ import annotations

from bitdust_node.identity.names import NodeId
from bitdust_node.membership.roster import Circle
from bitdust_node.tasks import Tasks
from services.grouping.exchange import Exchange, quietly
from services.grouping.means import Means

#: Suppliers that get each post from its author.
TARGETS = 3
#: Seconds for which a supplier that does not answer is left alone, and after which all are looked up again.
REST, AGAIN = 30.0, 60.0


class Circuit:
    """
    One supplier tells of posts; this is about the others too, so that any one can take over.
    """

    def __init__(self, circle: Circle, exchange: Exchange, means: Means, tasks: Tasks) -> None:
        self.circle = circle
        self._exchange, self._means, self._tasks = exchange, means, tasks
        #: By position.
        self.suppliers: list[NodeId] = []
        self._looked = 0.0
        self._down: dict[NodeId, float] = {}
        self._behind: set[NodeId] = set()
        self._turn = 0
        self._tending = False

    async def look(self) -> bool:
        """
        Find out who the suppliers are; false if nobody knows.
        """
        found = await self._means.couriers.keepers(self.circle)
        if found:
            self.suppliers = found
        self._looked = self._means.clock.seconds()
        return bool(self.suppliers)

    def candidates(self, failed: NodeId | None) -> list[NodeId]:
        """
        In the order in which they are asked to tell of posts: by position, those that seem to be there first.
        """
        online = self._means.router.contacts.is_online
        return sorted(self.suppliers, key=lambda one: (one == failed, self._is_down(one), not online(one)))

    def targets(self, active: NodeId | None) -> list[NodeId]:
        """
        Who gets an own post.
        """
        others = [one for one in self.suppliers if one != active and not self._is_down(one)]
        return ([active] if active is not None else []) + others[: TARGETS - 1]

    def down(self, supplier: NodeId) -> None:
        """
        A supplier did not answer.
        """
        self._down[supplier] = self._means.clock.seconds() + REST
        self._behind.add(supplier)

    def behind(self, supplier: NodeId) -> None:
        """
        A supplier did not take a post.
        """
        self.down(supplier)

    def up(self, supplier: NodeId) -> None:
        """
        A supplier has answered.
        """
        self._down.pop(supplier, None)

    def tend(self, active: NodeId) -> None:
        """
        Compare with another supplier: with one that lags behind, else with one after the other.
        """
        if not self._tending:
            self._tending = True
            self._tasks.spawn("compare with other suppliers", self._tend(active))

    async def _tend(self, active: NodeId) -> None:
        try:
            if self._means.clock.seconds() - self._looked > AGAIN:
                await self.look()
            others = [one for one in self.suppliers if one != active]
            late = [one for one in others if one in self._behind and not self._is_down(one)]
            usual = others[: TARGETS - 1]
            chosen = late or usual[self._turn % len(usual) :][:1] if usual else late
            self._turn += 1
            for supplier in chosen:
                if self._is_down(supplier):
                    continue
                if await quietly(self._exchange, supplier):
                    self._behind.discard(supplier)
                    self.up(supplier)
                else:
                    self.down(supplier)
        finally:
            self._tending = False

    def _is_down(self, supplier: NodeId) -> bool:
        return self._down.get(supplier, 0.0) > self._means.clock.seconds()
