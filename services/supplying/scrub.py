"""
The scrub: reads everything that is kept, slowly and one object after the other, and compares it with the books.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from twisted.logger import Logger

from automats.machine import Machine
from automats.registry import Automats
from automats.scrub import SCRUB, Input
from bitdust_node.clock import Clock
from bitdust_node.errors import BitDustError, Corrupt, NotFound
from bitdust_node.pieces.hashtree import HASH_BYTES, leaf, root
from bitdust_node.pieces.layout import PIECE_BLOCK
from bitdust_node.pieces.object_file import open_object
from bitdust_node.tasks import Tasks
from bitdust_node.threads import Workers
from bitdust_node.waiting import sleep
from services.supplying.damage import Progress
from services.supplying.ledger import Ledger, PieceRow
from services.supplying.store import PieceStore

#: Seconds from the beginning of a round to that of the next, at the least.
ROUND = 86400
#: Rows that are read from the ledger at once. The cursor is saved behind each page.
PAGE = 64
#: Bytes that one call of a worker reads, so that others have their turn; and those after which the pace is kept.
PART, STEP = 512 * 1024, 256 * 1024
#: Seconds after which another rate is heard of at the latest.
MOMENT = 10.0


class _SwitchedOffError(Exception):
    """In the middle of an object."""


class Scrub:
    """
    Owner of the `scrub` machine.

    rate: bytes a second, asked again and again; 0 is off. found: called after each page with bad pieces in it.
    """

    log = Logger()

    def __init__(
        self,
        store: PieceStore,
        ledger: Ledger,
        rate: Callable[[], int],
        found: Callable[[], object],
        workers: Workers,
        clock: Clock,
        automats: Automats,
    ) -> None:
        self._store, self._ledger, self._rate, self._found = store, ledger, rate, found
        self._workers, self._clock, self._automats = workers, clock, automats
        self._tasks = Tasks("scrub")
        self._machine: Machine | None = None
        # bytes that were read and not waited for yet
        self._ahead = 0.0
        #: How far it is.
        self.progress = Progress()
        #: Pieces that are known to be bad, of all rounds.
        self.damaged = 0

    async def start(self) -> None:
        """
        Go on some minutes later, where an earlier run has stopped.
        """
        self.progress = await self._ledger.damage.progress()
        self.damaged = await self._ledger.damage.count()
        self._machine = Machine(SCRUB, self, clock=self._clock, id="scrub", automats=self._automats)

    async def stop(self) -> None:
        if self._machine is not None:
            self._machine.close()
        await self._tasks.stop()

    # what the machine decides

    def look(self) -> None:
        at = self.progress
        due = at.began > at.ended or self._clock.seconds() - at.began >= ROUND
        if self._rate() and due:
            self._feed(Input.DUE)

    def read_on(self) -> None:
        self._tasks.spawn("read on", self._read_on())

    def report_round(self) -> None:
        at = self.progress
        self.log.info(
            "all {objects} objects ({bytes} bytes) were read, {bad} of them are bad",
            objects=at.objects,
            bytes=at.bytes,
            bad=at.bad,
        )
        self.progress = replace(at, cursor="", rounds=at.rounds + 1, ended=int(self._clock.seconds()))
        self._tasks.spawn("save the end of a round", self._ledger.damage.save_progress(self.progress))

    # its steps

    async def _read_on(self) -> None:
        if not self.progress.cursor:
            now = int(self._clock.seconds())
            self.progress = replace(self.progress, began=now, objects=0, bytes=0, bad=0)
        outcome = Input.UNANSWERED
        try:
            outcome = await self._read_pages()
        except BitDustError as error:
            self.log.warn("the scrub waits, as what is kept can not be read now: {error}", error=error)
        finally:
            self._feed(outcome)

    async def _read_pages(self) -> Input:
        while self._rate():
            rows = await self._ledger.page(self.progress.cursor, PAGE)
            if not rows:
                return Input.ENDED
            bad = self.progress.bad
            try:
                for row in rows:
                    await self._read(row)
            except _SwitchedOffError:
                break
            finally:
                if self.progress.bad > bad or self.damaged:
                    self.damaged = await self._ledger.damage.count()
                if self.progress.bad > bad:
                    self._found()
                await self._ledger.damage.save_progress(self.progress)
        return Input.SWITCHED_OFF

    async def _read(self, row: PieceRow) -> None:
        place = (row.customer, row.version, row.index)
        # a bad one is read once more: it may have been replaced or removed meanwhile
        reason = await self._fault(row) and await self._fault(row)
        bad = bool(reason) and await self._ledger.damage.note(*place, str(reason), int(self._clock.seconds()))
        if bad:
            self.log.warn("object {name} is bad: {reason}", name=row.object, reason=reason)
        elif self.damaged and not reason:
            await self._ledger.damage.mended(*place)
        at = self.progress
        objects, size = at.objects + 1, at.bytes + row.size
        self.progress = replace(at, cursor=row.object, objects=objects, bytes=size, bad=at.bad + bad)

    async def _fault(self, row: PieceRow) -> str:
        """What is wrong with a piece, empty if nothing is. Raises what says nothing about it."""
        try:
            if row.data is not None:
                await self._pace(row.size)
                await self._workers.run(_check_small, row)
                return ""
            leaves = await self._workers.run(self._leaves, row)
            await self._pace(len(leaves))
            for start in range(0, row.size, PART):
                await self._pace(await self._workers.run(self._check_part, row, leaves, start))
        except (NotFound, Corrupt) as error:
            return str(error)
        except OSError as error:
            return f"it can not be read: {error.strerror}"
        return ""

    def _leaves(self, row: PieceRow) -> bytes:
        leaves = self._store.leaves(row.object)
        _check_root(leaves, row)
        return leaves

    def _check_part(self, row: PieceRow, leaves: bytes, start: int) -> int:
        length = min(PART, row.size - start)
        data = self._store.read(row.object, start, length)
        if len(data) != length:
            raise Corrupt("the piece was cut off")
        _check_blocks(data, leaves, start // PIECE_BLOCK)
        return length

    async def _pace(self, size: int) -> None:
        self._ahead += size
        while self._ahead >= STEP:
            rate = self._rate()
            if not rate:
                raise _SwitchedOffError
            seconds = min(MOMENT, self._ahead / rate)
            await sleep(self._clock, seconds)
            self._ahead -= seconds * rate

    def _feed(self, input: Input) -> None:
        if self._machine is not None:
            self._machine.feed(input)


def _check_small(row: PieceRow) -> None:
    assert row.data is not None
    leaves, blocks = open_object(row.data)
    _check_root(leaves, row)
    if len(blocks) != row.size:
        raise Corrupt("the piece has another size than in the books")
    _check_blocks(blocks, leaves, 0)


def _check_root(leaves: bytes, row: PieceRow) -> None:
    if root([leaves[at : at + HASH_BYTES] for at in range(0, len(leaves), HASH_BYTES)]) != row.root:
        raise Corrupt("the object is another piece than the books say")


def _check_blocks(data: bytes, leaves: bytes, first: int) -> None:
    view = memoryview(data)
    for number, start in enumerate(range(0, len(data), PIECE_BLOCK), first):
        if leaf(view[start : start + PIECE_BLOCK]) != leaves[number * HASH_BYTES : (number + 1) * HASH_BYTES]:
            raise Corrupt(f"block {number} has changed")
