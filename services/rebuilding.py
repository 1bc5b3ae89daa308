"""
service_rebuilding: makes missing pieces anew as soon as there is a supplier for them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

from twisted.logger import Logger
from twisted.python.failure import Failure

from bitdust_node.alarm import Alarm
from bitdust_node.api.models import Source
from bitdust_node.clock import Clock
from bitdust_node.errors import BitDustError
from bitdust_node.events import Event
from bitdust_node.identity.names import NodeId
from bitdust_node.service import Service
from bitdust_node.tasks import Tasks
from bitdust_node.waiting import outcome
from services.catalog.catalog import Catalog
from services.customer import Customer
from services.data_motion import DataMotion
from services.hiring.standing import Standing
from services.models.rebuilder import RebuilderModel
from services.transfer.means import Means
from services.transfer.rebuild import rebuild
from services.upkeep.audits import Audits
from services.upkeep.recoding import Recoding
from services.upkeep.repacking import Repacking
from services.upkeep.reports import Reports
from services.upkeep.rests import Rests

#: Seconds after something was lost or a supplier came or went, and between rounds while something is missing.
SOON, AGAIN = 2.0, 60.0
#: Seconds between rounds while nothing is known to be missing: an upload that was under way may have stored its piece
#: at a supplier that was dismissed meanwhile.
IDLE = 300.0
#: Versions that one question to the catalog brings.
PAGE = 200
#: Events after which a piece may be missing that was not before.
LOSSES = frozenset({"backup-done", "restore-failed", "my-list-files-refreshed"})


class Rebuilding(Service):
    """
    One version after the other, the most endangered one first, the pieces that nobody holds or that were found wrong.
    """

    log = Logger()

    name: ClassVar[str] = "rebuilding"
    depends: ClassVar[tuple[str, ...]] = ("data_motion",)
    soft: ClassVar[tuple[str, ...]] = ("backup_db",)
    needs_identity: ClassVar[bool] = True

    def __init__(
        self,
        motion: DataMotion,
        customer: Customer,
        catalog: Catalog,
        means: Means,
        audits: Audits,
        standing: Standing,
        recoding: Recoding,
        repacking: Repacking,
        reports: Reports,
        clock: Clock,
    ) -> None:
        self._motion, self._customer, self._catalog, self._means, self._clock = motion, customer, catalog, means, clock
        self._repacking = repacking
        self._audits, self._standing, self._recoding, self._reports = audits, standing, recoding, reports
        self._tasks = Tasks("rebuilding")
        self._undo: list[Callable[[], None]] = []
        self._alarm = Alarm(clock, self._begin)
        self._rests = Rests()
        #: True if something may be missing since the present round began.
        self._again = False
        #: True while a round runs.
        self.busy = False
        self._observers: tuple[Callable[[], object], ...] = ()

    async def start(self) -> None:
        self._tasks = Tasks("rebuilding")
        self._rests.clear()
        await self._catalog.renewals.clear()
        await self._standing.load()
        await self._recoding.load()
        self._audits.start(self.soon)
        self._reports.start()
        self._tasks.every(AGAIN, "follow the number of suppliers", self._recoding.run, self._clock)
        self._tasks.every(AGAIN, "write packs anew", self._repacking.run, self._clock)
        self._undo = [self._customer.observe(self._changed), self._means.events.subscribe(self._heard)]
        self.soon()

    async def stop(self) -> None:
        for undo in self._undo:
            undo()
        self._undo = []
        self._reports.stop()
        await self._audits.stop()
        await self._tasks.stop()
        self._alarm.off()
        self._turn(False)

    def models(self) -> Sequence[Source]:
        return (RebuilderModel(self),)

    def observe(self, callback: Callable[[], object]) -> Callable[[], None]:
        """
        Call back when a round begins and when it ends; returns the function that ends that.
        """
        self._observers = (*self._observers, callback)

        def undo() -> None:
            self._observers = tuple(other for other in self._observers if other is not callback)

        return undo

    def soon(self) -> None:
        """
        Look for missing pieces in a moment.
        """
        self._alarm.set(SOON)

    async def suspect(self, version: bytes, number: int, node_id: NodeId) -> bool:
        """
        A holder says that its piece of a version is bad: it is made anew. False if it is not who holds it.
        """
        return await self._audits.suspect(version, number, node_id)

    def _changed(self) -> None:
        self._rests.clear()
        self._recoding.suppliers_changed()
        self.soon()

    def _heard(self, event: Event) -> None:
        if event.event_id in LOSSES:
            self.soon()

    def _begin(self) -> None:
        if self.busy:
            self._again = True
        else:
            self._tasks.spawn("rebuild", self._round())

    async def _round(self) -> None:
        self._turn(True)
        self._again, found = False, True
        try:
            found = await self._pass()
        except BitDustError as error:
            self.log.warn("missing pieces could not be looked for: {error}", error=error)
        finally:
            self._turn(False)
            self._alarm.set(self._pause(found))

    def _pause(self, found: bool) -> float:
        """Seconds until the next round. found: whether versions lack pieces, or that is not known."""
        if self._again:
            return SOON
        ready = self._rests.next(self._clock.seconds())
        return IDLE if not found else AGAIN if ready is None else max(SOON, min(AGAIN, ready))

    async def _pass(self) -> bool:
        """Try all versions that lack pieces, page by page, so that none holds up those behind it; false: none does."""
        resting: set[bytes] = set()
        self._rests.begin(self._clock.seconds())
        found, after = False, None
        while page := await self._catalog.endangered(self._receivers(), after, PAGE):
            found, after = True, page[-1]
            for one in page:
                if not one.can_grow:
                    # whoever is here has a piece; a supplier that comes begins another round
                    continue
                made = self._rests.is_over(one.id, self._clock.seconds()) and await self._rebuild_one(one.id)
                if one.id in self._rests:
                    resting.add(one.id)
                if made and self._again:
                    # what was heard of meanwhile may be in greater danger than all that come now
                    self._again, after = False, None
                    self._rests.begin(self._clock.seconds())
                    break
        self._rests.keep(resting)
        return found

    def _receivers(self) -> list[NodeId]:
        return [link.node_id for link in self._customer.connected().values()]

    def _turn(self, busy: bool) -> None:
        if busy is not self.busy:
            self.busy = busy
            for callback in self._observers:
                callback()

    async def _rebuild_one(self, version_id: bytes) -> bool:
        """True if something was made."""
        version = await self._catalog.version(version_id)
        item = await self._catalog.item(version.item) if version else None
        if version is None or item is None or version.missing == 0:
            return False
        label = f"{self._means.key_id(item.alias)}:{item.path_id}/{version.name}"
        made = await outcome(rebuild(self._means, version, label, item.path))
        if made and not isinstance(made, Exception):
            self._rests.forget(version_id)
            return True
        # also after a defect, which must not hold up the others
        self._rests.failed(version_id, self._clock.seconds())
        if isinstance(made, BitDustError):
            self.log.info("{label} could not be completed: {error}", label=label, error=made)
        elif isinstance(made, Exception):
            self.log.failure("{label} could not be completed", Failure(made), label=label)
        return False
