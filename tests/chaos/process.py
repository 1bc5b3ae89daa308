"""
Processes that can be killed, in one process: each has its own view of the clock, the network and the workers, and
from the moment of its death nothing that it had planned happens any more.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from twisted.internet.defer import Deferred, succeed
from twisted.python.failure import Failure

from bitdust_node.config.config import Config
from bitdust_node.errors import Unavailable
from bitdust_node.events import Event
from bitdust_node.identity.document import Document
from services.supplier import Supplier
from tests.clock import Clock, VirtualCall
from tests.network import TestNode
from tests.services.grid import CUSTOMER, FakeLookup, Member
from transports.memory import MemoryNetwork, MemoryPipe, MemoryTransport

P = ParamSpec("P")
T = TypeVar("T")

#: Seconds that a call of a worker takes at most: between two of them other things happen, and a process may die.
WORKER_TIME = 0.004


class ProcessClock:
    """
    The clock as one process sees it.

    frozen: what a dead process would still have done. It is kept, as what is thrown away runs its last words.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.dead = False
        self.frozen: list[object] = []

    def seconds(self) -> float:
        return self._clock.seconds()

    def callLater(self, delay: float, function: Callable[..., object], /, *args: Any, **kwargs: Any) -> VirtualCall:
        return self._clock.callLater(delay, self._call, function, args, kwargs)

    def _call(self, function: Callable[..., object], args: Any, kwargs: Any) -> None:
        if self.dead:
            self.frozen.append((function, args, kwargs))
        else:
            function(*args, **kwargs)

    async def for_ever(self) -> None:
        """Where the coroutines of the dead wait."""
        grave: Deferred[None] = Deferred()
        self.frozen.append(grave)
        await grave


class ProcessNetwork:
    """
    The network as one process sees it.
    """

    def __init__(self, network: MemoryNetwork, clock: ProcessClock) -> None:
        self._network, self.clock = network, clock

    def bind(self, name: str, transport: MemoryTransport) -> None:
        self._network.bind(name, transport)

    def unbind(self, name: str) -> None:
        if not self.clock.dead:
            self._network.unbind(name)

    async def connect(self, caller: MemoryTransport, name: str) -> tuple[MemoryPipe, MemoryPipe]:
        try:
            here, there = await self._network.connect(caller, name)
        except Unavailable:
            if self.clock.dead:
                await self.clock.for_ever()
            raise
        if self.clock.dead:
            here.abort()
            await self.clock.for_ever()
        return here, there

    def die(self, name: str) -> None:
        """The connections of a process end with it, and it hears nothing of that."""
        self._network.unbind(name)
        for pair in list(self._network._pairs):
            for pipe in pair:
                if pipe.name == name:
                    self.clock.frozen.append(pipe.session)
                    pipe.session = None
                    pipe.abort()


class ProcessWorkers:
    """
    Workers that take a while before and after the call, so that a process may die with something done that nobody
    has heard of.
    """

    def __init__(self, clock: ProcessClock, dice: random.Random) -> None:
        self._clock, self._dice = clock, dice

    async def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        answer: Deferred[T] = Deferred()

        def call() -> None:
            try:
                result: T | Failure = function(*args, **kwargs)
            except BaseException:  # noqa: BLE001 - the border of the thread: whoever waits gets it
                result = Failure()
            self._clock.callLater(self._dice.random() * WORKER_TIME, answer.callback, result)

        self._clock.callLater(self._dice.random() * WORKER_TIME, call)
        return await answer

    def stop(self) -> Deferred[None]:
        return succeed(None)

    def apart(self, size: int, name: str) -> ProcessWorkers:
        return self


class AnyLookup(FakeLookup):
    """Suppliers come in any order."""

    def __init__(self, dice: random.Random) -> None:
        super().__init__()
        self._dice = dice

    async def random(self, layer: int, count: int) -> list[str]:
        return self._dice.sample(self.users, min(count, len(self.users)))


class Process(Member):
    """
    One node of the world: dies, and begins again over the same folder.

    full: the disk takes nothing more.
    """

    def __init__(
        self,
        number: int,
        network: MemoryNetwork,
        published: dict[str, Document],
        base: Path,
        options: dict[str, object],
        dice: random.Random,
    ) -> None:
        self.number, self.network, self.published = number, network, published
        # its own, so that what one process does moves nothing at the others
        self.dice = random.Random(dice.random())
        self.any_lookup, self.options = AnyLookup(self.dice), options
        self.full = False
        self.alive = False
        self.hear: Callable[[Event], object] = lambda event: None
        #: Those that were killed.
        self.graves: list[object] = []
        classes = CUSTOMER if base.name.startswith("customer") else (Supplier,)
        super().__init__(self._node(), base, classes, options)

    @property
    def name(self) -> str:
        return self.base.name

    def make(self) -> None:
        # not that of the dead, who watch it
        self.lookup, self.config = self.any_lookup, Config(None, self.options)
        super().make()

    def set(self, option: str, value: str) -> None:
        self.options[option] = value
        self.config.set(option, value)

    def make_workers(self) -> ProcessWorkers:
        return ProcessWorkers(self.clock, self.dice)

    def _node(self) -> TestNode:
        self.clock = ProcessClock(self.network.clock)  # type: ignore[arg-type]
        self.view = ProcessNetwork(self.network, self.clock)
        return TestNode(self.number, self.view, self.published)  # type: ignore[arg-type]

    async def begin(self) -> None:
        """Start, for the first time or again."""
        for document in self.published.values():
            self.node.resolver.remember(document)
        self.alive = True
        self.node.events.subscribe(self.hear)
        await self.node.start()
        await self.start()
        self.mind_the_disk()

    async def end(self) -> None:
        """Stop in order."""
        await self.stop()
        await self.node.stop()
        self.alive = False
        self._renew()

    def kill(self) -> None:
        """As kill -9 does."""
        self.clock.dead = True
        self.view.die(self.node.name)
        self.alive = False
        self._renew()

    def mind_the_disk(self) -> None:
        """Tell the store and the databases whether the disk is full."""
        databases: list[Any] = [self.state_db]
        if self.classes == (Supplier,):
            keeping = self.services[0].keeping
            if keeping is None:
                return
            vars(keeping.store).pop("free", None)
            if self.full:
                keeping.store.free = lambda: 0
            databases.append(keeping.ledger._database)
        else:
            databases.append(self.catalog._database)
        for database in databases:
            if self.alive and database._connection is not None:
                database._connection.execute(f"PRAGMA max_page_count = {1 if self.full else 2**32 - 2}")

    def _renew(self) -> None:
        self.graves.append((self.clock, self.node, self.assembly, self.services))
        self.node = self._node()
        self.make()
