"""
One download: a version on its way back to the local disk.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from time import ctime
from typing import Any

from twisted.internet.defer import CancelledError, Deferred

from automats.download import DOWNLOAD, Input
from bitdust_node.errors import BitDustError, Closed, Failed
from bitdust_node.pieces.layout import ecc_map
from bitdust_node.progress import percent
from bitdust_node.tasks import Tasks
from services.catalog.errands import Errands
from services.catalog.schema import Item, Task, Version
from services.transfer.checkpoint import Checkpoint, Checkpoints, Mark
from services.transfer.entry import fetch_entry
from services.transfer.folder_sink import FolderSink, clear
from services.transfer.job import Job
from services.transfer.means import Means
from services.transfer.opened import Opened
from services.transfer.pack import Head
from services.transfer.passage import Passage
from services.transfer.sink import FileSink, Sink
from services.transfer.whereabouts import open_version, pieces_of


class Download(Job):
    """
    Owner of one `download` machine.

    destination: where the file or folder itself will be. ended: called once, when the download is over. mark: how far
    it had come when the node ended.
    """

    def __init__(
        self,
        means: Means,
        task: Task,
        item: Item,
        version: Version,
        destination: Path,
        ended: Callable[[Download], None],
        checkpoints: Checkpoints,
        mark: Mark | None = None,
    ) -> None:
        super().__init__(means, task, item, DOWNLOAD, Input)
        self.version, self.destination, self._ended = version, destination, ended
        self._checkpoints, self._mark = checkpoints, mark
        self._marking: Checkpoint | None = None
        self._cleaning: Deferred[None] | None = None
        self._opened: Opened | None = None
        self._sink: Sink | None = None
        # bytes at the beginning of the first segment that are there already
        self._skip = 0
        self._passage: Passage[int] | None = None
        self.aborted = False

    @property
    def backup_id(self) -> str:
        return f"{self.key_id}:{self.item.path_id}/{self.version.name}"

    @property
    def total_size(self) -> int:
        return self.version.size

    @property
    def progress(self) -> str:
        return percent(self.bytes_processed, self.total_size)

    def cancel(self) -> None:
        self.aborted = not self.machine.finished
        super().cancel()

    def describe(self, *, nested: bool = False) -> dict[str, Any]:
        """
        As `files_downloads` shows it; nested: as it stands inside of a FILE_ITEM.
        """
        told: dict[str, Any] = {
            "backup_id": self.backup_id,
            "creator_id": self._means.place.owner_id,
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
            **self.moved.told(self.total_size),
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
        if self.version.pack is not None:
            head, content = await fetch_entry(means, self.version)
            self.bytes_processed = await means.workers.run(self._take_entry, head, content)
            return Input.LOCATED
        pieces = await pieces_of(means, self.version)
        self._opened = opened = await open_version(means, self.version, pieces)
        await means.workers.run(self._open_sink, opened)
        segment = opened.manifest.layout.segment_bytes
        first = self.bytes_processed // segment
        if first:
            self.log.info("{id} goes on from byte {size}", id=self.backup_id, size=self.bytes_processed)
        self._passage = Passage(means, opened, pieces, self.backup_id, self.item.path, self._take, first)
        return Input.LOCATED

    def _open_sink(self, opened: Opened) -> None:
        """In a worker: open the place for what comes."""
        mark, manifest = self._mark, opened.manifest
        segment, meta = manifest.layout.segment_bytes, opened.meta
        if mark is not None and mark.size >= manifest.length:
            mark = None
        temporary = Path(self.task.temporary)
        if meta.kind == "folder":
            sink: Sink = FolderSink(self.destination, temporary, mark)
        else:
            sink = FileSink(self.destination, temporary, meta.mode, meta.mtime_ns, mark)
        self._sink, self._skip = sink, sink.size % segment
        self.moved.begin(sink.size)
        means = self._means
        self._marking = Checkpoint(
            self._checkpoints, means.workers, means.clock, self.task.temporary, manifest.version, sink
        )

    async def _fetch(self) -> Input:
        # it leads back here: left to the garbage collector, its memory would be there for minutes
        passage, self._passage = self._passage, None
        if self.version.pack is not None:
            # it came as a whole
            return Input.FETCHED
        if passage is None:
            return Input.BROKEN
        try:
            while (written := await passage.next()) is not None:
                self.bytes_processed += written
                self.block_number = passage.block_number
                if self._marking is not None and self.bytes_processed < self.total_size:
                    self._marking.reached(self.bytes_processed)
        finally:
            # the file must not be closed under the worker that writes it
            await passage.close()
            if self._marking is not None:
                await self._marking.close()
        return Input.FETCHED

    def _take_entry(self, head: Head, content: bytes) -> int:
        """In a worker: write a file that was in a pack; the number of its bytes."""
        self._sink = FileSink(self.destination, Path(self.task.temporary), head.mode, head.mtime_ns)
        self._sink.write(content)
        return len(content)

    def _take(self, number: int, plain: memoryview) -> int:
        """In a worker: write one batch; the number of its bytes, without those that were there already."""
        new, self._skip = plain[self._skip :], 0
        if self._sink is not None:
            self._sink.write(new)
        return len(new)

    async def _finish(self) -> Input:
        if self._sink is not None:
            await self._means.workers.run(self._sink.finish)
        return Input.FINISHED

    # the ends

    async def _clean_up(self, work: Tasks) -> None:
        await work.stop()
        sink, self._sink = self._sink, None
        try:
            if sink is not None:
                await self._means.workers.run(sink.abort)
            await self._means.workers.run(clear, Path(self.task.temporary), self.destination)
        except (BitDustError, OSError) as error:
            # e.g. its disk is gone: the download is over all the same
            self.log.warn("{path} can not be removed: {error}", path=self.task.temporary, error=error)

    async def _report(self, error: BitDustError | None) -> None:
        self._error = error
        if self._cleaning is not None:
            # the task is what finds the temporary file again if the node ends before it is removed
            await self._cleaning
        catalog = self._means.catalog
        marked = self._mark is not None or (self._marking is not None and self._marking.made)
        remove = partial(_forget, self.task, catalog.errands, self._checkpoints if marked else None)
        try:
            await catalog.afterwards.surely(f"remove the task of the download {self.backup_id}", remove)
        except CancelledError:
            raise
        except Closed:
            # the node ends
            self.log.info("the download {id} is done anew at the next start", id=self.backup_id)
        except Exception:  # noqa: BLE001 - the download is over all the same
            self.log.failure("the task of the download {id} can not be removed", id=self.backup_id)
        where = {"backup_id": self.backup_id, "output_location": str(self.destination)}
        if error is None:
            self._means.events.publish("restore-done", where)
        else:
            reason = "cancelled" if self.aborted else "failed"
            self._means.events.publish("restore-failed", {**where, "reason": reason, "error": str(error)})
        self._ended(self)
        self._wake()


async def _forget(task: Task, errands: Errands, checkpoints: Checkpoints | None) -> None:
    """Not of a download: what waits until the disk has room must not keep its memory."""
    await errands.remove_task(task.id)
    if checkpoints is not None:
        await checkpoints.remove(task.temporary)
