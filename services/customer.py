"""
service_customer: the suppliers of this node, one link each.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from time import ctime
from typing import Any, ClassVar

from twisted.internet.defer import DeferredLock

from automats.registry import Automats
from bitdust_node.api.registry import Answer, method
from bitdust_node.clock import Clock
from bitdust_node.config.config import Config
from bitdust_node.database import StateDb
from bitdust_node.errors import Conflict, NotFound
from bitdust_node.events import Events
from bitdust_node.identity.document import Document
from bitdust_node.identity.me import Me
from bitdust_node.identity.names import Locator, NodeId
from bitdust_node.identity.resolver import Resolver
from bitdust_node.keys.ring import KeyRing
from bitdust_node.pieces.layout import SCHEMES, ecc_map
from bitdust_node.router.router import Router
from bitdust_node.service import Service
from bitdust_node.tasks import Tasks
from bitdust_node.waiting import shielded
from bitdust_node.wire.command import Nothing
from bitdust_node.wire.storage import BYTES_LIMIT, LEASE_ENDED, LeaseAnswer
from services.catalog.catalog import Catalog
from services.hiring.family import Families
from services.hiring.link import SupplierLink, Wanted
from services.hiring.own_shares import OwnShares
from services.hiring.parting import Partings
from services.hiring.reminders import Reminders
from services.hiring.suppliers import Hired, SupplierTable
from services.people.contact_list import ContactList
from services.supplying.report import size_text

Callback = Callable[[], object]
#: Seconds from one look whether the tables say who is hired to the next.
COMPARE = 60.0


class Customer(Service):
    """
    Knows who is hired and keeps the links. `Employer` fills the positions that are empty.
    """

    name: ClassVar[str] = "customer"
    depends: ClassVar[tuple[str, ...]] = ("data_disintegration",)
    needs_identity: ClassVar[bool] = True

    def __init__(
        self,
        router: Router,
        resolver: Resolver,
        me: Me,
        config: Config,
        state_db: StateDb,
        catalog: Catalog,
        families: Families,
        ring: KeyRing,
        contact_list: ContactList,
        events: Events,
        automats: Automats,
        clock: Clock,
    ) -> None:
        self._router, self._resolver, self._me, self._config = router, resolver, me, config
        self._catalog, self._events, self._automats, self._clock = catalog, events, automats, clock
        self._families, self._contact_list = families, contact_list
        self._table = SupplierTable(state_db)
        #: Own shares, whose pieces are with the same suppliers.
        self.shares = OwnShares(ring, me)
        self._partings = Partings(
            state_db, self._catalogs, lambda: self.wanted, self.shares.patience, self._tell, router, resolver, clock
        )
        self._tasks = Tasks("customer")
        # one change at a time, to its end: else two searches hire the same node, or for the same position
        self._turn = DeferredLock()
        self._callbacks: tuple[Callback, ...] = ()
        self._undo: list[Callable[[], object]] = []
        #: The links by position.
        self.links: dict[int, SupplierLink] = {}
        self._reminders = Reminders(router, self.link_of, events, clock)
        #: Suppliers that have ended the lease themselves since the start.
        self.refusers: set[NodeId] = set()

    # for other services

    @property
    def wanted(self) -> Wanted:
        """
        How many suppliers are wanted, and what each shall keep.
        """
        suppliers = int(self._config.get("services/customer/suppliers-number"))
        k, _m = SCHEMES[suppliers]
        return Wanted(min(-(-self._config.bytes("services/customer/needed-space") // k), BYTES_LIMIT), suppliers)

    def link_of(self, node_id: str) -> SupplierLink | None:
        """
        The link to a node, if it is hired.
        """
        return next((link for link in self.links.values() if link.node_id == node_id), None)

    def connected(self) -> dict[int, SupplierLink]:
        """
        The suppliers that can be used now, by position.
        """
        return {position: link for position, link in sorted(self.links.items()) if link.connected}

    def observe(self, callback: Callback) -> Callable[[], None]:
        """
        Call back when a supplier was hired, dismissed, came or went; returns the function that ends it.
        """
        self._callbacks = (*self._callbacks, callback)

        def undo() -> None:
            self._callbacks = tuple(other for other in self._callbacks if other is not callback)

        return undo

    async def hire(self, position: int, document: Document, answer: LeaseAnswer) -> None:
        """
        Remember a supplier that has granted a lease for an empty position.
        """
        await shielded(self._turn.run(self._hire, position, document, answer))

    async def _hire(self, position: int, document: Document, answer: LeaseAnswer) -> None:
        if position in self.links or self.link_of(document.node_id) is not None:
            raise Conflict(f"position {position} or {document.global_id} was hired meanwhile")
        await self._take(position, document, answer)
        self._publish_change(position, None, document.idurl)
        self._tell()

    async def replace(self, position: int, document: Document, answer: LeaseAnswer) -> None:
        """
        Put a supplier that has granted a lease into the place of another one. What the other keeps is made anew for
        the new one; then its lease ends.
        """
        await shielded(self._turn.run(self._replace, position, document, answer))

    async def _replace(self, position: int, document: Document, answer: LeaseAnswer) -> None:
        old = self.links.get(position)
        if old is None or self.link_of(document.node_id) is not None:
            raise Conflict(f"position {position} or {document.global_id} was changed meanwhile")
        # noted before the change, so that after a crash nobody stays forgotten
        await self._partings.begin(old.node_id, old.hired.idurl, replaced=True)
        await self._take(position, document, answer)
        await old.close()
        self._publish_change(position, old.hired.idurl, document.idurl)
        self._tell()

    async def dismiss(self, position: int) -> None:
        """
        Want nothing more of a supplier. What it keeps stays there and can still be read.
        """
        await shielded(self._turn.run(self._dismiss, position))

    async def _dismiss(self, position: int) -> None:
        link = self.links.get(position)
        if link is None:
            return
        # it stays hired if this can not be written
        await self._partings.begin(link.node_id, link.hired.idurl, replaced=False)
        await self._table.remove(position)
        del self.links[position]
        await link.close()
        self._publish_change(position, link.hired.idurl, None)
        self._tell()

    # life

    async def start(self) -> None:
        self._tasks = Tasks("customer")
        self._turn = DeferredLock()
        self._undo = [
            self._router.contacts.observe(self._contact_changed),
            self._config.watch("services/customer/needed-space", lambda *_: self._renew_all()),
            self._config.watch("services/customer/suppliers-number", lambda *_: self._renew_grown()),
        ]
        hired = await self._table.load()
        await self._partings.start([one.node_id for one in hired])
        for one in hired:
            self._add(one).connect()
        self._tell()
        self._router.serve(LEASE_ENDED, self._ended)
        self._reminders.start()
        self._tasks.every(COMPARE, "compare who is hired", lambda: self._turn.run(self._compare), self._clock)

    async def stop(self) -> None:
        for undo in self._undo:
            undo()
        self._undo = []
        self._router.withdraw(LEASE_ENDED)
        self._reminders.stop()
        # what is being changed is changed, and nothing more is
        await self._turn.acquire()
        await self._partings.stop()
        links, self.links = list(self.links.values()), {}
        for link in links:
            await link.close()
        await self._tasks.stop()

    def ready(self) -> str | None:
        missing = len(self.links) - len(self.connected())
        return f"{missing} of {len(self.links)} suppliers are not connected" if missing else None

    async def _compare(self) -> None:
        """A change that could not be written to its end, as the disk was full, leaves all as it was."""
        await self._table.keep([link.hired for link in self.links.values()])
        await self._partings.keep([link.node_id for link in self.links.values()])

    async def _take(self, position: int, document: Document, answer: LeaseAnswer) -> None:
        now = self._clock.seconds()
        hired = Hired(position, document.node_id, document.idurl, now, answer.granted, float(answer.expires))
        await self._table.put(hired)
        await self._partings.undo(hired.node_id)
        self._add(hired).connect()

    async def _ended(self, supplier: NodeId, question: Nothing) -> Nothing:
        """The supplier itself says that it keeps nothing any more."""
        link = self.link_of(supplier)
        if link is not None:
            self.refusers.add(supplier)
            for catalog in self._catalogs():
                await catalog.departures.lose(supplier)
            await self.dismiss(link.hired.position)
        return Nothing()

    async def counters(self) -> Mapping[str, Mapping[str, Any]]:
        counts = {"suppliers_hired": len(self.links), "suppliers_wanted": self.wanted.suppliers}
        return {"contact": counts | {"suppliers_active": len(self.connected())}}

    def _add(self, hired: Hired) -> SupplierLink:
        parts = self._router, self._resolver, self._clock, self._automats
        link = SupplierLink(hired, lambda: self.wanted, self._least, self._link_changed, *parts)
        self.links[hired.position] = link
        return link

    async def _least(self, supplier: NodeId) -> float:
        return await self.shares.least(self._catalog, supplier, SCHEMES[self.wanted.suppliers][1])

    def _renew_all(self) -> None:
        for link in self.links.values():
            link.renew()
            link.connect()

    def _renew_grown(self) -> None:
        """With fewer suppliers each keeps more. With more, leases shrink only when all versions are coded anew."""
        for link in self.links.values():
            link.renew_short()

    def _contact_changed(self, node_id: NodeId, old: str, new: str) -> None:
        link = self.link_of(node_id)
        if link is not None and old != new:
            link.contact_changed(new == "CONNECTED")

    def _link_changed(self, link: SupplierLink, moved: bool) -> None:
        if link.connected:
            self._tasks.spawn("remember a lease", self._table.renew(link.hired))
        if moved:
            if link.connected:
                data = {
                    "supplier_idurl": link.hired.idurl,
                    "customer_idurl": self._me.idurl,
                    "needed_bytes": self.wanted.needed,
                    "key_id": f"customer${self._me.global_id}",
                }
                self._events.publish("supplier-connected", data)
            self._tell()

    def _publish_change(self, position: int, old: str | None, new: str | None) -> None:
        suppliers = self.wanted.suppliers
        self._events.publish(
            "supplier-modified",
            {
                "new_idurl": new,
                "old_idurl": old,
                "position": position,
                "ecc_map": ecc_map(suppliers),
                "family_snapshot": [self.links[at].hired.idurl if at in self.links else "" for at in range(suppliers)],
            },
        )

    def _tell(self) -> None:
        self._contact_list.put("suppliers", [link.hired.idurl for link in self.links.values()])
        for callback in self._callbacks:
            callback()

    # API

    @method(
        "GET",
        "/supplier/list/v1",
        "GET /su/l",
        needs=("service_customer",),
        accept={"customer_id": ("customer_idurl", "id")},
    )
    async def suppliers_list(self, customer_id: str | None = None, verbose: bool = False) -> list[dict[str, Any]]:
        """
        Own suppliers by position.
        """
        if customer_id and Locator.parse(customer_id).global_id != self._me.global_id:
            return self._describe_others(customer_id)
        positions = max([self.wanted.suppliers, *(position + 1 for position in self.links)])
        return [self._describe(position, verbose) for position in range(positions)]

    @method("POST", "/supplier/ping/v1", "POST /su/png", needs=("service_customer",))
    async def suppliers_ping(self) -> Answer:
        """
        Ask all suppliers whether they are there, to refresh their contact state.
        """
        self._renew_all()
        return Answer(message=f"requests sent to {len(self.links)} suppliers")

    @method("GET", "/space/consumed/v1", "GET /sp/c")
    async def space_consumed(self) -> dict[str, Any]:
        """
        How much of the space requested from suppliers is in use.
        """
        suppliers, per_supplier = self.wanted.suppliers, self.wanted.needed
        _k, m = SCHEMES[suppliers]
        stored: Counter[str] = Counter()
        for catalog in self._catalogs():
            stored.update(await catalog.stored_bytes())
        used = sum(stored.values())
        used_per_supplier = max(stored.values(), default=0)
        needed = per_supplier * m
        sizes = {
            "needed": needed,
            "used": used,
            "available": max(0, needed - used),
            "needed_per_supplier": per_supplier,
            "used_per_supplier": used_per_supplier,
            "available_per_supplier": max(0, per_supplier - used_per_supplier),
        }
        told: dict[str, Any] = {"suppliers_num": suppliers, **sizes}
        told |= {f"{name}_str": size_text(size) for name, size in sizes.items()}
        told["used_percent"] = f"{100 * used / needed:.2f}%" if needed else "0%"
        mine, shared = await self._catalog.totals(own=True), await self.shares.totals()
        for prefix, totals, keys in zip(("my", "shared"), (mine, shared), self.shares.keys(), strict=True):
            told[f"{prefix}_catalog_items"] = totals["files"] + totals["folders"]
            told |= {f"{prefix}_{name}": value for name, value in totals.items()}
            told[f"{prefix}_keys"] = keys
        return told

    def _catalogs(self) -> list[Catalog]:
        return [self._catalog, *self.shares.catalogs.values()]

    def _describe_others(self, customer_id: str) -> list[dict[str, Any]]:
        family = self._families.known(customer_id)
        if family is None:
            raise NotFound(f"suppliers of {customer_id[:100]} are not known here, suppliers_list_dht finds them")
        told = []
        for position, idurl in enumerate(family.suppliers):
            document = self._resolver.find(idurl) if idurl else None
            contact = str(self._router.contacts.state(document.node_id)) if document is not None else "OFFLINE"
            told.append(
                {
                    "position": position,
                    "idurl": idurl,
                    "global_id": document.global_id if document is not None else "",
                    "supplier_state": None,
                    "connected": None,
                    "contact_state": contact,
                    "contact_status": "online" if contact == "CONNECTED" else "offline",
                }
            )
        return told

    def _describe(self, position: int, verbose: bool) -> dict[str, Any]:
        link = self.links.get(position)
        if link is None:
            told: dict[str, Any] = {
                "position": position,
                "idurl": "",
                "global_id": "",
                "supplier_state": None,
                "connected": None,
                "contact_state": "OFFLINE",
                "contact_status": "offline",
            }
        else:
            contact = self._router.contacts.state(link.node_id)
            told = {
                "position": position,
                "idurl": link.hired.idurl,
                "global_id": link.global_id,
                "supplier_state": str(link.machine.state),
                "connected": ctime(link.hired.hired),
                "contact_state": str(contact),
                "contact_status": "online" if contact == "CONNECTED" else "offline",
            }
        if verbose:
            told["contract"] = link.contract(self.wanted.suppliers) if link is not None else None
        return told
