"""
All shares of a node: the own ones, and those of others that are opened.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable

from twisted.internet.defer import DeferredLock
from twisted.logger import Logger
from twisted.python.failure import Failure

from automats.share import State
from bitdust_node.errors import BitDustError, Failed, Full, Invalid, NotFound, Unavailable
from bitdust_node.identity.names import NodeId, idurl_of
from bitdust_node.keys.folder import Key
from bitdust_node.keys.ring import KeyRing
from bitdust_node.membership.roster import Circle
from bitdust_node.tasks import Tasks
from bitdust_node.waiting import outcome, sleep
from bitdust_node.wire.command import Nothing
from bitdust_node.wire.members import CIRCLE_NEWS, CircleName
from services.catalog.key_copies import KeyCopies
from services.catalog.places import SHARE, Parts, Places
from services.membership.endings import Endings
from services.sharing.common import Common
from services.sharing.share import Share
from services.sharing.showing import describe

#: Shares that are taken up at once, own and opened: each has two databases and links to suppliers.
SHARES_LIMIT = 200
#: Seconds after which a share that could not be taken up is tried again, and the errors that may be over then: the own
#: disk was full or not there, or as many shares run as may. Whatever else it fails of would be the same the next time.
AGAIN = 300.0
PASSING = (Full, Failed, Unavailable, OSError)


class Shares:
    """
    An own share is looked after from the start on, opened or not: its pieces are repaired and its suppliers not sent
    away. One of somebody else runs while it is opened.
    """

    log = Logger()

    def __init__(self, common: Common, ring: KeyRing, places: Places, endings: Endings, key_copies: KeyCopies) -> None:
        self._common, self._ring, self._places, self._endings = common, ring, places, endings
        self._key_copies = key_copies
        self._tasks = Tasks("shares")
        self._undo: Callable[[], None] | None = None
        self._running: dict[Circle, Share] = {}
        #: Why others that should run do not.
        self._failed: dict[Circle, str] = {}
        # one change of a share at a time
        self._turns: defaultdict[Circle, DeferredLock] = defaultdict(DeferredLock)
        self._observers: tuple[Callable[[Share], object], ...] = ()

    async def start(self) -> None:
        """
        Take up own shares, and open those that were open.
        """
        await self._common.couriers.start()
        await self._endings.start()
        self._common.router.serve(CIRCLE_NEWS, self._news)
        self._places.sharing = self
        self._tasks = Tasks("shares")
        self._undo = self._key_copies.observe_returned(self._returned)
        for key in self.known_keys():
            await self._resume(key)

    async def stop(self) -> None:
        undo, self._undo = self._undo, None
        if undo is not None:
            undo()
        await self._tasks.stop()
        self._places.sharing = None
        self._common.router.withdraw(CIRCLE_NEWS)
        running, self._running = list(self._running.values()), {}
        for share in running:
            self._common.customer.shares.catalogs.pop(share.circle.alias, None)
            await share.stop()
        await self._endings.stop()
        await self._common.couriers.stop()

    def observe(self, callback: Callable[[Share], object]) -> Callable[[], None]:
        """
        Call back with each share whose state has changed; returns the function that ends it.
        """
        self._observers = (*self._observers, callback)

        def undo() -> None:
            self._observers = tuple(other for other in self._observers if other is not callback)

        return undo

    def known_keys(self) -> list[Key]:
        """
        The keys of all shares that this node knows, those that it was given the public half of left out.
        """
        return [key for key in self._ring if _is_share(key)]

    def get(self, circle: Circle) -> Share | None:
        """
        A share that is opened.
        """
        share = self._running.get(circle)
        return share if share is not None and share.opened else None

    def failure(self, circle: Circle) -> str | None:
        """
        Why a share that should run could not be taken up.
        """
        return self._failed.get(circle)

    def parts(self, circle: Circle) -> Parts | None:
        return self.get(circle)

    def all_parts(self) -> list[Parts]:
        return list(self.opened())

    def opened(self) -> list[Share]:
        """
        All that are opened.
        """
        return [share for share in self._running.values() if share.opened]

    async def connect(self, circle: Circle) -> bool:
        key = self._ring.of(circle.owner, circle.alias)
        if key is None:
            raise NotFound(f"key of {circle.alias} is not registered")
        return await (await self.open(key)).settled()

    async def open(self, key: Key) -> Share:
        """
        Open a share, now and after each start; not waiting until it is connected.
        """
        circle = circle_of(key)
        share: Share = await self._turns[circle].run(self._open, key)
        return share

    async def close(self, key: Key) -> Share | None:
        """
        Open it no more; what is stored stays. None for one that could not be taken up; raises `NotFound` if it is not
        opened.
        """
        circle = circle_of(key)
        share: Share | None = await self._turns[circle].run(self._close, key)
        return share

    async def take_up(self, key: Key) -> Share:
        """
        The share of a key, running but not opened.
        """
        circle = circle_of(key)
        share: Share = await self._turns[circle].run(self._take_up, key)
        return share

    def _returned(self, key: Key) -> None:
        """After a recovery keys come when suppliers are found."""
        if _is_share(key):
            self._tasks.spawn("take up a share that came back", self._resume(key))

    async def _resume(self, key: Key) -> None:
        """As it was when the node ended."""
        await self._turns[circle_of(key)].run(self._resume_now, key)

    async def _resume_now(self, key: Key) -> None:
        if key.owner_id != self._common.me.node_id and not key.active:
            return
        share = await outcome(self._take_up(key))
        if isinstance(share, Share):
            if key.active:
                share.open()
            return
        self._failed[circle_of(key)] = str(share) or type(share).__name__
        if isinstance(share, PASSING):
            self.log.error("share {key} can not be taken up now: {error}", key=key.key_id, error=share)
            self._tasks.spawn("take up a share later", self._resume_later(key))
        elif isinstance(share, BitDustError):
            self.log.error("share {key} stays as it is until it is opened: {error}", key=key.key_id, error=share)
        else:
            # a defect must hold up neither the others nor the start
            self.log.failure("share {key} stays as it is until it is opened", Failure(share), key=key.key_id)

    async def _resume_later(self, key: Key) -> None:
        """As when the own disk was full: until then nobody repairs it, and nobody reads it here."""
        await sleep(self._common.clock, AGAIN)
        known = self._ring.of(key.owner_id, key.alias)
        if known is not None:
            await self._resume(known)

    async def _open(self, key: Key) -> Share:
        share = await self._take_up(key)
        await self._ring.activate(key.key_id, active=True)
        share.open()
        return share

    async def _close(self, key: Key) -> Share | None:
        circle = circle_of(key)
        share = self.get(circle)
        if share is None and not (key.active and circle in self._failed):
            raise NotFound("share was not opened")
        await self._ring.activate(key.key_id, active=False)
        if share is None:
            if circle.owner != self._common.me.node_id:
                self._failed.pop(circle)
            return None
        share.close()
        if not share.mine:
            del self._running[circle]
            await share.stop()
        return share

    async def _take_up(self, key: Key) -> Share:
        circle = circle_of(key)
        share = self._running.get(circle)
        if share is None:
            if len(self._running) >= SHARES_LIMIT:
                raise Full(f"{SHARES_LIMIT} shares are open already")
            share = Share(circle, idurl_of(key.owner), self._common, self._changed)
            try:
                await share.start()
            except BaseException:
                await share.stop()
                raise
            self._running[circle] = share
            self._failed.pop(circle, None)
            if share.mine:
                self._common.customer.shares.catalogs[circle.alias] = share.catalog
        return share

    async def forget(self, key: Key) -> None:
        """
        Run it no more.
        """
        self._failed.pop(circle_of(key), None)
        share = self._running.pop(circle_of(key), None)
        if share is not None:
            self._common.customer.shares.catalogs.pop(share.circle.alias, None)
            await share.stop()

    async def _news(self, supplier: NodeId, question: CircleName) -> Nothing:
        share = self._running.get(question.circle)
        if share is not None and share.suppliers.link_of(supplier) is not None:
            self._tasks.spawn("hear of a share", share.hear(supplier))
        return Nothing()

    def _changed(self, share: Share, old: str) -> None:
        key = self._ring.of(share.circle.owner, share.circle.alias)
        if key is not None:
            shown = describe(key, share)
            if share.machine.state is State.CONNECTED:
                self._common.events.publish("share-connected", shown)
            elif old == State.CONNECTED:
                self._common.events.publish("share-disconnected", shown)
        for callback in self._observers:
            callback(share)


def circle_of(key: Key) -> Circle:
    """
    The share that a key stands for; raises `Invalid`.
    """
    if not key.alias.startswith(SHARE):
        raise Invalid("invalid share id")
    return Circle.of(key.owner_id, key.alias)


def _is_share(key: Key) -> bool:
    """Whoever was given the public half alone is no member."""
    try:
        circle_of(key)
    except Invalid:
        return False
    return key.private is not None
