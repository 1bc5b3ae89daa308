"""
The records that this node keeps alive in the network.
"""

from __future__ import annotations

from collections.abc import Mapping
from random import Random
from typing import Any

from twisted.logger import Logger

from bitdust_node.clock import Clock
from bitdust_node.dht.exchange import Exchange, Writing, failure_of
from bitdust_node.dht.memory import DhtMemory, Owned
from bitdust_node.dht.records import LONGEST, normal_key
from bitdust_node.errors import BitDustError, Full

#: Seconds between two stores of the same record, and after one that failed.
AGAIN = 3600.0
RETRY = 120.0
OWNED = 1000


class Publications:
    """
    Writes records now, and again every hour: what a service publishes is signed anew, what has an end keeps it.
    """

    log = Logger()

    def __init__(self, clock: Clock, exchange: Exchange, memory: DhtMemory, random: Random) -> None:
        self._clock = clock
        self._exchange = exchange
        self._memory = memory
        self._random = random
        self._owned: dict[tuple[int, str, str], Owned] = {}
        self._due: dict[tuple[int, str, str], float] = {}

    def __len__(self) -> int:
        return len(self._owned)

    def keys(self, record_type: str) -> list[str]:
        """
        The keys of what is kept alive of a type.
        """
        return [key for _layer, kind, key in self._owned if kind == record_type]

    def restore(self, owned: list[Owned]) -> None:
        """
        Take back what was published before a restart. All of it is due at once.
        """
        for one in owned:
            self._owned[one[:3]] = one
            self._due[one[:3]] = 0.0

    async def publish(
        self, record_type: str, key: str, layer: int, value: Mapping[str, Any], expire: int | None, once: bool
    ) -> Writing:
        """
        Write a record and keep it alive: for `expire` seconds (at most a day) if given or if `once`, else until `drop`.

        Raises what the nodes said if none of them took it; then it is not kept alive.
        """
        key = normal_key(record_type, key)
        name = (layer, record_type, key)
        if name not in self._owned and len(self._owned) >= OWNED:
            raise Full(f"{OWNED} records of this node are in the DHT")
        lifetime = min(max(expire or LONGEST, 120), LONGEST)
        writing = await self._exchange.write(record_type, key, layer, value, lifetime)
        if not writing.accepted and not writing.here:
            raise failure_of(writing)
        ends = self._clock.seconds() + lifetime if once or expire is not None else None
        self._owned[name] = Owned(layer, record_type, key, dict(value), ends)
        self._due[name] = self._clock.seconds() + AGAIN * self._random.uniform(0.9, 1.1)
        await self._memory.save_owned(self._owned[name])
        return writing

    async def drop(self, record_type: str, key: str, layer: int) -> None:
        """
        Keep it alive no longer. What others hold ends by itself.
        """
        name = (layer, record_type, normal_key(record_type, key))
        if self._owned.pop(name, None) is not None:
            del self._due[name]
            await self._memory.forget_owned(*name)

    async def refresh(self) -> None:
        """
        Write again what is due.
        """
        now = self._clock.seconds()
        for name in [name for name, due in self._due.items() if due <= now]:
            owned = self._owned.get(name)
            if owned is None:
                continue
            if owned.ends is not None and owned.ends - now < 120:
                await self.drop(owned.type, owned.key, owned.layer)
                continue
            self._due[name] = now + AGAIN * self._random.uniform(0.9, 1.1)
            lifetime = LONGEST if owned.ends is None else int(owned.ends - now)
            try:
                writing = await self._exchange.write(owned.type, owned.key, owned.layer, owned.value, lifetime)
                if not writing.accepted and not writing.here:
                    raise failure_of(writing)
            except BitDustError as error:
                self._due[name] = now + RETRY
                self.log.info("DHT record {key} was not stored again: {error}", key=owned.key, error=error)
