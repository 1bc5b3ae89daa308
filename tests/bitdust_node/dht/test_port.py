"""
Two real nodes on loopback: real sockets, real keys, real database.
"""

from __future__ import annotations

from pathlib import Path

from twisted.internet import reactor
from twisted.trial.unittest import TestCase

from automats.registry import Automats
from bitdust_node.database import StateDb
from bitdust_node.dht.key import DhtKey
from bitdust_node.dht.memory import DhtMemory
from bitdust_node.dht.node import DhtNode
from bitdust_node.dht.port import DatagramPort
from bitdust_node.events import Events
from bitdust_node.network import Network
from bitdust_node.paths import DataFolder
from bitdust_node.threads import ThreadWorkers
from bitdust_node.waiting import started, within
from tests.keys import test_key
from tests.simulation.dht import People


class LoopbackTests(TestCase):
    def setUp(self) -> None:
        self.workers = ThreadWorkers(reactor, 2)
        self.addCleanup(self.workers.stop)

    def node(self, name: str, number: int) -> DhtNode:
        folder = DataFolder(Path(self.mktemp()) / name)
        database = StateDb(folder.state_db, self.workers)
        node = DhtNode(
            reactor,
            self.workers,
            Automats(),
            Events(reactor),
            DhtKey(folder),
            DatagramPort(Network(reactor)),
            DhtMemory(database),
            People(test_key(number), {"alice@id-a.example": test_key(1).public.node_id}),
        )
        self.addCleanup(lambda: started(database.close()))
        self.addCleanup(lambda: started(node.stop()))
        return node

    async def test_join_write_read(self) -> None:
        first, second = self.node("a", 1), self.node("b", 2)
        port = await first.start(0, ["genesis"], "127.0.0.1")
        taken = await second.start(port, [f"127.0.0.1:{port}"], "127.0.0.1")
        self.assertNotEqual(taken, port)  # taken: a free one
        await within(reactor, 10, second.connected(), "joining")
        first.tells_addresses = True
        self.assertEqual(await second.outside(), [("127.0.0.1", "127.0.0.1")])
        value = {"customer_idurl": "http://id-a.example/alice.xml", "ecc_map": "ecc/2x2", "suppliers": []}
        accepted = await first.put("suppliers", "alice@id-a.example:suppliers", value)
        self.assertEqual([contact.port for contact in accepted], [taken])
        self.assertEqual((await second.get("suppliers", "alice@id-a.example:suppliers"))["ecc_map"], "ecc/2x2")

    def test_the_key_is_kept_and_private(self) -> None:
        folder = DataFolder(Path(self.mktemp()))
        key = DhtKey(folder).signer.public
        self.assertEqual(DhtKey(folder).signer.public, key)
        self.assertEqual((folder.keys / "dht").stat().st_mode & 0o777, 0o600)
