"""
What keeps a node's view of the network true while nobody asks anything, at little cost.
"""

from __future__ import annotations

from random import Random

from bitdust_node.clock import Clock
from bitdust_node.dht.contact import Contact
from bitdust_node.dht.ids import LAYERS, K, random_in_bucket
from bitdust_node.dht.join import Join
from bitdust_node.dht.memory import CONTACTS, DhtMemory, Kept
from bitdust_node.dht.messages import Ping
from bitdust_node.dht.publications import Publications
from bitdust_node.dht.store import Store
from bitdust_node.dht.swarm import Swarm
from bitdust_node.errors import BitDustError
from bitdust_node.tasks import Tasks
from bitdust_node.waiting import all_of

#: Seconds between two rounds.
ROUND = 60.0
SAVING = 10.0
#: Seconds without a word after which a contact is pinged, and without a lookup after which a bucket is walked.
SILENT = 600.0
IDLE = 3600.0
#: At most in one round.
PINGED = 8
WALKED = 2


class Upkeep:
    """
    Pings silent contacts, walks idle buckets, publishes again, forgets what expired, writes what changed.
    """

    def __init__(
        self,
        clock: Clock,
        swarm: Swarm,
        store: Store,
        publications: Publications,
        memory: DhtMemory,
        join: Join,
        random: Random,
    ) -> None:
        self._clock = clock
        self._swarm = swarm
        self._store = store
        self._publications = publications
        self._memory = memory
        self._join = join
        self._random = random
        self._contacts: list[Contact] = []

    def start(self, tasks: Tasks) -> None:
        tasks.every(ROUND, "look after the contacts", self.round, self._clock)
        tasks.every(ROUND, "publish again", self.publish, self._clock)
        tasks.every(SAVING, "write what changed", self.save_records, self._clock)

    async def round(self) -> None:
        """
        One round of all that is due.
        """
        now = self._clock.seconds()
        self._store.expire(now)
        silent: dict[bytes, Contact] = {}
        for layer in range(LAYERS):
            silent.update((contact.id, contact) for contact in self._swarm.tables[layer].silent(now, SILENT))
        await all_of(self._ping(contact) for contact in list(silent.values())[:PINGED])
        walked = 0
        for layer in range(LAYERS):
            for bucket in self._swarm.tables[layer].idle(now, IDLE):
                if walked < WALKED:
                    walked += 1
                    await self._swarm.find(random_in_bucket(self._swarm.me, bucket, self._random), layer)
        if len(self._swarm.tables[0]) < K:
            await self._join.knock()
        await self._save_contacts()

    async def publish(self) -> None:
        if self._join.joined:
            await self._publications.refresh()

    async def save(self) -> None:
        """
        Write all that is worth keeping over a restart.
        """
        await self.save_records()
        await self._save_contacts()

    async def _save_contacts(self) -> None:
        contacts = list(dict.fromkeys(contact for layer in range(LAYERS) for contact in self._swarm.tables[layer]))
        contacts = contacts[:CONTACTS]
        if contacts and set(contacts) != set(self._contacts):
            # after a time without network nobody is known: those of before are worth more then
            self._contacts = contacts
            await self._memory.save_contacts(contacts)

    async def save_records(self) -> None:
        if not self._store.changed:
            return
        changed, self._store.changed = self._store.changed, set()
        rows = []
        for slot in changed:
            held = self._store.get(slot)
            rows.append((slot, Kept(slot[2], held.packed, held.received) if held is not None else None))
        try:
            await self._memory.save_records(rows)
        except BitDustError:
            self._store.changed |= changed
            raise

    async def _ping(self, contact: Contact) -> None:
        await self._swarm.ask(contact, Ping())
