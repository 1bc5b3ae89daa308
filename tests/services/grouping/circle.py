"""
People who have groups, and the suppliers of one of them, in one process under a virtual clock.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from bitdust_node.keys.ring import KeyRing
from bitdust_node.membership.roster import Circle
from bitdust_node.threads import InlineWorkers
from services.customer import Customer
from services.employer import Employer
from services.grouping.groups import Groups
from services.grouping.participant import Participant
from services.joint_postman import JointPostman
from services.keys_registry import KeysRegistry
from services.membership.book import Book
from services.messaging.entries import Kept
from services.messaging.history import History
from services.messaging.schema import MessagesDb
from services.private_groups import PrivateGroups
from services.supplier import Supplier
from tests.clock import Clock
from tests.keys import test_key
from tests.network import TestNode, make_nodes
from tests.services.grid import Ends, GridCase, Member
from transports.memory import MemoryNetwork

#: Services of the owner of groups, of other members, and of suppliers.
OWNER = (KeysRegistry, Customer, Employer, PrivateGroups)
PERSON = (KeysRegistry, PrivateGroups)
KEEPER = (Supplier, JointPostman)


class SharedDht:
    """What all nodes of a test have put."""

    def __init__(self, records: dict[tuple[str, str], Any]) -> None:
        self.records = records

    async def attach(self, layer: int) -> None: ...

    async def detach(self, layer: int) -> None: ...

    async def put(self, record_type: str, key: str, value: dict[str, Any]) -> None:
        record = SimpleNamespace(contents=lambda: value, sequence=1, created=1_800_000_000)
        self.records[record_type, key] = record

    async def read(self, record_type: str, key: str) -> Any:
        return SimpleNamespace(record=self.records.get((record_type, key)))


class Person(Member):
    """
    One node, which may be stopped, killed and made anew.
    """

    def __init__(
        self,
        number: int,
        node: TestNode,
        base: Path,
        classes: tuple[type, ...],
        records: dict[tuple[str, str], Any],
        options: dict[str, object],
    ) -> None:
        self.number, self.records = number, records
        super().__init__(node, base, classes, {"personal/private-key-size": "1024", **options})

    def make(self) -> None:
        super().make()
        self.dht.records = self.records
        self.dht.put = SharedDht(self.records).put  # type: ignore[method-assign]
        self.dht.read = SharedDht(self.records).read  # type: ignore[method-assign]
        self.told: list[Kept] = []
        self.get(History).observe(self.told.append)

    def make_workers(self) -> Any:
        return InlineWorkers()

    async def start(self) -> None:
        ring = self.get(KeyRing)
        if ring.master is None:
            await ring.set_master(test_key(self.number))
            await ring.claim(self.node.me.global_id)
        await super().start()

    async def stop(self) -> None:
        for service in reversed(self.services):
            await service.stop()
        await self.state_db.close()
        await self.get(MessagesDb).close()

    @property
    def id(self) -> str:
        return str(self.node.me.global_id)

    @property
    def api(self) -> PrivateGroups:
        return self.get(PrivateGroups)

    def part(self, circle: Circle) -> Participant:
        found = self.get(Groups).get(circle)
        assert found is not None
        return found

    def texts(self) -> list[str]:
        """What was told, as far as it was not told before a restart."""
        return [str(kept.entry.data["text"]) for kept in self.told]


class GroupsCase(GridCase):
    """
    `self.owner`, `self.people` (the owner first) and `self.suppliers`.
    """

    suppliers_number = 2
    people_number = 3
    #: Suppliers that the owner hires; all if it is None.
    hired: int | None = None
    hire = False
    #: Classes of nodes, and of the services that run on them.
    person: type[Person] = Person
    owner_classes: tuple[type, ...] = OWNER
    person_classes: tuple[type, ...] = PERSON
    keeper_classes: tuple[type, ...] = KEEPER

    def setUp(self) -> None:
        self.clock = Clock()
        self.network = MemoryNetwork(self.clock, latency=self.latency)
        self.tmp = Path(self.mktemp())
        self.tmp.mkdir()
        count = self.suppliers_number + self.people_number
        nodes = self.run_now(make_nodes(Ends(self), count, network=self.network))  # type: ignore[arg-type]
        records: dict[tuple[str, str], Any] = {}
        wanted = self.hired or self.suppliers_number
        hiring = {"services/customer/suppliers-number": str(wanted)}
        self.people: list[Any] = []
        self.suppliers = []
        for number, node in enumerate(nodes, 1):
            base = self.tmp / f"node-{number}"
            if number <= self.people_number:
                classes = self.owner_classes if number == 1 else self.person_classes
                self.people.append(self.person(number, node, base, classes, records, hiring))
            else:
                options: dict[str, object] = {"services/supplier/donated-space": "1 GB"}
                self.suppliers.append(Person(number, node, base, self.keeper_classes, records, options))
        self.owner = self.people[0]
        self.owner.lookup.users = [one.node.me.idurl for one in self.suppliers]
        self.up: list[Any] = []
        self.addCleanup(self.stop)
        for one in (*self.suppliers, *self.people):
            self.begin(one)
        customer = self.owner.get(Customer)
        self.until(lambda: len(customer.connected()) == wanted)
        self.clock.advance(5)

    def begin(self, one: Any) -> None:
        self.run_now(one.start())
        self.up.append(one)

    def stop(self) -> None:
        for one in reversed(self.up):
            self.run_now(one.stop())
        shutil.rmtree(self.tmp, ignore_errors=True)

    def call(self, person: Any, name: str, **arguments: Any) -> Any:
        """What a method of the groups answers."""
        return self.run_now(getattr(person.api, name)(**arguments))

    def group(self, *members: Any, history: bool = True, role: str = "writer") -> tuple[str, Circle]:
        """A new group of the owner that he and the members have joined: its key id and name."""
        answer = self.call(self.owner, "group_create", label="friends", history=history)
        key_id = str(answer.result["group_key_id"])
        circle = Circle.of(self.owner.node.node_id, key_id.split("$")[0])
        self.join(key_id, self.owner)
        for member in members:
            self.invite(key_id, member, role)
            self.join(key_id, member)
        return key_id, circle

    def invite(self, key_id: str, member: Any, role: str = "writer") -> None:
        self.call(self.owner, "group_share", group_key_id=key_id, trusted_user_id=member.id, role=role)

    def join(self, key_id: str, member: Any) -> Any:
        return self.call(member, "group_join", group_key_id=key_id)

    def send(self, person: Any, key_id: str, text: str) -> str:
        answer = self.call(person, "message_send_group", group_key_id=key_id, data={"text": text})
        return str(answer.result["message_id"])

    def book(self, person: Any) -> Book:
        return person.get(Book)  # type: ignore[no-any-return]

    def die(self, one: Any) -> None:
        """As after kill -9: no good-bye, and what is in memory is lost."""
        one.node.die()
        self.up.remove(one)
        self.run_now(one.stop())

    def again(self, one: Any) -> None:
        """A process that begins anew on the same data folder."""
        one.make()
        self.run_now(one.node.start())
        self.begin(one)
