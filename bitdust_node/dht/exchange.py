"""
Reading and writing records in the network.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bitdust_node.clock import Clock
from bitdust_node.dht.answers import Answers
from bitdust_node.dht.contact import Contact
from bitdust_node.dht.ids import K, distance, place_of
from bitdust_node.dht.messages import Claim, Fetch, Fetched, Store, Stored
from bitdust_node.dht.owners import Owners
from bitdust_node.dht.records import (
    LONGEST,
    RULES,
    SKEW,
    Record,
    check,
    make,
    named_owner,
    normal_key,
    owner_of,
    pack,
    parse,
    verify,
)
from bitdust_node.dht.store import Store as RecordStore
from bitdust_node.dht.swarm import Swarm, Way, wrong_answer
from bitdust_node.errors import BitDustError, Corrupt, Invalid, NotFound, Unavailable
from bitdust_node.threads import Workers
from bitdust_node.waiting import all_of

#: Different records of one key that a reader looks at.
LOOKED_AT = 8


@dataclass
class Reading:
    """
    record: the newest valid one, or None. closest: nodes nearest to the key. refused: why others were not taken.
    others: valid ones of further owners, if they were asked for; the newest first.
    """

    record: Record | None = None
    closest: list[Contact] = field(default_factory=list)
    refused: list[BitDustError] = field(default_factory=list)
    others: list[Record] = field(default_factory=list)


@dataclass
class Writing:
    """
    accepted: nodes that keep the record now. here: this node keeps it too. refused: what the others said.
    """

    record: Record
    closest: list[Contact]
    accepted: list[Contact] = field(default_factory=list)
    here: bool = False
    refused: list[BitDustError] = field(default_factory=list)


class Exchange:
    """
    Gets and puts records; keeps what falls to this node itself.
    """

    def __init__(
        self, clock: Clock, workers: Workers, swarm: Swarm, store: RecordStore, answers: Answers, owners: Owners
    ) -> None:
        self._clock = clock
        self._workers = workers
        self._swarm = swarm
        self._store = store
        self._answers = answers
        self._owners = owners

    async def read(self, record_type: str, key: str, layer: int, owners: int = 1) -> Reading:
        """
        Find the valid record with the highest sequence number. What is foreign, old or broken is passed over.

        owners: how many owners of records of this key are wanted.
        """
        place = place_of(record_type, normal_key(record_type, key))
        way = await self._swarm.find(place, layer, claims=True)
        reading = Reading(closest=way.closest)
        own = set(self._store.claims(layer, place, self._clock.seconds()))
        # those of the owner first, if we know him, so that a crowd of strangers can not hide his record
        owner = bytes.fromhex(self._owners.known(named_owner(record_type, normal_key(record_type, key))))
        claims = sorted(own.union(way.claims), key=lambda claim: (claim.owner != owner, -claim.sequence))
        for claim in claims[:LOOKED_AT]:
            if reading.record is not None and len(reading.others) + 1 >= owners:
                break
            sources = [None, *way.claims.get(claim, [])] if claim in own else way.claims[claim]
            for source in sources:
                try:
                    packed = await self._fetch(source, claim, layer, place, way)
                    record = await self._believed(packed, claim, layer, place)
                except BitDustError as error:
                    reading.refused.append(error)
                except ValueError:
                    reading.refused.append(Invalid("not a DHT record"))
                else:
                    if reading.record is None:
                        reading.record = record
                    elif record.public not in {other.public for other in (reading.record, *reading.others)}:
                        reading.others.append(record)
                    break
        return reading

    async def write(
        self, record_type: str, key: str, layer: int, value: Mapping[str, Any], lifetime: int = LONGEST
    ) -> Writing:
        """
        Sign a record and store it at the nodes nearest to its key.

        Raises Invalid if it breaks its rule; what single nodes refuse is in the result.
        """
        key = normal_key(record_type, key)
        place = place_of(record_type, key)
        way = await self._swarm.find(place, layer, claims=True)
        signed = RULES[record_type].signed
        owner = bytes.fromhex(self._owners.node_id()) if signed else b""
        now = self._clock.seconds()
        record = await self._workers.run(
            make,
            record_type,
            key,
            layer,
            value,
            sequence=self._next_sequence(layer, place, owner, way, now),
            created=int(now),
            lifetime=lifetime,
            signer=self._owners.signer() if signed else None,
        )
        return await self._spread(record, way)

    async def again(self, record: Record) -> Writing:
        """
        Store a record once more as it is, at the nodes that are nearest now.
        """
        return await self._spread(record, await self._swarm.find(record.place, record.layer))

    def _next_sequence(self, layer: int, place: bytes, owner: bytes, way: Way, now: float) -> int:
        sequence = int(now * 1000)
        seen = [claim.sequence for claim in way.claims if claim.owner == owner]
        held = self._store.get((layer, place, owner))
        if held is not None:
            seen.append(held.record.sequence)
        # a liar must not drive the numbers to where nobody takes them
        ahead = LONGEST if owner else SKEW - 1
        believed = [number for number in seen if number < sequence + ahead * 1000]
        return max([sequence, *(number + 1 for number in believed)])

    async def _spread(self, record: Record, way: Way) -> Writing:
        writing = Writing(record, way.closest)
        targets = way.closest
        if self._is_near(record, targets):
            targets = targets[: K - 1]
            try:
                await self._answers.keep(record)
                writing.here = True
            except BitDustError as error:
                writing.refused.append(error)
        packed = pack(record)
        results = await all_of(self._offer(contact, record, packed, way) for contact in targets)
        for contact, result in zip(targets, results, strict=True):
            if result is None:
                writing.accepted.append(contact)
            elif isinstance(result, BitDustError):
                writing.refused.append(result)
            else:
                raise result
        return writing

    def _is_near(self, record: Record, closest: list[Contact]) -> bool:
        if record.layer not in self._answers.layers:
            return not closest
        if len(closest) < K:
            return True
        place = record.place
        return distance(self._swarm.me, place) < distance(closest[K - 1].id, place)

    async def _offer(self, contact: Contact, record: Record, packed: bytes, way: Way) -> None:
        token = way.tokens.get(contact.id, b"")
        answer = await self._swarm.ask(contact, Store(record.layer, packed, token))
        if not isinstance(answer, Stored):
            raise wrong_answer(answer)

    async def _fetch(self, source: Contact | None, claim: Claim, layer: int, place: bytes, way: Way) -> bytes:
        """
        The packed record that somebody claims to keep; source None: this node.
        """
        if source is None:
            held = self._store.get((layer, place, claim.owner))
            if held is None:
                raise NotFound("the record went away")
            return held.packed
        token = way.tokens.get(source.id, b"")
        answer = await self._swarm.ask(source, Fetch(layer, place, claim.owner, token))
        if not isinstance(answer, Fetched):
            raise wrong_answer(answer)
        return answer.record

    async def _believed(self, packed: bytes, claim: Claim, layer: int, place: bytes) -> Record:
        record = parse(packed)
        check(record, self._clock.seconds())
        if record.place != place or record.layer != layer or record.sequence != claim.sequence:
            raise Corrupt("the node gave another record than it claimed to keep")
        signed_by = await self._workers.run(verify, record)
        if bytes.fromhex(signed_by) != claim.owner:
            raise Corrupt("the node gave the record of another owner than it claimed")
        if signed_by and owner_of(record) != signed_by:
            await self._owners.confirm(record, signed_by)
        return record


def failure_of(writing: Writing) -> BitDustError:
    """
    Why nobody took the record.
    """
    if writing.refused:
        return writing.refused[0]
    return Unavailable("no DHT node took the record")
