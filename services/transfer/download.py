"""
One download: a version on its way back to the local disk.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from time import ctime
from typing import Any

import msgspec
from twisted.internet.defer import CancelledError, Deferred

from automats.download import DOWNLOAD, Input
from bitdust_node.errors import BitDustError, Corrupt, Failed, Unavailable
from bitdust_node.keys.rsa import PrivateKey
from bitdust_node.pieces.batch import SegmentDecoder, batch_segments
from bitdust_node.pieces.layout import ecc_map
from bitdust_node.pieces.manifest import Manifest, unwrap_key, verify_manifest
from bitdust_node.pieces.seal import Sealer
from bitdust_node.tasks import Tasks
from bitdust_node.waiting import shielded, started
from services.catalog.schema import Item, Piece, Task, Version
from services.data_motion import Holder
from services.transfer.gathering import Blame, Gathering
from services.transfer.job import Job
from services.transfer.means import Means, Meta
from services.transfer.rebuild import note_blame, wrong_parts
from services.transfer.sink import FileSink, FolderSink, Sink, remove

_META = msgspec.msgpack.Decoder(Meta)


class Opened:
    """
    A manifest that was checked and opened: all that is needed to read the version. Making one is heavy.
    """

    def __init__(self, packed: bytes, version: bytes, key: PrivateKey) -> None:
        self.manifest: Manifest = verify_manifest(packed, key.public)
        if self.manifest.version != version:
            raise Corrupt("the manifest belongs to another version")
        secret = unwrap_key(key, self.manifest)
        try:
            self.meta = _META.decode(Sealer(secret, version).unseal_meta(self.manifest.sealed_meta))
        except (msgspec.MsgspecError, ValueError, RecursionError) as error:
            raise Corrupt(f"the description of the version can not be read: {error}") from None
        self.decoder = SegmentDecoder(secret, version, self.manifest.k, self.manifest.m, self.manifest.length)

    def sink(self, destination: Path, temporary: Path) -> Sink:
        if self.meta.kind == "folder":
            return FolderSink(destination, temporary)
        return FileSink(destination, temporary, self.meta.mode, self.meta.mtime_ns)


class Download(Job):
    """
    Owner of one `download` machine.

    destination: where the file or folder itself will be. ended: called once, when the download is over.
    """

    def __init__(
        self,
        means: Means,
        task: Task,
        item: Item,
        version: Version,
        destination: Path,
        ended: Callable[[Download], None],
    ) -> None:
        super().__init__(means, task, item, DOWNLOAD, Input)
        self.version, self.destination, self._ended = version, destination, ended
        self._cleaning: Deferred[None] | None = None
        self._opened: Opened | None = None
        self._sink: Sink | None = None
        self._gathering: Gathering | None = None
        self.aborted = False

    @property
    def backup_id(self) -> str:
        return f"{self.key_id}:{self.item.path_id}/{self.version.name}"

    @property
    def total_size(self) -> int:
        return self.version.size

    @property
    def progress(self) -> str:
        if self.total_size <= 0:
            return "0%"
        return f"{100 * self.bytes_processed / self.total_size:.1f}%"

    def cancel(self) -> None:
        self.aborted = not self.machine.finished
        super().cancel()

    def describe(self, *, nested: bool = False) -> dict[str, Any]:
        """
        As `files_downloads` shows it; nested: as it stands inside of a FILE_ITEM.
        """
        told: dict[str, Any] = {
            "backup_id": self.backup_id,
            "creator_id": self._means.me.global_id,
            "path_id": self.item.path_id,
            "version": self.version.name,
            "block_number": self.block_number,
            "bytes_processed": self.bytes_processed,
            "created": ctime(self.task.created),
            "aborted": self.aborted,
            "done": self.machine.finished,
            "eccmap": ecc_map(self._opened.manifest.m) if self._opened else "",
            "progress": self.progress,
            "total_size": self.total_size,
        }
        if not nested:
            told["key_id"] = self.key_id
        return told

    # actions

    def locate(self) -> None:
        self._means.events.publish("restore-started", {"backup_id": self.backup_id})
        self._begin("locate", self._locate())

    def fetch(self) -> None:
        self._begin("fetch", self._fetch())

    def finish(self) -> None:
        self._begin("finish", self._finish())

    def give_up(self) -> None:
        self._cleaning = self._ends.spawn("clean up", self._clean_up(self._work))
        self._work = Tasks(self._work.name)

    def report_done(self) -> None:
        self._ends.spawn("report", self._report(None))

    def report_failed(self) -> None:
        self._ends.spawn("report", self._report(self._error or Failed("download failed")))

    def report_cancelled(self) -> None:
        self._ends.spawn("report", self._report(Failed("the download was cancelled")))

    # the work

    async def _locate(self) -> Input:
        means = self._means
        held = (await means.catalog.pieces([self.version.id]))[self.version.id]
        packed = self.version.manifest or await self._ask_manifest(held)
        self._opened = opened = await means.workers.run(self._open, packed)
        layout = opened.manifest.layout
        self._gathering = Gathering(
            means,
            opened.manifest,
            [piece for piece in held if piece.state in ("stored", "leaving", "sent")],
            self._blamed,
            self.backup_id,
            self.item.path,
            ahead=2 * batch_segments(layout) * layout.block,
        )
        return Input.LOCATED

    def _open(self, packed: bytes) -> Opened:
        """In a worker: open the manifest, and the place for what comes."""
        opened = Opened(packed, self.version.id, self._means.me.key)
        self._sink = opened.sink(self.destination, Path(self.task.temporary))
        return opened

    async def _ask_manifest(self, held: list[Piece]) -> bytes:
        errors = []
        for piece in held:
            link = self._means.customer.link_of(piece.node_id)
            if link is None:
                continue
            try:
                return await self._means.motion.manifest(Holder(link.node_id, piece.idurl), self.version.id)
            except BitDustError as error:
                errors.append(f"{piece.idurl}: {error}")
        raise Unavailable(f"no supplier has the manifest ({'; '.join(errors) or 'none is known'})")

    async def _fetch(self) -> Input:
        opened, gathering = self._opened, self._gathering
        if opened is None or gathering is None:
            return Input.BROKEN
        layout = opened.manifest.layout
        segments, step = layout.segments(opened.manifest.length), batch_segments(layout)
        # one batch is decoded and written by a worker while the next one comes
        working: Deferred[int] | None = None
        begun = number = 0
        try:
            while number < segments or working is not None:
                parts: dict[int, bytes] = {}
                if number < segments:
                    parts = await gathering.parts(number, opened.decoder.part_bytes(number, step))
                if working is not None:
                    try:
                        self.bytes_processed += await shielded(working)
                    except WrongParts as wrong:
                        self._sort_out(gathering, wrong)
                        number, working = begun, None
                        continue
                    working, self.block_number = None, number
                if parts:
                    leaves = {at: gathering.check(at) for at in parts} if gathering.checked else None
                    working = started(self._means.workers.run(self._take, number, parts, leaves))
                    begun, number = number, min(number + step, segments)
        finally:
            if working is not None:
                # the file must not be closed under the worker that writes it
                working.addErrback(lambda _: None)
                await working
            await gathering.close()
        return Input.FETCHED

    def _take(self, number: int, parts: dict[int, bytes], leaves: dict[int, list[bytes]] | None) -> int:
        """In a worker: check, decode, unseal and write one batch; the number of its bytes."""
        if self._opened is None or self._sink is None:
            return 0
        if leaves is not None:
            wrong = wrong_parts(self._opened.manifest.block, number, parts, leaves)
            if wrong:
                raise WrongParts(wrong)
        try:
            plain = self._opened.decoder.decode(number, parts)
        except Corrupt:
            raise WrongParts({}) from None
        self._sink.write(plain)
        return len(plain)

    def _sort_out(self, gathering: Gathering, wrong: WrongParts) -> None:
        """A batch does not open: find out who lies, by the hashes of each block, and read it from others."""
        if gathering.checked and not wrong.reasons:
            raise Corrupt(f"{self.backup_id} does not match its seal, although all its pieces are what was uploaded")
        for number, reason in wrong.reasons.items():
            gathering.blame(number, reason)
        gathering.begin_again()

    def _blamed(self, blame: Blame) -> None:
        self._means.events.publish(
            "restore-failed",
            {
                "backup_id": self.backup_id,
                "block_number": self.block_number,
                "args": [blame.piece.idurl, blame.piece.number],
                "reason": f"supplier {blame.piece.idurl} gave a wrong piece: {blame.reason}",
            },
        )
        self._ends.spawn("remember a wrong piece", note_blame(self._means, blame))

    async def _finish(self) -> Input:
        if self._sink is not None:
            await self._means.workers.run(self._sink.finish)
        return Input.FINISHED

    # the ends

    async def _clean_up(self, work: Tasks) -> None:
        await work.stop()
        sink, self._sink = self._sink, None
        if sink is not None:
            await self._means.workers.run(sink.abort)
        await self._means.workers.run(remove, Path(self.task.temporary))

    async def _report(self, error: BitDustError | None) -> None:
        self._error = error
        if self._cleaning is not None:
            # the task is what finds the temporary file again if the node ends before it is removed
            await self._cleaning
        try:
            await self._means.catalog.errands.remove_task(self.task.id)
        except CancelledError:
            raise
        except Exception:  # noqa: BLE001 - e.g. the own disk is full: the task is done anew at the next start
            self.log.failure("the task of the download {id} can not be removed now", id=self.backup_id)
        where = {"backup_id": self.backup_id, "output_location": str(self.destination)}
        if error is None:
            self._means.events.publish("restore-done", where)
        else:
            reason = "cancelled" if self.aborted else "failed"
            self._means.events.publish("restore-failed", {**where, "reason": reason, "error": str(error)})
        self._ended(self)
        self._wake()


class WrongParts(Exception):
    """
    A batch does not open. reasons: the numbers of the pieces that are known to be wrong, and why.
    """

    def __init__(self, reasons: dict[int, str]) -> None:
        super().__init__(reasons)
        self.reasons = reasons
