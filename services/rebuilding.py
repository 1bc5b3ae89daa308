"""
service_rebuilding: makes missing pieces anew as soon as there is a supplier for them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from twisted.logger import Logger

from bitdust_node.clock import Clock, DelayedCall
from bitdust_node.errors import BitDustError
from bitdust_node.service import Service
from bitdust_node.tasks import Tasks
from services.catalog.catalog import Catalog
from services.customer import Customer
from services.data_motion import DataMotion
from services.transfer.means import Means
from services.transfer.rebuild import rebuild

#: Seconds after a supplier came or went, and between rounds while something is missing.
SOON, AGAIN = 2.0, 60.0


class Rebuilding(Service):
    """
    One version after the other, the pieces that nobody holds or that were found wrong.
    """

    log = Logger()

    name: ClassVar[str] = "rebuilding"
    depends: ClassVar[tuple[str, ...]] = ("data_motion",)
    soft: ClassVar[tuple[str, ...]] = ("backup_db",)
    needs_identity: ClassVar[bool] = True

    def __init__(self, motion: DataMotion, customer: Customer, catalog: Catalog, means: Means, clock: Clock) -> None:
        self._motion, self._customer, self._catalog, self._means, self._clock = motion, customer, catalog, means, clock
        self._tasks = Tasks("rebuilding")
        self._undo: Callable[[], None] | None = None
        self._planned: DelayedCall | None = None
        #: True while a round runs.
        self.busy = False

    async def start(self) -> None:
        self._tasks = Tasks("rebuilding")
        self._undo = self._customer.observe(self.soon)
        self.soon()

    async def stop(self) -> None:
        if self._undo is not None:
            self._undo()
            self._undo = None
        if self._planned is not None and self._planned.active():
            self._planned.cancel()
        await self._tasks.stop()
        self.busy = False

    def soon(self) -> None:
        """
        Look for missing pieces in a moment.
        """
        self._plan(SOON)

    def _plan(self, seconds: float) -> None:
        if self._planned is not None and self._planned.active():
            self._planned.cancel()
        self._planned = self._clock.callLater(seconds, self._begin)

    def _begin(self) -> None:
        if not self.busy:
            self._tasks.spawn("rebuild", self._round())

    async def _round(self) -> None:
        self.busy = True
        try:
            versions = await self._catalog.incomplete()
            for version in versions:
                await self._rebuild_one(version.id)
        finally:
            self.busy = False
        if versions:
            self._plan(AGAIN)

    async def _rebuild_one(self, version_id: bytes) -> None:
        version = await self._catalog.version(version_id)
        item = await self._catalog.item(version.item) if version else None
        if version is None or item is None or version.missing == 0:
            return
        label = f"{self._means.key_id(item.alias)}:{item.path_id}/{version.name}"
        try:
            await rebuild(self._means, version, label, item.path)
        except BitDustError as error:
            self.log.info("{label} could not be completed: {error}", label=label, error=error)
