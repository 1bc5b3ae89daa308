"""
A transport without sockets, for simulations and tests: latency, cuts and partitions under any clock.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Iterable

from twisted.internet.defer import CancelledError

from automats.registry import Automats
from bitdust_node.clock import Clock
from bitdust_node.errors import Unavailable
from bitdust_node.identity.names import NodeId
from bitdust_node.router.admission import Admission
from bitdust_node.router.bandwidth import Bandwidth
from bitdust_node.router.entrance import STRANGERS, Entrance, Strangers
from bitdust_node.router.session import LIMITS, Limits, Session
from bitdust_node.router.transport import Deliver
from bitdust_node.waiting import sleep, within

#: Bytes under way at which the writer is asked to pause, and to go on.
HIGH, LOW = 256 * 1024, 64 * 1024
CONNECT_TIMEOUT = 10.0


class MemoryNetwork:
    """
    What lies between the memory transports of a test.

    latency: seconds from one end to the other. loss: share of the writes at which the connection is cut.
    """

    def __init__(self, clock: Clock, latency: float = 0.0, loss: float = 0.0, seed: int = 1) -> None:
        self.clock = clock
        self.latency = latency
        self.loss = loss
        self._random = random.Random(seed)  # noqa: S311 - a simulation must be repeatable
        self._listening: dict[str, MemoryTransport] = {}
        self._pairs: list[tuple[MemoryPipe, MemoryPipe]] = []
        self._apart: list[frozenset[str]] = []

    def bind(self, name: str, transport: MemoryTransport) -> None:
        """A transport listens under this name."""
        if name in self._listening:
            raise Unavailable(f"memory://{name} is taken")
        self._listening[name] = transport

    def unbind(self, name: str) -> None:
        """Nobody listens under this name any more."""
        self._listening.pop(name, None)

    def part(self, *groups: Iterable[str]) -> None:
        """Only names of one group reach each other; what is under way to another group is lost."""
        self._apart = [frozenset(group) for group in groups]

    def heal(self) -> None:
        """Everybody reaches everybody again."""
        self._apart = []

    def cut(self, *names: str) -> None:
        """Cut all connections of these names, as when their processes die."""
        for pair in list(self._pairs):
            if pair[0].name in names or pair[1].name in names:
                for pipe in pair:
                    pipe.abort()

    def reaches(self, a: str, b: str) -> bool:
        """True if bytes come from a to b."""
        return not self._apart or any(a in group and b in group for group in self._apart)

    def unlucky(self) -> bool:
        """True if the next write cuts its connection."""
        return self.loss > 0 and self._random.random() < self.loss

    async def connect(self, caller: MemoryTransport, name: str) -> tuple[MemoryPipe, MemoryPipe]:
        """Both ends of a new connection; raises Unavailable."""
        if self.reaches(caller.name, name):
            await sleep(self.clock, self.latency * 2)
        else:
            await sleep(self.clock, CONNECT_TIMEOUT)
        target = self._listening.get(name)
        if target is None or not self.reaches(caller.name, name):
            raise Unavailable(f"nobody answers at memory://{name}")
        here = MemoryPipe(self, caller.name, name, target.device_key)
        there = MemoryPipe(self, name, caller.name, caller.device_key)
        if not target.knock(there):
            raise Unavailable(f"memory://{name} lets nobody in now")
        here.other, there.other = there, here
        self._pairs.append((here, there))
        return here, there

    def forget(self, pipe: MemoryPipe) -> None:
        """A connection is over."""
        self._pairs = [pair for pair in self._pairs if pipe not in pair]


class MemoryPipe:
    """
    One end of a connection.
    """

    def __init__(self, network: MemoryNetwork, name: str, remote: str, peer_key: bytes) -> None:
        self.name = name
        self.remote = remote
        self.host = remote
        self.peer_key = peer_key
        self.other: MemoryPipe | None = None
        self.session: Session | None = None
        #: Bytes written here and not yet delivered there, and the most that ever were.
        self.under_way = 0
        self.most_under_way = 0
        self._network = network
        self._inbox: deque[bytes] = deque()
        self._reading = True
        self._paused = False
        self._closed = False

    def write(self, data: bytes) -> None:
        if self._closed or self.other is None:
            return
        if self._network.unlucky():
            self.abort()
            return
        self.under_way += len(data)
        self.most_under_way = max(self.most_under_way, self.under_way)
        self._network.clock.callLater(self._network.latency, self.other.arrive, data, self)
        if self.under_way > HIGH and not self._paused and self.session is not None:
            self._paused = True
            self.session.pause()

    def pause_reading(self) -> None:
        self._reading = False

    def resume_reading(self) -> None:
        self._reading = True
        self._network.clock.callLater(0, self._deliver)

    def close(self) -> None:
        if not self._closed:
            # after everything that was written before
            self._network.clock.callLater(self._network.latency, self.abort)

    def abort(self) -> None:
        if self._closed:
            return
        self._closed = True
        self._network.forget(self)
        self._network.clock.callLater(0, self._lose)
        if self.other is not None:
            self._network.clock.callLater(self._network.latency, self.other.hang_up)

    def hang_up(self) -> None:
        """The other end is gone; what it has sent is delivered first."""
        self._closed = True
        self._reading = True
        self._deliver()
        self._lose()

    def arrive(self, data: bytes, sender: MemoryPipe) -> None:
        """Bytes come from the other end."""
        if self._network.reaches(sender.name, self.name):
            self._inbox.append(data)
            self._deliver()

    def _deliver(self) -> None:
        while self._reading and self._inbox and self.session is not None:
            data = self._inbox.popleft()
            if self.other is not None:
                self.other.delivered(len(data))
            self.session.received(data)

    def delivered(self, size: int) -> None:
        """So many bytes of what was written here were taken there."""
        self.under_way -= size
        if self._paused and self.under_way < LOW and not self._closed:
            self._paused = False
            self._network.clock.callLater(0, self._resume)

    def _resume(self) -> None:
        if self.session is not None and not self._closed and not self._paused:
            self.session.resume()

    def _lose(self) -> None:
        session, self.session = self.session, None
        if session is not None:
            session.lost("the connection was lost")


class MemoryTransport:
    """
    The end of the memory network at one node.

    device_key: what the TLS of a real transport would prove.
    """

    scheme = "memory"

    def __init__(
        self,
        network: MemoryNetwork,
        name: str,
        device_key: bytes,
        admission: Admission,
        automats: Automats | None = None,
        strangers: Strangers = STRANGERS,
        limits: Limits = LIMITS,
        bandwidth: Bandwidth | None = None,
    ) -> None:
        self.name = name
        self.device_key = device_key
        self._network = network
        self._entrance = Entrance(self.scheme, admission, network.clock, automats, strangers, limits, bandwidth)
        self._bound = False

    @property
    def address(self) -> str | None:
        return self.name if self._bound else None

    @property
    def knocking(self) -> int:
        """Incoming connections that have not yet said who they are."""
        return self._entrance.knocking

    async def listen(self, deliver: Deliver) -> None:
        self._network.bind(self.name, self)
        self._bound = True
        self._entrance.open(deliver)

    async def connect(self, contact: str, peer: NodeId) -> Session:
        here, there = await self._network.connect(self, contact.removeprefix("memory://"))
        session = here.session = self._entrance.outgoing(here, peer)
        session.opened()
        if there.session is not None:
            there.session.opened()
        try:
            await within(self._network.clock, CONNECT_TIMEOUT, session.connected(), f"the hello of {contact}")
        except (CancelledError, Unavailable):
            session.close("no longer needed")
            raise
        return session

    async def close(self) -> None:
        self._network.unbind(self.name)
        self._bound = False
        await self._entrance.close()

    def sessions(self) -> list[Session]:
        return self._entrance.sessions()

    def knock(self, pipe: MemoryPipe) -> bool:
        """Somebody connects; False if he may not."""
        if not self._entrance.welcome(pipe.host):
            return False
        pipe.session = self._entrance.incoming(pipe)
        return True
