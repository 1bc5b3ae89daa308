"""
service_supplier: keeps encrypted pieces of files for customers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar

from twisted.logger import Logger

from automats.registry import Automats
from bitdust_node.api.registry import Answer, method
from bitdust_node.clock import Clock
from bitdust_node.config.config import Config
from bitdust_node.database import StateDb
from bitdust_node.dht.node import DhtNode
from bitdust_node.errors import BitDustError, NotFound
from bitdust_node.events import Event, Events
from bitdust_node.identity.me import Me
from bitdust_node.identity.names import NodeId, global_id_of
from bitdust_node.identity.resolver import Resolver
from bitdust_node.membership.roster import Circle, Role
from bitdust_node.paths import DataFolder
from bitdust_node.router.router import Router
from bitdust_node.service import Service
from bitdust_node.tasks import Tasks
from bitdust_node.threads import Workers
from bitdust_node.waiting import all_of
from bitdust_node.wire.command import Nothing
from bitdust_node.wire.contact import PING, Ping
from bitdust_node.wire.members import CIRCLE_END, CircleName
from bitdust_node.wire.storage import LEASE_ENDED
from services.people.contact_list import ContactList
from services.supplying.deposits import Deposit
from services.supplying.keeping import Keeping
from services.supplying.leases import Lease
from services.supplying.rejections import Rejections
from services.supplying.report import donated_space, local_space
from services.supplying.rosters import NONE, Rosters
from services.supplying.space import Space
from services.supplying.store import LocalFolder
from services.supplying.stores import open_store

#: The layer of the DHT in which customers look for suppliers.
LAYER = 3

#: Requests at once to a store that is not on this machine.
STORE_LANES = 8

#: Old labels of the states of a contact.
STATUS = {"CONNECTED": "online", "PING?": "checking", "OFFLINE": "offline"}


class Supplier(Service):
    """
    Takes the space that is donated and shares it out by leases.
    """

    name: ClassVar[str] = "supplier"
    depends: ClassVar[tuple[str, ...]] = ("keys_registry",)
    soft: ClassVar[tuple[str, ...]] = ("entangled_dht",)
    needs_identity: ClassVar[bool] = True

    log = Logger()

    def __init__(
        self,
        router: Router,
        resolver: Resolver,
        me: Me,
        dht: DhtNode,
        config: Config,
        folder: DataFolder,
        state_db: StateDb,
        workers: Workers,
        contact_list: ContactList,
        events: Events,
        automats: Automats,
        clock: Clock,
    ) -> None:
        self._router, self._resolver, self._me, self._dht = router, resolver, me, dht
        self._config, self._folder, self._workers = config, folder, workers
        self._events, self._automats, self._clock = events, automats, clock
        self._contact_list = contact_list
        self._rejections = Rejections(state_db, clock)
        self._tasks = Tasks("supplier")
        self._undo: list[Callable[[], object]] = []
        self._store_workers: Workers | None = None
        #: What is kept, while the service is on.
        self.keeping: Keeping | None = None
        #: Who belongs to the shares and groups of customers, while the service is on.
        self.rosters: Rosters | None = None

    async def start(self) -> None:
        self._tasks = Tasks("supplier")
        store = await self._workers.run(
            lambda: open_store(self._config, self._pieces(), self._folder.base, self._me.node_id)
        )
        if not isinstance(store, LocalFolder):
            self._store_workers = self._workers.apart(STORE_LANES, "store of pieces")
        self.keeping = Keeping(
            store,
            self._folder.base / "ledger.db",
            self._resolver.cached,
            self._donated,
            lambda: self._config.number("services/customer-patrol/customer-idle-days"),
            self._workers,
            self._events,
            self._clock,
            self._automats,
            self._role_of,
            lambda: self._config.bytes("services/supplier/scrub-rate"),
            self._store_workers,
            lambda: self._config.number("services/supplier/lapsed-days"),
        )
        await self.keeping.start()
        await self._rejections.load()
        leases, space = self.keeping.leases, self.keeping.space
        path = self._folder.base / "rosters.db"
        self.rosters = Rosters(path, leases, space, self._resolver, self._workers, self._clock)
        await self.rosters.start()
        leases.ended.append(self._forget_rosters)
        self.keeping.serve(self._router, self._rejections.welcome)
        self.rosters.serve(self._router)
        self._router.serve(CIRCLE_END, self._end_circle)
        await self._dht.attach(LAYER)
        self._undo = [
            self._config.watch("services/supplier/donated-space", self._donation_changed),
            self._events.subscribe(self._customers_changed),
        ]
        self._list()

    async def stop(self) -> None:
        for undo in self._undo:
            undo()
        self._undo = []
        await self._tasks.stop()
        rosters, self.rosters = self.rosters, None
        if rosters is not None:
            self._router.withdraw(CIRCLE_END)
            rosters.withdraw(self._router)
            await rosters.stop()
        keeping, self.keeping = self.keeping, None
        if keeping is not None:
            keeping.withdraw(self._router)
            await self._dht.detach(LAYER)
            await keeping.stop()
            keeping.store.close()
        workers, self._store_workers = self._store_workers, None
        if workers is not None:
            workers.stop()

    def ready(self) -> str | None:
        if self.keeping is None:
            return "not started"
        if trouble := self.keeping.store.trouble():
            return trouble
        space = self.keeping.space
        if space.claimed >= space.donated:
            return f"all of the donated {space.donated} bytes are taken"
        return None

    async def counters(self) -> Mapping[str, Mapping[str, Any]]:
        active = self._active()
        online = sum(self._router.contacts.is_online(lease.customer) for lease in active)
        counts = {"contact": {"customers": len(active), "customers_active": online}}
        if self.keeping is None:
            return counts
        at = self.keeping.scrub.progress
        scrub = {"objects": at.objects, "bytes": at.bytes, "rounds": at.rounds, "damaged": self.keeping.scrub.damaged}
        return counts | {"scrub": scrub}

    def leases(self) -> list[Lease]:
        """
        The customers, oldest first; none while the service is off.
        """
        return list(self.keeping.leases) if self.keeping is not None else []

    async def patrol(self) -> int:
        """
        Let the leases lapse of customers that were silent for too long; how many did. What is kept under leases that
        have lapsed long ago is removed.
        """
        if self.keeping is None:
            return 0
        lapsed = await self.keeping.leases.patrol()
        await self.keeping.clear_lapsed()
        return lapsed

    async def ping(self, customer: NodeId) -> None:
        """
        Show the own identity to a customer; he need not be there.
        """
        try:
            await self._router.request(customer, PING, Ping(int(self._clock.seconds()), self._me.document.xml))
        except BitDustError:
            return

    @method("GET", "/customer/list/v1", "GET /cu/l", needs=("service_supplier",))
    def customers_list(self, verbose: bool = False) -> list[dict[str, Any]]:
        """
        List the nodes that store data here.
        """
        return [self._describe(position, lease, verbose) for position, lease in enumerate(self._active())]

    @method("POST", "/customer/ping/v1", "POST /cu/png", needs=("service_supplier",))
    async def customers_ping(self) -> Answer:
        """
        Show the own identity to all customers.
        """
        customers = [lease.customer for lease in self._active()]
        self._tasks.spawn("ping all customers", all_of(map(self.ping, customers), limit=20))
        return Answer(message="requests sent")

    @method(
        "DELETE",
        "/customer/reject/v1",
        "DELETE /cu/d",
        needs=("service_supplier",),
        accept={"customer_id": ("global_id", "idurl", "id")},
    )
    async def customer_reject(self, customer_id: str, erase_customer_key: bool = True) -> Answer:
        """
        Serve a customer no more: he is told, his pieces are removed, and for some days he gets no new lease here.

        erase_customer_key: accepted; suppliers hold no keys of their customers.
        """
        lease = self._lease_of(customer_id)
        if lease is None or self.keeping is None:
            raise NotFound(f"customer {customer_id[:100]} was not found")
        await self._rejections.add(lease.customer)
        freed = await self.keeping.end(lease.customer)
        self._tasks.spawn("tell a customer that he is rejected", self._tell_rejected(lease.customer))
        return Answer(message=f"all services for {global_id_of(lease.idurl)} were stopped, {freed} bytes freed")

    @method("GET", "/space/donated/v1", "GET /sp/d")
    async def space_donated(self) -> dict[str, Any]:
        """
        Show how the disk space that is given to customers is shared out.
        """
        keeping = self.keeping
        if keeping is None:
            return donated_space(Space(self._donated), None, {}, {})
        on_disk = await keeping.ledger.on_disk()
        strangers = {customer: self._resolver.cached(customer) for customer in keeping.space.accounts}
        idurls = {customer: document.idurl for customer, document in strangers.items() if document is not None}
        return donated_space(keeping.space, keeping.leases, on_disk, idurls)

    @method("GET", "/space/local/v1", "GET /sp/l")
    async def space_local(self) -> dict[str, Any]:
        """
        Show what the node takes on the disk.
        """
        return await self._workers.run(lambda: local_space(self._folder, self._pieces()))

    def _active(self) -> list[Lease]:
        return [lease for lease in self.leases() if lease.active]

    def _lease_of(self, customer_id: str) -> Lease | None:
        name = customer_id.strip()
        for lease in self.leases():
            document = self._resolver.cached(lease.customer)
            idurls = {lease.idurl, *(document.sources if document is not None else ())}
            if name == lease.customer or name in idurls or name in map(global_id_of, idurls):
                return lease
        return None

    async def _tell_rejected(self, customer: NodeId) -> None:
        try:
            await self._router.request(customer, LEASE_ENDED, Nothing())
        except BitDustError as error:
            # he hears it from the next refusal
            self.log.info("a rejected customer could not be told: {error}", error=error)

    def _describe(self, position: int, lease: Lease, verbose: bool) -> dict[str, Any]:
        document = self._resolver.cached(lease.customer)
        idurl = document.idurl if document is not None else lease.idurl
        state = self._router.contacts.state(lease.customer)
        described: dict[str, Any] = {
            "position": position,
            "global_id": global_id_of(idurl),
            "idurl": idurl,
            "contact_state": state,
            "contact_status": STATUS.get(state, "offline"),
        }
        if verbose:
            described["customer_assistant_state"] = state
            described["contract"] = lease.contract()
        return described

    def _customers_changed(self, event: Event) -> None:
        if event.event_id in ("new-customer-accepted", "existing-customer-terminated"):
            self._list()

    def _list(self) -> None:
        documents = [self._resolver.cached(lease.customer) for lease in self._active()]
        self._contact_list.put("customers", [document.idurl for document in documents if document is not None])

    async def _role_of(self, circle: Circle, peer: NodeId) -> Role:
        if self.rosters is None:
            raise NotFound(NONE)
        return await self.rosters.role_of(circle, peer)

    async def _end_circle(self, peer: NodeId, question: CircleName) -> Nothing:
        """The owner alone ends a share; for others there is none."""
        if peer != question.circle.owner or self.keeping is None or self.rosters is None:
            raise NotFound(NONE)
        await self.rosters.end(question.circle)
        await self.keeping.remove_deposit(Deposit.of_circle(question.circle))
        return Nothing()

    def _forget_rosters(self, customer: NodeId) -> None:
        if self.rosters is not None:
            self._tasks.spawn("forget the rosters of a customer", self.rosters.forget(customer))

    def _donated(self) -> int:
        return self._config.bytes("services/supplier/donated-space")

    def _donation_changed(self, path: str, old: object, new: object) -> None:
        if self.keeping is not None and self.keeping.space.claimed > self.keeping.space.donated:
            self.log.warn(
                "{claimed} bytes are promised, {donated} are donated now: nothing is deleted, nobody new is taken",
                claimed=self.keeping.space.claimed,
                donated=self.keeping.space.donated,
            )

    def _pieces(self) -> Path:
        chosen = self._config.text("paths/customers")
        if not chosen:
            return self._folder.pieces
        path = Path(chosen).expanduser()
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        return path
