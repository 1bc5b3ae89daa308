"""
The owner of the automat dht_join: finds the first nodes, walks to its own place in each layer.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence
from random import Random

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from automats.dht_join import DHT_JOIN, Input, State
from automats.machine import Machine
from automats.registry import Automats
from bitdust_node.clock import Clock
from bitdust_node.dht.contact import Contact
from bitdust_node.dht.ids import random_in_bucket
from bitdust_node.dht.swarm import Swarm
from bitdust_node.errors import BitDustError, Invalid, Unavailable
from bitdust_node.tasks import Tasks
from bitdust_node.threads import Workers
from bitdust_node.waiting import all_of, sleep

GENESIS = "genesis"

#: Contacts of the last run that are asked beside the seeds, and far buckets that are filled after the first lookup.
REMEMBERED = 16
FILLED = 12
#: Seconds between two rounds of asking.
ROUND = 1.0
#: Seconds that a caller waits for a table that is just being joined.
PATIENCE = 20.0


def parse_seeds(words: Sequence[str]) -> list[tuple[str, int]]:
    """
    Host and port of each `host:port`; the word `genesis` alone means none. Raises Invalid.
    """
    if list(words) == [GENESIS]:
        return []
    seeds = []
    for word in words:
        host, _, port = word.rpartition(":")
        if not host or not port.isascii() or not port.isdigit() or not 1 <= int(port) <= 65535:
            raise Invalid(f"DHT seed {word!r} is not like host:port")
        seeds.append((host, int(port)))
    return seeds


class Join:
    """
    Joins, and joins again when everybody is lost.

    on_layer: called with each layer whose walk is done.
    """

    log = Logger()

    def __init__(
        self,
        clock: Clock,
        workers: Workers,
        automats: Automats | None,
        swarm: Swarm,
        random: Random,
        layers: Callable[[], Sequence[int]],
        on_layer: Callable[[int], None],
    ) -> None:
        self._clock = clock
        self._workers = workers
        self._swarm = swarm
        self._random = random
        self._layers = layers
        self._on_layer = on_layer
        self._tasks = Tasks("DHT join")
        self._waiting: list[Deferred[None]] = []
        self._seeds: list[tuple[str, int]] = []
        self._remembered: list[Contact] = []
        self.machine = Machine(DHT_JOIN, self, clock=clock, id="dht_join", automats=automats)

    @property
    def joined(self) -> bool:
        return self.machine.state in (State.JOINED, State.ALONE)

    def start(self, seeds: list[tuple[str, int]], remembered: list[Contact]) -> None:
        self._seeds = seeds
        self._remembered = remembered
        self.machine.feed(Input.START)

    async def stop(self) -> None:
        # not closed here: a caller of `connected` may come from inside a row, and then STOP has to wait for its end
        self.machine.feed(Input.STOP)
        await self._tasks.stop()

    def met(self) -> None:
        """
        A new contact is in the tables.
        """
        self.machine.feed(Input.ANSWERED)

    def lost(self) -> None:
        """
        The last contact is gone.
        """
        self.machine.feed(Input.LOST)

    async def connected(self) -> None:
        """
        Come back when the table is joined; raises Unavailable if that takes too long.
        """
        if self.joined:
            return
        waiting: Deferred[None] = Deferred()
        self._waiting.append(waiting)
        timer = self._clock.callLater(PATIENCE, waiting.errback, Unavailable("the DHT is not connected yet"))
        try:
            await waiting
        finally:
            if timer.active():
                timer.cancel()
            if waiting in self._waiting:
                self._waiting.remove(waiting)

    async def settle(self, layer: int) -> None:
        """
        Look up the own id in a layer: so we hear of its members, and they of us.
        """
        table = self._swarm.tables[layer]
        await self._swarm.find(self._swarm.me, layer)
        far = [random_in_bucket(self._swarm.me, bucket, self._random) for bucket in table.gaps()[:FILLED]]
        await all_of((self._fill(target, layer) for target in far), limit=3)
        self._on_layer(layer)

    async def knock(self) -> None:
        """
        Greet the seeds once more: a node that knows few others may be cut off from the rest.
        """
        await all_of(self._greet(host, port) for host, port in self._seeds)

    # actions of the automat

    def ask_seeds(self) -> None:
        remembered = [(contact.host, contact.port) for contact in [*self._remembered, *self._swarm.tables[0]]]
        addresses = list(dict.fromkeys([*self._seeds, *remembered[:REMEMBERED]]))
        if not addresses:
            self.machine.feed(Input.NOBODY)
            return
        self._tasks.spawn("ask the seeds", self._ask(addresses))

    def walk(self) -> None:
        self._tasks.spawn("walk to the own place", self._walk())

    def report_joined(self) -> None:
        waiting, self._waiting = self._waiting, []
        for one in waiting:
            one.callback(None)

    def leave(self) -> None:
        waiting, self._waiting = self._waiting, []
        for one in waiting:
            one.errback(Unavailable("the DHT is off"))

    async def _fill(self, target: bytes, layer: int) -> None:
        await self._swarm.find(target, layer)

    async def _ask(self, addresses: list[tuple[str, int]]) -> None:
        while self.machine.state is State.SEEDING:
            self._tasks.spawn("greet the seeds", all_of(self._greet(host, port) for host, port in addresses))
            await sleep(self._clock, ROUND)

    async def _greet(self, host: str, port: int) -> None:
        try:
            for address in await self._addresses(host):
                await self._swarm.greet(address, port)
        except BitDustError as error:
            self.log.debug("DHT seed {host}:{port}: {error}", host=host, port=port, error=error)

    async def _addresses(self, host: str) -> list[str]:
        if host.replace(".", "").isdigit():
            return [host]
        try:
            found = await self._workers.run(socket.getaddrinfo, host, None, socket.AF_INET, socket.SOCK_DGRAM)
        except (OSError, UnicodeError) as error:
            raise Unavailable(f"host {host} has no address: {error}") from None
        return sorted({str(entry[4][0]) for entry in found})

    async def _walk(self) -> None:
        try:
            for layer in self._layers():
                await self.settle(layer)
        finally:
            if self.machine.state is State.WALKING:
                self.machine.feed(Input.WALKED if len(self._swarm.tables[0]) else Input.LOST)
