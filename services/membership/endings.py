"""
Shares that their owner has deleted, and shares and groups that could not be made: his suppliers are told, also those
that are away.
"""

from __future__ import annotations

from collections.abc import Iterable

from twisted.logger import Logger

from bitdust_node.clock import Clock
from bitdust_node.database import StateDb
from bitdust_node.errors import BitDustError, NotFound, NotServed
from bitdust_node.identity.names import NodeId
from bitdust_node.identity.resolver import Resolver
from bitdust_node.membership.roster import Circle
from bitdust_node.router.router import Router
from bitdust_node.tasks import Tasks
from bitdust_node.waiting import all_of
from bitdust_node.wire.members import CIRCLE_END, CircleName

MIGRATIONS = (
    """
    CREATE TABLE endings (
        node_id TEXT NOT NULL,
        owner TEXT NOT NULL,
        alias TEXT NOT NULL,
        since REAL NOT NULL,
        PRIMARY KEY (node_id, owner, alias)
    ) WITHOUT ROWID;
    """,
)
#: Seconds between tries, and after which a supplier is not told any more: its lease has lapsed long ago.
AGAIN, LONGEST = 60.0, 60 * 86400.0
#: Seconds that a supplier has to answer, and suppliers that are told at once.
ANSWER_TIME, AT_ONCE = 30.0, 8


class Endings:
    """
    Remembers whom to tell until each has answered. `start` and `stop` count: shares and groups have one.
    """

    log = Logger()

    def __init__(self, state_db: StateDb, router: Router, resolver: Resolver, clock: Clock) -> None:
        self._db, self._router, self._resolver, self._clock = state_db, router, resolver, clock
        self._tasks = Tasks("ended shares")
        self._users = 0

    async def start(self) -> None:
        """
        Tell those who were not told before the node ended.
        """
        await self._db.prepare("endings", MIGRATIONS)
        self._users += 1
        if self._users > 1:
            return
        self._tasks = Tasks("ended shares")
        self._tasks.every(AGAIN, "tell suppliers of ended shares", self.tell, self._clock, at_once=True)

    async def stop(self) -> None:
        self._users -= 1
        if self._users == 0:
            await self._tasks.stop()

    async def begin(self, circle: Circle, suppliers: Iterable[NodeId]) -> None:
        """
        Nothing of a share is needed any more.
        """
        now = self._clock.seconds()
        rows = [(node_id, circle.owner, circle.alias, now) for node_id in suppliers]
        await self._db.run(lambda c: c.executemany("INSERT OR IGNORE INTO endings VALUES (?, ?, ?, ?)", rows))
        self._tasks.spawn("tell suppliers of an ended share", self.tell())

    async def tell(self) -> None:
        """
        One round over all that is still to be told.
        """
        rows = await self._db.read(lambda c: c.execute("SELECT node_id, owner, alias, since FROM endings").fetchall())
        await all_of([self._tell(NodeId(row[0]), Circle(row[1], row[2]), row[3]) for row in rows], limit=AT_ONCE)

    async def _tell(self, supplier: NodeId, circle: Circle, since: float) -> None:
        try:
            await self._resolver.resolve(supplier)
            await self._router.request(supplier, CIRCLE_END, CircleName(circle), ANSWER_TIME)
        except NotServed as error:
            self.log.info("a supplier can not be told of an ended share yet: {error}", error=error)
            return
        except NotFound:
            # it knows nothing of it
            pass
        except BitDustError as error:
            if self._clock.seconds() - since < LONGEST:
                self.log.info("a supplier can not be told of an ended share: {error}", error=error)
                return
        names = (supplier, circle.owner, circle.alias)
        query = "DELETE FROM endings WHERE node_id = ? AND owner = ? AND alias = ?"
        await self._db.run(lambda c: c.execute(query, names))
