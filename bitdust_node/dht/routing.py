"""
Routing tables: whom a node knows, more of them the nearer they are. Time is an argument.
"""

from __future__ import annotations

from collections.abc import Iterator
from heapq import nsmallest

import msgspec

from bitdust_node.dht.contact import Contact, has_room
from bitdust_node.dht.ids import ID_BITS, LAYERS, K, bucket_of, in_layer, number

#: Contacts kept in reserve for a full bucket.
RESERVE = 8

#: Failures in a row after which a contact goes, with and without one in reserve to take its place.
FAILURES_REPLACED = 2
FAILURES_DROPPED = 3


class Entry(msgspec.Struct):
    """
    A contact in a bucket, and what we know of it.
    """

    contact: Contact
    number: int
    seen: float
    failures: int = 0


class Bucket:
    """
    Contacts at about the same distance.
    """

    __slots__ = ("entries", "looked", "reserve")

    def __init__(self, now: float) -> None:
        self.entries: dict[bytes, Entry] = {}
        self.reserve: dict[bytes, Entry] = {}
        self.looked = now

    def has_room(self, contact: Contact) -> bool:
        return len(self.entries) < K and has_room((entry.contact for entry in self.entries.values()), contact.host)

    def promote(self) -> None:
        """
        Fill the room from the reserve, the latest seen first.
        """
        for id_ in sorted(self.reserve, key=lambda known: -self.reserve[known].seen):
            if len(self.entries) >= K:
                return
            entry = self.reserve[id_]
            if self.has_room(entry.contact):
                del self.reserve[id_]
                self.entries[id_] = entry


class Table:
    """
    The routing table of one layer.

    Only contacts that answered at their address belong in here: `heard`.
    """

    def __init__(self, me: bytes) -> None:
        self.me = me
        self._buckets: dict[int, Bucket] = {}
        self._entries: dict[bytes, Entry] = {}

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[Contact]:
        return (entry.contact for entry in self._entries.values())

    @property
    def buckets(self) -> dict[int, Bucket]:
        return self._buckets

    def get(self, id_: bytes) -> Contact | None:
        entry = self._entries.get(id_)
        return entry.contact if entry else None

    def wants(self, contact: Contact) -> bool:
        """
        Would this contact be listed, were it proven?
        """
        if contact.id == self.me:
            return False
        known = self._entries.get(contact.id)
        if known is not None:
            return known.contact.address != contact.address
        bucket = self._buckets.get(bucket_of(self.me, contact.id))
        return bucket is None or bucket.has_room(contact)

    def heard(self, contact: Contact, now: float) -> bool:
        """
        A contact answered: list it, or keep it in reserve. True if it is new in the table.
        """
        if contact.id == self.me:
            return False
        index = bucket_of(self.me, contact.id)
        bucket = self._buckets.get(index)
        if bucket is None:
            bucket = self._buckets[index] = Bucket(now)
        known = bucket.entries.pop(contact.id, None)
        if known is not None:
            known.contact, known.seen, known.failures = contact, now, 0
            bucket.entries[contact.id] = known  # the latest seen is the last
            return False
        entry = Entry(contact, number(contact.id), now)
        if bucket.has_room(contact):
            bucket.reserve.pop(contact.id, None)
            bucket.entries[contact.id] = self._entries[contact.id] = entry
            return True
        bucket.reserve.pop(contact.id, None)
        bucket.reserve[contact.id] = entry
        while len(bucket.reserve) > RESERVE:
            del bucket.reserve[next(iter(bucket.reserve))]
        return False

    def failed(self, id_: bytes) -> bool:
        """
        A contact did not answer. True if that was once too often, and it is gone.
        """
        bucket = self._buckets.get(bucket_of(self.me, id_))
        if bucket is None:
            return False
        bucket.reserve.pop(id_, None)
        entry = bucket.entries.get(id_)
        if entry is None:
            return False
        entry.failures += 1
        if entry.failures < (FAILURES_REPLACED if bucket.reserve else FAILURES_DROPPED):
            return False
        self.remove(id_)
        return True

    def remove(self, id_: bytes) -> None:
        index = bucket_of(self.me, id_)
        bucket = self._buckets.get(index)
        if bucket is None:
            return
        bucket.reserve.pop(id_, None)
        if bucket.entries.pop(id_, None) is None:
            return
        del self._entries[id_]
        bucket.promote()
        self._entries.update(bucket.entries)
        if not bucket.entries:
            del self._buckets[index]

    def closest(self, target: bytes, count: int = K) -> list[Contact]:
        """
        The contacts nearest to the target, the nearest first.
        """
        goal = number(target)
        near = nsmallest(count, self._entries.values(), key=lambda entry: entry.number ^ goal)
        return [entry.contact for entry in near]

    def looked(self, target: bytes, now: float) -> None:
        """
        A lookup of this id was made: its bucket is fresh.
        """
        bucket = self._buckets.get(bucket_of(self.me, target))
        if bucket is not None:
            bucket.looked = now

    def gaps(self) -> list[int]:
        """
        Buckets farther than the nearest contact that have room, the farthest first: where a newcomer has to look.
        """
        nearest = min(self._buckets, default=ID_BITS)
        return [
            index
            for index in range(ID_BITS - 1, nearest, -1)
            if index not in self._buckets or len(self._buckets[index].entries) < K
        ]

    def idle(self, now: float, seconds: float) -> list[int]:
        """
        Buckets in which nothing was looked up for so long.
        """
        return [index for index, bucket in self._buckets.items() if now - bucket.looked >= seconds]

    def silent(self, now: float, seconds: float) -> list[Contact]:
        """
        Contacts not heard of for so long, at most one of each bucket.
        """
        found = []
        for bucket in self._buckets.values():
            oldest = next(iter(bucket.entries.values()))
            if now - oldest.seen >= seconds:
                found.append(oldest.contact)
        return found


class Tables:
    """
    The routing tables of all layers: a contact is in those of the layers that it says it is attached to.
    """

    def __init__(self, me: bytes) -> None:
        self.me = me
        self.layers = tuple(Table(me) for _ in range(LAYERS))

    def __getitem__(self, layer: int) -> Table:
        return self.layers[layer]

    def knows(self, contact: Contact) -> bool:
        """
        Is it listed in any layer, at this very address?
        """
        for table in self.layers:
            known = table.get(contact.id)
            if known is not None and (known.host, known.port) == (contact.host, contact.port):
                return True
        return False

    def wants(self, contact: Contact) -> bool:
        return any(table.wants(contact) for layer, table in enumerate(self.layers) if in_layer(contact.layers, layer))

    def heard(self, contact: Contact, now: float) -> bool:
        """
        A contact answered. True if it is new in any layer.
        """
        new = False
        for layer, table in enumerate(self.layers):
            if in_layer(contact.layers, layer):
                new = table.heard(contact, now) or new
            elif table.get(contact.id) is not None:
                table.remove(contact.id)
        return new

    def failed(self, id_: bytes) -> None:
        for table in self.layers:
            table.failed(id_)

    def closest(self, layer: int, target: bytes, count: int = K) -> list[Contact]:
        """
        The nearest members of the layer, filled up with the nearest nodes outside of it, who may know more.
        """
        found = self.layers[layer].closest(target, count)
        if layer and len(found) < count:
            members = {contact.id for contact in found}
            outside = self.layers[0].closest(target, count)
            found += [contact for contact in outside if contact.id not in members][: count - len(found)]
        return found
