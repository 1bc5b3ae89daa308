"""
Customers that were rejected: they get no lease for some days.
"""

from __future__ import annotations

from bitdust_node.clock import Clock
from bitdust_node.database import StateDb
from bitdust_node.identity.names import NodeId

MIGRATIONS = ("CREATE TABLE rejections (customer TEXT PRIMARY KEY, at REAL NOT NULL);",)
#: Seconds for which a rejection holds: long enough that the customer has found somebody else.
HOLDS = 7 * 86400.0


class Rejections:
    """
    Node ids and when they were rejected, kept in `state.db`.
    """

    def __init__(self, state_db: StateDb, clock: Clock) -> None:
        self._db, self._clock = state_db, clock
        self._at: dict[NodeId, float] = {}

    async def load(self) -> None:
        """
        Take up what holds still, and forget the rest.
        """
        await self._db.prepare("rejections", MIGRATIONS)
        oldest = self._clock.seconds() - HOLDS
        await self._db.run(lambda c: c.execute("DELETE FROM rejections WHERE at < ?", (oldest,)))
        self._at = await self._db.read(
            lambda c: {NodeId(row[0]): float(row[1]) for row in c.execute("SELECT customer, at FROM rejections")}
        )

    async def add(self, customer: NodeId) -> None:
        """
        Reject a customer from now on.
        """
        now = self._clock.seconds()
        self._at[customer] = now
        await self._db.run(lambda c: c.execute("INSERT OR REPLACE INTO rejections VALUES (?, ?)", (customer, now)))

    def welcome(self, customer: NodeId) -> bool:
        """
        True if nobody has rejected the customer lately.
        """
        return self._clock.seconds() - self._at.get(customer, -HOLDS) >= HOLDS
