"""
Suppliers that are away: for how long, and when that is long enough to replace them.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.logger import Logger

from automats.machine import Machine
from automats.registry import Automats
from automats.replacement import REPLACEMENT, Input, State
from bitdust_node.clock import Clock
from bitdust_node.config.config import Config
from bitdust_node.identity.names import NodeId
from bitdust_node.router.router import Router
from bitdust_node.tasks import Tasks
from services.customer import Customer
from services.hiring.link import SupplierLink
from services.hiring.standing import Standing

#: Seconds between looks.
EVERY = 60.0
HOUR = 3600.0

Replace = Callable[[SupplierLink, Callable[[], bool]], object]


class Absence:
    """
    Owner of one `replacement` machine.

    begin: looks for another supplier, for as long as the function that it is given answers true.
    """

    def __init__(self, link: SupplierLink, begin: Replace, clock: Clock, automats: Automats) -> None:
        self.link, self._begin = link, begin
        self.machine = Machine(REPLACEMENT, self, clock=clock, id=f"replacement({link.hired.idurl})", automats=automats)

    def replace(self) -> None:
        self._begin(self.link, lambda: self.machine.state is State.GONE)

    def keep(self) -> None:
        """The search looks at the state itself."""


class Absences:
    """
    Looks once a minute who of the suppliers is there. Time counts only while this node can tell: while any other node
    is connected.
    """

    log = Logger()

    def __init__(
        self,
        customer: Customer,
        standing: Standing,
        router: Router,
        config: Config,
        automats: Automats,
        clock: Clock,
    ) -> None:
        self._customer, self._standing, self._router, self._config = customer, standing, router, config
        self._automats, self._clock = automats, clock
        self._tasks = Tasks("absences")
        self._watched: dict[NodeId, Absence] = {}
        self._looked = 0.0
        self._begin: Replace | None = None

    async def start(self, begin: Replace) -> None:
        """
        begin: begins to look for another supplier in the place of one; see `Absence`.
        """
        await self._standing.load()
        self._tasks = Tasks("absences")
        self._begin, self._looked = begin, self._clock.seconds()
        self._tasks.every(EVERY, "look who is away", self.look, self._clock)

    async def stop(self) -> None:
        await self._tasks.stop()
        for absence in self._watched.values():
            absence.machine.feed(Input.CLOSE)
        self._watched = {}

    async def look(self) -> None:
        """
        One look at all suppliers.
        """
        now = self._clock.seconds()
        # a machine that slept has seen nothing, and a clock that was set tells nothing
        passed, self._looked = min(max(0.0, now - self._looked), 2 * EVERY), now
        links = {link.node_id: link for link in self._customer.links.values()}
        await self._follow(links)
        if not any(contact.state == "CONNECTED" for contact in self._router.contacts):
            return
        present = [node_id for node_id, link in links.items() if link.connected]
        absent = [node_id for node_id in links if node_id not in present]
        await self._standing.pass_time(passed, present, absent)
        for node_id, absence in list(self._watched.items()):
            self._judge(absence, node_id in present)

    async def _follow(self, links: dict[NodeId, SupplierLink]) -> None:
        """Watch those who are hired now."""
        for node_id, absence in list(self._watched.items()):
            if links.get(node_id) is not absence.link:
                del self._watched[node_id]
                absence.machine.feed(Input.CLOSE)
                # whoever is hired again begins afresh
                await self._standing.forget_absence(node_id)
        for node_id, link in links.items():
            if node_id not in self._watched and self._begin is not None:
                self._watched[node_id] = Absence(link, self._begin, self._clock, self._automats)

    def _judge(self, absence: Absence, present: bool) -> None:
        record = self._standing.of(absence.link.node_id)
        machine = absence.machine
        machine.feed(Input.THERE if present else Input.ABSENT)
        if present:
            if not record.away:
                machine.feed(Input.SETTLED)
        elif not self._config.yes("services/employer/replace-critically-offline-enabled"):
            machine.feed(Input.FORBIDDEN)
        elif record.away >= self._grace:
            if machine.state is not State.GONE:
                self.log.info(
                    "supplier {idurl} was away for {hours} hours: another one is looked for",
                    idurl=absence.link.hired.idurl,
                    hours=round(record.away / HOUR, 1),
                )
            machine.feed(Input.LATE)

    @property
    def _grace(self) -> float:
        return HOUR * self._config.fraction("services/employer/replacement-grace-hours")
