"""
Finds the own address as it is seen from outside.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bitdust_node.clock import Clock
from bitdust_node.events import Event, Events
from bitdust_node.identity.addresses import Addresses
from bitdust_node.service import Service
from bitdust_node.tasks import Tasks
from services.entangled_dht import EntangledDht

#: Seconds between two rounds of asking.
ROUND = 600.0


class MyIpPort(Service):
    """
    Asks nodes of the DHT how they see this one, when it has joined and every ten minutes.
    """

    name = "my_ip_port"
    depends = ("entangled_dht", "udp_datagrams")

    def __init__(self, clock: Clock, events: Events, addresses: Addresses, dht: EntangledDht) -> None:
        self._clock = clock
        self._events = events
        self._addresses = addresses
        self._dht = dht
        self._tasks = Tasks(self.name)
        self._undo: list[Callable[[], None]] = []
        self._host: str | None = None

    async def start(self) -> None:
        self._tasks = Tasks(self.name)
        self._host = self._addresses.host()
        self._undo = [self._addresses.on_change(self._moved), self._events.subscribe(self._heard)]
        self._tasks.every(ROUND, "ask for the own address", self.ask, self._clock, at_once=True)

    async def stop(self) -> None:
        for undo in self._undo:
            undo()
        self._undo = []
        await self._tasks.stop()

    def ready(self) -> str | None:
        return None if self._addresses.host() else "nobody has told the own address yet"

    def network_configuration(self) -> dict[str, Any] | None:
        return {"external_ip": self._addresses.host() or ""}

    async def ask(self) -> None:
        """
        Ask some nodes now.
        """
        for teller, host in await self._dht.node.outside():
            self._addresses.observed(f"dht:{teller}", host)

    def _heard(self, event: Event) -> None:
        if event.event_id == "dht-layer-connected" and event.data == {"layer_id": 0}:
            self._tasks.spawn("ask for the own address", self.ask())

    def _moved(self, host: str | None) -> None:
        old, self._host = self._host, host
        self._events.publish("my-external-ip-changed", {"old": old or "", "new": host or ""})
