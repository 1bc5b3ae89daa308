"""
One share: a catalog of its own with all that works on it, in a folder of its own.

It is put together from the classes that serve the own catalog. What is different comes from its place and suppliers.
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from typing import TypeVar

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from automats.machine import Machine, Step
from automats.share import SHARE, Input, State
from bitdust_node.alarm import Alarm
from bitdust_node.assembly import Assembly
from bitdust_node.errors import BitDustError, Corrupt
from bitdust_node.files import make_private_folder
from bitdust_node.identity.names import NodeId
from bitdust_node.identity.resolver import Resolver
from bitdust_node.membership.roster import Circle
from bitdust_node.paths import DataFolder
from bitdust_node.pieces.layout import SCHEMES
from bitdust_node.tasks import Tasks
from services.backup_db import BackupDb
from services.backups import Backups
from services.catalog.catalog import Catalog
from services.catalog.key_copies import KeyCopies
from services.catalog.place import Place
from services.catalog.vault import Vault
from services.customer import Customer
from services.list_files import ListFiles
from services.rebuilding import Rebuilding
from services.restores import Restores
from services.sharing.common import Common
from services.sharing.place import SharePlace

T = TypeVar("T")

#: Seconds between tries to connect it: the first, and the longest.
RETRY_FIRST, RETRY_LONGEST = 5.0, 300.0
#: What works on a catalog, in the order in which it starts; rebuilding is for the owner of the suppliers alone.
PARTS = (ListFiles, BackupDb, Rebuilding, Backups, Restores)


class ShareFolder(DataFolder):
    """
    The folder of a share, below that of the node; downloads land where all do.
    """

    def __init__(self, node: DataFolder, circle: Circle) -> None:
        shares = make_private_folder(node.base / "shares")
        self.base = make_private_folder(shares / sha256(circle.canonical).hexdigest()[:32])
        self.state_db = self.base / "state.db"
        self.catalog_db = self.base / "catalog.db"
        self.temp, self.restore = node.temp, node.restore


class NoKeys(KeyCopies):
    """
    A share keeps no keys: those that are needed to read it are on its roster.
    """

    def __init__(self) -> None:
        """It needs nothing."""

    def state(self) -> None:
        return None

    def observe(self, callback: Callable[[], object]) -> Callable[[], None]:
        return lambda: None

    async def read(self, plain: bytes) -> None:
        raise Corrupt("there are no keys in a share")


class Share:
    """
    Owner of a `share` machine. Between `start` and `stop` the catalog can be used; what is not with the suppliers yet
    gets there when enough of them are.

    idurl: of the owner. changed: called after each step of the machine.
    """

    log = Logger()

    def __init__(self, circle: Circle, idurl: str, common: Common, changed: Callable[[Share, str], None]) -> None:
        self.circle = circle
        self._common, self._changed = common, changed
        self._folder = ShareFolder(common.folder, circle)
        self._state_db = common.state_db(self._folder)
        self.place = SharePlace(circle, idurl, common.book, common.me, common.resolver, self._state_db)
        self.mine = circle.owner == common.me.node_id
        #: Who keeps it.
        self.suppliers = common.suppliers(circle, idurl, self._state_db)
        self._parts = self._assemble()
        self._tasks = Tasks(f"share {circle.alias}")
        self._alarm = Alarm(common.clock, self._retry)
        self._tries = 0
        self._undo: list[Callable[[], None]] = []
        self._waiting: list[Deferred[None]] = []
        self._started: list[type] = []
        #: True while it is opened; the catalog of an own share is looked after also when it is closed.
        self.opened = False
        self.machine = self._new_machine()

    @property
    def catalog(self) -> Catalog:
        return self.part(Catalog)

    @property
    def connected(self) -> bool:
        return self.machine.state is State.CONNECTED

    def part(self, wanted: type[T]) -> T:
        """
        One of the parts that work on its catalog.
        """
        return self._parts.make(wanted)

    async def start(self) -> None:
        """
        Take up the catalog, and what was being uploaded or downloaded.
        """
        await self.place.open()
        await self.suppliers.start()
        for kind in PARTS:
            if kind is not Rebuilding or self.mine:
                self._started.append(kind)
                await self.part(kind).start()
        self._undo = [self.suppliers.observe(self._look), self._common.book.observe(self._roster_changed)]

    async def stop(self) -> None:
        """
        The node stops, or nobody wants the share any more; nothing of it is lost.
        """
        for undo in self._undo:
            undo()
        self._undo = []
        self._alarm.off()
        self.close()
        for kind in reversed(self._started):
            await self.part(kind).stop()
        self._started = []
        await self.suppliers.stop()
        await self._tasks.stop()
        await self.catalog.close()
        await self._state_db.close()

    async def hear(self, supplier: NodeId) -> None:
        """
        A supplier says that somebody has told something; what comes after a removal needs the roster that tells of it.
        """
        await self.suppliers.compare(supplier)
        self.part(ListFiles).hear(supplier)

    def open(self) -> None:
        """
        Connect it from now on.
        """
        if self.machine.finished:
            self.machine = self._new_machine()
        self.opened = True
        self.machine.feed(Input.OPEN)

    def close(self) -> None:
        """
        Connect it no more.
        """
        self.opened = False
        if not self.machine.finished:
            self.machine.feed(Input.CLOSE)

    async def settled(self) -> bool:
        """
        Wait until it is connected (True), or until that has failed.
        """
        while self.machine.state in (State.AT_STARTUP, State.DHT_LOOKUP, State.SUPPLIERS):
            waiting: Deferred[None] = Deferred()
            self._waiting.append(waiting)
            await waiting
        return self.connected

    # actions

    def look_up(self) -> None:
        self._tasks.spawn("look up a share", self._look_up())

    def connect(self) -> None:
        self.suppliers.reach()
        self._look()

    def report_connected(self) -> None:
        self._tries = 0
        self._alarm.off()
        self.part(Vault).soon()

    def report_disconnected(self) -> None:
        """Whoever waits hears of each step."""

    def plan_retry(self) -> None:
        self._alarm.set(min(RETRY_FIRST * 2**self._tries, RETRY_LONGEST))
        self._tries = min(self._tries + 1, 10)

    def end(self) -> None:
        self._alarm.off()

    # ---

    def _assemble(self) -> Assembly:
        parts = self._common.assembly()
        parts.provide(self._folder, DataFolder)
        parts.provide(self._state_db)
        parts.provide(self.place, Place)
        parts.provide(NoKeys(), KeyCopies)
        # to those who move pieces it makes no difference who has hired the suppliers
        parts.provide(self.suppliers, Customer)
        return parts

    def _new_machine(self) -> Machine:
        name = f"share({self.circle.alias})"
        machine = Machine(SHARE, self, clock=self._common.clock, id=name, automats=self._common.automats)
        machine.observe(self._moved)
        return machine

    def _moved(self, machine: Machine, step: Step) -> None:
        if step.state is step.next:
            return
        self._changed(self, str(step.state))
        waiting, self._waiting = self._waiting, []
        for one in waiting:
            one.callback(None)

    async def _look_up(self) -> None:
        outcome = Input.UNKNOWN
        try:
            await self._meet_owner(self._common.resolver)
            await self.suppliers.look_up()
            await self._refresh_roster()
            outcome = Input.FOUND
        except BitDustError as error:
            self.log.info("share {alias} can not be connected: {error}", alias=self.circle.alias, error=error)
        finally:
            if self.machine.state is State.DHT_LOOKUP:
                self.machine.feed(outcome)

    async def _meet_owner(self, resolver: Resolver) -> None:
        if resolver.cached(self.circle.owner) is None:
            await resolver.resolve(self.place.owner_idurl)

    async def _refresh_roster(self) -> None:
        try:
            await self._common.couriers.refresh(self.circle)
        except BitDustError:
            # what is known of the members is enough to go on
            self._common.book.roster(self.circle)
        await self._members_changed()

    async def _members_changed(self) -> None:
        await self.place.note_members()
        self._tasks.spawn("note earlier members", self._note_earlier())
        for member in self._common.book.roster(self.circle).members:
            if self._common.resolver.cached(member.node_id) is None:
                self._tasks.spawn("meet a member", self._common.resolver.resolve(member.idurl))

    async def _note_earlier(self) -> None:
        try:
            new = await self.place.note_earlier(self._common.couriers.before)
        except BitDustError as error:
            self.log.info("earlier members of {alias} are not known: {error}", alias=self.circle.alias, error=error)
            return
        if new:
            # what they have told was refused until now
            self.part(ListFiles).refresh()

    def _roster_changed(self, circle: Circle) -> None:
        if circle == self.circle:
            self._tasks.spawn("note members", self._members_changed())
            self.part(Vault).soon()

    def _look(self) -> None:
        if self.machine.finished or self.machine.state is State.AT_STARTUP:
            return
        k, _m = SCHEMES[self.suppliers.wanted.suppliers]
        self.machine.feed(Input.ENOUGH if len(self.suppliers.connected()) >= k else Input.TOO_FEW)

    def _retry(self) -> None:
        if not self.machine.finished:
            self.machine.feed(Input.OPEN)
