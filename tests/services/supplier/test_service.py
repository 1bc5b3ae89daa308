from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from unittest.mock import patch

from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from bitdust_node.config.config import Config
from bitdust_node.database import StateDb
from bitdust_node.dht.exchange import Reading
from bitdust_node.dht.records import Record
from bitdust_node.errors import Full, Invalid, NotFound, Refused, Unavailable
from bitdust_node.paths import DataFolder
from bitdust_node.wire.command import Nothing
from bitdust_node.wire.contact import PING, Ping, Pong
from bitdust_node.wire.storage import LEASE_ENDED, PieceGet
from services.customer_family import CustomerFamily
from services.customer_patrol import CustomerPatrol
from services.customer_support import CustomerSupport
from services.hiring.family import Families
from services.people.contact_list import ContactList
from services.supplier import Supplier
from services.supplying.landmark import NOTE
from tests.network import make_nodes
from tests.services.supplier.customer import MEGABYTE, Grid, make_version


class FakeDht:
    """Layers and records of a network of one."""

    def __init__(self) -> None:
        self.layers: set[int] = set()
        self.records: dict[tuple[str, str], dict[str, Any]] = {}

    async def attach(self, layer: int) -> None:
        self.layers.add(layer)

    async def detach(self, layer: int) -> None:
        self.layers.discard(layer)

    async def read(self, record_type: str, key: str) -> Reading:
        value = self.records.get((record_type, key))
        if value is None:
            return Reading()
        return Reading(Record(record_type, key, 0, json.dumps(value).encode(), sequence=7, created=1000, lifetime=60))


class Api(TestCase):
    def setUp(self) -> None:
        self.grid = Grid(self, Path(self.mktemp()), 0, None)
        started: Deferred[Any] = Deferred.fromCoroutine(make_nodes(self, 3))
        self.grid.nodes = self.successResultOf(started)
        node = self.grid.nodes[0]
        self.dht: Any = FakeDht()
        self.config = Config(overrides={"services/supplier/donated-space": "100 MB"})
        self.folder = DataFolder(Path(self.mktemp()))
        self.supplier = Supplier(
            node.router,
            node.resolver,
            node.me,
            self.dht,
            self.config,
            self.folder,
            StateDb(self.folder.state_db, node.workers),
            node.workers,
            ContactList(node.events),
            node.events,
            node.automats,
            node.clock,
        )
        self.run_(self.supplier.start())
        self.addCleanup(lambda: self.run_(self.supplier.stop()))

    def run_(self, coroutine: Any) -> Any:
        return self.grid.run(coroutine)

    def test_takes_part_in_the_layer_of_suppliers(self) -> None:
        self.assertEqual(self.dht.layers, {3})
        self.run_(self.supplier.stop())
        self.assertEqual(self.dht.layers, set())
        self.assertEqual(self.supplier.ready(), "not started")
        self.run_(self.supplier.start())
        self.assertEqual(self.dht.layers, {3})

    def test_customers_list(self) -> None:
        self.assertEqual(self.supplier.customers_list(), [])
        self.run_(self.grid.lease())
        customer = self.grid.nodes[1].me
        shown = {
            "position": 0,
            "global_id": customer.global_id,
            "idurl": customer.idurl,
            "contact_state": "CONNECTED",
            "contact_status": "online",
        }
        self.assertEqual(self.supplier.customers_list(), [shown])
        (verbose,) = self.supplier.customers_list(verbose=True)
        self.assertEqual(verbose["contract"]["allocated_bytes"], 10 * MEGABYTE)
        self.assertEqual(verbose["customer_assistant_state"], "CONNECTED")

    def test_space_donated(self) -> None:
        made = make_version(self.grid.key())
        self.run_(self.grid.lease())
        self.run_(self.grid.lease(20 * MEGABYTE, 2))
        self.run_(self.grid.store_piece(made))
        used = len(made.pieces[0])
        shown = self.run_(self.supplier.space_donated())
        self.assertEqual(shown["customers_num"], 2)
        (first, second) = shown["customers"]
        on_disk = used + 3 * 32 + 150
        self.assertEqual(
            first, {"idurl": self.grid.nodes[1].me.idurl, "used": used, "real": on_disk, "consumed": 10 * MEGABYTE}
        )
        self.assertEqual(second["consumed"], 20 * MEGABYTE)
        self.assertEqual((shown["consumed"], shown["donated"]), (30 * MEGABYTE, 100 * MEGABYTE))
        self.assertEqual((shown["used"], shown["real"], shown["free"]), (used, on_disk, 70 * MEGABYTE))
        self.assertEqual((shown["consumed_percent"], shown["used_percent"]), ("30.00%", "0.14%"))
        self.assertEqual(shown["donated_str"], "100.0 MB")
        # half a month of silence later
        patrol = CustomerPatrol(self.supplier, self.grid.clock)
        self.run_(patrol.start())
        self.grid.nodes[1].die()
        self.grid.nodes[2].die()
        for _ in range(15 * 24):
            self.grid.clock.advance(3600)
        self.run_(patrol.stop())
        shown = self.run_(self.supplier.space_donated())
        self.assertEqual((shown["customers_num"], shown["customers"]), (0, []))
        self.assertEqual(shown["old_customers"], [{"idurl": first["idurl"], "used": used, "real": on_disk}])
        self.assertEqual(self.supplier.customers_list(), [])

    def test_space_while_the_service_is_off(self) -> None:
        self.run_(self.supplier.stop())
        shown = self.run_(self.supplier.space_donated())
        self.assertEqual((shown["customers_num"], shown["donated"]), (0, 100 * MEGABYTE))

    def test_space_local(self) -> None:
        made = make_version(self.grid.key())
        self.run_(self.grid.lease())
        self.run_(self.grid.store_piece(made))
        shown = self.run_(self.supplier.space_local())
        self.assertEqual(shown["customers"], len(made.pieces[0]) + 3 * 32 + 150)
        self.assertGreater(shown["total"], shown["customers"])
        self.assertGreater(shown["disktotal"], shown["diskfree"])
        self.assertEqual((shown["backups"], shown["temp"]), (0, 0))
        for name in ("total_percent", "diskfree_percent"):
            self.assertRegex(shown[name], r"^\d+\.\d\d%$")

    def test_pieces_may_lie_elsewhere(self) -> None:
        elsewhere = Path(self.mktemp()).absolute()
        self.config.set("paths/customers", str(elsewhere))
        self.run_(self.supplier.stop())
        self.run_(self.supplier.start())
        made = make_version(self.grid.key())
        self.run_(self.grid.lease())
        self.run_(self.grid.store_piece(made))
        self.assertEqual(len(list(elsewhere.glob("*/*"))), 1)
        self.assertGreater(self.run_(self.supplier.space_local())["total"], len(made.pieces[0]))

    def test_a_disk_that_is_not_mounted_has_lost_nothing(self) -> None:
        disk = Path(self.mktemp()).absolute()
        self.config.set("paths/customers", str(disk))
        self.run_(self.supplier.stop())
        self.run_(self.supplier.start())
        made = make_version(self.grid.key())
        self.run_(self.grid.lease())
        self.run_(self.grid.store_piece(made))

        def asked() -> Any:
            return self.grid.get(PieceGet(made.version, 0, 0, -1))

        whole = self.run_(asked())
        # gone while the node runs: nothing is lost, and no customer hears of folders
        away = disk.rename(disk.with_name("away"))
        disk.mkdir()
        self.assertEqual(str(self.grid.fails(Unavailable, asked())), "the disk of the supplier is not there now")
        other = make_version(self.grid.key(), seed=1)
        self.grid.fails(Unavailable, self.grid.store_piece(other))
        self.assertIn("Is its disk mounted?", self.supplier.ready() or "")
        self.assertEqual(list(disk.iterdir()), [])
        # nor is it used when the node starts
        self.run_(self.supplier.stop())
        self.assertIn(f"remove {self.folder.base / NOTE}", str(self.grid.fails(Unavailable, self.supplier.start())))
        self.run_(self.supplier.stop())
        disk.rmdir()
        away.rename(disk)
        self.run_(self.supplier.start())
        self.assertIsNone(self.supplier.ready())
        self.assertEqual(self.run_(asked()), whole)
        # all that was there is lost for good: the user says so
        self.run_(self.supplier.stop())
        disk.rename(disk.with_name("broken"))
        (self.folder.base / NOTE).unlink()
        self.run_(self.supplier.start())
        self.grid.fails(NotFound, asked())

    def test_store_must_be_set_up(self) -> None:
        self.run_(self.supplier.stop())
        for option, value, word in (
            ("store", "s3", "s3-bucket is empty"),
            ("s3-bucket", "pieces", "s3-access-key is empty"),
            ("s3-access-key", "a", "s3-secret-key is empty"),
        ):
            self.config.set(f"services/supplier/{option}", value)
            self.assertIn(word, str(self.grid.fails(Invalid, self.supplier.start())))
        self.config.set("services/supplier/s3-secret-key", "b")
        self.config.set("services/supplier/s3-endpoint", "http://127.0.0.1:1")
        with patch("botocore.retries.standard.ExponentialBackoff.delay_amount", lambda *_: 0.0):
            self.assertIn("does not answer", str(self.grid.fails(Unavailable, self.supplier.start())))
        self.run_(self.supplier.stop())
        self.config.set("services/supplier/s3-bucket", "")
        self.config.set("services/supplier/store", "folder")
        self.run_(self.supplier.start())

    def test_full_supplier_says_so(self) -> None:
        self.assertIsNone(self.supplier.ready())
        self.run_(self.grid.lease(100 * MEGABYTE))
        self.assertIn("taken", self.supplier.ready() or "")
        made = make_version(self.grid.key())
        self.run_(self.grid.store_piece(made))
        self.config.set("services/supplier/donated-space", "1 MB")
        self.assertEqual(self.run_(self.grid.get(PieceGet(made.version, 0)))[1], made.pieces[0])
        shown = self.run_(self.supplier.space_donated())
        self.assertEqual((shown["donated"], shown["free"], shown["consumed"]), (MEGABYTE, 0, 100 * MEGABYTE))
        self.assertEqual(shown["used"], len(made.pieces[0]))
        self.grid.fails(Full, self.grid.lease(1000, 2))
        self.config.set("services/supplier/donated-space", "101 MB")
        self.assertEqual(self.run_(self.supplier.space_donated())["free"], MEGABYTE)
        self.run_(self.grid.lease(1000, 2))

    def test_customers_are_greeted(self) -> None:
        asked = []

        async def pong(peer: str, ping: Ping) -> Pong:
            asked.append((peer, ping.document))
            return Pong(ping.number, b"")

        for number in (1, 2):
            self.run_(self.grid.lease(customer=number))
            self.grid.nodes[number].router.serve(PING, pong)
        answer = self.run_(self.supplier.customers_ping())
        self.grid.clock.pump(20)
        self.assertEqual(answer.message, "requests sent")
        mine = (self.grid.supplier, self.grid.nodes[0].me.document.xml)
        self.assertEqual(asked, [mine, mine])
        support = CustomerSupport(self.supplier, self.grid.nodes[0].router, self.grid.clock)
        self.run_(support.start())
        self.run_(support.greet())
        self.assertEqual(len(asked), 2)  # both are connected
        self.run_(support.stop())

    def test_families_are_read(self) -> None:
        self.run_(self.grid.lease())
        customer, node = self.grid.nodes[1], self.grid.nodes[0]
        family = CustomerFamily(self.supplier, Families(self.dht, node.resolver), node.me, self.grid.clock)
        self.run_(family.start())
        self.assertEqual(family.family(customer.node_id), [])
        nothing = self.run_(family.suppliers_dht_lookup(customer.me.global_id))
        self.assertEqual((nothing["suppliers"], nothing["revision"], nothing["timestamp"]), ([], 0, None))
        self.dht.records["suppliers", f"{customer.me.global_id}:suppliers"] = {
            "suppliers": ["http://a.example/bob.xml", "", "../x", 5],
            "ecc_map": "ecc/4x4",
            "customer_idurl": customer.me.idurl,
        }
        self.run_(family.refresh())
        self.assertEqual(family.family(customer.node_id), ["http://a.example/bob.xml", "", "", ""])
        shown = self.run_(family.suppliers_list_dht(customer.me.idurl))
        self.assertEqual(
            shown,
            {
                "suppliers": ["http://a.example/bob.xml", "", "", ""],
                "ecc_map": "ecc/4x4",
                "customer_idurl": customer.me.idurl,
                "publisher_idurl": customer.me.idurl,
                "revision": 7,
                "timestamp": 1000,
            },
        )
        self.run_(family.stop())

    def test_rejected_customer(self) -> None:
        made = make_version(self.grid.key())
        self.run_(self.grid.lease())
        self.run_(self.grid.store_piece(made))
        told: list[str] = []

        async def ended(peer: str, question: Nothing) -> Nothing:
            told.append(peer)
            return Nothing()

        customer = self.grid.nodes[1]
        customer.router.serve(LEASE_ENDED, ended)
        self.grid.fails(NotFound, self.supplier.customer_reject("nobody@example.com"))
        answer = self.run_(self.supplier.customer_reject(customer.me.global_id))
        self.grid.clock.pump(20)
        self.assertIn(f"{len(made.pieces[0])} bytes freed", answer.message)
        self.assertEqual(told, [self.grid.supplier])
        self.assertEqual(self.supplier.customers_list(), [])
        events = [event for event in self.grid.nodes[0].events_seen if event.event_id == "existing-customer-terminated"]
        self.assertEqual([event.data["idurl"] for event in events if event.data], [customer.me.idurl])
        self.grid.fails(Refused, self.grid.lease())
        self.run_(self.supplier.stop())
        self.run_(self.supplier.start())
        self.grid.fails(Refused, self.grid.lease())
        self.grid.clock.advance(8 * 86400)
        self.run_(self.grid.lease())
