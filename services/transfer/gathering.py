"""
The k of m: picks the suppliers to read from, and replaces those that fail, stall or lie.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from bitdust_node.errors import BitDustError, Corrupt, NotFound, Unavailable
from bitdust_node.identity.names import NodeId
from bitdust_node.pieces.blocks import Buffer
from bitdust_node.pieces.manifest import Manifest
from bitdust_node.tasks import Tasks
from services.catalog.schema import Piece
from services.data_motion import Holder
from services.transfer.means import Means
from services.transfer.reading import PieceReader

#: Seconds from one look at those who stall to the next, at most and at least.
LOOK_EVERY, LOOK_SOON = 0.05, 0.005
#: A look that comes so many seconds late says that this process itself was busy.
LATE = 0.005
#: A holder of data that is late may catch up for so many steps, which the one asked in its place does meanwhile.
CATCH_UP = 3
#: Seconds for which half of those needed have waited for the others, before others are asked too.
HEDGE_TIME = 2.0
#: Seconds without any progress at all, before the whole is given up.
STALL_TIME = 60.0
#: How often a supplier that could not be reached is asked again, and after how many seconds.
TRIES, TRY_AGAIN = 4, 2.0


@dataclass(frozen=True)
class Blame:
    """
    A supplier that gave something else than it had promised to keep.
    """

    piece: Piece
    reason: str


class Gathering:
    """
    Reads the blocks of one version, the same run of blocks from k suppliers at a time.

    checked: each piece comes with the hashes of its blocks, so that it can be told who lies.
    first, end: the blocks that will be read; None: to the last one.
    """

    log = Logger()

    def __init__(
        self,
        means: Means,
        manifest: Manifest,
        pieces: Sequence[Piece],
        label: str,
        path: str,
        *,
        checked: bool = False,
        ahead: int,
        first: int = 0,
        end: int | None = None,
    ) -> None:
        self._means, self._manifest = means, manifest
        self._label, self._path, self.checked, self._ahead, self._end = label, path, checked, ahead, end
        #: Who was caught; whoever has noted one takes it off.
        self.blames: list[Blame] = []
        self._pieces = {piece.number: piece for piece in pieces}
        self._readers: list[PieceReader] = []
        self._notes: dict[int, Callable[[], None]] = {}
        layout = manifest.layout
        size = layout.piece_bytes(manifest.length) if end is None else end * layout.block
        self._spare = deque(means.ranking.order(pieces, manifest.k, size - first * layout.block))
        self._failures: dict[int, list[BitDustError]] = {}
        self._again: dict[int, float] = {}
        self._woken: Deferred[None] | None = None
        self._missed = self._lost = False
        self._first = first
        self._moved = self._look_at = means.clock.seconds()
        self._most: float | None = None
        self._tasks = Tasks(f"gathering of {label}")

    async def parts(self, first: int, size: int) -> dict[int, list[Buffer]]:
        """
        The next `size` bytes of k pieces by number, in chunks; they begin with block `first`.
        """
        self._first, self._most = first, None
        self._moved = self._look_at = self._means.clock.seconds()
        while True:
            ready = [reader for reader in self._readers if reader.has(size)]
            if len(ready) >= self._manifest.k:
                ready.sort(key=lambda reader: reader.number)
                return self._taken(ready, size)
            self._bury_failed()
            self._recruit(size)
            # asked once more, so that those just started know what is waited for
            if sum(reader.has(size) for reader in self._readers) < self._manifest.k:
                await self._wait()

    def check(self, number: int) -> list[bytes]:
        """
        The hashes of all blocks of a piece that is being read (in checked mode).
        """
        return next((reader.leaves for reader in self._readers if reader.number == number), [])

    def blame(self, number: int, reason: str) -> None:
        """
        Read no more from the holder of a piece: what came from it was wrong.
        """
        self.log.warn(
            "supplier {supplier} gave a wrong piece {number} of {label}: {reason}",
            supplier=self._pieces[number].idurl,
            number=number,
            label=self._label,
            reason=reason,
        )
        self._failures.setdefault(number, []).append(Corrupt(reason))
        self._again.pop(number, None)
        self.blames.append(Blame(self._pieces[number], reason))
        for reader in [reader for reader in self._readers if reader.number == number]:
            self._drop(reader, reason)

    def begin_again(self) -> None:
        """
        Forget what was read ahead; the next `parts` asks for its blocks anew, with hashes.
        """
        self.checked = True
        for reader in list(self._readers):
            self._spare.appendleft(self._pieces[reader.number])
            self._drop(reader, "read again")

    async def close(self, reason: str = "not needed any more") -> None:
        for reader in list(self._readers):
            self._drop(reader, reason)
        await self._tasks.stop()

    def _taken(self, ready: list[PieceReader], size: int) -> dict[int, list[Buffer]]:
        chosen = ready[: self._manifest.k]
        # one whose piece has to be decoded is worth a little traffic to replace
        least = self._manifest.k if chosen[-1].number >= self._manifest.k else 0
        for reader in list(self._readers):
            if reader in chosen:
                reader.hedged = False
            elif reader.error is None and reader.number < least and reader.skip(size) <= CATCH_UP * size:
                reader.hedged = True
            else:
                # the one that was asked in its place is faster
                self._spare.append(self._pieces[reader.number])
                self._drop(reader, "another supplier was faster")
        return {reader.number: reader.take(size) for reader in chosen}

    def _bury_failed(self) -> None:
        for reader in [reader for reader in self._readers if reader.error is not None]:
            error = reader.error
            if isinstance(error, Corrupt | NotFound):
                self.blame(reader.number, str(error))
                continue
            failures = self._failures.setdefault(reader.number, [])
            if error is not None:
                failures.append(error)
                self.log.info(
                    "piece {number} of {label} does not come from {supplier}: {error}",
                    number=reader.number,
                    label=self._label,
                    supplier=reader.holder.idurl,
                    error=error,
                )
            self._lost = self._lost or (isinstance(error, Unavailable) and not reader.began)
            if len(failures) < TRIES:
                self._again[reader.number] = self._means.clock.seconds() + TRY_AGAIN * len(failures)
            self._drop(reader, str(error))

    def _recruit(self, size: int) -> None:
        """
        Ask as many suppliers as are needed: k, and one more for each that stalls. If one does not even begin, or is
        gone before, all: who says nothing is seldom alone, and asking one after the other takes as long each time.
        """
        now = self._means.clock.seconds()
        self._excuse(now)
        for number, at in list(self._again.items()):
            if at <= now:
                del self._again[number]
                self._spare.append(self._pieces[number])
        slow = self._most_wait(now, size)
        newest = max((now if reader.has(size) else reader.moved for reader in self._readers), default=now)
        self._look_at = now + LOOK_EVERY
        silent, self._lost = self._lost, False
        for reader in self._readers:
            if self._spare and not reader.hedged and not reader.has(size):
                at = reader.stalls_at(newest - reader.moved >= 2 * LOOK_EVERY)
                reader.hedged = slow or now >= at
                silent = silent or (reader.hedged and not reader.began)
                self._look_at = min(self._look_at, max(at, now + LOOK_SOON))
        hedged = sum(reader.hedged for reader in self._readers)
        while self._spare and (silent or len(self._readers) < self._manifest.k + hedged):
            self._start(self._spare.popleft())
        if len(self._readers) + len(self._again) < self._manifest.k:
            raise Unavailable(self._too_few())
        if now - max([self._moved, *(reader.moved for reader in self._readers)]) >= STALL_TIME:
            raise Unavailable(f"no supplier has sent anything for {STALL_TIME:g} s{self._reasons()}")

    def _excuse(self, now: float) -> None:
        """While this process itself was busy nobody was listened to: that is not the silence of others."""
        busy = now - self._look_at
        if busy > LATE:
            for reader in self._readers:
                reader.excused += min(busy, now - reader.moved)

    def _most_wait(self, now: float, size: int) -> bool:
        """True if half of those needed have waited for the rest for long, and for as long as they took themselves."""
        if self._most is None:
            ready = sum(reader.has(size) for reader in self._readers)
            if ready and 2 * ready >= self._manifest.k:
                self._most = now
        return self._most is not None and now - self._most >= max(HEDGE_TIME, self._most - self._moved)

    def _start(self, piece: Piece) -> None:
        means, holder = self._means, Holder(NodeId(piece.node_id), piece.idurl)
        reader = PieceReader(
            means,
            self._manifest,
            holder,
            piece.number,
            self._first,
            self._end,
            self.checked,
            self._ahead,
            self._wake,
        )
        self._readers.append(reader)
        label = f"{self._label}/{self._first}-{piece.number}-Data"
        self._notes[piece.number] = means.motion.note(
            holder, "incoming", label, self._path, reader.progress, lambda: reader.total
        )
        reader.start()

    def _drop(self, reader: PieceReader, reason: str) -> None:
        self._readers.remove(reader)
        self._notes.pop(reader.number)()
        self._tasks.spawn("stop a reader", reader.stop(reason))

    async def _wait(self) -> None:
        """Until a reader has what is needed or fails; at most for a short time, to look at the clock."""
        if self._missed:
            self._missed = False
            return
        self._woken = Deferred()
        call = self._means.clock.callLater(max(0.0, self._look_at - self._means.clock.seconds()), self._wake)
        try:
            await self._woken
        finally:
            self._woken = None
            if call.active():
                call.cancel()

    def _wake(self) -> None:
        if self._woken is not None:
            woken, self._woken = self._woken, None
            woken.callback(None)
        else:
            self._missed = True

    def _too_few(self) -> str:
        k, possible = self._manifest.k, len(self._readers) + len(self._spare) + len(self._again)
        return (
            f"{k} of {self._manifest.m} pieces are needed, {k - possible} of these can not be reached{self._reasons()}"
        )

    def _reasons(self) -> str:
        """What those who failed have said last; nothing if none did."""
        told = [f"{self._pieces[number].idurl}: {errors[-1]}" for number, errors in sorted(self._failures.items())]
        return f" ({'; '.join(told)})" if told else ""
