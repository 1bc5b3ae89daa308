"""
A customer and its suppliers in one process, under a virtual clock: the real services on the memory transport.
"""

from __future__ import annotations

import shutil
from collections.abc import Awaitable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, TypeVar

from twisted.internet.defer import Deferred, succeed
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from automats.registry import Automats
from bitdust_node.assembly import Assembly
from bitdust_node.clock import Clock as AnyClock
from bitdust_node.config.config import Config
from bitdust_node.database import StateDb
from bitdust_node.dht.node import DhtNode
from bitdust_node.events import Event, Events
from bitdust_node.identity.me import Me
from bitdust_node.identity.resolver import Resolver
from bitdust_node.paths import DataFolder
from bitdust_node.router.router import Router
from bitdust_node.services import Services
from bitdust_node.threads import InlineWorkers, Workers
from bitdust_node.waiting import started
from services.backup_db import BackupDb
from services.backups import Backups
from services.catalog.catalog import Catalog
from services.customer import Customer
from services.data_motion import DataMotion
from services.employer import Employer
from services.list_files import ListFiles
from services.my_data import MyData
from services.nodes_lookup import NodesLookup
from services.rebuilding import Rebuilding
from services.restores import Restores
from services.supplier import Supplier
from services.transfer.running import Running
from tests.clock import Clock
from tests.network import TestNode, make_nodes
from transports.memory import MemoryNetwork

T = TypeVar("T")

#: Services of a customer, in the order in which they start.
CUSTOMER = (Customer, Employer, DataMotion, ListFiles, BackupDb, Rebuilding, Backups, Restores, MyData)


class FakeDht:
    """Stands for the parts of the DHT that suppliers and customers use."""

    def __init__(self) -> None:
        self.records: dict[tuple[str, str], dict[str, Any]] = {}

    async def attach(self, layer: int) -> None: ...

    async def detach(self, layer: int) -> None: ...

    async def put(self, record_type: str, key: str, value: dict[str, Any]) -> None:
        self.records[record_type, key] = value

    async def read(self, record_type: str, key: str) -> Any:
        return SimpleNamespace(record=None)


class FakeLookup:
    """The DHT as a list."""

    def __init__(self) -> None:
        self.users: list[str] = []

    async def random(self, layer: int, count: int) -> list[str]:
        return self.users[:count]


class FakeServices:
    """All services are on but those that are named."""

    def __init__(self) -> None:
        self.off: set[str] = set()

    def is_on(self, name: str) -> bool:
        return name not in self.off


class Member:
    """
    One node of the grid with the services that it was given.
    """

    def __init__(self, node: TestNode, base: Path, classes: tuple[type, ...], options: dict[str, object]) -> None:
        self.node, self.base = node, base
        self.classes = classes
        self.config = Config(None, options)
        self.lookup = FakeLookup()
        self.switches = FakeServices()
        self.make()

    def make(self) -> None:
        """The parts of a process that begins."""
        self.folder = DataFolder(self.base)
        self.workers = self.make_workers()
        self.state_db = StateDb(self.folder.state_db, self.workers)
        self.assembly = parts = Assembly()
        node = self.node
        self.dht = FakeDht()
        given: tuple[tuple[object, object], ...] = (
            (node.clock, AnyClock),
            (self.workers, Workers),
            (node.events, Events),
            (node.automats, Automats),
            (self.config, Config),
            (self.folder, DataFolder),
            (self.state_db, StateDb),
            (node.me, Me),
            (node.resolver, Resolver),
            (node.router, Router),
            (self.dht, DhtNode),
            (self.lookup, NodesLookup),
            (self.switches, Services),
        )
        for part, as_type in given:
            parts.provide(part, as_type)
        self.services: list[Any] = [parts.make(one) for one in self.classes]

    def make_workers(self) -> Any:
        return InlineWorkers()

    async def start(self) -> None:
        for service in self.services:
            await service.start()

    async def stop(self) -> None:
        for service in reversed(self.services):
            await service.stop()
        await self.state_db.close()
        await self.catalog.close()

    def get(self, wanted: type[T]) -> T:
        return self.assembly.make(wanted)

    @property
    def catalog(self) -> Catalog:
        return self.assembly.make(Catalog)

    @property
    def running(self) -> Running:
        return self.assembly.make(Running)

    def events(self, *names: str) -> list[Event]:
        return [event for event in self.node.events_seen if event.event_id in names]


class LateWorkers:
    """
    Workers whose answers come a moment later, as those of threads do.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    async def run(self, function: Any, *args: Any, **kwargs: Any) -> Any:
        answer: Deferred[Any] = Deferred()
        try:
            result = function(*args, **kwargs)
        except Exception:  # noqa: BLE001 - whoever waits gets it
            result = Failure()
        self._clock.callLater(0.001, answer.callback, result)
        return await answer

    def stop(self) -> Deferred[None]:
        return succeed(None)

    def apart(self, size: int, name: str) -> LateWorkers:
        return self


class Ends:
    """Runs asynchronous cleanups of nodes in a test that is not."""

    def __init__(self, case: GridCase) -> None:
        self._case = case

    def addCleanup(self, end: Any) -> None:
        self._case.addCleanup(lambda: self._case.run_now(end()))


class GridCase(SynchronousTestCase):
    """
    `self.customer` and `self.suppliers`; `suppliers` of them, which are hired when the test begins.
    """

    suppliers_number = 4
    spare = 0
    hire = True
    needed = "64 MB"
    #: Seconds from one node to another.
    latency = 0.002
    #: Whose limits of bytes a second hold, for each of the nodes.
    limits: Config | None = None
    #: Options of suppliers beside what they donate.
    supplier_options: dict[str, object] = {}

    def setUp(self) -> None:
        self.clock = Clock()
        self.network = MemoryNetwork(self.clock, latency=self.latency)
        self.tmp = Path(self.mktemp()).absolute()
        self.tmp.mkdir()
        count = self.suppliers_number + self.spare
        nodes = self.run_now(make_nodes(Ends(self), count + 1, network=self.network, config=self.limits))  # type: ignore[arg-type]
        self.customer = Member(
            nodes[0],
            self.tmp / "customer",
            CUSTOMER,
            {
                "services/customer/suppliers-number": str(self.suppliers_number),
                "services/customer/needed-space": self.needed,
            },
        )
        donating = {"services/supplier/donated-space": "1 GB"}
        self.suppliers = [
            Member(node, self.tmp / f"supplier-{at}", (Supplier,), donating | self.supplier_options)
            for at, node in enumerate(nodes[1:])
        ]
        self.customer.lookup.users = [member.node.me.idurl for member in self.suppliers]
        for member in (*self.suppliers, self.customer):
            self.run_now(member.start())
        self.addCleanup(self.stop)
        if self.hire:
            self.until(lambda: len(self.customer.get(Customer).connected()) == self.suppliers_number)

    def stop(self) -> None:
        for member in (self.customer, *self.suppliers):
            self.run_now(member.stop())
        shutil.rmtree(self.tmp, ignore_errors=True)

    def run_now(self, awaitable: Awaitable[T], seconds: float = 900.0, step: float = 0.05) -> T:
        """
        The result of an awaitable, with the clock moving on meanwhile.
        """
        results: list[Any] = []
        work = started(awaitable)
        work.addBoth(results.append)
        left = seconds
        self.clock.pump(10)
        while not results and left > 0:
            self.clock.advance(step)
            left -= step
        if not results:
            work.addErrback(lambda _: None)
            work.cancel()
            raise AssertionError(f"nothing came of it in {seconds} s")
        if isinstance(results[0], Failure):
            results[0].raiseException()
        return results[0]  # type: ignore[no-any-return]

    def until(self, condition: Any, seconds: float = 120.0, step: float = 0.05) -> None:
        """
        Move the clock on until something is true.
        """
        left = seconds
        while not condition():
            assert left > 0, "it did not come true"
            self.clock.advance(step)
            left -= step

    def member_of(self, node_id: str) -> Member:
        return next(member for member in self.suppliers if member.node.node_id == node_id)

    def upload(self, local: Path, remote: str) -> str:
        """
        Store a file or folder, wait, and answer its backup id.
        """
        self.run_now(self.customer.get(BackupDb).file_create(remote, as_folder=local.is_dir(), exist_ok=True))
        answer = self.run_now(self.customer.get(Backups).file_upload_start(str(local), remote, wait_result=True))
        return str(answer.result["version"])

    def download(self, remote: str, to: str = "out") -> Path:
        """
        Fetch a file or folder and answer where it is.
        """
        restores = self.customer.get(Restores)
        answer = self.run_now(restores.file_download_start(remote, str(self.tmp / to), wait_result=True))
        self.assertTrue(answer.result["downloaded"])
        return Path(answer.result["local_path"])
