"""
Nodes of the DHT on a virtual clock.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from bitdust_node.dht.ids import distance, place_of
from bitdust_node.dht.join import parse_seeds
from bitdust_node.dht.publications import AGAIN
from bitdust_node.errors import Invalid, Refused, Unavailable
from tests.keys import test_key
from tests.simulation.dht import Memory, People, World

ALICE = "alice@id-a.example_8084"
SUPPLIERS = {"customer_idurl": "http://id-a.example:8084/alice.xml", "ecc_map": "ecc/2x2", "suppliers": ["a", "b"]}
FREE = {"type": "skip_validation"}


class JoinTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.world = World()
        self.addCleanup(self.world.stop)

    def test_genesis_waits_and_is_found(self) -> None:
        first, second = self.world.node(), self.world.node()
        self.world.start(first, ["genesis"])
        self.world.clock.advance(30)
        self.assertEqual(first.state, "alone")
        self.world.start(second)
        self.world.clock.advance(5)
        self.assertEqual((first.state, second.state), ("joined", "joined"))
        self.assertEqual([contact.id for contact in first.contacts()], [second.id])
        self.assertIn((second, "dht-layer-connected", {"layer_id": 0}), self.world.events)

    def test_seed_comes_up_late(self) -> None:
        seed, node = self.world.node(), self.world.node()
        self.world.start(node)
        self.world.clock.advance(12)
        self.assertEqual(node.state, "waiting")
        self.world.start(seed, [])
        self.world.clock.advance(20)
        self.assertEqual(node.state, "joined")

    def test_two_seeds_that_name_each_other_and_themselves(self) -> None:
        nodes = [self.world.node() for _ in range(2)]
        for node in nodes:
            self.world.start(node, [self.world.address(other) for other in nodes])
        self.world.clock.advance(30)
        self.assertEqual([node.state for node in nodes], ["joined", "joined"])
        self.assertEqual([len(node.contacts()) for node in nodes], [1, 1])

    def test_everybody_lost_and_found_again(self) -> None:
        self.world.grow(5)
        node = self.world.nodes[-1]
        self.world.fabric.tap = lambda data, sender, receiver: node.host not in (sender[0], receiver[0])
        self.world.clock.advance(4 * 3600)
        self.assertIn(node.state, ("seeding", "waiting"))
        self.assertEqual(node.contacts(), [])
        self.world.fabric.tap = None
        self.world.clock.advance(60)
        self.assertEqual(node.state, "joined")
        self.assertEqual(len(node.contacts()), 4)

    def test_asking_while_it_joins_waits_and_then_fails_clearly(self) -> None:
        node, seed = self.world.node(), self.world.node()
        self.world.start(node, [self.world.address(seed)])
        self.assertRaises(Unavailable, self.world.run, node.find_node(bytes(20)))
        self.world.start(seed, ["genesis"])
        self.assertEqual(self.world.run(node.find_node(bytes(20)))[0].id, seed.id)

    def test_a_stopped_node_may_start_again(self) -> None:
        self.world.grow(3)
        node = self.world.nodes[-1]
        id_ = node.id
        self.world.run(node.stop())
        self.assertEqual((node.state, node.port), ("stopped", 0))
        self.world.start(node)
        self.world.clock.advance(5)
        self.assertEqual((node.state, node.id), ("joined", id_))

    def test_seeds(self) -> None:
        self.assertEqual(parse_seeds(["genesis"]), [])
        self.assertEqual(parse_seeds(["a.example:5", "127.0.0.1:6"]), [("a.example", 5), ("127.0.0.1", 6)])
        for wrong in ("a.example", "a:x", ":5", "a:0", "a:70000", "genesis"):
            self.assertRaises(Invalid, parse_seeds, [wrong, "b:1"])


class NetworkTests(SynchronousTestCase):
    """
    Twenty nodes, four of them suppliers; every twentieth datagram is lost.
    """

    def setUp(self) -> None:
        self.world = World(seed=3, loss=0.05)
        self.world.grow(20, layers=lambda number: [3] if number % 5 == 2 else [])
        self.addCleanup(self.world.stop)
        self.suppliers = [node for node in self.world.nodes if 3 in node.layers]

    def test_all_joined_and_know_the_suppliers(self) -> None:
        self.assertEqual({node.state for node in self.world.nodes}, {"joined"})
        for node in self.world.nodes:
            found = {contact.id for contact in self.world.run(node.find_node(bytes(20), 3))}
            missed = {supplier.id for supplier in self.suppliers if supplier is not node} ^ found
            self.assertLessEqual(len(missed), 1)  # whose both datagrams were lost

    def test_random_users(self) -> None:
        node = self.suppliers[0]
        users = self.world.run(node.random_users(3, 10))
        self.assertEqual(len(users), 3)
        self.assertEqual(len(self.world.run(node.random_users(3, 2))), 2)
        self.assertEqual(self.world.run(node.random_users(5, 2)), [])
        self.assertRaises(Invalid, self.world.run, node.random_users(10, 1))

    def test_attach_and_detach_at_run_time(self) -> None:
        node, other = self.world.nodes[1], self.world.nodes[9]
        self.world.run(node.attach(8))
        self.world.clock.advance(10)
        self.assertEqual([contact.id for contact in self.world.run(other.find_node(bytes(20), 8))], [node.id])
        self.assertIn((node, "dht-layer-connected", {"layer_id": 8}), self.world.events)
        self.world.run(node.detach(8))
        self.assertEqual(self.world.run(other.find_node(bytes(20), 8)), [])

    def test_a_value_is_kept_by_the_nearest(self) -> None:
        writer, reader = self.world.nodes[4], self.world.nodes[17]
        writing = self.world.run(writer.write("skip_validation", "colour", {**FREE, "is": "red"}))
        self.assertGreaterEqual(len(writing.accepted) + writing.here, 7)
        self.assertEqual(self.world.run(reader.get("skip_validation", "colour")), {**FREE, "is": "red"})
        self.world.run(reader.put("skip_validation", "colour", {**FREE, "is": "blue"}))
        self.assertEqual(self.world.run(writer.get("skip_validation", "colour"))["is"], "blue")
        self.assertIsNone(self.world.run(reader.get("skip_validation", "smell")))

    def test_nearest_keepers_die_and_the_owner_brings_it_back(self) -> None:
        place = place_of("skip_validation", "k")
        order = sorted(self.world.nodes[1:], key=lambda node: distance(node.id, place))
        writer = order.pop()
        self.world.run(writer.put("skip_validation", "k", FREE))
        for node in order[:8]:
            self.world.kill(node)
        self.world.clock.advance(AGAIN * 1.2 + 60)
        self.assertEqual(self.world.run(order[-1].get("skip_validation", "k")), FREE)

    def test_layers_keep_their_own_records(self) -> None:
        node = self.world.nodes[3]
        self.world.run(node.put("skip_validation", "k", FREE, layer=3))
        self.assertIsNone(self.world.run(node.get("skip_validation", "k")))
        self.assertEqual(self.world.run(node.get("skip_validation", "k", layer=3)), FREE)
        keepers = [one for one in self.world.nodes if len(one.store)]
        self.assertLessEqual(set(keepers), set(self.suppliers))

    def test_describe_and_dump(self) -> None:
        node = self.suppliers[0]
        for number in range(10):
            self.world.run(node.put("skip_validation", f"k{number}", FREE))
        shown = node.describe()
        self.assertEqual(shown["udp_port"], 14441)
        self.assertEqual([layer["layer_id"] for layer in shown["layers"]], [0, 3])
        layer = shown["layers"][0]
        self.assertEqual(layer["data_store_items"], len(node.store))
        self.assertTrue(layer["attached"] and layer["active"])
        self.assertGreater(layer["contacts"], 10)
        self.assertGreater(layer["rpc_calls"], 10)
        dump = node.dump()
        self.assertEqual(list(dump), ["0", "3"])
        kept = [item for item in dump["0"] if item["scope"] == "global"]
        self.assertEqual(len(kept), len(node.store))
        self.assertEqual(kept[0]["value"], FREE)
        self.assertEqual(
            set(kept[0]),
            {
                "value",
                "lastPublished",
                "originallyPublished",
                "originalPublisherID",
                "expireSeconds",
                "revision",
                "scope",
            },
        )

    def test_how_others_see_us(self) -> None:
        node = self.world.nodes[2]
        self.assertEqual(self.world.run(node.outside()), [])  # nobody is a responder
        for other in self.world.nodes:
            other.tells_addresses = True
        seen = self.world.run(node.outside())
        self.assertGreaterEqual(len(seen), 4)
        self.assertEqual({host for _, host in seen}, {node.host})  # type: ignore[attr-defined]


class SignedTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.world = World(seed=5)
        self.world.directory[ALICE] = test_key(1).public.node_id
        self.world.grow(12)
        self.alice = self.world.node(People(test_key(1), self.world.directory))
        self.world.start(self.alice)
        self.world.clock.advance(10)
        self.addCleanup(self.world.stop)

    def test_written_read_and_written_again(self) -> None:
        reader = self.world.nodes[5]
        accepted = self.world.run(self.alice.put("suppliers", f"{ALICE}:suppliers", SUPPLIERS))
        self.assertGreaterEqual(len(accepted), 7)
        value = self.world.run(reader.get("suppliers", "http://id-a.example:8084/alice.xml:suppliers"))
        self.assertEqual(value, {"type": "suppliers", **SUPPLIERS})
        self.world.run(self.alice.put("suppliers", f"{ALICE}:suppliers", {**SUPPLIERS, "ecc_map": "ecc/4x4"}))
        self.assertEqual(self.world.run(reader.get("suppliers", f"{ALICE}:suppliers"))["ecc_map"], "ecc/4x4")

    def test_one_with_an_end_keeps_it(self) -> None:
        self.world.run(self.alice.put("skip_validation", "k", FREE, expire=7200))
        self.world.clock.advance(6000)
        self.assertIsNotNone(self.world.run(self.world.nodes[5].get("skip_validation", "k")))
        self.world.clock.advance(1300)
        self.assertIsNone(self.world.run(self.world.nodes[5].get("skip_validation", "k")))

    def test_without_identity_nothing_is_signed(self) -> None:
        with self.assertRaises(Refused):
            self.world.run(self.world.nodes[3].put("suppliers", f"{ALICE}:suppliers", SUPPLIERS))


class LifetimeTests(SynchronousTestCase):
    def test_a_service_record_lives_on_and_a_dropped_one_ends(self) -> None:
        world = World(seed=6)
        world.directory[ALICE] = test_key(1).public.node_id
        world.grow(2)
        alice = world.node(People(test_key(1), world.directory))
        world.start(alice)
        world.run(alice.put("suppliers", f"{ALICE}:suppliers", SUPPLIERS))
        world.clock.advance(25 * 3600)
        self.assertIsNotNone(world.run(world.nodes[1].get("suppliers", f"{ALICE}:suppliers")))
        world.run(alice.drop("suppliers", f"{ALICE}:suppliers"))
        world.clock.advance(25 * 3600)
        self.assertIsNone(world.run(world.nodes[1].get("suppliers", f"{ALICE}:suppliers")))
        world.stop()


class RestartTests(SynchronousTestCase):
    def test_records_contacts_and_wishes_survive(self) -> None:
        world = World(seed=9)
        world.grow(6)
        memory = Memory()
        node = world.node(memory=memory)
        world.start(node)
        world.clock.advance(10)
        for number in range(12):
            world.run(node.put("skip_validation", f"k{number}", {**FREE, "n": number}))
        world.clock.advance(60)
        self.assertGreater(len(memory.contacts), 0)
        count = len(node.store)
        self.assertGreater(count, 0)
        world.run(node.stop())
        # the seed is gone, and so are all keepers: what is known comes from the memory
        for other in world.nodes[:3]:
            world.kill(other)
        again = world.node(memory=memory)
        world.start(again)
        world.clock.advance(90)
        self.assertEqual(again.state, "joined")
        self.assertEqual(len(again.publications), 12)
        self.assertGreaterEqual(len(again.store), count)
        self.assertEqual(world.run(world.nodes[4].get("skip_validation", "k7"))["n"], 7)
        world.stop()
