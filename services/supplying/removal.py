"""
Removing pieces: first from the books, then from the store, so that a crash leaves a file too many and never too few.
"""

from __future__ import annotations

from collections.abc import Iterable

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from bitdust_node.errors import BitDustError
from bitdust_node.threads import Workers
from bitdust_node.waiting import all_of, shielded
from services.supplying.deposits import Deposit
from services.supplying.ledger import Ledger, Removed
from services.supplying.space import Space
from services.supplying.store import PieceStore

#: Objects that one call of a worker removes, and such calls at once: an object store needs a moment for each.
BATCH, LANES = 50, 8
#: Objects that one round of `retry` takes up.
ROUND = 1000
#: Objects that are remembered while not even the ledger can list them.
UNLISTED = 10_000


class Removal:
    """
    Only the owner's own word removes anything.

    What the books do not have any more is gone for its owner. A store that can not remove it now is asked again by
    `retry`: until then the ledger lists it, or this if the ledger can not be written either. What the process forgets
    of that when it ends is counted at the next start.
    """

    log = Logger()

    def __init__(self, ledger: Ledger, store: PieceStore, space: Space, workers: Workers) -> None:
        self._ledger, self._store, self._space, self._workers = ledger, store, space, workers
        self._going: dict[str, list[Deferred[None]]] = {}
        #: Objects under whose names a piece is being stored.
        self._claimed: set[str] = set()
        #: Objects without a row that the ledger does not list yet.
        self._unlisted: set[str] = set()
        #: Whether there may be objects left that nobody removes at this moment.
        self.left = True
        self._stopped = False

    def stop(self) -> None:
        """
        Undo nothing from now on: what hangs in the store may end when the same piece was stored anew long ago.
        """
        self._stopped = True

    async def remove(self, deposit: Deposit, versions: list[bytes] | None) -> Removed:
        """
        Remove all pieces of these versions (None: of all).
        """
        return await shielded(self._remove(deposit, versions))

    async def retry(self) -> None:
        """
        Remove what was only taken out of the books so far, by an earlier run or because the store could not be asked.
        """
        while self.left:
            # before the list is read: whoever adds to it meanwhile says so again
            self.left = gone = False
            names: list[str] = []
            try:
                await self._list()
                names = await self._ledger.removals(ROUND)
                gone = await shielded(self._unlink(names))
            finally:
                self.left = self.left or not gone or len(names) == ROUND
            if not gone:
                return

    async def claim(self, name: str) -> None:
        """
        A piece is about to be stored under this name: wait until a removal of it that is under way has ended; none is
        begun before `release`.
        """
        while name in self._going:
            waiting: Deferred[None] = Deferred()
            self._going[name].append(waiting)
            await waiting
        self._claimed.add(name)

    def release(self, name: str) -> None:
        """
        The piece is in the books, or is not stored.
        """
        self._claimed.discard(name)

    async def undo(self, name: str) -> None:
        """
        A piece that got no row: its object may be there or not, and is removed, now or by `retry`. Raises no error of
        ours.
        """
        if self._stopped:
            return
        try:
            await self._workers.run(self._store.delete, name)
        except (BitDustError, OSError) as error:
            self.log.warn("an object without a row can not be removed now: {error}", error=error)
            self.left = True
            if len(self._unlisted) < UNLISTED:
                self._unlisted.add(name)
            try:
                await self._list()
            except BitDustError as error:
                self.log.warn("nor can it be listed: {error}", error=error)

    async def _list(self) -> None:
        """Hand over to the ledger."""
        names = list(self._unlisted)
        if names:
            await self._ledger.to_remove(names)
            self._unlisted.difference_update(names)

    async def _remove(self, deposit: Deposit, versions: list[bytes] | None) -> Removed:
        removed = await self._ledger.remove(deposit.key, versions)
        self._space.freed(deposit.payer, removed.freed)
        gone = False
        try:
            gone = await self._unlink(removed.objects)
        finally:
            # also if the ledger can not be read: it has noted them
            self.left = self.left or not gone
        return removed

    async def _unlink(self, names: Iterable[str]) -> bool:
        """True if all of them are gone now."""
        names = set(names)
        mine = sorted(names - self._claimed - self._going.keys())
        self._going.update((name, []) for name in mine)
        try:
            # some may have been stored anew, before they were marked
            listed = await self._ledger.listed_removals(mine)
            batches = [listed[at : at + BATCH] for at in range(0, len(listed), BATCH)]
            done = await all_of(map(self._unlink_batch, batches), limit=LANES)
        finally:
            for name in mine:
                for waiting in self._going.pop(name):
                    waiting.callback(None)
        for result in done:
            if isinstance(result, Exception) and not isinstance(result, BitDustError | OSError):
                raise result
        return len(mine) == len(names) and all(one is True for one in done)

    async def _unlink_batch(self, names: list[str]) -> bool:
        try:
            await self._workers.run(self._store.delete, *names)
        except (BitDustError, OSError) as error:
            self.log.warn("{count} objects can not be removed now: {error}", count=len(names), error=error)
            raise
        await self._ledger.removed(names)
        return True
