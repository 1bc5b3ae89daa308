from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock as TaskClock
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import SynchronousTestCase, TestCase

from bitdust_node.api.registry import method
from bitdust_node.config.config import Config
from bitdust_node.errors import Closed, Conflict
from bitdust_node.events import Events
from bitdust_node.node import Node
from bitdust_node.process import Process
from bitdust_node.service import Service
from bitdust_node.watchdog import Watchdog


class Below(Service):
    name = "network"

    def __init__(self, config: Config) -> None:
        self.config = config

    @method("GET", "/user/ping/v1", needs=("service_network",))
    def user_ping(self) -> dict[str, str]:
        """Pong."""
        return {"is": "pong"}


class Above(Service):
    name = "gateway"
    depends = ("network",)
    needs_identity = True


class Hangs(Service):
    name = "network"

    async def start(self) -> None:
        await Deferred()


SERVICES: dict[str, type] = {"network": Below, "gateway": Above}
PORTS = {"interface/api/rest-http-port": 18780, "interface/api/web-socket-port": 18880}


def get(url: str, secret: str) -> Any:
    with urlopen(Request(url, headers={"api_secret": secret}), timeout=10) as answer:
        return json.load(answer)


class NodeTests(TestCase):
    def node(self, base: Path | None = None, services: dict[str, type] = SERVICES) -> Node:
        node = Node(base or Path(self.mktemp()), reactor, PORTS, services=services)
        self.addCleanup(lambda: Deferred.fromCoroutine(node.stop()))
        return node

    async def http(self, node: Node, path: str) -> dict[str, Any]:
        port = node.config.number("interface/api/rest-http-port")
        secret = (node.base / "apisecret").read_text()
        answer: dict[str, Any] = await deferToThread(get, f"http://127.0.0.1:{port}{path}", secret)
        return answer

    async def test_life(self) -> None:
        node = self.node()
        await node.start()
        self.assertEqual(node.state, "running")
        self.assertEqual((await self.http(node, "/process/health/v1"))["status"], "OK")
        self.assertEqual((await self.http(node, "/user/ping/v1"))["result"], {"is": "pong"})
        info = (await self.http(node, "/service/info/network/v1"))["result"]
        self.assertEqual((info["state"], info["config_path"]), ("ON", "services/network/enabled"))
        gateway = (await self.http(node, "/service/info/service_gateway/v1"))["result"]
        self.assertEqual((gateway["state"], gateway["installed"]), ("NOT_INSTALLED", True))
        self.assertTrue((node.base / "processid").exists())
        await node.stop()
        self.assertEqual(node.state, "stopped")
        self.assertFalse((node.base / "processid").exists())
        self.assertIn("service-started", (node.base / "logs" / "event.log").read_text())
        self.assertIn("the node runs", (node.base / "logs" / "node.log").read_text())
        await node.stop()

    async def test_the_same_directory_again(self) -> None:
        first = self.node()
        await first.start()
        second = self.node(first.base)
        with self.assertRaises(Conflict) as caught:
            await second.start()
        self.assertIn("another process", str(caught.exception))
        self.assertEqual((first.state, second.state), ("running", "stopped"))
        self.assertEqual((await self.http(first, "/process/health/v1"))["status"], "OK")
        await first.stop()
        third = self.node(first.base)
        await third.start()
        await third.stop()

    async def test_two_nodes_in_one_process(self) -> None:
        first, second = self.node(), self.node()
        await first.start()
        await second.start()
        for node in (first, second):
            self.assertEqual((await self.http(node, "/process/health/v1"))["status"], "OK")

    async def test_the_api_answers_while_services_start(self) -> None:
        node = self.node(services={"network": Hangs})
        starting = Deferred.fromCoroutine(node.start())
        self.assertEqual(node.state, "starting")
        self.assertEqual((await self.http(node, "/process/health/v1"))["status"], "OK")
        self.assertEqual((await self.http(node, "/user/ping/v1"))["status"], "ERROR")
        await node.stop()
        with self.assertRaises(Closed):
            await starting

    async def test_a_start_that_fails_closes_everything(self) -> None:
        base = Path(self.mktemp())
        await deferToThread(base.write_text, "not a folder")
        node = self.node(base)
        with self.assertRaises(OSError):
            await node.start()
        self.assertEqual(node.state, "stopped")

    async def test_asked_to_stop_by_a_client(self) -> None:
        ended: Deferred[None] = Deferred()
        node = Node(Path(self.mktemp()), reactor, PORTS, services=SERVICES, quit=lambda: ended.callback(None))
        await node.start()
        self.assertEqual((await self.http(node, "/process/stop/v1"))["status"], "OK")
        await ended
        self.assertFalse(node.restart_wanted)
        await node.stop()

    async def test_a_method_that_is_there_twice_is_left_out(self) -> None:
        class Again(Service):
            name = "gateway"

            @method("GET", "/process/health/v1")
            def process_health(self) -> None:
                """Not this one."""

        node = self.node(services={"network": Below, "gateway": Again})
        await node.start()
        self.assertEqual(await node.registry.call("process_health", {}), {"status": "OK"})


class ApiTests(TestCase):
    """The methods of services and automats, called on a node."""

    async def setUp(self) -> None:  # type: ignore[override]
        self.node = Node(Path(self.mktemp()), reactor, PORTS, services=SERVICES)
        self.addCleanup(lambda: Deferred.fromCoroutine(self.node.stop()))
        await self.node.start()

    async def ask(self, name: str, **arguments: Any) -> dict[str, Any]:
        return await self.node.registry.call(name, arguments)

    async def test_services_list(self) -> None:
        items = (await self.ask("services_list"))["result"]
        self.assertEqual([item["name"] for item in items], sorted(item["name"] for item in items))
        network = next(item for item in items if item["name"] == "service_network")
        self.assertEqual(
            {key: network[key] for key in ("state", "enabled", "installed", "depends", "ready", "reason", "id")},
            {
                "state": "ON",
                "enabled": True,
                "installed": True,
                "depends": [],
                "ready": True,
                "reason": None,
                "id": "service_network",
            },
        )
        customer = next(item for item in items if item["name"] == "service_customer")
        self.assertEqual((customer["state"], customer["installed"]), ("NOT_INSTALLED", False))
        self.assertEqual(customer["depends"], ["service_data_disintegration"])

    async def test_services_list_with_more(self) -> None:
        items = (await self.ask("services_list", with_configs=True, as_tree=True))["result"]
        by_name = {item["name"]: item for item in items}
        self.assertEqual(items[-1]["root_distance"], max(item["root_distance"] for item in items))
        self.assertEqual(by_name["service_tcp_connections"]["root_distance"], 1)
        keys = [item["key"] for item in by_name["service_tcp_connections"]["configs"]]
        self.assertIn("services/tcp-connections/tcp-port", keys)
        self.assertTrue(all(key.startswith("services/tcp-connections/") for key in keys))

    async def test_start_and_stop(self) -> None:
        self.assertEqual(
            await self.ask("service_start", service_name="network"),
            {"status": "ERROR", "errors": ["service_network is already started"]},
        )
        self.assertEqual((await self.ask("service_health", service_name="network"))["result"], [True])
        told = await self.ask("service_stop", service_name="network")
        self.assertEqual(told, {"status": "OK", "message": "service_network was switched off"})
        await self.node.services.settled()
        self.assertEqual(self.node.services.state("network"), "OFF")
        self.assertEqual((await self.ask("service_stop", service_name="network"))["status"], "ERROR")
        self.assertEqual((await self.ask("user_ping"))["errors"], ["service_network() is not started"])
        told = await self.ask("service_health", service_name="network")
        self.assertEqual(told["errors"], ["service_network() is not started"])
        told = await self.ask("service_start", service_name="service_network")
        self.assertEqual(told, {"status": "OK", "message": "service_network was switched on"})
        await self.node.services.settled()
        self.assertEqual(self.node.services.state("network"), "ON")
        errors = (await self.ask("service_info", service_name="nonsense"))["errors"]
        self.assertEqual(errors, ["service nonsense was not found"])

    async def test_restart(self) -> None:
        answer = await self.ask("service_restart", service_name="network")
        self.assertEqual(answer, {"status": "OK", "result": [{"stopped": True}, {"started": True}]})

    async def test_automats(self) -> None:
        items = (await self.ask("automats_list"))["result"]
        network = next(item for item in items if item["id"] == "service_network")
        self.assertEqual(
            {key: network[key] for key in ("name", "state", "repr", "timers", "events", "past")},
            {
                "name": "service",
                "state": "ON",
                "repr": "service_network(ON)",
                "timers": "",
                "events": False,
                "past": ["OFF", "STARTING"],
            },
        )
        info = (await self.ask("automat_info", automat_id="service_network"))["result"]
        self.assertEqual([step["newstate"] for step in info["history"]], ["STARTING", "ON"])
        self.assertEqual((await self.ask("automat_info", index=network["index"]))["result"]["id"], "service_network")
        for arguments in ({}, {"index": 1, "automat_id": "node"}, {"index": 10**9}, {"automat_id": "x"}):
            self.assertEqual((await self.ask("automat_info", **arguments))["status"], "ERROR")

    async def test_automat_events(self) -> None:
        seen: list[Any] = []
        self.node.parts.make(Events).subscribe(lambda event: seen.append((event.event_id, event.data)))
        answer = await self.ask("automat_events_start", automat_id="service_network")
        self.assertTrue(answer["result"]["events"])
        self.node.services.switch("network", False)
        await self.node.services.settled()
        changes = [data for name, data in seen if name == "state-changed"]
        self.assertEqual(
            [(change["oldstate"], change["newstate"]) for change in changes],
            [("ON", "INFLUENCE"), ("INFLUENCE", "STOPPING"), ("STOPPING", "OFF")],
        )
        self.assertEqual((changes[0]["id"], changes[0]["event"]), ("service_network", "stop"))
        answer = await self.ask("automat_events_stop", automat_id="service_network")
        self.assertFalse(answer["result"]["events"])
        self.node.services.switch("network", True)
        await self.node.services.settled()
        self.assertEqual(len([name for name, _ in seen if name == "state-changed"]), 3)


class WatchdogTests(SynchronousTestCase):
    def test_keeps_the_worst(self) -> None:
        clock, process = TaskClock(), Process(1, 0.0, lambda: None, lambda: None)
        watchdog = Watchdog(clock, process)
        watchdog.start()
        clock.advance(0.25)
        self.assertEqual(process.worst_lag, 0.0)
        clock.advance(0.65)
        clock.advance(0.25)
        self.assertAlmostEqual(process.worst_lag, 0.4)
        watchdog.stop()
        watchdog.stop()
        self.assertEqual(clock.getDelayedCalls(), [])
