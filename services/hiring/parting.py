"""
Suppliers that were dismissed: their leases end when nothing is needed of them any more.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass

from twisted.internet.defer import DeferredLock
from twisted.logger import Logger

from bitdust_node.clock import Clock
from bitdust_node.database import StateDb
from bitdust_node.errors import BitDustError, NotFound
from bitdust_node.identity.names import NodeId
from bitdust_node.identity.resolver import Resolver
from bitdust_node.router.router import Router
from bitdust_node.tasks import Tasks
from bitdust_node.wire.command import Nothing
from bitdust_node.wire.storage import LEASE_CANCEL
from services.catalog.catalog import Catalog
from services.hiring.link import Wanted

MIGRATIONS = (
    """
    CREATE TABLE partings (
        node_id TEXT PRIMARY KEY,
        idurl TEXT NOT NULL,
        replaced INTEGER NOT NULL,
        since REAL NOT NULL
    );
    """,
)
#: Seconds between two looks.
ROUND = 60.0
#: Seconds between two looks for what is kept of versions that are not coded anew.
LATE = 3600.0
#: Seconds after which nobody is told any more: the lease has lapsed long ago.
LONGEST = 60 * 86400.0


@dataclass(frozen=True)
class Parting:
    """
    replaced: another supplier gets its pieces, else it is not needed for as many as are wanted now: versions are coded
    anew without it. since: unix seconds.
    """

    node_id: NodeId
    idurl: str
    replaced: bool
    since: float


class Partings:
    """
    Remembers the dismissed. A lease is cancelled, and with it all that is kept, only when no catalog counts on any of
    it.

    catalogs: the own one, and those of own shares. wanted: versions of as many pieces are not coded anew. patience:
    seconds for which a lease is not cancelled at least. left: called when more of what somebody keeps has to be made
    anew.
    """

    log = Logger()

    def __init__(
        self,
        state_db: StateDb,
        catalogs: Callable[[], Iterable[Catalog]],
        wanted: Callable[[], Wanted],
        patience: Callable[[], float],
        left: Callable[[], object],
        router: Router,
        resolver: Resolver,
        clock: Clock,
    ) -> None:
        self._db, self._catalogs, self._patience, self._left = state_db, catalogs, patience, left
        self._wanted = wanted
        # for which number of pieces it was looked last what somebody keeps who was not replaced, and when
        self._looked: dict[NodeId, tuple[int, float]] = {}
        self._router, self._resolver, self._clock = router, resolver, clock
        self._tasks = Tasks("partings")
        # nobody is told that his lease ends while he is being hired again
        self._turns: defaultdict[NodeId, DeferredLock] = defaultdict(DeferredLock)

    async def start(self, hired: Collection[NodeId]) -> None:
        """
        hired: those that are hired as far as it is known; a change that was broken off in the middle is undone.
        """
        await self._db.prepare("partings", MIGRATIONS)
        self._tasks = Tasks("partings")
        await self.keep(hired)
        self._tasks.every(ROUND, "end leases", self.look, self._clock, at_once=True)

    async def stop(self) -> None:
        await self._tasks.stop()

    async def keep(self, hired: Collection[NodeId]) -> None:
        """
        Nobody who is hired is dismissed: what was begun and broken off is undone.
        """
        for parting in await self._all():
            if parting.node_id in hired:
                await self.undo(parting.node_id)

    async def begin(self, node_id: NodeId, idurl: str, replaced: bool) -> None:
        """
        A supplier is dismissed now.
        """
        row = (node_id, idurl, replaced, self._clock.seconds())
        await self._db.run(lambda c: c.execute("INSERT OR REPLACE INTO partings VALUES (?,?,?,?)", row))
        if replaced:
            await self._turns[node_id].run(self._left_behind, node_id)

    async def undo(self, node_id: NodeId) -> None:
        """
        A supplier is hired (again).
        """
        await self._turns[node_id].run(self._undo, node_id)

    async def look(self) -> None:
        """
        One round over all that are dismissed.
        """
        for parting in await self._all():
            await self._turns[parting.node_id].run(self._look_at, parting)

    async def _left_behind(self, node_id: NodeId) -> None:
        # it may have been hired again while this waited for its turn
        if any(parting.node_id == node_id for parting in await self._all()):
            await self._leave(node_id)

    async def _undo(self, node_id: NodeId) -> None:
        # forgotten at the end: a node that is stopped in between goes on with it when it starts
        for catalog in self._catalogs():
            await catalog.departures.stay(node_id)
        await self._forget(node_id)

    async def _look_at(self, parting: Parting) -> None:
        if parting not in await self._all():
            return  # hired again since the round began
        # an upload that was under way may have stored something there meanwhile
        if await (self._leave(parting.node_id) if parting.replaced else self._leave_coded(parting.node_id)):
            self._left()
        if self._clock.seconds() - parting.since < self._patience():
            return
        for catalog in self._catalogs():
            if await catalog.departures.needed(parting.node_id):
                return
        if await self._told(parting) or self._clock.seconds() - parting.since > LONGEST:
            await self._forget(parting.node_id)

    async def _leave(self, node_id: NodeId) -> bool:
        return any([await catalog.departures.leave(node_id) for catalog in self._catalogs()])

    async def _leave_coded(self, node_id: NodeId) -> bool:
        """
        When as many are wanted again as before, with others in its place, its pieces are made anew as if it had been
        replaced: nothing else will ever move them.
        """
        pieces, now = self._wanted().suppliers, self._clock.seconds()
        before, at = self._looked.get(node_id, (0, 0.0))
        # who keeps a million pieces of versions that are being coded anew is not asked each minute
        if pieces == before and now - at < LATE:
            return False
        left = any([await catalog.departures.leave(node_id, pieces) for catalog in self._catalogs()])
        self._looked[node_id] = pieces, now
        return left

    async def _told(self, parting: Parting) -> bool:
        try:
            if self._resolver.cached(parting.node_id) is None:
                await self._resolver.resolve(parting.idurl)
            await self._router.request(parting.node_id, LEASE_CANCEL, Nothing())
        except NotFound:
            return True  # there is no lease
        except BitDustError as error:
            self.log.info("{idurl} could not be told that it is dismissed: {error}", idurl=parting.idurl, error=error)
            return False
        return True

    async def _all(self) -> list[Parting]:
        query = "SELECT node_id, idurl, replaced, since FROM partings ORDER BY since"
        return await self._db.read(
            lambda c: [Parting(NodeId(row[0]), row[1], bool(row[2]), row[3]) for row in c.execute(query)]
        )

    async def _forget(self, node_id: NodeId) -> None:
        await self._db.run(lambda c: c.execute("DELETE FROM partings WHERE node_id = ?", (node_id,)))
        self._looked.pop(node_id, None)
