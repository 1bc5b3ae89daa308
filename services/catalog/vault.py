"""
The catalog and the keys of this node, whole with each of its suppliers: told soon after each change, and read back
when a supplier is found to have what is not known here, so that the identity key alone brings everything back.
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from bitdust_node.alarm import Alarm
from bitdust_node.clock import Clock
from bitdust_node.errors import BitDustError, Conflict, Corrupt, Failed, Full, NotFound, Unavailable
from bitdust_node.events import Events
from bitdust_node.identity.me import Me
from bitdust_node.tasks import Tasks
from bitdust_node.threads import Workers
from bitdust_node.waiting import all_of, outcome
from services.catalog.bare import BareVersions
from services.catalog.batches import Read, sign_batch, unpack_batch
from services.catalog.catalog import Catalog
from services.catalog.journal import Pending
from services.catalog.key_copies import NO_KEYS, KeyCopies
from services.catalog.objects import BATCH, KEYS, Name, Names, seal_object
from services.catalog.parcels import Parcels
from services.catalog.place import Place
from services.catalog.shelf import Sealed, Shelf
from services.catalog.synchrony import Synchrony
from services.customer import Customer
from services.data_motion import DataMotion, Holder
from services.hiring.link import SupplierLink
from services.upkeep.rests import Rests

#: Seconds in which changes are collected, and after which what failed is tried again.
COLLECT, AGAIN, AGAIN_LONGEST = 2.0, 60.0, 960.0
#: Seconds after which what none of the suppliers has counts as lost, although some were not there to be asked.
GAP_TIME = 900.0
#: A log of more batches than this, and than twice those of its beginning, is written anew.
LOG_LONGEST = 128


class Vault:
    """
    Owner of the objects on the shelf.
    """

    log = Logger()

    def __init__(
        self,
        catalog: Catalog,
        copies: KeyCopies,
        customer: Customer,
        motion: DataMotion,
        place: Place,
        me: Me,
        workers: Workers,
        events: Events,
        clock: Clock,
    ) -> None:
        self._catalog, self._copies, self._customer = catalog, copies, customer
        self._place, self._me, self._workers, self._clock = place, me, workers, clock
        self._shelf: Shelf = catalog.shelf
        self._parcels = Parcels(motion, place, workers, clock)
        self._bare = BareVersions(catalog, customer, motion, place, workers, clock)
        #: What a defect strikes at when it is read.
        self._rests = Rests()
        self._synchrony = Synchrony(events if place.circle is None else None)
        self._tasks = Tasks("vault")
        self._undo: list[Callable[[], None]] = []
        self._alarm = Alarm(clock, self._begin)
        self._running: Deferred[None] | None = None
        self._names: Names | None = None
        self._heard: set[str] = set()
        #: Suppliers that did not take an object, for how long they rest, and until when.
        self._resting: dict[str, tuple[float, float]] = {}
        self._since = 0.0
        self._tidied = False
        #: What suppliers have and this node has not read yet, and who has it.
        self._unread: dict[Name, list[Holder]] = {}
        #: Since when it is asked for in vain.
        self._asked: dict[Name, float] = {}

    async def start(self) -> None:
        self._tasks = Tasks("vault")
        self._heard, self._unread = set(), {}
        self._since = self._clock.seconds()
        self._names = Names(await self._workers.run(self._place.names_secret))
        await self._catalog.journal.begin()
        self._undo = [
            self._customer.observe(self.soon),
            self._catalog.journal.observe(self.soon),
            self._copies.observe(self.soon),
        ]
        self.soon()

    async def stop(self) -> None:
        for undo in self._undo:
            undo()
        self._undo = []
        await self._tasks.stop()
        self._alarm.off()
        self._running = None

    def soon(self) -> None:
        """
        Something is to be told, or somebody came whom it can be told.
        """
        self._alarm.set(COLLECT)

    def name_of(self, version: bytes) -> Name | None:
        """
        The name of an object of this node; None for any other version.
        """
        return self._names.read(version) if self._names is not None else None

    async def expected(self, holder: Holder) -> set[bytes]:
        """
        The objects that a supplier should have.
        """
        return await self._shelf.at(holder.node_id)

    async def listed(self, holder: Holder, there: set[bytes], expected: set[bytes]) -> None:
        """
        What a supplier has told of the objects that it keeps. expected: what was thought before it was asked.
        """
        await self._shelf.found(holder.node_id, holder.idurl, there, expected - there)
        own = {*await self._shelf.own(BATCH), *await self._shelf.own(KEYS), *await self._shelf.keys_read()}
        for version in there:
            name = self.name_of(version)
            if name is not None and name.kind in (BATCH, KEYS) and version not in own:
                holders = self._unread.setdefault(name, [])
                if holder not in holders:
                    holders.append(holder)
        self._heard.add(holder.node_id)
        self._tidied = False
        self.soon()

    def _begin(self) -> None:
        if self._running is not None:
            self._alarm.set(COLLECT)
            return
        self._running = self._tasks.spawn("keep the catalog with suppliers", self._work())
        self._running.addCallback(self._ended)

    def _ended(self, _result: object) -> None:
        self._running = None

    async def _work(self) -> None:
        # as long as it is not done: nobody else would come back to what is left
        again: float | None = AGAIN
        try:
            await self._read_all()
            if self._place.writes:
                await self._tell_all()
            more = await self._bare.fill()
            again = COLLECT if more else AGAIN if self._unread or self._resting else None
        except (BitDustError, OSError) as error:
            # the own disk is full, for one
            self.log.warn("suppliers and the catalog are compared again later: {error}", error=error)
        finally:
            if again is not None:
                self._alarm.set(again)

    async def _tell_all(self) -> None:
        await self._pack()
        await self._shelf.keep_only({link.node_id for link in self._customer.links.values()})
        await self._compare()
        now = self._clock.seconds()
        links = [
            link
            for link in self._customer.connected().values()
            if self._resting.get(link.node_id, (0.0, 0.0))[1] <= now
        ]
        for link, result in zip(links, await all_of([self._push(link) for link in links], limit=8), strict=True):
            if not isinstance(result, Exception):
                self._resting.pop(link.node_id, None)
                continue
            if isinstance(result, BitDustError):
                self.log.info("{supplier} does not take the catalog: {error}", supplier=link.hired.idurl, error=result)
            elif isinstance(result, OSError):
                raise result
            else:
                # it must not hold up the others
                self.log.failure("{supplier} does not take the catalog", Failure(result), supplier=link.hired.idurl)
            rest = min(2 * self._resting.get(link.node_id, (AGAIN / 2, 0.0))[0], AGAIN_LONGEST)
            self._resting[link.node_id] = rest, now + rest
            self._synchrony.failed(await self._shelf.lacking([link.node_id]), f"{link.hired.idurl}: {result}")
        await self._compare()
        await self._tidy()

    async def _compare(self) -> None:
        """Let clients know whether the suppliers have all."""
        if self._customer.links:
            self._synchrony.note(await self._shelf.lacking([link.node_id for link in self._customer.links.values()]))

    # telling

    async def _pack(self) -> None:
        while (pending := await self._catalog.journal.pending()) is not None:
            await self._tell(pending)
        state = self._copies.state()
        if state is None:
            return
        digest = sha256(state).digest()
        number, last = await self._shelf.keys_told()
        # a node that never had a key but that of its identity has nothing to tell
        if digest != last and (number or state != NO_KEYS):
            name = Name(KEYS, (await self._catalog.journal.own())[0], number + 1)
            await self._shelf.tell_keys(await self._seal(name, state), name, digest)
            self._catalog.errands.tell()

    async def _tell(self, pending: Pending) -> None:
        batch = pending.batch
        packed, digest = await self._workers.run(sign_batch, batch, self._me.device, self._me.device_record)
        name = Name(BATCH, batch.log, batch.number)
        sealed = await self._seal(name, packed)
        await self._catalog.journal.told(pending, digest, lambda c: self._shelf.put(c, sealed, name))
        await self._place.take(self._me.node_id, batch)

    async def _seal(self, name: Name, plain: bytes) -> Sealed:
        assert self._names is not None
        version = self._names.id_of(name)
        now = int(self._clock.seconds())
        return Sealed(version, *await self._workers.run(seal_object, self._place.signet, version, plain, now))

    async def _push(self, link: SupplierLink) -> None:
        holder = Holder(link.node_id, link.hired.idurl)
        while objects := await self._shelf.missing(holder.node_id):
            for sealed in objects:
                try:
                    await self._parcels.send(holder, sealed)
                except Conflict:
                    # another one is there under this name: it was written by a copy of this data folder
                    self.log.error("{supplier} has another catalog log of this name", supplier=holder.idurl)
                    await self._catalog.journal.compact()
                    await self._shelf.bury([sealed.id])
                    self.soon()
                    return
                await self._shelf.copied(sealed.id, holder.node_id, holder.idurl)

    # reading

    async def _read_all(self) -> None:
        outdated = await self._catalog.journal.outdated()
        log, told = await self._catalog.journal.own()
        if any(name.kind == BATCH and name.log == log and name.number > told for name in self._unread):
            self.log.error("this data folder is older than the catalog that its suppliers have: it goes on anew")
            await self._catalog.journal.renounce()
        for name in [one for one in self._unread if one.kind == BATCH and one.number <= outdated.get(one.log, 0)]:
            del self._unread[name]
        self._asked = {name: since for name, since in self._asked.items() if name in self._unread}
        read, some = True, bool(self._unread)
        self._rests.begin(self._clock.seconds())
        while read:
            read = False
            for name in sorted(self._unread):
                read = await self._try(name, last=False) or read
            if not read and self._unread and self._complete():
                # nobody is left who could have what is missing before these
                for name in sorted(self._unread):
                    read = not self._waits(name) and await self._try(name, last=True)
                    if read:
                        break
        if some:
            await self._forget_outdated()

    def _complete(self) -> bool:
        hired = {link.node_id for link in self._customer.links.values()}
        return hired <= self._heard or self._clock.seconds() - self._since > GAP_TIME

    def _waits(self, name: Name) -> bool:
        """True while somebody has what comes before it, and can only not give it now."""
        latest = self._clock.seconds() - GAP_TIME
        return any(
            (one.kind, one.log) == (BATCH, name.log) and one.number < name.number and self._asked.get(one, 0.0) > latest
            for one in self._unread
        )

    async def _try(self, name: Name, last: bool) -> bool:
        """The same for one that a defect may strike at, which must not hold up the others."""
        assert self._names is not None
        version = self._names.id_of(name)
        if not self._rests.is_over(version, self._clock.seconds()):
            return False
        read = await outcome(self._read(name, last))
        if isinstance(read, BitDustError | OSError):
            raise read
        if isinstance(read, Exception):
            self.log.failure("a part of the catalog can not be read", Failure(read))
            self._rests.failed(version, self._clock.seconds())
            return False
        return read

    async def _read(self, name: Name, last: bool) -> bool:
        """True if it is done with. last: what is missing before it is not waited for any more."""
        assert self._names is not None
        got: tuple[Sealed, bytes] | None = None
        version = self._names.id_of(name)
        if name.kind == BATCH and not last:
            known = (await self._catalog.journal.known()).get(name.log, 0)
            if name.number > known + 1:
                return False
        self._asked.setdefault(name, self._clock.seconds())
        for holder in list(self._unread[name]):
            try:
                got = await self._parcels.fetch(holder, version)
                break
            except BitDustError as error:
                self.log.warn("a part of the catalog at {supplier}: {error}", supplier=holder.idurl, error=error)
                if isinstance(error, Corrupt | NotFound):
                    # it is sent a good one when there is any
                    await self._shelf.found(holder.node_id, holder.idurl, (), [version])
                    self._unread[name].remove(holder)
        if got is None:
            if self._unread[name]:
                return False
            # nobody has it; should somebody come who does, he lists it
            del self._unread[name]
            return True
        sealed, plain = got
        try:
            await self._take(name, plain, last)
            if name.kind == BATCH and self._place.writes:
                await self._shelf.keep(sealed, name)
        except (Full, Failed):
            # the own disk: nothing is wrong with what was read, and what follows it must not take its place
            raise
        except BitDustError as error:
            if isinstance(error, Unavailable) and self._asked[name] > self._clock.seconds() - GAP_TIME:
                self.log.info("who wrote a part of the catalog, or owns a key, is not known now: {error}", error=error)
                return False
            self.log.error("a part of the catalog is refused: {error}", error=error)
        self._unread.pop(name, None)
        return True

    async def _take(self, name: Name, plain: bytes, last: bool) -> None:
        assert self._names is not None
        if name.kind == KEYS:
            await self._copies.read(plain)
            await self._shelf.note_keys_read(self._names.id_of(name))
            return
        unchecked = await self._workers.run(unpack_batch, plain)
        author = await self._place.author(unchecked.author)
        read: Read = await self._workers.run(unchecked.check, author)
        batch = read.batch
        if (batch.log, batch.number) != (name.log, name.number):
            raise Conflict(f"batch {batch.number} of {batch.log.hex()} has the name of {name.number}")
        batch = await self._place.take(unchecked.author, batch)
        if last:
            self.log.error("catalog log {log} has a gap before {number}", log=batch.log.hex(), number=batch.number)
            await self._catalog.journal.skip(batch.log, batch.number - 1, batch.previous)
        await self._catalog.merge(Read(batch, read.digest))

    async def _forget_outdated(self) -> None:
        """Other devices have said anew what is kept for suppliers to come."""
        assert self._names is not None
        outdated = await self._catalog.journal.outdated()
        names = {version: self._names.read(version) for version in await self._shelf.own(BATCH)}
        await self._shelf.forget([v for v, name in names.items() if name and name.number <= outdated.get(name.log, 0)])

    # a short log

    async def _tidy(self) -> None:
        """What other logs say and the own one says again is deleted, when enough suppliers have the own one."""
        assert self._names is not None
        if not self._unread and await self._catalog.is_long(LOG_LONGEST):
            await self._catalog.journal.compact()
            self._tidied = False
            self.soon()
            return
        covered = await self._catalog.journal.covered()
        if self._tidied or not covered:
            return
        least = self._customer.wanted.suppliers // 2 + 1
        if not await self._shelf.spread(await self._current(), least):
            return
        names = {version: self._names.read(version) for version in await self._shelf.everywhere()}
        old = [
            version
            for version, name in names.items()
            if name is not None and name.kind == BATCH and name.number <= covered.get(name.log, 0)
        ]
        self._tidied = True
        if old:
            await self._shelf.bury(old)
            self._catalog.errands.tell()

    async def _current(self) -> set[bytes]:
        assert self._names is not None
        log = (await self._catalog.journal.own())[0]
        own = await self._shelf.own(BATCH)
        names = {version: self._names.read(version) for version in own}
        return {version for version, name in names.items() if name is not None and name.log == log}
