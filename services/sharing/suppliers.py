"""
The suppliers of somebody else, as far as a share of his needs them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from twisted.logger import Logger

from bitdust_node.clock import Clock
from bitdust_node.errors import BitDustError, NotFound
from bitdust_node.identity.names import NodeId, global_id_of
from bitdust_node.identity.resolver import Resolver
from bitdust_node.pieces.layout import SCHEMES
from bitdust_node.router.contacts import Contacts
from bitdust_node.router.router import Router
from bitdust_node.tasks import Tasks
from bitdust_node.waiting import all_of
from services.hiring.family import Families, Family
from services.hiring.link import Wanted
from services.hiring.suppliers import Hired, SupplierTable
from services.sharing.introductions import Introductions

#: Seconds between tries to reach those that are not there, and between looks for a change of the suppliers.
RETRY, REFRESH = 20.0, 120.0
#: Suppliers that are reached at once.
AT_ONCE = 8


@dataclass(frozen=True)
class ShareLink:
    """
    One supplier of the owner of a share. It has no lease for this node: the owner's pays.
    """

    hired: Hired
    contacts: Contacts
    introductions: Introductions
    try_now: Callable[[], None]

    @property
    def node_id(self) -> NodeId:
        return self.hired.node_id

    @property
    def global_id(self) -> str:
        return global_id_of(self.hired.idurl)

    @property
    def connected(self) -> bool:
        return self.contacts.is_online(self.node_id) and self.introductions.knows(self.node_id)

    def connect(self) -> None:
        """
        Try to reach it now.
        """
        self.try_now()

    def renew(self) -> None:
        """
        There is no lease to renew.
        """

    def renew_short(self) -> None:
        """
        Nor one that is for too little.
        """


class ShareSuppliers:
    """
    Stands in the share for what `Customer` is to the own catalog: who is there, by position, and who comes and goes.

    What the DHT has told last is remembered in the folder of the share.
    """

    log = Logger()

    def __init__(
        self,
        owner: str,
        table: SupplierTable,
        families: Families,
        resolver: Resolver,
        router: Router,
        clock: Clock,
        introduce: Callable[[Callable[[], object]], Introductions],
    ) -> None:
        self._introductions = introduce(self._tell)
        self._owner, self._table, self._families = owner, table, families
        self._resolver, self._router, self._clock = resolver, router, clock
        self._tasks = Tasks(f"suppliers of {owner}")
        self._callbacks: tuple[Callable[[], object], ...] = ()
        self._undo: Callable[[], None] | None = None
        self._reaching: set[NodeId] = set()
        #: The links by position.
        self.links: dict[int, ShareLink] = {}

    @property
    def wanted(self) -> Wanted:
        """
        How many suppliers the owner has; what each may take is known to the owner alone.
        """
        number = max(self.links, default=1) + 1
        return Wanted(0, next((scheme for scheme in SCHEMES if scheme >= number), max(SCHEMES)))

    def link_of(self, node_id: str) -> ShareLink | None:
        """
        The link to a node, if it is among the suppliers.
        """
        return next((link for link in self.links.values() if link.node_id == node_id), None)

    def connected(self) -> dict[int, ShareLink]:
        """
        The suppliers that can be used now, by position.
        """
        return {position: link for position, link in sorted(self.links.items()) if link.connected}

    async def compare(self, supplier: NodeId) -> None:
        """
        Hear of a change of the members from one of them.
        """
        await self._introductions.compare(supplier)

    def observe(self, callback: Callable[[], object]) -> Callable[[], None]:
        """
        Call back when a supplier came or went, or there are others; returns the function that ends it.
        """
        self._callbacks = (*self._callbacks, callback)

        def undo() -> None:
            self._callbacks = tuple(other for other in self._callbacks if other is not callback)

        return undo

    async def start(self) -> None:
        """
        Take up what was known last; what has changed since comes with `look_up`.
        """
        self._tasks = Tasks(self._tasks.name)
        self._introductions.start()
        self._undo = self._router.contacts.observe(self._contact_changed)
        self._put(await self._table.load())
        self._tasks.every(RETRY, "reach suppliers of a share", self._reach_all, self._clock)
        self._tasks.every(REFRESH, "look for other suppliers of a share", self.look_up, self._clock)

    async def stop(self) -> None:
        if self._undo is not None:
            self._undo()
            self._undo = None
        await self._introductions.stop()
        await self._tasks.stop()
        self.links = {}

    async def look_up(self) -> None:
        """
        Ask the DHT who the suppliers are now. What was known stays if nobody answers; `NotFound` if nothing was.
        """
        try:
            family = await self._families.read(self._owner)
        except BitDustError as error:
            self.log.info("the suppliers of {owner} are not found: {error}", owner=self._owner, error=error)
            family = Family(self._owner)
        if any(family.suppliers):
            await self._take(family)
        if not self.links:
            raise NotFound(f"no suppliers of {self._owner} were found")

    def reach(self) -> None:
        """
        Try to reach all of them now.
        """
        self._tasks.spawn("reach suppliers of a share", self._reach_all())

    async def _take(self, family: Family) -> None:
        named = [(position, idurl) for position, idurl in enumerate(family.suppliers) if idurl]
        found = await all_of([self._resolver.resolve(idurl) for _, idurl in named], limit=AT_ONCE)
        now = self._clock.seconds()
        taken: dict[int, Hired] = {}
        for (position, idurl), document in zip(named, found, strict=True):
            if isinstance(document, BitDustError):
                known = next((link.hired for link in self.links.values() if link.hired.idurl == idurl), None)
                if known is not None:
                    taken[position] = Hired(position, known.node_id, idurl, known.hired, 0, 0.0)
            elif isinstance(document, Exception):
                raise document
            elif document.node_id not in {one.node_id for one in taken.values()}:
                taken[position] = Hired(position, document.node_id, idurl, now, 0, 0.0)
        if {at: one.node_id for at, one in taken.items()} == {at: link.node_id for at, link in self.links.items()}:
            return
        for position in self.links:
            await self._table.remove(position)
        for one in taken.values():
            await self._table.put(one)
        self._put(list(taken.values()))
        self._tell()

    def _put(self, suppliers: list[Hired]) -> None:
        contacts, introductions = self._router.contacts, self._introductions
        self.links = {one.position: ShareLink(one, contacts, introductions, self.reach) for one in suppliers}
        self._look()

    def _look(self) -> None:
        online = self._router.contacts.is_online
        self._introductions.look([link.node_id for link in self.links.values() if online(link.node_id)])

    async def _reach_all(self) -> None:
        online = self._router.contacts.is_online
        missing = [
            link for link in self.links.values() if not online(link.node_id) and link.node_id not in self._reaching
        ]
        self._reaching |= {link.node_id for link in missing}
        try:
            await all_of([self._reach(link) for link in missing], limit=AT_ONCE)
        finally:
            self._reaching -= {link.node_id for link in missing}

    async def _reach(self, link: ShareLink) -> None:
        try:
            if self._resolver.cached(link.node_id) is None:
                await self._resolver.resolve(link.hired.idurl)
            await self._router.reach(link.node_id)
        except BitDustError as error:
            self.log.debug("{supplier} is not reached: {error}", supplier=link.hired.idurl, error=error)

    def _contact_changed(self, node_id: NodeId, old: str, new: str) -> None:
        if self.link_of(node_id) is not None:
            self._look()
            self._tell()

    def _tell(self) -> None:
        for callback in self._callbacks:
            callback()
