"""
Removing pieces: first from the books, then from the store, so that a crash leaves a file too many and never too few.
"""

from __future__ import annotations

from twisted.internet.defer import Deferred

from bitdust_node.threads import Workers
from bitdust_node.waiting import shielded
from services.supplying.deposits import Deposit
from services.supplying.ledger import Ledger, Removed
from services.supplying.space import Space
from services.supplying.store import PieceStore


class Removal:
    """
    Only the owner's own word removes anything.
    """

    def __init__(self, ledger: Ledger, store: PieceStore, space: Space, workers: Workers) -> None:
        self._ledger, self._store, self._space, self._workers = ledger, store, space, workers
        self._going: dict[str, list[Deferred[None]]] = {}

    async def remove(self, deposit: Deposit, versions: list[bytes] | None) -> Removed:
        """
        Remove all pieces of these versions (None: of all).
        """
        return await shielded(self._remove(deposit, versions))

    async def finish_old(self) -> None:
        """
        Remove what an earlier run has only taken out of the books.
        """
        await self._unlink(await self._ledger.removals())

    async def gone(self, name: str) -> None:
        """
        Wait until a removal of this object that is under way has ended: a piece may be sent again meanwhile.
        """
        if name in self._going:
            waiting: Deferred[None] = Deferred()
            self._going[name].append(waiting)
            await waiting

    async def _remove(self, deposit: Deposit, versions: list[bytes] | None) -> Removed:
        removed = await self._ledger.remove(deposit.key, versions)
        self._space.freed(deposit.payer, removed.freed)
        self._going.update((name, []) for name in removed.objects)
        try:
            await self._unlink(removed.objects)
        finally:
            for name in removed.objects:
                for waiting in self._going.pop(name, []):
                    waiting.callback(None)
        return removed

    async def _unlink(self, names: list[str]) -> None:
        if names:
            await self._workers.run(self._store.delete, *names)
            await self._ledger.removed(names)
