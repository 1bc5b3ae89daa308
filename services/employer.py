"""
service_employer: fills the positions that have no supplier.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from twisted.logger import Logger

from automats.hiring import HIRING, Input
from automats.machine import Machine
from automats.registry import Automats
from bitdust_node.api.registry import Answer, method
from bitdust_node.clock import Clock, DelayedCall
from bitdust_node.config.config import Config
from bitdust_node.database import StateDb
from bitdust_node.errors import BitDustError, Conflict, NotFound
from bitdust_node.events import Events
from bitdust_node.identity.document import Document
from bitdust_node.identity.me import Me
from bitdust_node.identity.recovered import Recovered
from bitdust_node.identity.resolver import Resolver
from bitdust_node.router.router import Router
from bitdust_node.service import Service
from bitdust_node.tasks import Tasks
from bitdust_node.waiting import sleep, within
from bitdust_node.wire.storage import LEASE_REQUEST, LeaseAnswer, LeaseQuestion
from services.customer import Customer
from services.hiring.family import Announcement, Families
from services.hiring.link import SupplierLink
from services.hiring.reunion import Reunion
from services.hiring.search import CANDIDATE_TIME, Search, Take
from services.hiring.wishes import Wishes
from services.nodes_lookup import NodesLookup
from services.supplier import Supplier
from services.upkeep.absences import Absences

#: The layer of the DHT where suppliers are found.
SUPPLIERS_LAYER = 3
#: Seconds between searches: the first, and the longest.
AGAIN_FIRST, AGAIN_LONGEST = 1.0, 60.0
#: Seconds between looks for suppliers that refuse the lease they had granted, and for replacements that are wished.
REFUSAL = 60.0
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
        supplier: Supplier,
        families: Families,
        absences: Absences,
        router: Router,
        resolver: Resolver,
        me: Me,
        config: Config,
        events: Events,
        recovered: Recovered,
        state_db: StateDb,
        automats: Automats,
        clock: Clock,
    ) -> None:
        self._customer, self._lookup, self._router, self._resolver = customer, lookup, router, resolver
        self._supplier, self._absences = supplier, absences
        self._me, self._config, self._events, self._clock = me, config, events, clock
        self._automats = automats
        self._tasks = Tasks("employer")
        self._undo: list[Callable[[], object]] = []
        self._planned: DelayedCall | None = None
        self._announcement = Announcement(families, me, clock, self._family)
        self._recovered = recovered
        self._reunion = Reunion(families, lookup, customer, router, resolver, me, config, clock)
        self._wishes = Wishes(state_db)
        #: Positions whose supplier is being replaced.
        self._replacing: set[int] = set()
        self._begun = False
        self._tries = 0
        self._round = 0
        self._machine: Machine | None = None

    async def start(self) -> None:
        self._tasks = Tasks("employer")
        self._machine = Machine(HIRING, self, clock=self._clock, id="hiring", automats=self._automats)
        self._undo = [
            self._config.watch("services/customer/suppliers-number", lambda *_: self._feed(Input.CHANGED)),
            self._config.watch("services/employer/candidates", lambda *_: self._feed(Input.CHANGED)),
            self._customer.observe(self._look),
            self._me.on_change(self._identity_changed),
        ]
        await self._absences.start(self._replace_gone)
        if await self._recovered.pending(self._me.node_id):
            # nobody new is hired, and nothing published, before those of before are found
            self._tasks.spawn("find the suppliers of before", self._reunite())
        else:
            self._begin()

    def _begin(self) -> None:
        self._begun = True
        self._announcement.start()
        self._tasks.every(REFUSAL, "go on with replacements", self._go_on_replacing, self._clock, at_once=True)
        self._tasks.every(REFUSAL, "replace those that refuse", self._replace_refusing, self._clock)
        self._feed(Input.START)

    async def _reunite(self) -> None:
        if await self._reunion.run():
            try:
                await self._recovered.done()
            except BitDustError as error:
                # on a full disk: they are looked for once more at the next start, which harms nobody
                self.log.warn("that the suppliers of before are found can not be noted: {error}", error=error)
        self._begin()

    async def stop(self) -> None:
        for undo in self._undo:
            undo()
        self._undo = []
        self._begun = False
        machine, self._machine = self._machine, None
        if machine is not None:
            machine.feed(Input.STOP)
        await self._absences.stop()
        await self._tasks.stop()
        await self._announcement.stop()
        self._replacing.clear()

    def ready(self) -> str | None:
        wanted = self._customer.wanted.suppliers
        hired = wanted - len(self._empty())
        return None if hired == wanted else f"hired {hired} of {wanted}"

    # actions

    def compare(self) -> None:
        self._dismiss_extra()
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
        if self._begun and self._machine is not None and not self._machine.finished:
            self._machine.feed(input)

    def _dismiss_extra(self) -> None:
        for position in list(self._customer.links):
            if position >= self._customer.wanted.suppliers:
                self._tasks.spawn("dismiss a supplier", self._customer.dismiss(position))

    def _empty(self) -> list[int]:
        return [at for at in range(self._customer.wanted.suppliers) if at not in self._customer.links]

    async def _search(self, round: int) -> None:
        try:
            await self._fill()
        except BitDustError as error:
            self.log.info("search for suppliers: {error}", error=error)
        finally:
            if self._begun:
                # those that were hired after fewer are wanted
                self._dismiss_extra()
            # the outcome of a search that was given up is nobody's business
            if round == self._round:
                self._feed(Input.MISSING if self._empty() else Input.COMPLETE)

    async def _fill(self) -> None:
        await self._find(self._empty(), self._customer.hire)

    async def _find(self, positions: list[int], take: Take) -> list[int]:
        """
        Ask candidates until each position has got somebody; the positions that have not.
        """
        known = {link.node_id: link.hired.idurl for link in self._customer.links.values()}
        taken = {self._me.node_id, *known, *self._customer.refusers}
        search = Search(self._customer.wanted, taken, take, self._router, self._resolver, self._clock)
        left = await search.fill(positions, self._config.words("services/employer/candidates"))
        if left:
            idurls = {*known.values(), self._me.idurl}
            found = await self._lookup.random(SUPPLIERS_LAYER, len(taken) + EACH * len(left))
            left = await search.fill(left, [idurl for idurl in found if idurl not in idurls])
        return left

    # replacing

    @method(
        "POST",
        "/supplier/change/v1",
        "DELETE /supplier/replace/v1",
        "PUT /supplier/switch/v1",
        "POST /su/c",
        "DELETE /su/r",
        "PUT /su/sw",
        needs=("service_employer",),
        accept={
            "position": ("pos", "index"),
            "supplier_id": ("supplier_idurl", "supplier_glob_id"),
            "new_supplier_id": ("new_global_id", "new_idurl"),
        },
    )
    async def supplier_change(
        self, position: int | None = None, supplier_id: str | None = None, new_supplier_id: str | None = None
    ) -> Answer:
        """
        Replace one supplier by another one, a random one if none is named. The new one is hired first; what the old
        one keeps is made anew for it in the background, and only then the old one may forget it.
        """
        link = self._which(position, supplier_id)
        at, old = link.hired.position, link.global_id
        if at in self._replacing:
            raise Conflict(f"supplier {old} is being replaced already")
        self._replacing.add(at)
        if not new_supplier_id:
            try:
                await self._wishes.add(link.node_id)
            except BaseException:
                self._replacing.discard(at)
                raise
            self._tasks.spawn(f"replace supplier {old}", self._replace_as_wished(link))
            return Answer(message=f"supplier {old} will be replaced by a new one")
        try:
            new = await within(self._clock, CANDIDATE_TIME, self._replace_by(link, new_supplier_id), new_supplier_id)
        finally:
            self._replacing.discard(at)
        return Answer(message=f"supplier {old} will be replaced by {new}")

    def _which(self, position: int | None, supplier_id: str | None) -> SupplierLink:
        """Whom both mean, if both are given."""
        for link in self._customer.links.values() if position is not None or supplier_id else ():
            hired = link.hired
            if (position is None or hired.position == position) and (
                not supplier_id or supplier_id in (hired.idurl, link.global_id, hired.node_id)
            ):
                return link
        raise NotFound("supplier was not found")

    async def _replace_by(self, link: SupplierLink, new_supplier_id: str) -> str:
        document = await self._resolver.resolve(new_supplier_id)
        if document.node_id == self._me.node_id:
            raise Conflict("a node can not be its own supplier")
        if self._customer.link_of(document.node_id) is not None:
            raise Conflict(f"{document.global_id} is already a known supplier")
        if any(lease.customer == document.node_id for lease in self._supplier.leases() if lease.active):
            raise Conflict(f"{document.global_id} is already a customer of this node")
        wanted = self._customer.wanted
        question = LeaseQuestion(wanted.needed, link.hired.position, wanted.suppliers)
        answer = await self._router.request(document.node_id, LEASE_REQUEST, question)
        await self._customer.replace(link.hired.position, document, answer)
        return document.global_id

    async def _replace_as_wished(self, link: SupplierLink) -> None:
        await self._replace_by_any(link, lambda: True)
        await self._wishes.remove(link.node_id)

    async def _go_on_replacing(self) -> None:
        """What was asked for before the node ended, or has come true and could not be struck off yet."""
        for node_id in await self._wishes.load():
            link = self._customer.link_of(node_id)
            if link is None:
                await self._wishes.remove(node_id)
            elif link.hired.position not in self._replacing:
                self._replacing.add(link.hired.position)
                self._tasks.spawn(f"replace supplier {link.global_id}", self._replace_as_wished(link))

    async def _replace_refusing(self) -> None:
        """
        Who refuses the lease has ended it, perhaps while this node was not there to hear of it. Nothing is given up:
        what it may keep is read from it until another one has it.
        """
        # those whose dismissal could not be written
        self._dismiss_extra()
        for link in self._customer.links.values():
            if link.refuses():
                self._customer.refusers.add(link.node_id)
                self._replace_gone(link, link.refuses)

    def _replace_gone(self, link: SupplierLink, wished: Callable[[], bool]) -> None:
        """A supplier is away for too long."""
        if link.hired.position not in self._replacing:
            self._replacing.add(link.hired.position)
            self._tasks.spawn(f"replace supplier {link.global_id}", self._replace_by_any(link, wished))

    async def _replace_by_any(self, link: SupplierLink, wished: Callable[[], bool]) -> None:
        """Goes on until somebody was found, or nobody is wanted any more."""
        at, delay = link.hired.position, AGAIN_FIRST

        async def take(position: int, document: Document, answer: LeaseAnswer) -> None:
            if not wished():
                raise Conflict(f"supplier {link.global_id} is back meanwhile")
            await self._customer.replace(position, document, answer)

        try:
            while self._customer.links.get(at) is link and wished():
                try:
                    await self._find([at], take)
                except BitDustError as error:
                    self.log.info("no new supplier in the place of {old}: {error}", old=link.global_id, error=error)
                if self._customer.links.get(at) is link:
                    await sleep(self._clock, delay)
                    delay = min(2 * delay, AGAIN_LONGEST)
        finally:
            self._replacing.discard(at)

    # changes by others

    def _look(self) -> None:
        """A supplier was hired, has come, gone, or left for good."""
        if self._empty():
            self._feed(Input.VACANT)
        if self._begun:
            self._announcement.look()

    def _identity_changed(self) -> None:
        if self._begun:
            self._announcement.look()

    def _family(self) -> list[str]:
        links = self._customer.links
        return [links[at].hired.idurl if at in links else "" for at in range(self._customer.wanted.suppliers)]
