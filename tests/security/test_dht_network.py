"""
Attacks on the network of the DHT (rules 12 and 14): forged addresses, stolen ids, crowds, floods, amplification.
"""

from __future__ import annotations

from random import Random

from twisted.trial.unittest import SynchronousTestCase

from bitdust_node.dht.contact import Contact
from bitdust_node.dht.ids import id_of
from bitdust_node.dht.messages import Body, Fetch, Find, Found, Ping, Pong, Store, pack
from bitdust_node.dht.node import DhtNode
from bitdust_node.dht.records import make
from bitdust_node.dht.records import pack as pack_record
from bitdust_node.dht.signing import Ed25519Signer
from bitdust_node.errors import NotFound, Refused, TimedOut
from bitdust_node.waiting import started
from tests.simulation.dht import World

EVIL = ("66.6.6.6", 666)


class NetworkAttackTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.world = World(seed=13, signer=lambda random: Ed25519Signer(random.randbytes(32)))
        self.world.grow(8)
        self.addCleanup(self.world.stop)
        self.victim, self.other = self.world.nodes[3], self.world.nodes[5]
        self.heard: list[bytes] = []
        self.world.fabric.receivers[EVIL] = lambda data, host, port: self.heard.append(data)
        self.evil = Ed25519Signer(b"e" * 32)

    def send(self, data: bytes, sender: tuple[str, int] = EVIL, receiver: DhtNode | None = None) -> None:
        node = receiver or self.victim
        self.world.fabric.send(data, sender, (node.host, 14441))  # type: ignore[attr-defined]
        self.world.clock.advance(10)

    def ids(self, node: DhtNode) -> set[bytes]:
        return {contact.id for contact in node.contacts()}

    def test_a_forged_sender_is_not_listed(self) -> None:
        before = self.ids(self.victim)
        for number in range(20):
            self.send(pack(Body(b"12345678", 1, Ping()), self.evil), ("66.6.7.8", 1 + number))
        self.assertEqual(self.ids(self.victim), before)

    def test_a_replayed_datagram_moves_nobody(self) -> None:
        caught: list[bytes] = []
        self.world.fabric.tap = lambda data, sender, receiver: caught.append(data) is None
        self.world.run(self.other.find_node(bytes(20)))
        self.world.fabric.tap = None
        for data in caught:
            self.send(data)
        self.world.clock.advance(60)
        addresses = {contact.id: contact.host for contact in self.victim.contacts()}
        self.assertEqual(addresses[self.other.id], self.other.host)  # type: ignore[attr-defined]
        self.assertNotIn(EVIL[0], addresses.values())

    def test_an_id_is_the_hash_of_the_key(self) -> None:
        datagram = pack(Body(b"12345678", 1, Ping()), self.evil)
        stolen = datagram.replace(self.evil.public, self.other.swarm.rpc._signer.public)
        self.send(stolen)
        self.assertEqual(self.heard, [])
        self.send(datagram)
        self.assertEqual(len(set(self.heard)), 2)  # the answer, and the question back
        self.assertNotEqual(id_of(self.evil.public), self.other.id)

    def test_an_answer_from_elsewhere_is_not_heard(self) -> None:
        silent = Contact(id_of(self.evil.public), *EVIL)
        asked = self.victim.swarm.ask(silent, Ping())
        results: list[object] = []
        started(asked).addBoth(results.append)
        rpcs = list(self.victim.swarm.rpc._open)
        for rpc in rpcs:
            self.send_now(pack(Body(rpc, 1, Pong()), self.evil), ("66.6.6.7", 666))
            self.send_now(pack(Body(b"wrongrpc", 1, Pong()), self.evil), EVIL)
        self.world.clock.advance(0.5)
        self.assertEqual(results, [])
        self.world.clock.advance(20)
        self.assertTrue(results[0].check(TimedOut))  # type: ignore[attr-defined]

    def send_now(self, data: bytes, sender: tuple[str, int]) -> None:
        self.world.fabric.send(data, sender, (self.victim.host, 14441))  # type: ignore[attr-defined]

    def test_no_store_and_no_fetch_without_token(self) -> None:
        now = int(self.world.clock.seconds())
        record = make(
            "skip_validation",
            "k",
            0,
            {"type": "skip_validation"},
            sequence=1,
            created=now,
            lifetime=3600,
            signer=None,
        )
        contact = Contact(self.victim.id, self.victim.host, 14441)  # type: ignore[attr-defined]
        found = self.world.run(self.other.swarm.ask(contact, Find(0, bytes(20))))
        assert isinstance(found, Found)
        for node, token in ((self.other, b""), (self.other, b"12345678"), (self.world.nodes[6], found.token)):
            with self.assertRaises(Refused):
                self.world.run(node.swarm.ask(contact, Store(0, pack_record(record), token)))
            with self.assertRaises(Refused):
                self.world.run(node.swarm.ask(contact, Fetch(0, record.place, b"", token)))
        self.assertEqual(len(self.victim.store), 0)
        with self.assertRaises(NotFound):
            self.world.run(self.other.swarm.ask(contact, Fetch(0, record.place, b"", found.token)))

    def test_answers_to_strangers_are_not_much_larger_than_questions(self) -> None:
        self.victim.tells_addresses = True
        for question in (Ping(), Find(0, bytes(20), True), Fetch(0, bytes(20), b"", b""), Store(0, b"", b"")):
            self.heard.clear()
            datagram = pack(Body(b"12345678", 1, question), self.evil)
            self.send(datagram)
            self.assertLess(max(len(heard) for heard in self.heard), 4 * len(datagram))

    def test_a_crowd_at_one_address_gets_no_more_than_its_seats(self) -> None:
        world = World(seed=17)
        world.grow(3)
        crowd = [world.node(host="66.6.6.6") for _ in range(30)]
        for number, node in enumerate(crowd):
            world.fabric.receivers["66.6.6.6", 1000 + number] = node.swarm.rpc.received
            world.run(self.moved(node, 1000 + number))
        world.clock.advance(60)
        table = world.nodes[0].swarm.tables[0]
        for bucket in table.buckets.values():
            seats = [entry for entry in bucket.entries.values() if entry.contact.host == "66.6.6.6"]
            self.assertLessEqual(len(seats), 2)
        world.stop()

    async def moved(self, node: DhtNode, port: int) -> None:
        world = node._socket._fabric  # type: ignore[attr-defined]
        await node.start(port, [f"{address[0]}:{address[1]}" for address in list(world.receivers)[:1]])

    def test_a_public_node_does_not_send_us_into_our_own_network(self) -> None:
        asked: list[tuple[str, int]] = []
        trap = [Contact(bytes([number]) * 20, host, 80) for number, host in enumerate(("127.0.0.1", "10.0.0.1"))]
        answers = self.other.answers
        answers._find = lambda sender, question: Found(trap, b"12345678")  # type: ignore[method-assign]
        self.world.fabric.tap = lambda data, sender, receiver: asked.append(receiver) is None
        self.world.run(self.victim.find_node(self.other.id))
        self.assertIn((self.other.host, 14441), asked)  # type: ignore[attr-defined]
        self.assertFalse({"127.0.0.1", "10.0.0.1"} & {host for host, _ in asked})

    def test_rubbish_and_floods_change_nothing(self) -> None:
        random = Random(1)
        good = pack(Body(b"12345678", 1, Ping()), self.evil)
        for _ in range(2000):
            broken = bytearray(good)
            broken[random.randrange(len(good))] ^= random.randrange(1, 256)
            self.send_now(random.choice([bytes(broken), random.randbytes(random.randrange(200))]), EVIL)
        self.world.clock.advance(1)
        self.assertEqual(self.heard, [])
        self.assertEqual(len(self.world.run(self.victim.find_node(bytes(20)))), 7)
