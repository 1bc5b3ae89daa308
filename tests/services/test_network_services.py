"""
The services of the network: pings, what the gateway shows, the TCP transport as a service, network_connected.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from twisted.internet.defer import Deferred
from twisted.logger import formatEvent, globalLogPublisher
from twisted.trial.unittest import TestCase

import services.tcp_transport
from automats.registry import Automats
from bitdust_node.api.registry import ApiError, Registry
from bitdust_node.assembly import Assembly
from bitdust_node.config.config import Config
from bitdust_node.errors import Full, NotServed, Unavailable
from bitdust_node.events import Events
from bitdust_node.process import Process
from bitdust_node.router.bandwidth import Bandwidth
from bitdust_node.service import Service
from services.gateway import Gateway
from services.network import Network
from services.p2p_hookups import P2PHookups
from services.p2p_notifications import P2PNotifications
from services.postman.queues import Queues
from services.tcp_connections import TcpConnections
from services.tcp_transport import TcpTransportService
from tests.bitdust_node.router.test_router import ECHO, PUT, Text
from tests.clock import Clock
from tests.keys import test_document
from tests.network import TestNode, make_nodes


class Parts(TestCase):
    clock: Any

    async def two(self) -> tuple[TestNode, TestNode]:
        a, b = await make_nodes(self, 2)
        self.clock = a.clock
        for node in (a, b):
            node.hookups = P2PHookups(node.router, node.me, node.resolver, node.workers)  # type: ignore[attr-defined]
            await node.hookups.start()  # type: ignore[attr-defined]
            self.addCleanup(node.hookups.stop)  # type: ignore[attr-defined]
        return a, b

    def run_it(self, coroutine: Any, seconds: float = 0) -> Deferred[Any]:
        running = Deferred.fromCoroutine(coroutine)
        self.clock.pump()
        self.clock.advance(seconds)
        return running


class Hookups(Parts):
    async def test_ping(self) -> None:
        a, b = await self.two()
        hookups: Any = a.hookups  # type: ignore[attr-defined]
        answer = self.successResultOf(self.run_it(hookups.user_ping(b.me.global_id)))
        self.assertEqual(answer.message, "connected")
        status = self.successResultOf(self.run_it(hookups.user_status(b.me.idurl)))
        self.assertEqual(
            status,
            {
                "idurl": b.me.idurl,
                "global_id": b.me.global_id,
                "contact_state": "CONNECTED",
                "contact_status": "online",
            },
        )

    async def test_nobody(self) -> None:
        a, b = await self.two()
        hookups: Any = a.hookups  # type: ignore[attr-defined]
        for unknown in (hookups.user_status(b.me.global_id), hookups.user_status_check(b.me.global_id)):
            with self.assertRaises(ApiError) as caught:
                await unknown
            self.assertIn(str(caught.exception), ("unknown user", "peer is not connected"))
        b.die()
        for user in ("", a.me.global_id, b.me.global_id):
            pinging = self.run_it(hookups.user_ping(user, timeout=1, retries=1), 60)
            self.failureResultOf(pinging, ApiError)
        self.assertEqual((await hookups.user_status(b.me.global_id))["contact_state"], "OFFLINE")
        self.failureResultOf(self.run_it(hookups.user_status_check(b.me.global_id), 60), Unavailable)

    async def test_check_connects(self) -> None:
        a, b = await self.two()
        hookups: Any = a.hookups  # type: ignore[attr-defined]
        self.successResultOf(self.run_it(hookups.user_ping(b.me.global_id)))
        b.network.cut(b.name)
        self.clock.pump()
        self.assertEqual((await hookups.user_status(b.me.global_id))["contact_state"], "OFFLINE")
        status = self.successResultOf(self.run_it(hookups.user_status_check(b.me.global_id)))
        self.assertEqual(status["contact_state"], "CONNECTED")

    async def test_new_document_is_told(self) -> None:
        a, b = await self.two()
        hookups: Any = a.hookups  # type: ignore[attr-defined]
        self.successResultOf(self.run_it(hookups.user_ping(b.me.global_id)))
        a.me.document = test_document(1, contacts=("memory://user-1", "tcp://9.9.9.9:9"), revision=5)
        for callback in a.me.callbacks:
            callback()
        self.clock.pump()
        self.assertEqual(b.resolver.cached(a.node_id).revision, 5)

    async def test_document_of_somebody_else(self) -> None:
        a, b = await self.two()
        hookups: Any = a.hookups  # type: ignore[attr-defined]
        self.successResultOf(self.run_it(a.router.reach(b.node_id)))
        a.me.document = test_document(3)
        pinging = self.run_it(hookups.user_ping(b.me.global_id, retries=0), 30)
        self.failureResultOf(pinging, ApiError)
        self.assertIsNone(b.resolver.cached(test_document(3).node_id))

    async def test_notifications(self) -> None:
        a, b = await self.two()
        notifications = P2PNotifications(a.router, a.resolver, Queues())
        await notifications.start()
        self.successResultOf(self.run_it(a.router.reach(b.node_id)))
        await notifications.stop()

    async def test_queues(self) -> None:
        a, _ = await self.two()
        on = True
        api = Registry(lambda name: on)
        api.add(P2PNotifications(a.router, a.resolver, Queues()))
        for what in ("queues", "queue_consumers", "queue_producers", "queue_keepers", "queue_peddlers"):
            self.assertEqual(await api.call(f"{what}_list"), {"status": "OK", "result": []})
        on = False
        answer = await api.call("queues_list")
        self.assertEqual(answer["errors"], ["service_p2p_notifications() is not started"])


class Shown(Parts):
    def gateway_of(self, node: TestNode, process: Process, config: Config) -> Gateway:
        bandwidth = Bandwidth(config, node.clock)
        return Gateway(node.router, node.me, node.resolver, process, bandwidth, config, node.events, node.clock)

    async def test_log_of_packets(self) -> None:
        a, b = await self.two()
        seen: list[Any] = []
        globalLogPublisher.addObserver(seen.append)
        self.addCleanup(lambda: globalLogPublisher.removeObserver(seen.append))
        config = Config(None)
        process = Process(1, 0.0, lambda: None, lambda: None)
        gateway = self.gateway_of(b, process, config)
        await gateway.start()
        hookups: Any = a.hookups  # type: ignore[attr-defined]
        for on in (True, False):
            config.set("logs/packet-enabled", on)
            self.successResultOf(self.run_it(hookups.user_ping(b.me.global_id)))
            lines = [formatEvent(event) for event in seen if "packet" in str(event.get("log_format"))]
            self.assertIn(f"packet from {a.me.global_id}: 'contact.ping'", "".join(lines))
            self.assertEqual(len(lines), 2)
            told = [event for event in b.events_seen if "packet" in event.event_id]
            self.assertEqual([event.event_id for event in told], ["inbox-packet-recevied", "outbox-packet-finished"])
        came, went = (event.data or {} for event in told)
        self.assertEqual(
            (came["command"], came["creator_id"], came["remote_id"]), ("contact.ping",) + 2 * (a.me.global_id,)
        )
        self.assertEqual((went["command"], went["creator_id"]), ("answer", b.me.global_id))
        self.assertEqual((went["description"], went["packet_id"]), ("sent", came["packet_id"]))
        await gateway.stop()

    async def test_packets_that_nobody_answers(self) -> None:
        a, b = await self.two()
        config = Config(None)
        config.set("logs/packet-enabled", True)
        gateway = self.gateway_of(a, Process(1, 0.0, lambda: None, lambda: None), config)
        await gateway.start()
        self.failureResultOf(self.run_it(a.router.request(b.node_id, ECHO, Text("x"))), NotServed)
        [went] = [event.data or {} for event in a.events_seen if event.event_id == "outbox-packet-finished"]
        self.assertEqual((went["command"], went["remote_id"]), ("test.echo", b.me.global_id))
        self.assertEqual(went["description"], "test.echo is not served here")
        await gateway.stop()

    async def test_gateway(self) -> None:
        a, b = await self.two()
        process = Process(1, 0.0, lambda: None, lambda: None)
        process.worst_lag = 0.25
        gateway, theirs = self.gateway_of(a, process, Config(None)), self.gateway_of(b, process, Config(None))

        async def silent(peer: Any, question: Any) -> Text:
            await Deferred()
            raise AssertionError

        async def take(peer: Any, question: Any, stream: Any) -> None:
            await Deferred()

        b.router.serve(ECHO, silent)
        b.router.serve_stream(PUT, take)
        asking = self.run_it(a.router.request(b.node_id, ECHO, Text("x")))
        stream = self.successResultOf(self.run_it(a.router.open_stream(b.node_id, PUT, Text("x"))))
        self.run_it(stream.write(b"12345"))
        [packet] = await gateway.packets_list()
        self.assertEqual((packet["direction"], packet["command"]), ("outgoing", "test.echo"))
        self.assertEqual((packet["target"], packet["response_timeout"]), (b.me.idurl, 30))
        [packet] = await theirs.packets_list()
        self.assertEqual((packet["direction"], packet["target"]), ("incoming", a.me.idurl))
        self.assertNotIn("command", packet)
        [connection] = await gateway.connections_list()
        self.assertEqual((connection["status"], connection["state"]), ("active", "CONNECTED"))
        self.assertEqual((connection["proto"], connection["global_id"]), ("memory", b.me.global_id))
        self.assertEqual(await gateway.connections_list(["tcp", "nonsense"]), [])
        [shown] = await gateway.streams_list(["memory"])
        self.assertEqual((shown["type"], shown["bytes_current"]), ("out", 5))
        self.assertEqual((shown["bytes_total"], shown["progress"]), (-1, ""))
        a.router.sessions()[0].streams[0].bytes_total = 20
        [shown] = await gateway.streams_list(["memory"])
        self.assertEqual((shown["bytes_total"], shown["progress"]), (20, "25%"))
        [shown] = await theirs.streams_list()
        self.assertEqual((shown["type"], shown["bytes_current"]), ("in", 5))
        stats = await gateway.packets_stats()
        self.assertEqual(stats["worst_lag"], 0.25)
        self.assertEqual(stats["out"]["peers"].keys(), {b.me.idurl})
        stopping = self.run_it(gateway.stop())
        self.successResultOf(stopping)
        self.failureResultOf(asking, Unavailable)


class FakeTransport:
    scheme = "tcp"
    broken = False

    def __init__(self) -> None:
        self.address: str | None = None
        self.listened = 0

    async def listen(self, deliver: Any) -> None:
        if self.broken:
            raise Full("no sockets left")
        self.listened += 1
        self.address = "127.0.0.1:7771"

    async def close(self) -> None:
        self.address = None

    def sessions(self) -> list[Any]:
        return []


class Tcp(TestCase):
    def service(self, overrides: dict[str, object] | None = None) -> tuple[TcpTransportService, Any, Config, list[str]]:
        self.patch(services.tcp_transport, "plugins", lambda group: {"tcp": FakeTransport})
        clock = Clock()
        events = Events(clock)
        seen: list[str] = []
        events.subscribe(lambda event: seen.append(event.event_id))
        config = Config(None, overrides)
        attached: list[Any] = []

        class FakeRouter:
            def attach(self, transport: Any, priority: int) -> None:
                attached.append(transport)

            def detach(self, transport: Any) -> None:
                if transport in attached:
                    attached.remove(transport)

            def deliver(self, session: Any) -> None: ...

        router: Any = FakeRouter()
        return TcpTransportService(Assembly(), router, config, events, Automats(), clock), attached, config, seen

    async def test_life(self) -> None:
        service, attached, config, seen = self.service()
        await service.start()
        [transport] = attached
        self.assertIsNone(service.ready())
        self.assertEqual(seen, ["gateway-transport-initialized", "gateway-receiving-started"])
        config.set("services/tcp-connections/tcp-port", 7771)
        self.assertEqual(transport.listened, 1)
        config.set("services/tcp-connections/tcp-port", 7999)
        self.assertEqual(transport.listened, 2)
        await service.stop()
        self.assertEqual(attached, [])
        self.assertEqual(seen[-1], "gateway-disconnected")
        await service.start()
        self.assertEqual(transport.listened, 3)
        await service.stop()

    async def test_only_sending(self) -> None:
        service, attached, _, _ = self.service({"services/tcp-transport/receiving-enabled": False})
        await service.start()
        self.assertEqual([transport.listened for transport in attached], [0])
        self.assertEqual(service.ready(), "not listening")
        await service.stop()

    async def test_broken(self) -> None:
        self.patch(FakeTransport, "broken", True)
        service, _, _, seen = self.service()
        with self.assertRaises(Unavailable):
            await service.start()
        self.assertEqual(seen[-1], "gateway-receiving-failed")
        self.assertEqual(len(self.flushLoggedErrors(Full)), 1)
        await service.stop()
        self.patch(FakeTransport, "broken", False)
        await service.start()
        await service.stop()

    async def test_port(self) -> None:
        config = Config(None, {"services/tcp-connections/tcp-port": 7771})
        service = TcpConnections(config)
        await service.start()
        self.assertEqual(service.network_configuration()["tcp_port"], 7771)


class FakeServices:
    def __init__(self) -> None:
        self.on = {"network", "gateway", "p2p_hookups"}
        self.off: set[str] = set()
        self.reason: str | None = None
        self.failure: str | None = None
        self.refreshed = 0

    def __iter__(self) -> Any:
        return iter(())

    def enabled(self, name: str) -> bool:
        return name not in self.off

    def is_on(self, name: str) -> bool:
        return name in self.on

    def instance(self, name: str) -> Any:
        return self

    def life(self, name: str) -> Any:
        return self

    def ready(self) -> str | None:
        return self.reason

    async def refresh(self) -> None:
        self.refreshed += 1
        if self.failure is None:
            self.on.add("gateway")


class Connected(TestCase):
    def setUp(self) -> None:
        self.services: Any = FakeServices()

    async def network(self) -> Network:
        [a] = await make_nodes(self, 1)
        self.node = a
        nothing: Any = None
        return Network(self.services, a.router, a.me, a.resolver, Config(None), Registry(), nothing, a.clock)

    async def test_fine(self) -> None:
        network = await self.network()
        self.assertEqual(
            await network.network_connected(),
            {
                "service_network": "started",
                "service_gateway": "started",
                "service_p2p_hookups": "started",
                "service_proxy_transport": "disabled",
            },
        )

    async def refused(self, network: Network, text: str, reason: str) -> None:
        with self.assertRaises(ApiError) as caught:
            await network.network_connected()
        self.assertEqual((str(caught.exception), caught.exception.extra), (text, {"reason": reason}))

    async def test_reasons(self) -> None:
        network = await self.network()
        self.services.reason = "no transport is listening"
        await self.refused(network, "disconnected", "p2p_connector_disconnected")
        self.services.off = {"gateway"}
        await self.refused(network, "service_gateway() is disabled", "service_gateway_disabled")
        self.node.me.has_identity = False
        await self.refused(network, "local identity is not valid or not exist", "identity_not_exist")

    async def test_brings_up(self) -> None:
        network = await self.network()
        self.services.on.remove("gateway")
        await network.network_connected()
        self.assertEqual(self.services.refreshed, 1)
        self.services.on.remove("gateway")
        self.services.failure = "no gate here"
        await self.refused(network, "no gate here", "service_gateway_restart_error")

    async def test_status(self) -> None:
        network = await self.network()
        status = await network.network_status(tcp=True, cache=True, udp=True, proxy=True)
        self.assertEqual(status["p2p_connector_state"], "CONNECTED")
        self.assertEqual(status["global_id"], self.node.me.global_id)
        self.assertEqual(status["tcp"], {"sessions": [], "streams": []})
        self.assertEqual(network.network_configuration(), {})

    async def test_reconnect(self) -> None:
        network = await self.network()
        done: list[str] = []

        class Other(Service):
            name = "tcp_transport"

            async def reconnect(self) -> None:
                done.append(self.name)

        class Broken(Service):
            name = "udp_datagrams"

            async def reconnect(self) -> None:
                raise Full("no sockets left")

        lives = [
            SimpleNamespace(name=one.name, full_name=one.name, service=one) for one in (Broken(), Other(), Other())
        ]
        lives[2].name = "off"
        self.services.on |= {"tcp_transport", "udp_datagrams"}
        self.patch(FakeServices, "__iter__", lambda _: iter(lives))
        await network.start()
        self.assertEqual(network.network_reconnect().message, "reconnected")
        self.assertEqual(done, ["tcp_transport"])
        await network.stop()

    async def test_info_is_all(self) -> None:
        network = await self.network()
        network._dht = SimpleNamespace(describe=dict)  # type: ignore[assignment]
        status = await network.network_info(dht=False)
        self.assertTrue({"suppliers", "customers", "cache", "tcp", "udp", "proxy"} <= set(status))
        self.assertNotIn("dht", status)
