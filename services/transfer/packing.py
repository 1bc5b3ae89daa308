"""
The line of small files: who comes when nobody travels goes at once, and all that come meanwhile go together, as one
pack. See docs/files.md.
"""

from __future__ import annotations

import secrets
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol

from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger

from automats.upload import Input
from bitdust_node.errors import BitDustError, Failed, Full, NotFound
from bitdust_node.pieces.layout import SCHEMES, Layout
from bitdust_node.pieces.seal import VERSION_BYTES
from bitdust_node.tasks import Tasks
from bitdust_node.waiting import sleep
from services.catalog.packs import Packed, Stored
from services.catalog.schema import Item, Piece, Task, Version
from services.data_motion import Holder
from services.transfer.means import Means, enough
from services.transfer.pack import ENTRIES_LIMIT
from services.transfer.pack_source import PackSource, Reading, read_files
from services.transfer.receivers import find_receivers
from services.transfer.room import check_room
from services.transfer.seal_pass import SealPass, Signing
from services.transfer.sending import Senders

#: Uploads that may be in the line at once.
LINE_LIMIT = 4 * ENTRIES_LIMIT
#: Files that hear of the end of their pack before others get a turn: each of them has much to tell.
AT_ONCE = 16


class Traveller(Protocol):
    """
    An upload in the line.
    """

    task: Task
    item: Item

    async def send_alone(self) -> Input:
        """Store it as a version of its own; as `send_pieces`."""

    def joined(self, version: Version) -> None:
        """A pack is on its way that has it."""

    def arrived(self, size: int) -> None:
        """The pack is stored. size: bytes of the file."""

    def rejected(self, errors: dict[int, BitDustError]) -> None:
        """The pack is not stored and forgotten; why, by position of the supplier."""


@dataclass(eq=False)
class _Waiting:
    """
    turn: fires with what came of it; with None if it shall go alone. single: true if it fits no pack. in_line: false
    while it is on its way.
    """

    file: Traveller
    entry: bytes
    turn: Deferred[Input | None]
    single: bool = False
    in_line: bool = False


class Line:
    """
    At most one pack, or one file that is alone, is on its way.
    """

    log = Logger()

    def __init__(self, means: Means) -> None:
        self._means = means
        self._waiting: deque[_Waiting] = deque()
        self._alone: _Waiting | None = None
        self._packing = self._closed = False
        self._limit = ENTRIES_LIMIT
        self._tasks = Tasks("packs")

    def start(self) -> None:
        self._tasks, self._closed = Tasks("packs"), False

    async def stop(self) -> None:
        """
        Break off what is on its way and begin nothing more; whoever waits must end by himself.
        """
        self._closed = True
        await self._tasks.stop()

    async def send(self, file: Traveller) -> Input:
        """
        Store a small file, alone or with others. Raises what is wrong with this one.
        """
        waiting = _Waiting(file, secrets.token_bytes(VERSION_BYTES), Deferred())
        waiting.in_line = True
        self._waiting.append(waiting)
        self._go_on()
        try:
            outcome = await waiting.turn
            return await file.send_alone() if outcome is None else outcome
        finally:
            self._leave(waiting)

    def _leave(self, waiting: _Waiting) -> None:
        if waiting.in_line:
            self._waiting.remove(waiting)
        if waiting is self._alone:
            self._alone, self._limit = None, max(self._limit, 2)
            self._go_on()

    def _go_on(self) -> None:
        if self._closed or self._packing or self._alone is not None or not self._waiting:
            return
        first = self._waiting[0]
        # files of two keys never share a pack, as they may come to be shared with others
        together = [one for one in self._waiting if one.file.item.alias == first.file.item.alias and not one.single]
        if first.single or self._limit == 1 or len(together) == 1:
            self._alone = self._waiting.popleft()
            self._alone.in_line = False
            self._alone.turn.callback(None)
            return
        taken = together[: self._limit]
        for one in taken:
            one.in_line = False
        self._waiting = deque(one for one in self._waiting if one.in_line)
        self._packing = True
        self._tasks.spawn("store a pack", self._pack(taken)).addCallback(self._packed)

    def _packed(self, _: object) -> None:
        self._packing = False
        self._go_on()

    async def _pack(self, files: list[_Waiting]) -> None:
        try:
            await self._store(files)
        except CancelledError:
            raise
        except BitDustError as error:
            await self._fail(files, error)
        except Exception as error:  # noqa: BLE001 - the border of the pack: each of its files hears that it failed
            self.log.failure("a pack can not be stored")
            await self._fail(files, Failed(f"{error}"))

    async def _store(self, files: list[_Waiting]) -> None:
        means = self._means
        suppliers = means.customer.wanted.suppliers
        layout = Layout(*SCHEMES[suppliers])
        receivers = await find_receivers(self._means, suppliers, patient=True)
        if len(receivers) < enough(layout.k, layout.m):
            await self._tell(files, Input.NONE)
            return
        reading = await means.workers.run(read_files, [(one.entry, Path(one.file.task.local_path)) for one in files])
        files = self._sort(files, reading)
        if len(files) < 2:
            self._again(files, single=True)
            return
        pack = secrets.token_bytes(VERSION_BYTES)
        pieces = [Piece(pack, at, to.node_id, to.idurl, 0, "sent") for at, to in receivers.items()]
        items = {one.entry: one.file.item.id for one in files}
        begun = await means.catalog.packs.begin(pack, layout.k, layout.m, pieces, items)
        try:
            await self._send(files, reading, begun, pack, layout, receivers)
        except BaseException:
            # also when it was broken off: at the next start it would be found and dropped just so
            forget = partial(means.catalog.packs.forget, pack, list(begun))
            self._tasks.spawn("forget a pack", means.catalog.afterwards.surely("forget a pack", forget))
            raise

    async def _send(
        self,
        files: list[_Waiting],
        reading: Reading,
        begun: dict[bytes, Version],
        pack: bytes,
        layout: Layout,
        receivers: dict[int, Holder],
    ) -> None:
        means = self._means
        for one in files:
            if one.entry not in begun:
                self._end(one, NotFound(f"{one.file.item.path} was deleted"))
        files = [one for one in files if one.entry in begun]
        for at, one in enumerate(files):
            one.file.joined(begun[one.entry])
            if at % AT_ONCE == AT_ONCE - 1:
                await sleep(means.clock, 0)
        signing = Signing(means.signet, f"pack:{pack.hex()}", int(means.clock.seconds()))
        sealing = SealPass(lambda: PackSource(reading.data), pack, layout, signing)
        manifest, stored, errors = await send_sealed(means, sealing, receivers, "a pack")
        if len(stored) >= enough(layout.k, layout.m):
            self._limit = min(2 * self._limit, ENTRIES_LIMIT)
            done = Stored(sealing.length, manifest, layout.piece_bytes(sealing.length), stored)
            await means.catalog.packs.end(pack, done, [_packed(one, reading) for one in files], means.copies)
            for one in files:
                one.file.arrived(reading.sizes[one.entry])
            await self._tell(files, Input.ENOUGH)
            return
        await means.catalog.packs.forget(pack, list(begun))
        for one in files:
            one.file.rejected(errors)
        if any(isinstance(error, Full) for error in errors.values()):
            # fewer of them may find room
            self._limit = max(1, len(files) // 2)
            self._again(files)
        else:
            await self._tell(files, Input.NONE)

    def _sort(self, files: Sequence[_Waiting], reading: Reading) -> list[_Waiting]:
        """Those that were read; the others fail, go alone, or wait for the next pack."""
        for one in files:
            if one.entry in reading.errors:
                self._end(one, reading.errors[one.entry])
        known = reading.places.keys() | reading.errors.keys() | reading.alone
        alone = [one for one in files if one.entry in reading.alone]
        others = [one for one in files if one.entry not in known]
        read = [one for one in files if one.entry in reading.places]
        self._again(others)
        self._again(alone, single=True)
        return read

    def _again(self, files: Sequence[_Waiting], *, single: bool = False) -> None:
        """Back to the front of the line."""
        for one in reversed(files):
            if not one.turn.called:
                one.single, one.in_line = one.single or single, True
                one.entry = secrets.token_bytes(VERSION_BYTES)
                self._waiting.appendleft(one)

    async def _tell(self, files: Sequence[_Waiting], outcome: Input) -> None:
        for at, one in enumerate(files):
            self._end(one, outcome)
            if at % AT_ONCE == AT_ONCE - 1:
                await sleep(self._means.clock, 0)

    async def _fail(self, files: Sequence[_Waiting], error: BitDustError) -> None:
        for one in files:
            if not one.in_line:
                self._end(one, error)

    def _end(self, waiting: _Waiting, outcome: Input | BitDustError) -> None:
        if waiting.turn.called:
            return
        if isinstance(outcome, BitDustError):
            waiting.turn.errback(outcome)
        else:
            waiting.turn.callback(outcome)


def _packed(waiting: _Waiting, reading: Reading) -> Packed:
    return Packed(reading.places[waiting.entry], reading.sizes[waiting.entry], waiting.file.task.id)


async def send_sealed(
    means: Means, sealing: SealPass, receivers: dict[int, Holder], label: str
) -> tuple[bytes, list[int], dict[int, BitDustError]]:
    """
    Send all of a pass; its manifest, the numbers of the pieces that were stored, and why others were not.
    """
    layout = sealing.layout
    senders = Senders(means.motion, means.clock, sealing.version, receivers, layout.m, label, label)
    reason, first = "the upload was broken off", True
    stored: list[int] = []
    try:
        while True:
            batch, manifest = await means.workers.run(sealing.next)
            if manifest is None and first:
                try:
                    await check_room(means.motion, receivers.values(), layout, sealing.expected)
                except Full as error:
                    return b"", [], dict.fromkeys(receivers, error)
            senders.total, first = layout.piece_bytes(sealing.expected), False
            await senders.write(batch.pieces)
            if len(senders.alive) < layout.k:
                return b"", [], senders.errors
            if manifest is not None:
                break
        stored = await senders.commit(manifest, enough(layout.k, layout.m))
        reason = ""
        return manifest, stored, senders.errors
    finally:
        senders.close(reason)
