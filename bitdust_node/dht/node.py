"""
A node of the distributed hash table.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from random import Random, SystemRandom
from typing import Any

from twisted.logger import Logger

from automats.registry import Automats
from bitdust_node.clock import Clock
from bitdust_node.dht.answers import Answers
from bitdust_node.dht.contact import Contact, may_tell
from bitdust_node.dht.exchange import Exchange, Reading, Writing
from bitdust_node.dht.ids import LAYERS, K, in_layer, mask, random_id
from bitdust_node.dht.join import Join, parse_seeds
from bitdust_node.dht.key import DhtKey
from bitdust_node.dht.memory import DhtMemory
from bitdust_node.dht.messages import About, Ping, Pong, Told
from bitdust_node.dht.owners import Owners
from bitdust_node.dht.port import DatagramPort
from bitdust_node.dht.publications import Publications
from bitdust_node.dht.records import parse
from bitdust_node.dht.store import Store
from bitdust_node.dht.swarm import Swarm, Way, wrong_answer
from bitdust_node.dht.tokens import Tokens
from bitdust_node.dht.upkeep import Upkeep
from bitdust_node.errors import Invalid
from bitdust_node.events import Events
from bitdust_node.tasks import Tasks
from bitdust_node.threads import Workers
from bitdust_node.waiting import all_of

#: Lookups that `random_users` makes before it is content with fewer.
ROUNDS = 6


class DhtNode:
    """
    Joins the network, finds nodes and users, reads and writes records, keeps those of others.

    random: another source only in simulations.
    """

    log = Logger()

    def __init__(
        self,
        clock: Clock,
        workers: Workers,
        automats: Automats,
        events: Events,
        key: DhtKey,
        socket: DatagramPort,
        memory: DhtMemory,
        owners: Owners,
        random: Random | None = None,
    ) -> None:
        self._clock = clock
        self._workers = workers
        self._automats = automats
        self._events = events
        self._signer = key.signer
        self._socket = socket
        self._memory = memory
        self._owners = owners
        #: Where all chance comes from.
        self.random: Random = random or SystemRandom()
        self._layers: set[int] = {0}
        self._reached: set[int] = set()
        self._idurl = ""
        self._tells_addresses = False
        #: UDP port that it listens on, 0 when it is off.
        self.port = 0
        self._make()

    @property
    def id(self) -> bytes:
        return self.swarm.me

    @property
    def state(self) -> str:
        """State of the automat dht_join."""
        return str(self.join.machine.state)

    @property
    def layers(self) -> list[int]:
        """The layers this node is attached to."""
        return sorted(self._layers)

    @property
    def tells_addresses(self) -> bool:
        """Does this node tell others how it sees them?"""
        return self._tells_addresses

    @tells_addresses.setter
    def tells_addresses(self, value: bool) -> None:
        self._tells_addresses = self.answers.tells_addresses = value

    async def start(self, port: int, seeds: Sequence[str], interface: str = "") -> int:
        """
        Listen and begin to join; the joining goes on after this returned. Returns the port that was got.

        seeds: `host:port` each; empty, or the word `genesis`, to begin a network.
        """
        addresses = parse_seeds(seeds)
        self.join.machine.close()
        self._make()
        kept, owned, contacts = await self._memory.load()
        for one in kept:
            try:
                self.store.restore(parse(one.packed), one.owner, one.packed, one.received)
            except Invalid as error:
                self.log.warn("a kept DHT record is not readable: {error}", error=error)
        self.store.expire(self._clock.seconds())
        self.publications.restore(owned)
        self.port = self._socket.open(port, interface, self.swarm.rpc.received)
        self.upkeep.start(self._tasks)
        self.join.start(addresses, contacts)
        return self.port

    async def stop(self) -> None:
        """
        Leave the network and write down what is worth it.
        """
        if not self.port:
            return
        self.port = 0
        await self.join.stop()
        await self._tasks.stop()
        self.swarm.rpc.close()
        await self._socket.close()
        await self.upkeep.save()

    async def attach(self, layer: int) -> None:
        """
        Take part in a layer: others will find this node there.
        """
        _check_layer(layer)
        if layer in self._layers:
            return
        self._layers.add(layer)
        self._tell_layers()
        if self.port and self.join.joined:
            self._tasks.spawn(f"attach to layer {layer}", self.join.settle(layer))

    async def detach(self, layer: int) -> None:
        """
        Leave a layer; others forget it when they hear of us next.
        """
        _check_layer(layer)
        if layer and layer in self._layers:
            self._layers.remove(layer)
            self._reached.discard(layer)
            self._tell_layers()

    def announce(self, idurl: str) -> None:
        """
        Tell askers whose node this is, in the layers that it is attached to; empty: tell nobody.
        """
        self._idurl = self.answers.idurl = idurl

    async def connected(self) -> None:
        """
        Come back when this node has joined, or begun, a network; raises Unavailable if that takes too long.
        """
        await self.join.connected()

    async def find_node(self, target: bytes, layer: int = 0) -> list[Contact]:
        """
        The members of a layer that are nearest to an id, the nearest first.
        """
        return (await self.way(target, layer)).closest

    async def way(self, target: bytes, layer: int = 0) -> Way:
        """
        As `find_node`, and how they were found.
        """
        _check_layer(layer)
        await self.connected()
        return await self.swarm.find(target, layer)

    async def get(self, record_type: str, key: str, layer: int = 0) -> dict[str, Any] | None:
        """
        The newest valid value under a key, or None.
        """
        record = (await self.read(record_type, key, layer)).record
        return record.contents() if record is not None else None

    async def read(self, record_type: str, key: str, layer: int = 0, owners: int = 1) -> Reading:
        """
        As `get`, with the record itself, or the nodes that did not have it. owners: how many owners of such records
        are wanted; more than one for types whose keys name nobody.
        """
        _check_layer(layer)
        await self.connected()
        return await self.exchange.read(record_type, key, layer, owners)

    async def put(
        self, record_type: str, key: str, value: Mapping[str, Any], layer: int = 0, expire: int | None = None
    ) -> list[Contact]:
        """
        Write a value and keep it alive: for `expire` seconds, or until `drop`. `type` may be left out of the value.

        Returns the nodes that keep it. Raises what they said if nobody, not even this node, took it.
        """
        value = {"type": record_type, **value}
        return (await self.write(record_type, key, value, layer, expire, once=False)).accepted

    async def write(
        self,
        record_type: str,
        key: str,
        value: Mapping[str, Any],
        layer: int = 0,
        expire: int | None = None,
        once: bool = True,
    ) -> Writing:
        """
        As `put`, with all that came of it; `once`: keep it alive for a day at most.
        """
        _check_layer(layer)
        await self.connected()
        return await self.publications.publish(record_type, key, layer, value, expire, once)

    async def drop(self, record_type: str, key: str, layer: int = 0) -> None:
        """
        Keep a value of `put` alive no longer.
        """
        await self.publications.drop(record_type, key, layer)

    def published(self, record_type: str) -> list[str]:
        """
        The keys of the records of a type that this node keeps alive, in any layer.
        """
        return self.publications.keys(record_type)

    async def random_users(self, layer: int, count: int) -> list[str]:
        """
        IDURLs of up to `count` users who announced themselves in a layer, in no order; not the own one.
        """
        _check_layer(layer)
        await self.connected()
        asked: set[bytes] = set()
        users: set[str] = set()
        for _ in range(ROUNDS):
            found = await self.swarm.find(random_id(self.random), layer)
            new = [contact for contact in found.closest if contact.id not in asked]
            asked.update(contact.id for contact in new)
            answers = await all_of(self._about(contact, layer) for contact in new)
            users.update(answer for answer in answers if isinstance(answer, str) and answer)
            users.discard(self._idurl)
            # fewer than k members: the lookup saw them all
            if len(users) >= count or (len(found.closest) < K and not new):
                break
        chosen = sorted(users)
        self.random.shuffle(chosen)
        return chosen[: max(0, count)]

    async def outside(self, count: int = 8) -> list[tuple[str, str]]:
        """
        How others see this node: pairs of their host and what they say is ours. Silent ones are left out.
        """
        contacts = self.contacts()
        self.random.shuffle(contacts)
        answers = await all_of(self._seen_by(contact) for contact in contacts[:count])
        return [answer for answer in answers if isinstance(answer, tuple) and answer[1]]

    def contacts(self, layer: int = 0) -> list[Contact]:
        """
        Whom this node knows in a layer.
        """
        _check_layer(layer)
        return list(self.swarm.tables[layer])

    def describe(self) -> dict[str, Any]:
        """
        The block `dht` of network_status.
        """
        traffic = self.swarm.rpc.traffic
        return {
            "udp_port": self.port,
            "bytes_received": traffic.bytes_received,
            "bytes_sent": traffic.bytes_sent,
            "layers": [self._describe_layer(layer) for layer in range(LAYERS) if self._is_used(layer)],
        }

    def dump(self) -> dict[str, list[dict[str, Any]]]:
        """
        Everything in the local store, by layer.
        """
        layers: dict[str, list[dict[str, Any]]] = {str(layer): [] for layer in self.layers}
        for (layer, _place, owner), held in self.store:
            layers.setdefault(str(layer), []).append(
                {
                    "value": held.record.contents(),
                    "lastPublished": int(held.received),
                    "originallyPublished": held.record.created,
                    "originalPublisherID": owner.hex() or None,
                    "expireSeconds": held.record.lifetime,
                    "revision": held.record.sequence,
                    "scope": "global",
                }
            )
        for layer in self._layers:
            layers[str(layer)].append({"key": "idurl", "value": self._idurl or None, "scope": "node"})
        return layers

    def _make(self) -> None:
        """
        New tables for a new start.
        """
        self._tasks = Tasks("DHT")
        self._reached = set()
        self.swarm = Swarm(
            self._clock, self._signer, self.random, self._socket.send, self._answer, self._met, self._lost
        )
        self.store = Store(self.swarm.me)
        tokens = Tokens(lambda: self.random.randbytes(16), self._clock.seconds())
        self.answers = Answers(
            self._clock, self._workers, self._tasks, self.swarm.tables, self.store, tokens, self._owners
        )
        self.exchange = Exchange(self._clock, self._workers, self.swarm, self.store, self.answers, self._owners)
        self.publications = Publications(self._clock, self.exchange, self._memory, self.random)
        self.join = Join(
            self._clock,
            self._workers,
            self._automats,
            self.swarm,
            self.random,
            lambda: self.layers,
            self._layer_reached,
        )
        self.upkeep = Upkeep(
            self._clock, self.swarm, self.store, self.publications, self._memory, self.join, self.random
        )
        self._tell_layers()
        self.answers.idurl = self._idurl
        self.answers.tells_addresses = self._tells_addresses

    def _answer(self, *arguments: Any) -> None:
        self.answers.answer(*arguments)

    def _met(self) -> None:
        self.join.met()

    def _lost(self) -> None:
        self.log.info("all DHT contacts are lost")
        self.join.lost()

    def _tell_layers(self) -> None:
        self.swarm.rpc.layers = mask(self._layers)
        self.answers.layers = frozenset(self._layers)

    def _layer_reached(self, layer: int) -> None:
        if layer not in self._reached:
            self._reached.add(layer)
            self._events.publish("dht-layer-connected", {"layer_id": layer})

    async def _about(self, contact: Contact, layer: int) -> str:
        answer = await self.swarm.ask(contact, About(layer))
        if not isinstance(answer, Told):
            raise wrong_answer(answer)
        return answer.idurl

    async def _seen_by(self, contact: Contact) -> tuple[str, str]:
        answer = await self.swarm.ask(contact, Ping())
        if not isinstance(answer, Pong):
            raise wrong_answer(answer)
        return contact.host, answer.host if may_tell(contact.host, answer.host) else ""

    def _is_used(self, layer: int) -> bool:
        return in_layer(mask(self._layers), layer) or len(self.swarm.tables[layer]) > 0

    def _describe_layer(self, layer: int) -> dict[str, Any]:
        traffic = self.swarm.rpc.traffic
        table = self.swarm.tables[layer]
        items = sum(1 for (of, _, _), _ in self.store if of == layer)
        return {
            "layer_id": layer,
            "data_store_items": items,
            "node_items": int(layer in self._layers),
            "node_id": self.id.hex(),
            "buckets": len(table.buckets),
            "contacts": len(table),
            "attached": layer in self._layers,
            "active": layer in self._reached,
            "packets_received": traffic.packets_received[layer],
            "packets_sent": traffic.packets_sent[layer],
            "rpc_calls": traffic.questions[layer],
            "rpc_responses": traffic.answers[layer],
        }


def _check_layer(layer: int) -> None:
    if not 0 <= layer < LAYERS:
        raise Invalid(f"DHT layers are numbered 0 to {LAYERS - 1}")
