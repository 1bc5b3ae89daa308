"""
The services of the DHT on loopback: real sockets, real identities, the API as clients see it.
"""

from __future__ import annotations

from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from bitdust_node.api.registry import Registry
from bitdust_node.assembly import Assembly
from bitdust_node.clock import Clock
from bitdust_node.errors import Invalid, Refused
from bitdust_node.network import Network
from bitdust_node.threads import Workers
from bitdust_node.waiting import started, within
from services.entangled_dht import EntangledDht
from services.ip_port_responder import IpPortResponder
from services.my_ip_port import MyIpPort
from services.nodes_lookup import NodesLookup
from services.udp_datagrams import UdpDatagrams
from tests.bitdust_node.identity.parts import Parts, RunningServer

CLOCK: Any = reactor
PORT = "services/entangled-dht/udp-port"
SEEDS = "services/entangled-dht/known-nodes"
LAYERS = "services/entangled-dht/attached-layers"
FREE = {"type": "skip_validation", "colour": "red"}


class Side:
    """
    One node: its parts, its DHT services, its API.
    """

    def __init__(self, case: TestCase, **options: Any) -> None:
        options = {"services/network/interface": "127.0.0.1", **options}
        self.parts = Parts(case, **options)
        assembly = Assembly()
        for part in vars(self.parts).values():
            assembly.provide(part)
        assembly.provide(CLOCK, Clock)
        assembly.provide(self.parts.workers, Workers)
        assembly.provide(Network(reactor))
        self.dht = assembly.make(EntangledDht)
        self.lookup = assembly.make(NodesLookup)
        self.responder = assembly.make(IpPortResponder)
        self.my_ip_port = assembly.make(MyIpPort)
        self.datagrams = assembly.make(UdpDatagrams)
        self.off: set[str] = set()
        self.api = Registry(lambda name: name not in self.off)
        self.api.add(self.dht)
        self.api.add(self.lookup)
        for service in (self.dht, self.my_ip_port, self.datagrams):
            case.addCleanup(lambda service=service: started(service.stop()))

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.dht.node.port}"

    async def start(self) -> None:
        await self.dht.start()
        await within(CLOCK, 10, self.dht.node.connected(), "joining")

    async def call(self, name: str, **kwargs: Any) -> dict[str, Any]:
        return await self.api.call(name, kwargs)


class DhtServiceTests(TestCase):
    async def setUp(self) -> None:  # type: ignore[override]
        self.server = RunningServer(self)
        self.alice = Side(self, **{SEEDS: "genesis", LAYERS: "3"})
        await self.alice.parts.registrar.create("alice", [str(self.server.server)])
        await self.alice.start()
        self.bob = Side(self, **{SEEDS: self.alice.address})
        await self.bob.parts.registrar.create("bob", [str(self.server.server)])
        await self.bob.start()

    async def test_node_find(self) -> None:
        answer = await self.bob.call("dht_node_find")
        self.assertEqual(answer["status"], "OK")
        result = answer["result"]
        self.assertEqual(result["my_dht_id"], self.bob.dht.node.id.hex())
        self.assertEqual(len(result["lookup"]), 40)
        self.assertEqual(
            result["closest_nodes"], [{"dht_id": self.alice.dht.node.id.hex(), "address": self.alice.address}]
        )
        answer = await self.bob.call("dht_node_find", node_id_64="ab" * 20, layer_id=5)
        self.assertEqual((answer["result"]["lookup"], answer["result"]["closest_nodes"]), ("ab" * 20, []))
        for wrong in ({"node_id_64": "xyz"}, {"node_id_64": "ab"}, {"layer_id": 10}, {"layer_id": -1}):
            self.assertEqual((await self.bob.call("dht_node_find", **wrong))["status"], "ERROR")

    async def test_user_random(self) -> None:
        answer = await self.bob.call("dht_user_random", layer_id=3, count=2)
        self.assertEqual(answer["result"], [self.alice.parts.me.idurl])
        answer = await self.alice.call("dht_user_random", layer_id=3)
        self.assertEqual((answer["status"], answer["errors"]), ("ERROR", ["no users were found"]))

    async def test_value_set_and_get(self) -> None:
        answer = await self.bob.call("dht_value_set", key="k", value='{"type": "skip_validation", "colour": "red"}')
        result = answer["result"]
        self.assertEqual((result["write"], result["key"], result["value"]), ("success", "k", FREE))
        self.assertEqual(result["closest_nodes"][0]["address"], self.alice.address)
        answer = await self.alice.call("dht_value_get", key="k")
        self.assertEqual((answer["result"]["read"], answer["result"]["value"]), ("success", FREE))
        await self.bob.call("dht_value_set", key="k", value={**FREE, "colour": "blue"})
        cached = await self.alice.call("dht_value_get", key="k", use_cache_ttl=60)
        self.assertEqual(cached["result"]["value"]["colour"], "red")
        fresh = await self.alice.call("dht_value_get", key="k")
        self.assertEqual(fresh["result"]["value"]["colour"], "blue")
        missing = await self.alice.call("dht_value_get", key="other")
        self.assertEqual((missing["status"], missing["result"]["read"]), ("OK", "failed"))
        self.assertEqual([node["address"] for node in missing["result"]["closest_nodes"]], [self.bob.address])

    async def test_bad_values(self) -> None:
        answer = await self.bob.call("dht_value_set", key="k", value="no json")
        self.assertEqual(answer["errors"], ["input value must be a json"])
        answer = await self.bob.call("dht_value_set", key="k", value={"type": "other"})
        self.assertEqual((answer["status"], answer["write"], answer["key"]), ("ERROR", "failed", "k"))
        self.assertEqual((answer["my_dht_id"], answer["closest_nodes"]), (self.bob.dht.node.id.hex(), []))
        for method in ("dht_value_set", "dht_value_get"):
            kwargs = {"value": FREE} if method == "dht_value_set" else {}
            answer = await self.bob.call(method, key="k", record_type="unheard", **kwargs)
            self.assertIn("record type must have known validation rules", answer["errors"][0])

    async def test_signed_record_over_real_identities(self) -> None:
        me = self.alice.parts.me
        value = {"customer_idurl": me.idurl, "ecc_map": "ecc/2x2", "suppliers": []}
        await self.alice.dht.node.put("suppliers", f"{me.global_id}:suppliers", value)
        self.assertEqual(
            await self.bob.dht.node.get("suppliers", f"{me.idurl}:suppliers"), {"type": "suppliers", **value}
        )
        value = {"idurl": me.idurl, "identity": me.document.xml.decode()}
        await self.alice.dht.node.put("identity", me.idurl, value)
        found = await self.bob.dht.node.get("identity", me.idurl)
        assert found is not None
        self.assertEqual(found["identity"], me.document.xml.decode())
        # bob can not write for alice
        value = {"customer_idurl": me.idurl, "ecc_map": "ecc/4x4", "suppliers": []}
        with self.assertRaises(Refused):
            await self.bob.dht.node.put("suppliers", f"{me.global_id}:suppliers", value)
        found = await self.bob.dht.node.get("suppliers", f"{me.global_id}:suppliers")
        assert found is not None
        self.assertEqual(found["ecc_map"], "ecc/2x2")

    async def test_dump(self) -> None:
        await self.bob.call("dht_value_set", key="k", value=FREE)
        answer = await self.alice.call("dht_local_db_dump")
        self.assertEqual(list(answer["result"]), ["0", "3"])
        self.assertEqual([item["value"] for item in answer["result"]["0"] if item["scope"] == "global"], [FREE])

    async def test_gates(self) -> None:
        self.bob.off = {"entangled_dht", "nodes_lookup"}
        for name in ("dht_node_find", "dht_local_db_dump", "dht_user_random"):
            service = "service_nodes_lookup" if name == "dht_user_random" else "service_entangled_dht"
            answer = await self.bob.call(name)
            self.assertEqual(answer, {"status": "ERROR", "errors": [f"{service}() is not started"]})

    async def test_own_address(self) -> None:
        heard: list[dict[str, Any]] = []
        self.bob.parts.events.subscribe(
            lambda event: event.event_id == "my-external-ip-changed" and heard.append(event.data or {})
        )
        await self.alice.responder.start()
        addresses = self.bob.parts.addresses
        addresses._seen.clear()  # what the identity server told
        addresses._host = None
        await self.bob.my_ip_port.start()
        await self.bob.my_ip_port.ask()
        self.assertEqual(addresses.host(), "127.0.0.1")
        self.assertEqual(heard, [{"old": "", "new": "127.0.0.1"}])
        self.assertIsNone(self.bob.my_ip_port.ready())

    async def test_options_take_effect(self) -> None:
        reached: Deferred[None] = Deferred()
        node = self.bob.dht.node
        self.bob.parts.events.subscribe(
            lambda event: event.data == {"layer_id": 8} and (reached.called or reached.callback(None))
        )
        self.bob.parts.config.set(LAYERS, "8")
        await within(CLOCK, 10, reached, "the walk in layer 8")
        self.assertEqual(node.layers, [0, 8])
        users = await self.alice.lookup.random(8, 5)
        self.assertEqual(users, [self.bob.parts.me.idurl])

    async def test_configuration(self) -> None:
        shown = self.bob.dht.network_configuration()
        assert shown is not None
        host, _, port = self.alice.address.rpartition(":")
        self.assertEqual(shown["known_nodes"], [{"host": host, "udp_port": int(port)}])
        self.assertEqual((self.alice.dht.network_configuration() or {})["known_nodes"], [])

    async def test_a_taken_port_is_replaced_in_the_option(self) -> None:
        carol = Side(self, **{SEEDS: self.alice.address, PORT: self.alice.dht.node.port})
        await carol.start()
        self.assertNotEqual(carol.dht.node.port, self.alice.dht.node.port)
        self.assertEqual(carol.parts.config.get(PORT), carol.dht.node.port)
        self.assertIsNone(carol.dht.ready())
        await carol.dht.stop()
        self.assertEqual(carol.dht.ready(), "looking for other nodes (stopped)")
        await carol.start()
        self.assertIsNone(carol.dht.ready())

    async def test_wrong_options_are_named(self) -> None:
        carol = Side(self, **{SEEDS: "nowhere"})
        with self.assertRaisesRegex(Invalid, "'nowhere' is not like host:port"):
            await carol.dht.start()
        carol = Side(self, **{LAYERS: "3, suppliers"})
        with self.assertRaisesRegex(Invalid, "'suppliers' is not a layer"):
            await carol.dht.start()


class DatagramTests(TestCase):
    async def test_datagrams_come_and_go(self) -> None:
        option = "services/udp-datagrams/udp-port"
        one = Side(self)
        await one.datagrams.start()
        other = Side(self, **{option: one.datagrams.port})
        await other.datagrams.start()
        self.assertNotEqual(other.datagrams.port, one.datagrams.port)
        self.assertEqual(other.parts.config.get(option), other.datagrams.port)
        came: Deferred[tuple[bytes, str, int]] = Deferred()
        one.datagrams.serve(lambda *arguments: came.callback(arguments))
        other.datagrams.send(b"hello", "127.0.0.1", one.datagrams.port)
        self.assertEqual(await came, (b"hello", "127.0.0.1", other.datagrams.port))
