"""
The records that a node keeps for the network: bounded, and gone when they expire. Time is an argument.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import msgspec

from bitdust_node.dht.contact import kind_of
from bitdust_node.dht.ids import number
from bitdust_node.dht.messages import CLAIMS, Claim
from bitdust_node.dht.records import Record, pack
from bitdust_node.errors import Conflict, Full

RECORDS = 20_000
BYTES = 32 * 1024 * 1024
#: Records taken from one address; loopback has no limit.
OF_ONE_HOST = 500
#: Types whose first owner keeps the key for itself.
FIRST_COME = ("nickname",)

#: layer, place, owner (32 bytes or none).
Slot = tuple[int, bytes, bytes]


class Held(msgspec.Struct):
    """
    received: unix seconds. host: who brought it, empty if ourselves. genuine: its owner is known to be the true one.
    """

    record: Record
    packed: bytes
    received: float
    host: str = ""
    genuine: bool = False


class Store:
    """
    Keeps what was verified before.

    me: own id; when there is no room, the farthest record goes.
    """

    def __init__(self, me: bytes, records: int = RECORDS, size: int = BYTES) -> None:
        self._me = number(me)
        self._records, self._size = records, size
        self._held: dict[tuple[int, bytes], dict[bytes, Held]] = {}
        self._hosts: Counter[str] = Counter()
        self._count = 0
        self._bytes = 0
        self._victims: list[Slot] = []
        #: Slots that changed since the owner of this store last wrote it to disk.
        self.changed: set[Slot] = set()

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[tuple[Slot, Held]]:
        for (layer, place), owners in list(self._held.items()):
            for owner, held in list(owners.items()):
                yield (layer, place, owner), held

    def get(self, slot: Slot) -> Held | None:
        return self._held.get(slot[:2], {}).get(slot[2])

    def owners(self, layer: int, place: bytes, now: float) -> list[Held]:
        """
        What is kept under a place, at most one record of each owner.
        """
        return [held for held in self._held.get((layer, place), {}).values() if held.record.ends > now]

    def claims(self, layer: int, place: bytes, now: float) -> list[Claim]:
        return [
            Claim(owner, held.record.sequence)
            for owner, held in self._held.get((layer, place), {}).items()
            if held.record.ends > now
        ]

    def put(self, record: Record, owner: bytes, now: float, host: str = "", genuine: bool = False) -> None:
        """
        Keep a record. Raises Conflict if something newer, or somebody else's, is here; Full if there is no room.
        """
        slot = (record.layer, record.place, owner)
        owners = self._held.get(slot[:2], {})
        before = owners.get(owner)
        packed = pack(record)
        if before is not None and before.record.ends > now:
            if before.packed == packed:
                before.genuine = before.genuine or genuine
                return
            if record.sequence <= before.record.sequence:
                raise Conflict(f"a record with sequence {before.record.sequence} is already here")
        others = [other for name, other in owners.items() if name != owner and other.record.ends > now]
        if others and record.type in FIRST_COME:
            raise Conflict("somebody else holds this key")
        if len(others) >= CLAIMS:
            self._yield_to(genuine, slot, owners)
        if host and kind_of(host) != "loopback" and self._hosts[host] >= OF_ONE_HOST and before is None:
            raise Full(f"{OF_ONE_HOST} records of one address are kept")
        if before is not None:
            self.drop(slot)
        self._make_room(slot, len(packed), now)
        self._held.setdefault(slot[:2], {})[owner] = Held(record, packed, now, host, genuine)
        self._count += 1
        self._bytes += len(packed)
        self._hosts[host] += 1
        self.changed.add(slot)

    def restore(self, record: Record, owner: bytes, packed: bytes, received: float) -> None:
        """
        Take back what this store kept before a restart.
        """
        self._held.setdefault((record.layer, record.place), {})[owner] = Held(record, packed, received)
        self._count += 1
        self._bytes += len(packed)
        self._hosts[""] += 1

    def drop(self, slot: Slot) -> None:
        owners = self._held.get(slot[:2], {})
        held = owners.pop(slot[2], None)
        if held is None:
            return
        if not owners:
            del self._held[slot[:2]]
        self._count -= 1
        self._bytes -= len(held.packed)
        self._hosts[held.host] -= 1
        if not self._hosts[held.host]:
            del self._hosts[held.host]
        self.changed.add(slot)

    def expire(self, now: float) -> None:
        for slot, held in list(self):
            if held.record.ends <= now:
                self.drop(slot)

    def _yield_to(self, genuine: bool, slot: Slot, owners: dict[bytes, Held]) -> None:
        """
        Too many claim one key: only one who is known to be its owner gets in.
        """
        doubtful = [name for name, held in owners.items() if not held.genuine]
        if not genuine or not doubtful:
            raise Full("too many owners claim this key")
        self.drop((slot[0], slot[1], doubtful[0]))

    def _make_room(self, slot: Slot, size: int, now: float) -> None:
        if self._fits(size):
            return
        self.expire(now)
        while not self._fits(size):
            while self._victims and self.get(self._victims[-1]) is None:
                self._victims.pop()
            if not self._victims:
                # many at once, because finding them looks at everything
                self._victims = sorted((held for held, _ in self), key=self._distance)[-64:]
            if not self._victims or self._distance(slot) >= self._distance(self._victims[-1]):
                raise Full("the DHT store of this node is full")
            self.drop(self._victims.pop())

    def _fits(self, size: int) -> bool:
        return self._count < self._records and self._bytes + size <= self._size

    def _distance(self, slot: Slot) -> int:
        return self._me ^ number(slot[1])
