"""
People who write to each other, and the suppliers that keep their mail, under a virtual clock.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from twisted.internet.defer import Deferred

from bitdust_node.api.registry import Registry
from services.customer import Customer
from services.employer import Employer
from services.joint_postman import JointPostman
from services.messaging.consumers import Consumers
from services.messaging.entries import Kept
from services.messaging.history import History
from services.messaging.schema import MessagesDb
from services.p2p_notifications import P2PNotifications
from services.postman.queues import Queues
from services.private_messages import PrivateMessages
from services.supplier import Supplier
from tests.clock import Clock
from tests.network import make_nodes
from tests.services.grid import Ends, FakeDht, GridCase, Member
from transports.memory import MemoryNetwork


class SharedDht(FakeDht):
    """One DHT for all of a town."""

    async def read(self, record_type: str, key: str) -> Any:
        value = self.records.get((record_type, key))
        if value is None:
            return SimpleNamespace(record=None)
        return SimpleNamespace(record=SimpleNamespace(contents=lambda: value, sequence=1, created=1))

    def published(self, kind: str) -> list[str]:
        return []


class Citizen(Member):
    """
    One node with its history: `heard` is what was kept of others, in order.
    """

    dht_of_all: SharedDht

    def make(self) -> None:
        super().make()
        self.heard: list[Kept] = []

    @property
    def id(self) -> str:
        return str(self.node.me.global_id)

    async def start(self) -> None:
        await super().start()
        self.api = Registry(lambda name: True)
        for service in self.services:
            self.api.add(service)
        self.get(History).observe(self._kept)
        self.running_now = True

    async def stop(self) -> None:
        if self.running_now:
            self.running_now = False
            await super().stop()
            await self.get(MessagesDb).close()

    def _kept(self, kept: Kept) -> None:
        if kept.entry.direction == "in":
            self.heard.append(kept)

    @property
    def texts(self) -> list[Any]:
        return [kept.entry.data["text"] for kept in self.heard]


class TownCase(GridCase):
    """
    `self.alice` (who has no suppliers), `self.bob` and `self.carol` (who share `self.suppliers`).
    """

    suppliers_number = 2
    options: dict[str, object] = {}

    def setUp(self) -> None:
        self.clock = Clock()
        self.network = MemoryNetwork(self.clock, latency=self.latency)

        # a town has two dozen databases, which wait for the disk more than for anything else
        memory = Path("/dev/shm")
        self.tmp = Path(tempfile.mkdtemp(dir=memory if memory.is_dir() else None))
        self.addCleanup(shutil.rmtree, self.tmp, True)
        self.nodes = self.run_now(make_nodes(Ends(self), 3 + self.suppliers_number, network=self.network))  # type: ignore[arg-type]
        self.dht = SharedDht()
        hiring = {
            "services/customer/suppliers-number": str(self.suppliers_number),
            "services/customer/needed-space": "64 MB",
        }
        customer = (Customer, Employer, PrivateMessages)
        self.alice = self.citizen(0, (Customer, PrivateMessages), self.options)
        self.bob = self.citizen(1, customer, hiring | self.options)
        self.carol = self.citizen(2, customer, hiring | self.options)
        self.suppliers = [
            self.citizen(
                3 + at, (Supplier, P2PNotifications, JointPostman), {"services/supplier/donated-space": "1 GB"}
            )
            for at in range(self.suppliers_number)
        ]
        self.people = [self.alice, self.bob, self.carol]
        for member in self.people:
            member.lookup.users = [supplier.node.me.idurl for supplier in self.suppliers]
        for member in (*self.suppliers, *self.people):
            self.run_now(member.start())
        self.addCleanup(self.stop)
        for member in (self.bob, self.carol):
            self.until(lambda member=member: len(member.get(Customer).connected()) == self.suppliers_number)  # type: ignore[misc]
        self.until(lambda: len(self.dht.records) == 2)

    def citizen(self, number: int, classes: tuple[type, ...], options: dict[str, object]) -> Citizen:
        citizen = Citizen(self.nodes[number], self.tmp / f"citizen-{number}", classes, options)
        self.share_dht(citizen)
        return citizen

    def share_dht(self, citizen: Citizen) -> None:
        citizen.dht.records = self.dht.records
        citizen.dht.__class__ = SharedDht

    def stop(self) -> None:
        for member in (*self.people, *self.suppliers):
            self.run_now(member.stop())

    def away(self, citizen: Citizen) -> None:
        """His process is killed: nothing is closed, nobody reaches him."""
        self.run_now(citizen.stop())
        self.run_now(citizen.node.stop())

    def back(self, citizen: Citizen) -> None:
        """His process begins again on the same folder."""
        self.run_now(citizen.node.start())
        citizen.make()
        self.share_dht(citizen)
        self.run_now(citizen.start())

    def call(self, citizen: Citizen, name: str, **arguments: Any) -> dict[str, Any]:
        answer: dict[str, Any] = self.run_now(citizen.api.call(name, arguments))
        return answer

    def send(self, citizen: Citizen, to: Citizen, text: Any, **arguments: Any) -> dict[str, Any]:
        """The result of message_send."""
        answer = self.call(citizen, "message_send", recipient_id=to.id, data={"text": text}, **arguments)
        self.assertEqual((answer["status"], answer.get("message")), ("OK", "message sent"), answer)
        result: dict[str, Any] = answer["result"]
        return result

    def begin(self, citizen: Citizen, name: str, **arguments: Any) -> Deferred[Any]:
        """A call that is not waited for."""
        return Deferred.fromCoroutine(citizen.api.call(name, arguments))

    def error(self, citizen: Citizen, name: str, **arguments: Any) -> str:
        answer = self.call(citizen, name, **arguments)
        self.assertEqual((answer["status"], len(answer.get("errors", ()))), ("ERROR", 1), answer)
        return str(answer["errors"][0])

    def states(self, citizen: Citizen) -> list[tuple[str, str]]:
        """The moves of messages that it has published."""
        told = [event.data or {} for event in citizen.events("message-state-changed")]
        return [(one["old_state"], one["new_state"]) for one in told]

    def jump(self, seconds: float) -> None:
        """The machines sleep; what was due meanwhile happens afterwards, once."""
        self.clock._now += seconds
        self.clock.advance(200)

    def queued(self) -> int:
        """Letters in the mailboxes of all suppliers."""
        found = [self.run_now(supplier.get(Queues).all()) for supplier in self.suppliers]
        return sum(queue.messages for queues in found for queue in queues)

    def consumers(self, citizen: Citizen) -> Consumers:
        return citizen.get(Consumers)
