"""
Changes of a catalog that must be made in the end, although they can not be made now.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from twisted.logger import Logger

from bitdust_node.clock import Clock
from bitdust_node.errors import BitDustError, Closed, Failed, Full
from bitdust_node.tasks import Tasks
from bitdust_node.waiting import sleep

#: Seconds between tries.
AGAIN = 15.0
#: Changes that wait at once: each is what one failed transfer has left.
LIMIT = 1000
#: The own disk, which may have room again: whatever else a change fails of would be the same the next time.
PASSING = (Full, Failed)


class Afterwards:
    """
    What a failed transfer leaves in the catalog would stay until the next start if the own disk is full when it ends:
    it is removed as soon as there is room again. The next start knows of it too, so nothing is written down here, and
    what is one too many or fails of anything else is left to it.
    """

    log = Logger()

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._tasks = Tasks("changes of the catalog")

    async def surely(self, what: str, change: Callable[[], Awaitable[object]]) -> None:
        """
        Make a change, now or else later: it may be asked for several times and must mean the same each time. Raises
        `Closed` when the catalog is closed, and no other error of ours.
        """
        if not await self._made(what, change):
            if len(self._tasks) < LIMIT:
                self._tasks.spawn(what, self._again(what, change))
            else:
                self.log.error("{limit} changes wait already: {what} at the next start", limit=LIMIT, what=what)

    async def close(self) -> None:
        """
        Try nothing any more.
        """
        await self._tasks.stop()

    async def _again(self, what: str, change: Callable[[], Awaitable[object]]) -> None:
        made = False
        while not made:
            await sleep(self._clock, AGAIN)
            try:
                made = await self._made(what, change)
            except Closed:
                return

    async def _made(self, what: str, change: Callable[[], Awaitable[object]]) -> bool:
        """False if it should be tried again."""
        try:
            await change()
        except Closed:
            raise
        except PASSING as error:
            self.log.warn("can not {what} now: {error}", what=what, error=error)
            return False
        except BitDustError as error:
            self.log.error("can not {what}: {error}", what=what, error=error)
        return True
