"""
People with their keys, on the memory transport.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from bitdust_node.api.registry import Registry
from bitdust_node.assembly import Assembly
from bitdust_node.clock import Clock
from bitdust_node.config.config import Config
from bitdust_node.database import StateDb
from bitdust_node.events import Event, Events
from bitdust_node.identity.me import Me
from bitdust_node.identity.resolver import Resolver
from bitdust_node.keys.ring import KeyRing
from bitdust_node.paths import DataFolder
from bitdust_node.router.router import Router
from bitdust_node.threads import Workers
from bitdust_node.waiting import started
from services.keys_registry import KeysRegistry
from tests.keys import test_key
from tests.network import TestNode, make_nodes


class Person:
    """
    One node with its key ring and the service of the keys.
    """

    def __init__(self, case: TestCase, number: int, node: TestNode) -> None:
        self.case, self.number, self.node = case, number, node
        folder = DataFolder(Path(case.mktemp()))
        self.config = Config(None, {"personal/private-key-size": 1024})
        self.state_db = StateDb(folder.state_db, node.workers)
        self.assembly = Assembly()
        given: tuple[tuple[object, object], ...] = (
            (node.clock, Clock),
            (node.workers, Workers),
            (node.events, Events),
            (self.config, Config),
            (folder, DataFolder),
            (self.state_db, StateDb),
            (node.me, Me),
            (node.resolver, Resolver),
            (node.router, Router),
        )
        for part, as_type in given:
            self.assembly.provide(part, as_type)
        self.ring = self.assembly.make(KeyRing)
        self.off: set[str] = set()
        self.api = Registry(lambda name: name not in self.off)

    async def start(self, *classes: type) -> None:
        await self.ring.set_master(test_key(self.number))
        await self.ring.claim(self.id)
        for cls in classes or (KeysRegistry,):
            service: Any = self.assembly.make(cls)
            await service.start()
            self.case.addCleanup(lambda service=service: started(service.stop()))
            self.api.add(service)
        self.case.addCleanup(lambda: started(self.state_db.close()))

    @property
    def id(self) -> str:
        return str(self.node.me.global_id)

    def told(self, *names: str) -> list[Event]:
        return [event for event in self.node.events_seen if event.event_id in names]


class PeopleCase(TestCase):
    """
    `self.people`: Alice, Bob and Carol; what they do happens at once, or when the clock moves.
    """

    clock: Any
    services: tuple[type, ...] = (KeysRegistry,)
    number = 3

    async def setUp(self) -> None:  # type: ignore[override]
        nodes = await make_nodes(self, self.number)
        self.clock = nodes[0].clock
        self.people = [Person(self, number, node) for number, node in enumerate(nodes, 1)]
        for person in self.people:
            self.prepare(person)
            await person.start(*self.services)

    def prepare(self, person: Person) -> None:
        """Further parts that the services need."""

    def run_it(self, coroutine: Any, seconds: float = 0) -> Any:
        running = Deferred.fromCoroutine(coroutine)
        self.clock.pump(20)
        if seconds:
            self.clock.advance(seconds)
            self.clock.pump(20)
        return self.successResultOf(running)

    def call(self, person: Person, name: str, seconds: float = 0, **arguments: Any) -> dict[str, Any]:
        answer: dict[str, Any] = self.run_it(person.api.call(name, arguments), seconds)
        return answer

    def error(self, person: Person, name: str, seconds: float = 0, **arguments: Any) -> str:
        answer = self.call(person, name, seconds, **arguments)
        self.assertEqual((answer["status"], len(answer.get("errors", ()))), ("ERROR", 1), answer)
        return str(answer["errors"][0])
