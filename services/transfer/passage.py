"""
One way through the segments of a version: gathered from k suppliers, checked, and opened, batch by batch and in order.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Generic, TypeVar

from twisted.internet.defer import Deferred

from bitdust_node.errors import Corrupt
from bitdust_node.pieces.batch import batch_segments
from bitdust_node.pieces.blocks import Buffer, Buffers
from bitdust_node.waiting import shielded, started
from services.catalog.schema import Piece
from services.transfer.gathering import Blame, Gathering
from services.transfer.means import Means
from services.transfer.opened import Opened
from services.transfer.rebuild import note_blame, wrong_parts

T = TypeVar("T")


class Passage(Generic[T]):
    """
    Reads segments `first` .. `end - 1`; one batch is opened by a worker while the next one comes.

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
            self._blamed,
            label,
            path,
            ahead=2 * self._step * layout.block,
            first=first,
            end=self._end,
        )
        self._blames: list[Blame] = []
        self._working: Deferred[T] | None = None
        self._begun = self._number = first
        #: Number of the first segment of the batch that is opened now.
        self.block_number = first

    async def next(self) -> T | None:
        """
        What `take` made of the next batch; None behind the last one. Raises what a gathering raises, `Corrupt`, and
        what `take` does.
        """
        gathering, decoder = self._gathering, self._opened.decoder
        while self._number < self._end or self._working is not None:
            parts: dict[int, list[Buffer]] = {}
            if self._number < self._end:
                count = min(self._step, self._end - self._number)
                parts = await gathering.parts(self._number, decoder.part_bytes(self._number, count))
            await self._note()
            done: tuple[T, ...] = ()
            if self._working is not None:
                try:
                    done = (await shielded(self._working),)
                except WrongParts as wrong:
                    self._working = None
                    self._sort_out(wrong)
                    self._number = self._begun
                    continue
                self._working, self.block_number = None, self._number
            if parts:
                leaves = {at: gathering.check(at) for at in parts} if gathering.checked else None
                self._working = started(self._means.workers.run(self._open, self._number, parts, leaves))
                self._begun, self._number = self._number, min(self._number + self._step, self._end)
            if done:
                return done[0]
        return None

    async def close(self) -> None:
        """
        Break off what is not done; returns when no worker is at it any more.
        """
        working, self._working, self._number = self._working, None, self._end
        try:
            if working is not None:
                working.addErrback(lambda _: None)
                await working
        finally:
            await self._gathering.close()
            await self._note()

    def _open(self, number: int, parts: Mapping[int, Sequence[Buffer]], leaves: Mapping[int, list[bytes]] | None) -> T:
        """In a worker: check, decode and unseal one batch, and hand it on."""
        if leaves is not None:
            wrong = wrong_parts(self._opened.manifest.block, number, parts, leaves)
            if wrong:
                raise WrongParts(wrong)
        try:
            plain = self._opened.decoder.decode(number, parts, self._buffers)
        except Corrupt:
            raise WrongParts({}) from None
        return self._take(number, plain)

    def _sort_out(self, wrong: WrongParts) -> None:
        """A batch does not open: find out who lies, by the hashes of each block, and read it from others."""
        gathering = self._gathering
        if gathering.checked and not wrong.reasons:
            raise Corrupt(f"{self._label} does not match its seal, although all its pieces are what was uploaded")
        for number, reason in wrong.reasons.items():
            gathering.blame(number, reason)
        gathering.begin_again()

    def _blamed(self, blame: Blame) -> None:
        self._blames.append(blame)
        self._means.events.publish(
            "restore-failed",
            {
                "backup_id": self._label,
                "block_number": self.block_number,
                "args": [blame.piece.idurl, blame.piece.number],
                "reason": f"supplier {blame.piece.idurl} gave a wrong piece: {blame.reason}",
            },
        )

    async def _note(self) -> None:
        """Remember who gave wrong pieces, so that they are made anew."""
        while self._blames:
            await note_blame(self._means, self._blames.pop())


class WrongParts(Exception):
    """
    A batch does not open. reasons: the numbers of the pieces that are known to be wrong, and why.
    """

    def __init__(self, reasons: dict[int, str]) -> None:
        super().__init__(reasons)
        self.reasons = reasons
