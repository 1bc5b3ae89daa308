"""
Changes of a catalog that must be made in the end, although they can not be made now.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from twisted.internet.defer import CancelledError
from twisted.logger import Logger

from bitdust_node.clock import Clock
from bitdust_node.errors import BitDustError, Closed
from bitdust_node.tasks import Tasks
from bitdust_node.waiting import sleep

#: Seconds between tries.
AGAIN = 15.0


class Afterwards:
    """
    What a failed transfer leaves in the catalog would stay until the next start if the own disk is full when it ends:
    it is removed as soon as there is room again. The next start knows of it too, so nothing is written down here.
    """

    log = Logger()

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._tasks = Tasks("changes of the catalog")

    async def surely(self, what: str, change: Callable[[], Awaitable[object]]) -> None:
        """
        Make a change, now or else later: it may be asked for several times and must mean the same each time. Raises
        `Closed` when the catalog is closed.
        """
        try:
            await change()
        except (CancelledError, Closed):
            raise
        except BitDustError as error:
            self.log.warn("can not {what} now: {error}", what=what, error=error)
            self._tasks.spawn(what, self._again(change))

    async def close(self) -> None:
        """
        Try nothing any more.
        """
        await self._tasks.stop()

    async def _again(self, change: Callable[[], Awaitable[object]]) -> None:
        while True:
            await sleep(self._clock, AGAIN)
            try:
                await change()
            except Closed:
                return
            except BitDustError:
                continue
            return
