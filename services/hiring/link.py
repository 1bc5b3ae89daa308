"""
The link to one supplier: it keeps the lease agreed and knows whether the supplier can be used now.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any

from twisted.logger import Logger

from automats.machine import Machine
from automats.registry import Automats
from automats.supplier_link import LINK, Input, State
from bitdust_node.clock import Clock, DelayedCall
from bitdust_node.errors import BitDustError, Full, NotFound, NotServed, Refused
from bitdust_node.identity.names import NodeId, global_id_of
from bitdust_node.identity.resolver import Resolver
from bitdust_node.pieces.layout import ecc_map
from bitdust_node.router.router import Router
from bitdust_node.tasks import Tasks
from bitdust_node.wire.storage import LEASE_REQUEST, LeaseAnswer, LeaseQuestion
from services.hiring.suppliers import Hired

#: Seconds between tries: the first, and the longest.
RETRY_FIRST, RETRY_LONGEST = 1.0, 300.0
#: A lease is renewed when this part of its time is left, or less or more was granted than is wanted, but not more often
#: than this.
RENEW_PART, RENEW_AT_LEAST = 0.5, 600.0
#: Seconds that a supplier has to answer.
ANSWER_TIME = 15.0


@dataclass(frozen=True)
class Wanted:
    """
    What is asked of each supplier. needed: bytes. suppliers: how many there are.
    """

    needed: int
    suppliers: int


class SupplierLink:
    """
    Owner of one `supplier_link` machine.

    wanted: tells what to ask for now. least: tells below how many bytes a lease must not fall now.
    changed: called when the supplier came or went, and when the lease was renewed.
    """

    log = Logger()

    def __init__(
        self,
        hired: Hired,
        wanted: Callable[[], Wanted],
        least: Callable[[NodeId], Awaitable[float]],
        changed: Callable[[SupplierLink, bool], None],
        router: Router,
        resolver: Resolver,
        clock: Clock,
        automats: Automats,
    ) -> None:
        self.hired = hired
        self._wanted, self._least, self._changed = wanted, least, changed
        self._router, self._resolver, self._clock = router, resolver, clock
        self._tasks = Tasks(f"link to supplier {hired.idurl}")
        self._planned: DelayedCall | None = None
        self._tries = 0
        self._answer: LeaseAnswer | None = None
        self._refused = False
        self.machine = Machine(LINK, self, clock=clock, id=f"supplier_link({hired.idurl})", automats=automats)

    @property
    def node_id(self) -> NodeId:
        return self.hired.node_id

    @property
    def global_id(self) -> str:
        return global_id_of(self.hired.idurl)

    @property
    def connected(self) -> bool:
        return self.machine.state is State.CONNECTED

    def contract(self, suppliers: int) -> dict[str, Any]:
        """
        What was agreed, as the API shows it. suppliers: how many there are.
        """
        return {
            "started": self.hired.hired,
            "complete_after": self.hired.expires,
            "allocated_bytes": self.hired.granted,
            "ecc_position": self.hired.position,
            "ecc_map": ecc_map(suppliers),
        }

    def refuses(self) -> bool:
        """
        True while the supplier's last word was that it wants nothing of this node; not one that has no room.
        """
        return self._refused

    def connect(self) -> None:
        """
        Try now, if the supplier is not in use already.
        """
        self.machine.feed(Input.CONNECT)

    def contact_changed(self, online: bool) -> None:
        """
        The router has got a session with the supplier, or lost it.
        """
        self.machine.feed(Input.CONNECT if online else Input.LOST)

    def renew_short(self) -> None:
        """
        Ask for the lease again if it is for less than is wanted: the supplier may have more room by now.
        """
        if self.hired.granted < self._wanted().needed:
            self.renew()

    def renew(self) -> None:
        """
        Ask for the lease again, because something else is wanted now.
        """
        self.machine.feed(Input.RENEW)

    async def close(self) -> None:
        """
        End the link; what the supplier keeps is not touched.
        """
        if not self.machine.finished:
            self.machine.feed(Input.CLOSE)
        await self._tasks.stop()

    # actions

    def ask_lease(self) -> None:
        self._tasks.spawn("ask for the lease", self._ask())

    def report_connected(self) -> None:
        self._tries = 0
        self._note()
        self._changed(self, True)

    def note_lease(self) -> None:
        self._note()
        self._changed(self, False)

    def report_lost(self) -> None:
        self._changed(self, True)

    def plan_retry(self) -> None:
        self._plan(min(RETRY_FIRST * 2**self._tries, RETRY_LONGEST), Input.CONNECT)
        self._tries = min(self._tries + 1, 10)

    def forget_plans(self) -> None:
        if self._planned is not None and self._planned.active():
            self._planned.cancel()
        self._planned = None

    async def _ask(self) -> None:
        outcome = Input.UNREACHABLE
        try:
            outcome = await self._outcome()
        finally:
            if self.machine.state in (State.REQUEST, State.CONNECTED):
                self.machine.feed(outcome)

    async def _outcome(self) -> Input:
        needed = self._wanted().needed
        try:
            if self._resolver.cached(self.node_id) is None:
                await self._resolver.resolve(self.hired.idurl)
            if needed < self.hired.granted:
                needed = int(min(self.hired.granted, max(needed, await self._least(self.node_id))))
            try:
                self._answer = await self._request(needed)
            except Full:
                if needed <= self.hired.granted:
                    raise
                # no room for more than before: what was granted is still worth keeping
                self._answer = await self._request(self.hired.granted)
        except (Refused, Full) as error:
            self._refused = isinstance(error, Refused)
            self.log.info("supplier {supplier} refuses: {error}", supplier=self.global_id, error=error)
            return Input.REFUSED
        except (NotFound, NotServed) as error:
            self.log.info("supplier {supplier} has no such service: {error}", supplier=self.global_id, error=error)
            return Input.ABSENT
        except BitDustError as error:
            self.log.debug("supplier {supplier} is not reached: {error}", supplier=self.global_id, error=error)
            return Input.UNREACHABLE
        self._refused = False
        return Input.GRANTED

    async def _request(self, needed: int) -> LeaseAnswer:
        question = LeaseQuestion(needed, self.hired.position, self._wanted().suppliers)
        answer = await self._router.request(self.node_id, LEASE_REQUEST, question, timeout=ANSWER_TIME)
        if answer.granted < needed:
            raise Refused(f"it grants {answer.granted} of {needed} bytes")
        return answer

    def _note(self) -> None:
        if self._answer is not None:
            self.hired = replace(self.hired, granted=self._answer.granted, expires=float(self._answer.expires))
        left = self.hired.expires - self._clock.seconds()
        other = self.hired.granted != self._wanted().needed
        self._plan(RENEW_AT_LEAST if other else max(left * RENEW_PART, RENEW_AT_LEAST), Input.RENEW)

    def _plan(self, seconds: float, input: Input) -> None:
        self.forget_plans()
        self._planned = self._clock.callLater(seconds, self.machine.feed, input)
