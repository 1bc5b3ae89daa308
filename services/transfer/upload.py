"""
One upload: a file or folder on its way to the suppliers.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from functools import partial
from pathlib import Path
from time import ctime
from typing import Any, TypeVar

from twisted.internet.defer import CancelledError, Deferred

from automats.upload import UPLOAD, Input, State
from bitdust_node.clock import DelayedCall
from bitdust_node.errors import BitDustError, Closed, Failed, Full, Refused, Unavailable
from bitdust_node.pieces.layout import SCHEMES, Layout, ecc_map
from bitdust_node.pieces.seal import VERSION_BYTES
from bitdust_node.progress import percent
from bitdust_node.tasks import Tasks
from bitdust_node.waiting import ended, shielded, started
from services.catalog.schema import Item, Piece, Task, Version
from services.data_motion import Holder
from services.transfer.job import Job
from services.transfer.means import Means, enough
from services.transfer.packing import Line
from services.transfer.rebuild import rebuild
from services.transfer.receivers import find_receivers
from services.transfer.room import check_room
from services.transfer.seal_pass import SealPass, Signing
from services.transfer.sending import Senders
from services.transfer.source import open_source

T = TypeVar("T")

#: Seconds between tries while suppliers are missing: the first, and the longest.
AGAIN_FIRST, AGAIN_LONGEST = 1.0, 30.0
#: Passes that may fail although enough suppliers are connected.
TRIES = 6


class Upload(Job):
    """
    Owner of one `upload` machine.

    ended: called once, when the upload is over, whatever came of it. line: where small files wait for others to travel
    together; None for all else.
    """

    def __init__(
        self, means: Means, task: Task, item: Item, ended: Callable[[Upload], None], line: Line | None = None
    ) -> None:
        super().__init__(means, task, item, UPLOAD, Input)
        self._ended, self._line = ended, line
        self.small = line is not None
        self._undo: Callable[[], None] | None = None
        self._planned: DelayedCall | None = None
        self._tries = 0
        self._pass: SealPass | None = None
        self._version: Version | None = None
        #: Known before the version is in the catalog.
        self._version_id: bytes | None = None
        self._errors: dict[int, BitDustError] = {}
        #: True once it takes one of the places of those that run.
        self.was_started = False
        self.total_size = -1
        self.work_blocks = 0

    @property
    def backup_id(self) -> str:
        """
        Full id of the version that is being made; that of the item while there is none.
        """
        version = f"/{self._version.name}" if self._version else ""
        return f"{self.key_id}:{self.item.path_id}{version}"

    @property
    def about(self) -> dict[str, Any]:
        """
        What events tell of the task.
        """
        return {
            "number": self.task.id,
            "created": self.task.created,
            "backup_id": self.backup_id,
            "key_id": self.key_id,
            "path_id": self.item.path_id,
            "customer_id": self._means.place.owner_id,
            "path": self.item.path,
            "local_path": self.task.local_path,
            "remote_path": f"{self.key_id}:{self.item.path}",
        }

    @property
    def pending(self) -> bool:
        return self.machine.state is State.PENDING

    @property
    def version_id(self) -> bytes | None:
        return self._version.id if self._version else None

    def start(self) -> None:
        self.was_started = True
        super().start()

    async def stop(self) -> None:
        self._forget_plans()
        await super().stop()

    def describe(self, *, nested: bool = False) -> dict[str, Any]:
        """
        As `files_uploads` shows it; nested: as it stands inside of a FILE_ITEM.
        """
        if self.pending:
            return {
                "task_id": self.task.id,
                "path_id": f"{self.key_id}:{self.item.path_id}",
                "source_path": self.task.local_path,
                "created": ctime(self.task.created),
            }
        working = self.machine.state in (State.SENDING, State.FILLING)
        return {
            "backup_id" if nested else "version": self.backup_id,
            "key_id": self.key_id,
            "source_path": self.task.local_path,
            "eccmap": ecc_map(self._version.m) if self._version else "",
            "pipe": str(self.machine.state).lower() if working else "closed",
            "block_size": self._pass.layout.segment_bytes if self._pass else 0,
            "aborting": self.machine.state is State.CANCELLED,
            "terminating": False,
            "eof_state": 0 <= self.total_size <= self.bytes_processed,
            "reading": working,
            "closed": not working,
            "work_blocks": self.work_blocks,
            "block_number": self.block_number,
            "bytes_processed": self.bytes_processed,
            "progress": self.progress,
            "total_size": self.total_size,
            **self.moved.told(self.total_size),
        }

    @property
    def progress(self) -> str:
        if self.total_size <= 0:
            return "0%" if self.machine.state is State.PENDING or self.total_size < 0 else "100%"
        return percent(self.bytes_processed, self.total_size)

    # actions

    def send_pieces(self) -> None:
        self._begin("send pieces", self._send())

    def fill_gaps(self) -> None:
        self._begin("fill gaps", self._fill())

    def watch_suppliers(self) -> None:
        self._undo = self._means.customer.observe(self._look)
        self._tries += 1
        self._planned = self._means.clock.callLater(min(AGAIN_FIRST * 2**self._tries, AGAIN_LONGEST), self._look)

    def give_up(self) -> None:
        self._forget_plans()
        # never called from within the work itself: that feeds its outcome as its last act
        started(self._work.stop())
        self._work = Tasks(self._work.name)

    def report_stored(self) -> None:
        self._finish(None)

    def report_short(self) -> None:
        m = self._means.customer.wanted.suppliers
        self._fail(
            Unavailable(
                f"only {len(self._means.customer.connected())} of {m} suppliers are connected,"
                f" {enough(*SCHEMES[m])} are needed"
            )
        )

    def report_failed(self) -> None:
        self._fail(self._error or Failed("upload failed"))

    def report_cancelled(self) -> None:
        self._means.events.publish("backup-aborted", {"backup_id": self.backup_id, "source_path": self.task.local_path})
        self._fail(Failed("upload was cancelled"))

    # the work

    async def _send(self) -> Input:
        self._errors = {}
        outcome = await (self.send_alone() if self._line is None else self._line.send(self))
        if outcome is not Input.ENOUGH:
            self._check_tries()
        return outcome

    def joined(self, version: Version) -> None:
        """
        The file is in a pack that is on its way, as this version.
        """
        self._version, self._version_id = version, version.id
        self._means.events.publish("backup-started", {"backup_id": self.backup_id})

    def arrived(self, size: int) -> None:
        """
        The pack is stored. size: bytes of the file.
        """
        self.total_size = self.bytes_processed = size

    def rejected(self, errors: dict[int, BitDustError]) -> None:
        """
        The pack is not stored and forgotten; why, by position of the supplier.
        """
        self._version = self._version_id = None
        self._errors = errors

    async def send_alone(self) -> Input:
        """
        Store the source as a version of its own; answers as `send_pieces`.
        """
        means = self._means
        if self._version is not None:
            await means.catalog.drop_version(self._version.id)
            self._version = None
        self.bytes_processed = self.block_number = 0
        self.total_size = -1
        suppliers = means.customer.wanted.suppliers
        k, m = SCHEMES[suppliers]
        receivers = await find_receivers(means, suppliers, patient=not self._tries)
        if len(receivers) < enough(k, m):
            return Input.NONE
        version = secrets.token_bytes(VERSION_BYTES)
        pieces = [Piece(version, at, to.node_id, to.idurl, 0, "sent") for at, to in receivers.items()]
        kind = "folder" if self.item.kind == "dir" else "file"
        self._version_id = version
        self._version = await means.catalog.add_version(self.item, version, kind, k, m, pieces)
        means.events.publish("backup-started", {"backup_id": self.backup_id})
        signing = Signing(means.signet, self.backup_id, int(means.clock.seconds()))
        self._pass = sealing = SealPass(
            partial(open_source, Path(self.task.local_path)), version, Layout(k, m), signing
        )
        try:
            stored = await self._pump(sealing, receivers)
        finally:
            sealing.close()
        return self._weigh(stored)

    async def _pump(self, sealing: SealPass, receivers: dict[int, Holder]) -> list[int]:
        """Send the whole source; answers the numbers of the pieces that are stored. Memory is two batches."""
        means = self._means
        senders = Senders(
            means.motion,
            means.clock,
            sealing.version,
            receivers,
            sealing.layout.m,
            self.backup_id,
            self.item.path,
        )
        reason = "the upload was broken off"
        coming = started(means.workers.run(sealing.next))
        try:
            while True:
                self.work_blocks = 1
                batch, manifest = await self._coded(coming)
                self.work_blocks = 0
                # told from the beginning, also when suppliers let wait
                self.total_size = max(sealing.expected, self.total_size)
                if manifest is None:
                    coming = started(means.workers.run(sealing.next))
                    if not self.block_number and self.item.kind == "file":
                        await check_room(means.motion, receivers.values(), sealing.layout, sealing.expected)
                if self.item.kind == "file" and sealing.expected >= 0:
                    senders.total = sealing.layout.piece_bytes(sealing.expected)
                await senders.write(batch.pieces)
                self.block_number += batch.segments
                self.bytes_processed += batch.piece_bytes * sealing.layout.k
                self.total_size = max(self.total_size, self.bytes_processed)
                if len(senders.alive) < sealing.layout.k:
                    return []
                if manifest is not None:
                    break
            self.total_size = self.bytes_processed = sealing.length
            stored = await senders.commit(manifest, enough(sealing.layout.k, sealing.layout.m))
            reason = ""
            if len(stored) >= sealing.layout.k:
                piece = sealing.layout.piece_bytes(sealing.length)
                done = self._weigh(stored) is Input.ENOUGH
                await means.catalog.note_stored(
                    sealing.version,
                    sealing.length,
                    manifest,
                    piece,
                    stored,
                    task=self.task.id if done else 0,
                    keep=means.copies if done else 0,
                )
            return stored
        finally:
            self._errors = senders.errors
            senders.close(reason)
            # the source must not be closed under the worker that reads it
            await ended(coming)

    async def _fill(self) -> Input:
        if self._version is None:
            return Input.NONE
        await rebuild(self._means, self._version, self.backup_id, self.item.path)
        held = (await self._means.catalog.pieces([self._version.id]))[self._version.id]
        outcome = self._weigh([piece.number for piece in held if piece.state == "stored"])
        if outcome is Input.ENOUGH:
            await self._means.catalog.errands.remove_task(self.task.id)
        return outcome

    async def _coded(self, coming: Deferred[T]) -> T:
        try:
            return await shielded(coming)
        except BitDustError:
            self._means.events.publish("backup-raidmake-failed", {"backup_id": self.backup_id})
            raise

    def _check_tries(self) -> None:
        """Suppliers that have no room, or fail again and again, are not worth waiting for."""
        for number, error in self._errors.items():
            link = self._means.customer.links.get(number)
            if isinstance(error, Refused) and link is not None:
                # the lease may have lapsed meanwhile
                link.renew()
        full = next((error for error in self._errors.values() if isinstance(error, Full)), None)
        if full is not None:
            raise Full(f"too few suppliers have room for this: {full}")
        if self._errors and self._tries >= TRIES:
            raise Unavailable(f"too few suppliers take their pieces: {next(iter(self._errors.values()))}")

    def _weigh(self, stored: list[int]) -> Input:
        if self._version is None or len(stored) < self._version.k:
            return Input.NONE
        if len(stored) < enough(self._version.k, self._version.m):
            return Input.SOME
        return Input.ENOUGH

    # the ends

    def _fail(self, error: BitDustError) -> None:
        self._error = error
        self._ends.spawn("clean up", self._clean_up())

    async def _clean_up(self) -> None:
        catalog = self._means.catalog
        if self._version_id is not None:
            remove = partial(catalog.drop_version, self._version_id, self.task.id)
        else:
            remove = partial(catalog.errands.remove_task, self.task.id)
        try:
            await catalog.afterwards.surely(f"remove what is left of the upload {self.backup_id}", remove)
        except CancelledError:
            raise
        except Closed:
            # the node ends
            self.log.info("what is left of the upload {id} goes at the next start", id=self.backup_id)
        except Exception:  # noqa: BLE001 - the upload is over all the same
            self.log.failure("what is left of the upload {id} can not be removed", id=self.backup_id)
        self._finish(self._error)

    def _finish(self, error: BitDustError | None) -> None:
        self._forget_plans()
        if error is None:
            skipped = self._pass.skipped if self._pass else []
            message = f"not stored, as neither files nor folders: {', '.join(skipped)}" if skipped else "stored"
            self._means.events.publish(
                "backup-done", {"backup_id": self.backup_id, "source_path": self.task.local_path}
            )
            self._means.events.publish("backup-task-finished", {**self.about, "message": message})
        else:
            self._means.events.publish("backup-task-failed", {"path_id": self.item.path_id, "message": str(error)})
        self._ended(self)
        self._wake()

    def _look(self) -> None:
        """Is a supplier there now that lacks its piece?"""
        customer = self._means.customer
        connected = len(customer.connected())
        if connected >= enough(*SCHEMES[customer.wanted.suppliers]):
            self._forget_plans()
            if self.machine.state in (State.SHORT, State.WAITING):
                self.machine.feed(Input.SUPPLIERS)
        elif self._planned is None or not self._planned.active():
            self._planned = self._means.clock.callLater(AGAIN_LONGEST, self._look)

    def _forget_plans(self) -> None:
        if self._undo is not None:
            self._undo()
            self._undo = None
        if self._planned is not None and self._planned.active():
            self._planned.cancel()
        self._planned = None
