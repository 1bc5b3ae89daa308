"""
What a supplier says to its customers unasked: that pieces are bad, and that a lease is about to lapse.

Said to those who are there, and to the others when they come.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.logger import Logger

from bitdust_node.clock import Clock
from bitdust_node.errors import BitDustError
from bitdust_node.identity.names import NodeId
from bitdust_node.router.router import Router
from bitdust_node.tasks import Tasks
from bitdust_node.waiting import all_of
from bitdust_node.wire.storage import LEASE_NOTICE, LIST_LIMIT, PIECE_BAD, BadPiece, LeaseNotice, PieceBad
from services.supplying.leases import Lease, Leases
from services.supplying.ledger import Ledger

#: Seconds between two rounds, and after which a piece that is still bad is told again.
ROUND, TOLD_AGAIN = 3600.0, 86400
#: Customers that are told at once.
LANES = 10


class Notices:
    """
    Tells customers.
    """

    log = Logger()

    def __init__(self, router: Router, ledger: Ledger, leases: Leases, clock: Clock) -> None:
        self._router, self._ledger, self._leases, self._clock = router, ledger, leases, clock
        self._tasks = Tasks("notices")
        self._undo: Callable[[], object] = lambda: None
        #: Who is being told at this moment.
        self._busy: set[NodeId] = set()

    def start(self) -> None:
        """
        From now on whoever comes is told.
        """
        self._undo = self._router.contacts.observe(self._contact_changed)
        self._tasks.every(ROUND, "tell of bad pieces", self.tell, self._clock)

    async def stop(self) -> None:
        self._undo()
        await self._tasks.stop()

    def soon(self) -> None:
        """
        There is something new to be told.
        """
        self._tasks.spawn("tell of bad pieces", self.tell())

    async def tell(self) -> None:
        """
        Tell those who are there and have bad pieces.
        """
        owners = await self._ledger.damage.owners(self._untold_since())
        there = [owner for owner in owners if self._router.contacts.is_online(owner)]
        await all_of(map(self._tell_bad, there), limit=LANES)

    def remind_soon(self, lease: Lease) -> None:
        """
        A lease is about to lapse.
        """
        self._tasks.spawn("remind a customer", self.remind(lease))

    async def remind(self, lease: Lease) -> None:
        """
        Tell a customer that his lease is about to lapse; he need not be there.
        """
        notice = LeaseNotice(lease.granted, self._leases.expires(lease))
        try:
            await self._router.request(lease.customer, LEASE_NOTICE, notice)
        except BitDustError as error:
            self.log.debug("a customer could not be reminded: {error}", error=error)

    def _contact_changed(self, node_id: NodeId, old: str, new: str) -> None:
        if new == "CONNECTED" and old != new:
            self._tasks.spawn("tell who came", self._tell_bad(node_id))

    async def _tell_bad(self, owner: NodeId) -> None:
        if owner in self._busy:
            return
        self._busy.add(owner)
        try:
            while pieces := await self._ledger.damage.untold(owner, self._untold_since(), LIST_LIMIT):
                question = PieceBad([BadPiece(version, index) for _, version, index in pieces])
                await self._router.request(owner, PIECE_BAD, question)
                await self._ledger.damage.told(pieces, int(self._clock.seconds()))
        except BitDustError as error:
            self.log.info("{owner} could not be told of bad pieces: {error}", owner=owner, error=error)
        finally:
            self._busy.discard(owner)

    def _untold_since(self) -> int:
        return max(1, int(self._clock.seconds()) - TOLD_AGAIN)
