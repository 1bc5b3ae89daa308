"""
One way through the segments of a version: gathered from k suppliers, checked, and opened, batch by batch and in order.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Generic, TypeVar

from twisted.internet.defer import Deferred

from bitdust_node.errors import Corrupt
from bitdust_node.pieces.batch import batch_segments
from bitdust_node.pieces.blocks import Buffer, Buffers
from bitdust_node.waiting import ended, shielded, started
from services.catalog.schema import Piece
from services.transfer.gathering import Blame, Gathering
from services.transfer.means import Means
from services.transfer.opened import Opened
from services.transfer.rebuild import note_blame, wrong_parts

T = TypeVar("T")

#: Batches that are opened at a time when blocks have to be computed.
COMPUTED = 2


class Passage(Generic[T]):
    """
    Reads segments `first` .. `end - 1`; one batch is opened by a worker (or two) while the next one comes and the one
    before is taken.

    take: called in a worker, one call at a time, with the number of the first segment of a batch and its plaintext;
    what it makes of them is what `next` answers. The memory of the plaintext is used again once it is forgotten.
    label: full id of the version. `close` must be awaited in the end.
    """

    def __init__(
        self,
        means: Means,
        opened: Opened,
        pieces: Sequence[Piece],
        label: str,
        path: str,
        take: Callable[[int, memoryview], T],
        first: int = 0,
        end: int | None = None,
    ) -> None:
        self._means, self._opened, self._label, self._take = means, opened, label, take
        layout = opened.manifest.layout
        segments = layout.segments(opened.manifest.length)
        self._end = segments if end is None else min(end, segments)
        self._step, self._buffers = batch_segments(layout), Buffers()
        self._gathering = Gathering(
            means,
            opened.manifest,
            pieces,
            label,
            path,
            ahead=2 * self._step * layout.block,
            first=first,
            end=self._end,
        )
        # the batches that are opened, by the number of their first segment, and the one before them that is taken: a
        # slow disk does not hold up the ciphers
        self._openings: deque[tuple[int, Deferred[memoryview]]] = deque()
        self._taking: Deferred[T] | None = None
        # openings that are not needed any more
        self._dropped: list[Deferred[None]] = []
        self._number = first
        #: Number of the first segment of the batch that is opened now.
        self.block_number = first

    async def next(self) -> T | None:
        """
        What `take` made of the next batch; None behind the last one. Raises what a gathering raises, `Corrupt`, and
        what `take` does.
        """
        while self._number < self._end or self._openings:
            parts: dict[int, list[Buffer]] = {}
            if self._number < self._end:
                size = self._opened.decoder.part_bytes(self._number, self._count)
                parts = await self._gathering.parts(self._number, size)
            await self._note()
            opened: tuple[int, memoryview] | None = None
            if self._openings and (not parts or len(self._openings) >= self._together(parts)):
                number, opening = self._openings[0]
                try:
                    opened = number, await shielded(opening)
                except WrongParts as wrong:
                    self._go_back(number, wrong)
                    continue
                self._openings.popleft()
            if parts:
                self._begin(parts)
            if opened is not None:
                self.block_number = self._openings[0][0] if self._openings else self._number
                done = await self._taken()
                self._taking = started(self._means.workers.run(self._take, *opened))
                del opened
                if done:
                    return done[0]
        return next(iter(await self._taken()), None)

    async def close(self) -> None:
        """
        Break off what is not done; returns when no worker is at it any more.
        """
        working: list[Deferred[Any]] = [*self._dropped, *(opening for _, opening in self._openings)]
        if self._taking is not None:
            working.append(self._taking)
        self._openings.clear()
        self._dropped, self._taking, self._number = [], None, self._end
        try:
            for each in working:
                await ended(each)
        finally:
            await self._gathering.close()
            await self._note()

    @property
    def _count(self) -> int:
        """Segments of the next batch."""
        return min(self._step, self._end - self._number)

    def _together(self, parts: Mapping[int, object]) -> int:
        """How many batches are opened at a time: more if blocks have to be computed, which takes much longer."""
        return COMPUTED if max(parts) >= self._opened.manifest.k else 1

    def _begin(self, parts: Mapping[int, Sequence[Buffer]]) -> None:
        gathering, number = self._gathering, self._number
        leaves = {at: gathering.check(at) for at in parts} if gathering.checked else None
        self._openings.append((number, started(self._means.workers.run(self._open, number, parts, leaves))))
        self._number += self._count

    def _go_back(self, number: int, wrong: WrongParts) -> None:
        """The batch that begins with this segment, and what came after it, is read again."""
        self._openings.popleft()
        for _, later in self._openings:
            # its memory is free when it is done, not only when all is
            self._dropped.append(later.addBoth(lambda _: None))
        self._openings.clear()
        self._sort_out(wrong)
        self._number = number

    async def _taken(self) -> tuple[T, ...]:
        """What was made of the batch before, if there is one."""
        if self._taking is None:
            return ()
        done = await shielded(self._taking)
        self._taking = None
        return (done,)

    def _open(
        self, number: int, parts: Mapping[int, Sequence[Buffer]], leaves: Mapping[int, list[bytes]] | None
    ) -> memoryview:
        """In a worker: check, decode and unseal one batch."""
        if leaves is not None:
            wrong = wrong_parts(self._opened.manifest.block, number, parts, leaves)
            if wrong:
                raise WrongParts(wrong)
        try:
            return self._opened.decoder.decode(number, parts, self._buffers)
        except Corrupt:
            raise WrongParts({}) from None

    def _sort_out(self, wrong: WrongParts) -> None:
        """A batch does not open: find out who lies, by the hashes of each block, and read it from others."""
        gathering = self._gathering
        if gathering.checked and not wrong.reasons:
            raise Corrupt(f"{self._label} does not match its seal, although all its pieces are what was uploaded")
        for number, reason in wrong.reasons.items():
            gathering.blame(number, reason)
        gathering.begin_again()

    async def _note(self) -> None:
        """Tell and remember who gave wrong pieces, so that they are made anew."""
        while self._gathering.blames:
            blame = self._gathering.blames.pop()
            self._tell(blame)
            await note_blame(self._means, blame)

    def _tell(self, blame: Blame) -> None:
        self._means.events.publish(
            "restore-failed",
            {
                "backup_id": self._label,
                "block_number": self.block_number,
                "args": [blame.piece.idurl, blame.piece.number],
                "reason": f"supplier {blame.piece.idurl} gave a wrong piece: {blame.reason}",
            },
        )


class WrongParts(Exception):
    """
    A batch does not open. reasons: the numbers of the pieces that are known to be wrong, and why.
    """

    def __init__(self, reasons: dict[int, str]) -> None:
        super().__init__(reasons)
        self.reasons = reasons
