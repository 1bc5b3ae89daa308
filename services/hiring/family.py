"""
The suppliers that customers publish in the DHT, so that others find what they share.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from twisted.logger import Logger

from bitdust_node.clock import Clock
from bitdust_node.dht.node import DhtNode
from bitdust_node.errors import BitDustError
from bitdust_node.identity.me import Me
from bitdust_node.identity.names import Locator
from bitdust_node.identity.resolver import Resolver
from bitdust_node.pieces.layout import ecc_map
from bitdust_node.tasks import Tasks
from bitdust_node.waiting import all_of, sleep

RECORD = "suppliers"
#: Suppliers of one customer, characters of a name, and customers that are remembered.
FAMILY_LIMIT, NAME_LIMIT, REMEMBERED = 64, 1024, 1000
#: Seconds in which changes are collected before they are published, and after which a failed try is repeated.
COLLECT, AGAIN = 2.0, 60.0
#: Identities of suppliers that are fetched at once.
AT_ONCE = 8


@dataclass(frozen=True)
class Family:
    """
    suppliers: IDURLs by position, empty where there is none. revision: grows with each change, 0 when nothing is
    published. timestamp: unix seconds of the last change.
    """

    customer_idurl: str
    suppliers: tuple[str, ...] = ()
    ecc_map: str | None = None
    revision: int = 0
    publisher_idurl: str | None = None
    timestamp: int | None = None

    def describe(self) -> dict[str, Any]:
        """
        As `suppliers_dht_lookup` shows it.
        """
        return {
            "suppliers": list(self.suppliers),
            "ecc_map": self.ecc_map,
            "customer_idurl": self.customer_idurl,
            "revision": self.revision,
            "publisher_idurl": self.publisher_idurl,
            "timestamp": self.timestamp,
        }


class Families:
    """
    Writes the own record and reads those of others; remembers what was read last.
    """

    def __init__(self, dht: DhtNode, resolver: Resolver) -> None:
        self._dht, self._resolver = dht, resolver
        self._known: dict[str, Family] = {}

    async def publish(self, idurl: str, suppliers: Sequence[str]) -> None:
        """
        Tell the world who the suppliers of this node are; raises `Unavailable` while nobody hears it.
        """
        value = {
            "customer_idurl": idurl,
            "publisher_idurl": idurl,
            "ecc_map": ecc_map(len(suppliers)),
            "suppliers": list(suppliers),
        }
        await self._dht.put(RECORD, key_of(idurl), value)

    async def read(self, customer: str) -> Family:
        """
        What a customer (IDURL or global id) has published; an empty family if that is nothing.
        """
        name = Locator.parse(customer)
        reading = await self._dht.read(RECORD, key_of(customer))
        if reading.record is None:
            return Family(name.idurl)
        value = reading.record.contents()
        listed = value.get("suppliers")
        publisher = value.get("publisher_idurl")
        family = Family(
            name.idurl,
            tuple(map(_idurl, listed[:FAMILY_LIMIT])) if isinstance(listed, list) else (),
            str(value.get("ecc_map"))[:NAME_LIMIT],
            reading.record.sequence,
            publisher[:NAME_LIMIT] if isinstance(publisher, str) else name.idurl,
            reading.record.created,
        )
        self._known.pop(name.global_id, None)
        self._known[name.global_id] = family
        if len(self._known) > REMEMBERED:
            del self._known[next(iter(self._known))]
        return family

    def known(self, customer: str) -> Family | None:
        """
        What was read last, without asking anybody.
        """
        try:
            return self._known.get(Locator.parse(customer).global_id)
        except BitDustError:
            return None

    async def meet(self, family: Family) -> None:
        """
        Learn the identities of the suppliers of a family, as far as they can be found.
        """
        await all_of((self._resolver.resolve(idurl) for idurl in family.suppliers if idurl), limit=AT_ONCE)


class Announcement:
    """
    Publishes the own suppliers whenever they have changed.

    family: tells the IDURLs by position.
    """

    log = Logger()

    def __init__(self, families: Families, me: Me, clock: Clock, family: Callable[[], list[str]]) -> None:
        self._families, self._me, self._clock, self._family = families, me, clock, family
        self._tasks = Tasks("announcement of suppliers")
        self._running = False
        self._published: tuple[str, list[str]] | None = None

    def start(self) -> None:
        self._tasks = Tasks("announcement of suppliers")
        self._published = None
        self.look()

    async def stop(self) -> None:
        await self._tasks.stop()

    def look(self) -> None:
        """
        Something may have changed.
        """
        if not self._running and self._now() != self._published:
            self._running = True
            self._tasks.spawn("publish the suppliers", self._publish())

    def _now(self) -> tuple[str, list[str]] | None:
        family = self._family()
        return (self._me.idurl, family) if self._me.has_identity and any(family) else self._published

    async def _publish(self) -> None:
        try:
            while (now := self._now()) != self._published and now is not None:
                await sleep(self._clock, COLLECT)
                now = self._now() or now
                try:
                    await self._families.publish(*now)
                except BitDustError as error:
                    self.log.info("the suppliers could not be published: {error}", error=error)
                    await sleep(self._clock, AGAIN)
                else:
                    self._published = now
        finally:
            self._running = False


def _idurl(told: object) -> str:
    """Whoever writes a record may write anything."""
    try:
        return Locator.of_idurl(str(told)[:NAME_LIMIT]).idurl
    except BitDustError:
        return ""


def key_of(customer: str) -> str:
    """
    The key of the record of a customer.
    """
    return f"{Locator.parse(customer).global_id}:{RECORD}"
