"""
A network of DHT nodes in memory: the real nodes, a virtual clock, datagrams that arrive late or never.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from random import Random
from typing import Any, TypeVar

from bitdust_node.dht.contact import Contact
from bitdust_node.dht.memory import Kept, Owned
from bitdust_node.dht.node import DhtNode
from bitdust_node.dht.port import Receive
from bitdust_node.dht.records import owner_of
from bitdust_node.dht.store import Slot
from bitdust_node.errors import Refused
from bitdust_node.events import Events
from bitdust_node.keys.rsa import PrivateKey
from bitdust_node.threads import InlineWorkers
from bitdust_node.waiting import started
from tests.clock import Clock

T = TypeVar("T")


class FastSigner:
    """
    Looks like a signer and costs nothing. Everybody could sign for everybody.
    """

    def __init__(self, public: bytes) -> None:
        self.public = public

    def sign(self, data: bytes) -> bytes:
        return hashlib.blake2b(data, key=self.public).digest()

    def verify(self, public: bytes, data: bytes, signature: bytes) -> bool:
        return hashlib.blake2b(data, key=public).digest() == signature


class Key:
    def __init__(self, signer: Any) -> None:
        self.signer = signer


class Fabric:
    """
    Carries datagrams. loss: share that never arrives; delay: shortest and longest seconds of the rest.
    """

    def __init__(
        self, clock: Clock, random: Random, loss: float = 0.0, delay: tuple[float, float] = (0.01, 0.1)
    ) -> None:
        self._clock, self._random = clock, random
        self.loss, self.delay = loss, delay
        self.receivers: dict[tuple[str, int], Receive] = {}
        self.carried = 0
        self.largest = 0
        self.bytes = 0
        #: Sees each datagram: (data, from, to); false drops it.
        self.tap: Callable[[bytes, tuple[str, int], tuple[str, int]], bool] | None = None

    def send(self, data: bytes, sender: tuple[str, int], receiver: tuple[str, int]) -> None:
        self.carried += 1
        self.bytes += len(data)
        self.largest = max(self.largest, len(data))
        if self.tap is not None and not self.tap(data, sender, receiver):
            return
        if self.loss and self._random.random() < self.loss:
            return
        self._clock.callLater(self._random.uniform(*self.delay), self._arrive, data, sender, receiver)

    def _arrive(self, data: bytes, sender: tuple[str, int], receiver: tuple[str, int]) -> None:
        receive = self.receivers.get(receiver)
        if receive is not None:
            receive(data, *sender)


class Socket:
    """
    The socket of a node in the fabric, in place of a `DatagramPort`.
    """

    def __init__(self, fabric: Fabric, host: str) -> None:
        self._fabric, self._host, self._port = fabric, host, 0

    def open(self, port: int, interface: str, receive: Receive) -> int:
        self._port = port
        self._fabric.receivers[self._host, port] = receive
        return port

    def send(self, data: bytes, host: str, port: int) -> None:
        if self._port:
            self._fabric.send(data, (self._host, self._port), (host, port))

    async def close(self) -> None:
        self._fabric.receivers.pop((self._host, self._port), None)
        self._port = 0


class Memory:
    """
    What a `DhtMemory` keeps, without a disk.
    """

    def __init__(self) -> None:
        self.records: dict[Slot, Kept] = {}
        self.owned: dict[tuple[int, str, str], Owned] = {}
        self.contacts: list[Contact] = []

    async def load(self) -> tuple[list[Kept], list[Owned], list[Contact]]:
        return list(self.records.values()), list(self.owned.values()), self.contacts

    async def save_records(self, changed: list[tuple[Slot, Kept | None]]) -> None:
        for slot, kept in changed:
            self.records.pop(slot, None)
            if kept is not None:
                self.records[slot] = kept

    async def save_contacts(self, contacts: list[Contact]) -> None:
        self.contacts = list(contacts)

    async def save_owned(self, owned: Owned) -> None:
        self.owned[owned[:3]] = owned

    async def forget_owned(self, layer: int, record_type: str, key: str) -> None:
        self.owned.pop((layer, record_type, key), None)


class People:
    """
    The owners as one node sees them. directory: global id -> node id, what a resolver would find.
    """

    def __init__(self, key: PrivateKey | None = None, directory: dict[str, str] | None = None) -> None:
        self.key = key
        self.directory = directory if directory is not None else {}
        self.learned: dict[str, str] = {}

    def signer(self) -> PrivateKey | None:
        return self.key

    def node_id(self) -> str:
        return self.key.public.node_id if self.key else ""

    def known(self, name: str) -> str:
        return name if len(name) == 64 else self.learned.get(name, "")

    async def confirm(self, record: Any, signed_by: str) -> None:
        name = owner_of(record)
        if self.directory.get(name, self.known(name)) != signed_by:
            raise Refused(f"the record is signed by somebody else than {name}")


class World:
    """
    The network: makes nodes, lets time pass.
    """

    def __init__(self, seed: int = 1, loss: float = 0.0, signer: Callable[[Random], Any] | None = None) -> None:
        self.random = Random(seed)
        self.clock = Clock()
        self.fabric = Fabric(self.clock, self.random, loss)
        self.nodes: list[DhtNode] = []
        self.events: list[tuple[DhtNode, str, Any]] = []
        self.directory: dict[str, str] = {}
        self._signer = signer or (lambda random: FastSigner(random.randbytes(32)))

    def node(
        self, people: People | None = None, memory: Memory | None = None, host: str = "", signer: Any = None
    ) -> DhtNode:
        """
        A node that is not started, at an address of its own.
        """
        number = len(self.nodes)
        host = host or f"{20 + number // 40000 % 200}.{number // 200 % 200 + 1}.{number % 200 + 1}.7"
        events = Events(self.clock)
        node = DhtNode(
            self.clock,
            InlineWorkers(),
            None,  # type: ignore[arg-type] - no list of automats
            events,
            Key(signer or self._signer(self.random)),  # type: ignore[arg-type]
            Socket(self.fabric, host),  # type: ignore[arg-type]
            memory or Memory(),  # type: ignore[arg-type]
            people or People(directory=self.directory),  # type: ignore[arg-type]
            self.random,
        )
        node.host = host  # type: ignore[attr-defined]
        events.subscribe(lambda event: self.events.append((node, event.event_id, event.data)))
        self.nodes.append(node)
        return node

    def start(self, node: DhtNode, seeds: list[str] | None = None) -> None:
        self.run(node.start(14441, seeds if seeds is not None else [self.address(self.nodes[0])]))

    def grow(self, count: int, layers: Callable[[int], list[int]] = lambda number: [], seconds: float = 60.0) -> None:
        """
        Start so many more nodes, one after another, and wait until all have joined.
        """
        for number in range(count):
            node = self.node()
            for layer in layers(number):
                self.run(node.attach(layer))
                node.announce(f"http://id-a.example/user-{len(self.nodes)}.xml")
            self.start(node, None if len(self.nodes) > 1 else ["genesis"])
            self.clock.advance(seconds / count)
        self.clock.advance(seconds)

    def run(self, awaitable: Awaitable[T], seconds: float = 120.0) -> T:
        """
        The result of an awaitable; lets time pass until it is there.
        """
        results: list[T] = []
        failures: list[Any] = []
        started(awaitable).addCallbacks(results.append, failures.append)
        waited = 0.0
        while not results and not failures and waited < seconds:
            self.clock.advance(0.05)
            waited += 0.05
        if failures:
            failures[0].raiseException()
        assert results, f"no result within {seconds:g} s"
        return results[0]

    def stop(self) -> None:
        for node in self.nodes:
            self.run(node.stop())

    @staticmethod
    def address(node: DhtNode) -> str:
        return f"{node.host}:14441"  # type: ignore[attr-defined]

    def kill(self, node: DhtNode) -> None:
        """
        The node hears and says nothing any more.
        """
        self.fabric.receivers.pop((node.host, 14441), None)  # type: ignore[attr-defined]
