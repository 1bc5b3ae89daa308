"""
Changes of our own books that are to be made in the end, although the disk has no room for them now.
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
#: Changes of one owner that wait at once.
LIMIT = 1000
#: The own disk, which may have room again: whatever else a change fails of would be the same the next time.
PASSING = (Full, Failed)


class Afterwards:
    """
    The changes of one owner that are tried again as soon as there may be room. They are not written down: a change
    that is still to be made when the process ends, is one too many or fails of anything else must harm nobody, like
    one that the next start makes anyhow, by what is on the disk: versions that are `uploading`, tasks that are there,
    receipts that are due, keys of groups that are not joined. `name` says in the log whose they are.
    """

    log = Logger()

    def __init__(self, clock: Clock, name: str) -> None:
        self._clock = clock
        self._tasks = Tasks(name)

    async def surely(self, what: str, change: Callable[[], Awaitable[object]]) -> None:
        """
        Make a change, now or else later: it may be asked for several times and must mean the same each time. Raises
        `Closed` when the database is closed, and no other error of ours.
        """
        if not await self._made(what, change):
            if len(self._tasks) < LIMIT:
                self._tasks.spawn(what, self._again(what, change))
            else:
                self.log.error("{limit} changes wait already: {what} is not tried again", limit=LIMIT, what=what)

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
            self.log.warn("can not {what}: {error}", what=what, error=error)
        return True
