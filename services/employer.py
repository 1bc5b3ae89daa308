"""
service_employer: fills the positions that have no supplier.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from bitdust_node.router.router import Router
from twisted.internet.defer import Deferred
from twisted.logger import Logger

from automats.hiring import HIRING, Input
from automats.machine import Machine
from automats.registry import Automats
from bitdust_node.clock import Clock, DelayedCall
from bitdust_node.config.config import Config
from bitdust_node.errors import BitDustError
from bitdust_node.events import Events
from bitdust_node.identity.me import Me
from bitdust_node.identity.names import NodeId
from bitdust_node.identity.resolver import Resolver
from bitdust_node.service import Service
from bitdust_node.tasks import Tasks
from services.customer import Customer
from services.hiring.search import Search
from services.nodes_lookup import NodesLookup

#: The layer of the DHT where suppliers are found.
SUPPLIERS_LAYER = 3
#: Seconds between searches: the first, and the longest.
AGAIN_FIRST, AGAIN_LONGEST = 1.0, 60.0
#: Candidates that one search asks of the DHT for each empty position.
EACH = 3


class Employer(Service):
    """
    Owner of the `hiring` machine.
    """

    log = Logger()

    name: ClassVar[str] = "employer"
    depends: ClassVar[tuple[str, ...]] = ("customer", "nodes_lookup")
    needs_identity: ClassVar[bool] = True

    def __init__(
        self,
        customer: Customer,
        lookup: NodesLookup,
        router: Router,
        resolver: Resolver,
        me: Me,
        config: Config,
        events: Events,
        automats: Automats,
        clock: Clock,
    ) -> None:
        self._customer, self._lookup, self._router, self._resolver = customer, lookup, router, resolver
        self._me, self._config, self._events, self._clock = me, config, events, clock
        self._automats = automats
        self._tasks = Tasks("employer")
        self._undo: list[Callable[[], object]] = []
        self._planned: DelayedCall | None = None
        self._searching: Deferred[None] | None = None
        self._tries = 0
        self._round = 0
        self._machine: Machine | None = None

    async def start(self) -> None:
        self._tasks = Tasks("employer")
        self._machine = Machine(HIRING, self, clock=self._clock, id="hiring", automats=self._automats)
        self._undo = [
            self._config.watch("services/customer/suppliers-number", lambda *_: self._feed(Input.CHANGED)),
            self._config.watch("services/employer/candidates", lambda *_: self._feed(Input.CHANGED)),
        ]
        self._feed(Input.START)

    async def stop(self) -> None:
        for undo in self._undo:
            undo()
        self._undo = []
        machine, self._machine = self._machine, None
        if machine is not None:
            machine.feed(Input.STOP)
        await self._tasks.stop()

    def ready(self) -> str | None:
        wanted = self._customer.wanted.suppliers
        hired = wanted - len(self._empty())
        return None if hired == wanted else f"hired {hired} of {wanted}"

    # actions

    def compare(self) -> None:
        extra = [position for position in self._customer.links if position >= self._customer.wanted.suppliers]
        for position in extra:
            self._tasks.spawn("dismiss a supplier", self._customer.dismiss(position))
        self._feed(Input.MISSING if self._empty() else Input.COMPLETE)

    def search(self) -> None:
        self._round += 1
        self._tasks.spawn("search suppliers", self._search(self._round))

    def give_up_search(self) -> None:
        self._round += 1
        if self._planned is not None and self._planned.active():
            self._planned.cancel()
        self._planned = None

    def plan_next_search(self) -> None:
        delay = min(AGAIN_FIRST * 2**self._tries, AGAIN_LONGEST)
        self._tries = min(self._tries + 1, 10)
        self._planned = self._clock.callLater(delay, self._feed, Input.AGAIN)

    def report_all_hired(self) -> None:
        self._tries = 0
        self._events.publish("my-suppliers-all-hired", {})

    def report_not_hired(self) -> None:
        self._events.publish("my-suppliers-yet-not-hired", {})

    def _feed(self, input: Input) -> None:
        if self._machine is not None and not self._machine.finished:
            self._machine.feed(input)

    def _empty(self) -> list[int]:
        return [at for at in range(self._customer.wanted.suppliers) if at not in self._customer.links]

    async def _search(self, round: int) -> None:
        try:
            await self._fill()
        except BitDustError as error:
            self.log.info("search for suppliers: {error}", error=error)
        finally:
            # the outcome of a search that was given up is nobody's business
            if round == self._round:
                self._feed(Input.MISSING if self._empty() else Input.COMPLETE)

    async def _fill(self) -> None:
        taken: set[NodeId] = {self._me.node_id, *(link.node_id for link in self._customer.links.values())}
        search = Search(self._customer.wanted, taken, self._customer.hire, self._router, self._resolver, self._clock)
        empty = await search.fill(self._empty(), self._config.words("services/employer/candidates"))
        if empty:
            known = {link.hired.idurl for link in self._customer.links.values()} | {self._me.idurl}
            found = await self._lookup.random(SUPPLIERS_LAYER, len(known) + EACH * len(empty))
            await search.fill(empty, [idurl for idurl in found if idurl not in known])
