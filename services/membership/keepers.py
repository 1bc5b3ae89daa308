"""
Where the owner of a share or group keeps things: his suppliers, which outlive him here.
"""

from __future__ import annotations

from bitdust_node.clock import Clock
from bitdust_node.database import StateDb
from bitdust_node.errors import BitDustError
from bitdust_node.identity.me import Me
from bitdust_node.identity.names import NodeId
from bitdust_node.identity.resolver import Resolver
from bitdust_node.waiting import all_of
from services.hiring.family import AT_ONCE, Families
from services.hiring.suppliers import SupplierTable
from services.membership.rows import Keeper, keep_keepers, keepers

#: Seconds for which an answer of the DHT is good enough.
FRESH = 60.0


class Keepers:
    """
    The suppliers of owners. What the DHT has told last is remembered: its record ends within a day after the owner has
    gone, and what his suppliers keep does not.
    """

    def __init__(self, state_db: StateDb, me: Me, families: Families, resolver: Resolver, clock: Clock) -> None:
        self._db, self._me, self._families, self._resolver, self._clock = state_db, me, families, resolver, clock
        self._table = SupplierTable(state_db)
        self._read: dict[str, float] = {}

    async def of(self, owner: NodeId, idurl: str) -> list[NodeId]:
        """
        The suppliers of somebody by their positions, those whose identities are not found left out.

        idurl: of the owner, in case that his identity is not known here.
        """
        if owner == self._me.node_id:
            return [hired.node_id for hired in await self._table.load()]
        known = await self._db.read(lambda c: keepers(c, owner))
        now = self._clock.seconds()
        if not known or now - self._read.get(owner, 0.0) > FRESH:
            found = await self._ask(owner, idurl)
            if found:
                self._read[owner] = now
                if found != known:
                    known = found
                    await self._db.run(lambda c: keep_keepers(c, owner, known))
        await all_of((self._meet(one) for one in known), limit=AT_ONCE)
        return [one.node_id for one in known]

    async def _ask(self, owner: NodeId, idurl: str) -> list[Keeper]:
        document = self._resolver.cached(owner)
        try:
            family = await self._families.read(document.idurl if document is not None else idurl)
        except BitDustError:
            # nobody hears the DHT now: what is known must do
            return []
        documents = await all_of(map(self._resolver.resolve, filter(None, family.suppliers)), limit=AT_ONCE)
        return [Keeper(one.node_id, one.idurl) for one in documents if not isinstance(one, Exception)]

    async def _meet(self, keeper: Keeper) -> None:
        if self._resolver.cached(keeper.node_id) is None:
            await self._resolver.resolve(keeper.idurl)
