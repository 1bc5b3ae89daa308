"""
The distributed hash table as a service, and its API.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from twisted.logger import Logger

from bitdust_node.api.registry import ApiError, method
from bitdust_node.clock import Clock
from bitdust_node.config.config import Config
from bitdust_node.dht.contact import Contact
from bitdust_node.dht.exchange import failure_of
from bitdust_node.dht.ids import ALPHA, ID_BYTES, LAYERS, K, random_id
from bitdust_node.dht.node import DhtNode
from bitdust_node.dht.pace import LONGEST_WAIT
from bitdust_node.dht.records import LONGEST, RULES
from bitdust_node.dht.upkeep import IDLE
from bitdust_node.errors import BitDustError, Invalid
from bitdust_node.identity.me import Me
from bitdust_node.service import Service
from bitdust_node.tasks import Tasks

_OPTIONS = "services/entangled-dht"
_PORT = f"{_OPTIONS}/udp-port"
_SEEDS = f"{_OPTIONS}/known-nodes"
_LAYERS = f"{_OPTIONS}/attached-layers"
_INTERFACE = "services/network/interface"

_NEEDS = ("service_entangled_dht",)

#: Values read lately, for readers who are content with them.
READ_LIMIT = 256


class EntangledDht(Service):
    """
    Starts the DHT node with the options, and again when they change.
    """

    name = "entangled_dht"
    depends = ("udp_datagrams",)
    log = Logger()

    def __init__(self, config: Config, clock: Clock, node: DhtNode, me: Me) -> None:
        self._config = config
        self._clock = clock
        self._me = me
        self._tasks = Tasks(self.name)
        self._undo: list[Callable[[], None]] = []
        self._attached: set[int] = set()
        self._read: dict[tuple[str, str, int], tuple[float, dict[str, Any]]] = {}
        self.node = node

    async def start(self) -> None:
        self._tasks = Tasks(self.name)
        self._attached = self._wanted_layers()
        for layer in self._attached:
            await self.node.attach(layer)
        await self._open()
        self._announce()
        self._undo = [self._config.watch(_OPTIONS, self._changed), self._me.on_change(self._announce)]

    async def stop(self) -> None:
        for undo in self._undo:
            undo()
        self._undo = []
        await self._tasks.stop()
        await self.node.stop()

    def ready(self) -> str | None:
        if self.node.state in ("joined", "alone"):
            return None
        return f"looking for other nodes ({self.node.state})"

    async def reconnect(self) -> None:
        await self._reopen()

    def network_configuration(self) -> dict[str, Any] | None:
        words = [word for word in self._config.words(_SEEDS) if word != "genesis"]
        seeds = [word.rpartition(":") for word in words]
        return {
            "udp_port": self.node.port,
            "dht_id": self.node.id.hex(),
            "layers": self.node.layers,
            "known_nodes": [{"host": host, "udp_port": int(port)} for host, _, port in seeds if port.isdigit()],
            "bucket_size": K,
            "parallel_calls": ALPHA,
            "default_age": LONGEST,
            "max_age": LONGEST,
            "refresh_timeout": int(IDLE),
            "rpc_timeout": int(LONGEST_WAIT),
        }

    @method("GET", "/dht/node/find/v1", "GET /d/n/f", needs=_NEEDS, accept={"node_id_64": ("dht_id",)})
    async def dht_node_find(self, node_id_64: str | None = None, layer_id: int = 0) -> dict[str, Any]:
        """
        Find the DHT nodes closest to an id, or to a random one.
        """
        target = _parse_id(node_id_64) if node_id_64 else random_id(self.node.random)
        closest = await self.node.find_node(target, layer_id)
        return {"my_dht_id": self.node.id.hex(), "lookup": target.hex(), "closest_nodes": _shown(closest)}

    @method("GET", "/dht/value/get/v1", "GET /d/v/g", needs=_NEEDS)
    async def dht_value_get(
        self, key: str, record_type: str = "skip_validation", layer_id: int = 0, use_cache_ttl: int | None = None
    ) -> dict[str, Any]:
        """
        Read a JSON record, validated by the rule of its type.
        """
        _check_type(record_type)
        result: dict[str, Any] = {"my_dht_id": self.node.id.hex(), "key": key}
        name = (record_type, key, layer_id)
        now = self._clock.seconds()
        if use_cache_ttl and name in self._read and now - self._read[name][0] <= use_cache_ttl:
            return {"read": "success", **result, "value": self._read[name][1]}
        reading = await self.node.read(record_type, key, layer_id)
        if reading.record is None:
            return {"read": "failed", **result, "closest_nodes": _shown(reading.closest)}
        value = reading.record.contents()
        self._read.pop(name, None)
        self._read[name] = (now, value)
        if len(self._read) > READ_LIMIT:
            del self._read[next(iter(self._read))]
        return {"read": "success", **result, "value": value}

    @method("POST", "/dht/value/set/v1", "POST /d/v/s", needs=_NEEDS)
    async def dht_value_set(
        self,
        key: str,
        value: Any,
        expire: int | None = None,
        record_type: str = "skip_validation",
        layer_id: int = 0,
    ) -> dict[str, Any]:
        """
        Write a JSON record at the nodes closest to its key.
        """
        value = _parse_value(value)
        _check_type(record_type)
        told = {"my_dht_id": self.node.id.hex(), "key": key}
        try:
            writing = await self.node.write(record_type, key, value, layer_id, expire)
        except BitDustError as error:
            raise ApiError(str(error), write="failed", **told, closest_nodes=[]) from error
        if not writing.accepted and not writing.here:
            text = str(failure_of(writing))
            raise ApiError(text, write="failed", **told, closest_nodes=_shown(writing.closest))
        return {"write": "success", **told, "value": value, "closest_nodes": _shown(writing.accepted)}

    @method("GET", "/dht/db/dump/v1", "GET /d/d/d", needs=_NEEDS)
    async def dht_local_db_dump(self) -> dict[str, Any] | None:
        """
        Everything in the local DHT database, by layer.
        """
        return self.node.dump() if self.node.port else None

    async def _open(self) -> None:
        wanted = self._config.number(_PORT)
        port = await self.node.start(wanted, self._config.words(_SEEDS), self._config.text(_INTERFACE))
        if port != wanted:
            self._config.set(_PORT, port)

    def _wanted_layers(self) -> set[int]:
        layers = set()
        for word in self._config.words(_LAYERS):
            if not (word.isascii() and word.isdigit()) or int(word) >= LAYERS:
                raise Invalid(f"option {_LAYERS}: {word!r} is not a layer from 0 to {LAYERS - 1}")
            layers.add(int(word))
        return layers

    def _announce(self) -> None:
        self.node.announce(self._me.idurl if self._me.has_identity else "")

    def _changed(self, path: str, old: object, new: object) -> None:
        if path == _LAYERS:
            self._tasks.spawn("change the attached layers", self._attach())
        elif path == _SEEDS or (path == _PORT and new != self.node.port):
            self._tasks.spawn("start the DHT anew", self._reopen())

    async def _attach(self) -> None:
        wanted = self._wanted_layers()
        for layer in wanted - self._attached:
            await self.node.attach(layer)
        for layer in self._attached - wanted:
            await self.node.detach(layer)
        self._attached = wanted

    async def _reopen(self) -> None:
        await self.node.stop()
        await self._open()


def _shown(contacts: list[Contact]) -> list[dict[str, str]]:
    return [{"dht_id": contact.id.hex(), "address": contact.address} for contact in contacts]


def _parse_id(text: str) -> bytes:
    try:
        id_ = bytes.fromhex(text)
    except ValueError:
        id_ = b""
    if len(id_) != ID_BYTES:
        raise Invalid(f"a DHT id has {2 * ID_BYTES} hex digits")
    return id_


def _parse_value(value: Any) -> dict[str, Any]:
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            value = None
    if not isinstance(value, dict):
        raise Invalid("input value must be a json")
    return value


def _check_type(record_type: str) -> None:
    if record_type not in RULES:
        known = ", ".join(RULES)
        raise Invalid(f"record type must have known validation rules: {known}")
