"""
A whole node, followed over its WebSocket from its start on.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from autobahn.twisted.websocket import WebSocketClientFactory
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.trial.unittest import TestCase

from bitdust_node.api.models import NAMES
from bitdust_node.node import Node
from bitdust_node.service import Service
from tests.bitdust_node.api.test_websocket import Peer


class Quick(Service):
    name = "network"


class Above(Service):
    name = "gateway"
    depends = ("network",)


class Fails(Service):
    name = "supplier"

    async def start(self) -> None:
        raise ValueError("not today")


class ServiceModelTest(TestCase):
    async def setUp(self) -> None:  # type: ignore[override]
        options = {"interface/api/rest-http-port": 18980, "interface/api/web-socket-port": 18990}
        services: dict[str, type] = {"network": Quick, "gateway": Above, "supplier": Fails}
        self.node = Node(Path(self.mktemp()), reactor, options, services=services)
        await self.node.start()
        self.flushLoggedErrors(ValueError)
        secret = (self.node.base / "apisecret").read_text()
        port = self.node.config.number("interface/api/web-socket-port")
        factory = WebSocketClientFactory(f"ws://127.0.0.1:{port}/?api_secret={secret}")
        factory.protocol = Peer
        factory.noisy = False
        self.peer = await TCP4ClientEndpoint(reactor, "127.0.0.1", port).connect(factory)
        await self.peer.opened
        self.addCleanup(lambda: Deferred.fromCoroutine(self.clean()))

    async def clean(self) -> None:
        await self.node.stop()
        await self.peer.closed

    async def snapshot(self, service: str, event: str | None) -> dict[str, Any]:
        def wanted(message: Any) -> bool:
            payload = message["payload"]
            return (
                message["type"] == "model"
                and payload["id"] == f"service_{service}"
                and payload["data"]["event"] == event
            )

        return dict((await self.peer.hear(wanted))["payload"]["data"])

    async def test_services(self) -> None:
        self.peer.call("enable_model_listener", model_name="service", request_all=True)
        self.assertEqual((await self.peer.hear())["payload"]["response"], {"status": "OK"})
        shown = await self.snapshot("gateway", None)
        fields = {"index", "id", "name", "state", "enabled", "installed", "config_path", "depends", "event"}
        self.assertLessEqual(fields, set(shown))
        self.assertEqual((shown["state"], shown["depends"]), ("ON", ["service_network"]))
        self.peer.call("service_stop", service_name="network")
        self.assertEqual((await self.snapshot("gateway", "depends_off"))["state"], "DEPENDS_OFF")
        self.peer.call("service_start", service_name="network")
        self.assertEqual((await self.snapshot("gateway", "started"))["state"], "ON")
        self.peer.call("config_set", key="services/supplier/enabled", value=False)
        self.assertIs((await self.snapshot("supplier", None))["enabled"], False)
        self.peer.call("config_set", key="services/supplier/enabled", value=True)
        states = [(await self.snapshot("supplier", "failed"))["state"] for _ in range(2)]
        self.assertEqual(states, ["STOPPING", "OFF"])
        self.flushLoggedErrors(ValueError)

    async def test_every_model_of_the_start_of_a_desktop(self) -> None:
        for number, name in enumerate(NAMES):
            self.peer.call("enable_model_listener", number, model_name=name, request_all=True)
            self.assertEqual((await self.peer.hear())["payload"], {"call_id": number, "response": {"status": "OK"}})
        self.peer.call("request_model_data", "last", model_name="nothing")
        refused = (await self.peer.hear())["payload"]["response"]
        self.assertIn("model 'nothing' is unknown", refused["errors"][0])
