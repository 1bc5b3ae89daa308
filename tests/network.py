"""
Nodes in one process, joined by the memory transport: each with its router, identity and resolver.
"""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase, TestCase

from automats.registry import Automats
from bitdust_node.config.config import Config
from bitdust_node.errors import BitDustError, NotFound
from bitdust_node.events import Event, Events
from bitdust_node.identity.device import DeviceKey, DeviceRecord
from bitdust_node.identity.document import Document
from bitdust_node.identity.names import Locator, NodeId
from bitdust_node.router.admission import Admission
from bitdust_node.router.bandwidth import Bandwidth
from bitdust_node.router.entrance import STRANGERS, Strangers
from bitdust_node.router.router import Router, RouterLimits
from bitdust_node.router.session import LIMITS, Limits
from bitdust_node.threads import InlineWorkers
from tests.clock import Clock
from tests.keys import test_document, test_key
from transports.memory import MemoryNetwork, MemoryTransport

DEVICES: dict[tuple[int, str], DeviceKey] = {}


class FakeMe:
    """
    An identity that was always there.
    """

    has_identity = True

    def __init__(self, number: int, document: Document, now: float, device: str = "") -> None:
        self.document = document
        self.key = test_key(number)
        self.node_id = document.node_id
        self.idurl = document.idurl
        self.global_id = document.global_id
        self.device = DEVICES.setdefault((number, device), DeviceKey.generate(now))
        self.device_record = DeviceRecord.make(self.key, self.device.spki, "test", now + 30 * 86400)
        self.callbacks: list[Any] = []

    def on_change(self, callback: Any) -> Any:
        self.callbacks.append(callback)
        return lambda: self.callbacks.remove(callback)


class FakeResolver:
    """
    Knows what it was told; `published` are the documents on the servers.
    """

    def __init__(self, published: dict[str, Document]) -> None:
        self.published = published
        self.known: dict[str, Document] = {}
        self.refreshed = 0

    def cached(self, node_id: str) -> Document | None:
        return self.known.get(node_id)

    def find(self, who: str) -> Document | None:
        idurl = Locator.parse(who).idurl
        return next((document for document in self.known.values() if document.idurl == idurl), None)

    def documents(self) -> list[Document]:
        return list(self.known.values())

    def remember(self, document: Document, confirmed: tuple[str, ...] = ()) -> None:
        old = self.known.get(document.node_id)
        if old is None or old.revision <= document.revision:
            self.known[document.node_id] = document

    async def resolve(self, who: str) -> Document:
        found = self.known.get(who)
        if (found is None and "@" in who) or "://" in who:
            idurl = Locator.parse(who).idurl
            found = self.find(who) or self.published.get(idurl)
        if found is None:
            raise NotFound(f"there is no identity {who}")
        self.remember(found)
        return found

    async def confirm(self, document: Document) -> None:
        published = self.published.get(document.idurl)
        if published is not None and published.node_id != document.node_id:
            raise BitDustError(f"{document.global_id} is not the name of this key")
        self.remember(document)

    async def refresh(self, node_id: str) -> Document:
        self.refreshed += 1
        for document in self.published.values():
            if document.node_id == node_id:
                self.remember(document)
        if node_id not in self.known:
            raise NotFound(f"node {node_id} is not known")
        return self.known[node_id]


class TestNode:
    """
    One node of a test.

    events_seen: all events that it published, in order. config: whose limits of bandwidth hold, else none do. device:
    tells further devices of one identity apart.
    """

    __test__ = False

    def __init__(
        self,
        number: int,
        network: MemoryNetwork,
        published: dict[str, Document],
        strangers: Strangers = STRANGERS,
        limits: Limits = LIMITS,
        router_limits: RouterLimits | None = None,
        config: Config | None = None,
        device: str = "",
    ) -> None:
        clock = network.clock
        self.name = f"user-{number}{device}"
        document = test_document(number, contacts=(f"memory://{self.name}",))
        published[document.idurl] = document
        self.clock = clock
        self.network = network
        self.me: Any = FakeMe(number, document, clock.seconds(), device)
        self.resolver: Any = FakeResolver(published)
        self.events = Events(clock)
        self.events_seen: list[Event] = []
        self.events.subscribe(self.events_seen.append)
        self.automats = Automats()
        self.workers = InlineWorkers()
        self.router = Router(clock, self.me, self.resolver, self.events, self.automats, limits=router_limits)
        self.admission = Admission(self.me, self.resolver, self.workers, clock)
        bandwidth = Bandwidth(config, clock) if config is not None else None
        self.transport = MemoryTransport(
            network, self.name, self.me.device.spki, self.admission, self.automats, strangers, limits, bandwidth
        )

    @property
    def node_id(self) -> NodeId:
        return self.me.node_id

    async def start(self) -> None:
        self.router.attach(self.transport)
        await self.transport.listen(self.router.deliver)

    async def stop(self) -> None:
        """End in order; with a virtual clock, advance it afterwards."""
        self.router.detach(self.transport)
        await self.transport.close()
        await self.router.stop()

    def die(self) -> None:
        """Cut all its connections and let nobody in, as after kill -9."""
        self.network.unbind(self.name)
        self.network.cut(self.name)


async def make_nodes(
    testcase: TestCase | SynchronousTestCase,
    n: int,
    clock: Any = None,
    network: MemoryNetwork | None = None,
    **options: Any,
) -> list[TestNode]:
    """
    n nodes that know each other's identities. Without a clock they get a virtual one, `nodes[0].clock`.

    With a virtual clock nothing happens until it is advanced: `clock.pump()` lets all that has no delay happen. A
    clock may be the reactor, in tests that await.
    """
    network = network or MemoryNetwork(clock or Clock())
    published: dict[str, Document] = {}
    nodes = [TestNode(number, network, published, **options) for number in range(1, n + 1)]
    for node in nodes:
        for document in published.values():
            node.resolver.remember(document)
        await node.start()

    async def stop() -> None:
        for node in nodes:
            await node.stop()
        if isinstance(network.clock, Clock):
            network.clock.pump(20)

    testcase.addCleanup(stop)
    return nodes
