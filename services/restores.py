"""
service_restores: downloads.
"""

from __future__ import annotations

import os
from collections import deque
from pathlib import Path
from typing import Any, ClassVar

from twisted.logger import Logger

from bitdust_node.api.registry import Answer, ApiError, method
from bitdust_node.errors import BitDustError, Conflict, Full, NotFound
from bitdust_node.service import Service
from services.backup_db import BackupDb
from services.backups import Backups
from services.catalog.places import Places, by_place
from services.catalog.schema import Item, Task, Version
from services.transfer.checkpoint import Checkpoints, Mark
from services.transfer.download import Download
from services.transfer.folder_sink import clear
from services.transfer.means import Means
from services.transfer.running import Running
from services.transfer.sink import temporary_beside

#: Downloads that run at once, and that may wait.
AT_ONCE, WAITING_LIMIT = 4, 10_000


class Restores(Service):
    """
    Runs a few downloads at a time; those that were not done when the node ended go on or are begun again.
    """

    log = Logger()

    name: ClassVar[str] = "restores"
    depends: ClassVar[tuple[str, ...]] = ("backups",)
    needs_identity: ClassVar[bool] = True

    def __init__(
        self,
        backups: Backups,
        backup_db: BackupDb,
        means: Means,
        running: Running,
        checkpoints: Checkpoints,
        places: Places,
    ) -> None:
        #: Where the other catalogs are.
        self.places = places
        self._backups, self._backup_db, self._means, self._running = backups, backup_db, means, running
        self._checkpoints = checkpoints
        self._queue: deque[Download] = deque()
        self._busy: set[int] = set()

    async def start(self) -> None:
        catalog = self._means.catalog
        marks = await self._checkpoints.load()
        for task in await catalog.errands.tasks("download"):
            mark = marks.pop(task.temporary, None)
            item = await catalog.item(task.item)
            versions = (await catalog.versions([task.item]))[task.item]
            version = next((one for one in versions if one.name == task.version), None)
            # what is coded anew meanwhile has the name of the old version, but other segments
            if mark is None or version is None or mark.version != version.id:
                await self._remove(Path(task.temporary), Path(task.local_path))
            if item is None or version is None:
                await catalog.errands.remove_task(task.id)
            else:
                self._add(task, item, version, mark)
        for temporary in marks:
            if not await self._means.workers.run(os.path.lexists, temporary):
                await self._checkpoints.remove(temporary)
        self._go_on()

    async def stop(self) -> None:
        downloads, self._running.downloads = list(self._running.downloads.values()), {}
        for download in downloads:
            await download.stop()
        self._queue.clear()
        self._busy.clear()

    # API

    @method("GET", "/file/download/v1", "GET /f/d/l", needs=("service_backups",))
    async def files_downloads(self) -> list[dict[str, Any]]:
        """
        Restore jobs running now.
        """
        running = (self._running, *self.places.all(Running))
        return [download.describe() for each in running for download in each.downloads.values()]

    @method(
        "POST",
        "/file/download/start/v1",
        "POST /f/d/o",
        needs=("service_restores",),
        accept={"destination_path": ("destination_folder", "local_path")},
    )
    @by_place
    async def file_download_start(
        self,
        remote_path: str,
        destination_path: str | None = None,
        wait_result: bool = False,
        open_share: bool = True,
        publish_events: bool = False,
    ) -> Answer:
        """
        Fetch the newest (or a given) version from suppliers, rebuild, decrypt and unpack it into a local folder.
        """
        item, name = await self._backup_db.item(remote_path)
        self._backups.check_keys_service(item)
        version = await self._version(item, name)
        destination = self._backup_db.restore_path(item, destination_path)
        for other in self._running.downloads_of(item.id):
            if other.version.id == version.id and other.destination == destination:
                raise Conflict(f"downloading of {other.backup_id} is already scheduled")
        if len(self._running.downloads) >= WAITING_LIMIT:
            raise Full(f"downloading is not possible now: {WAITING_LIMIT} downloads are waiting already")
        temporary = temporary_beside(destination)
        task = await self._means.catalog.errands.add_task(
            "download", item.id, str(destination), version.name, str(temporary)
        )
        download = self._add(task, item, version)
        self._go_on()
        told = {
            "key_id": download.key_id,
            "backup_id": download.backup_id,
            "local_path": str(destination),
            "path_id": item.path_id,
            "remote_path": item.path,
        }
        if not wait_result:
            return Answer({"downloaded": False, **told}, message=f"downloading of {item.path} was started")
        try:
            await download.wait()
        except BitDustError as error:
            raise ApiError(f"downloading of {item.path} failed: {error}", downloaded=False, **told) from error
        return Answer({"downloaded": True, **told}, message=f"{item.path} was downloaded successfully")

    @method("POST", "/file/download/stop/v1", "POST /f/d/c", needs=("service_restores",))
    @by_place
    async def file_download_stop(self, remote_path: str) -> list[dict[str, Any]]:
        """
        Abort restore jobs of one item (all versions, or the given one).
        """
        item, name = await self._backup_db.item(remote_path)
        versions = (await self._means.catalog.versions([item.id]))[item.id]
        wanted = [version for version in versions if name in (None, version.name)]
        if not wanted:
            raise NotFound(f"no remotely stored versions of {item.path} were found")
        running = self._running.downloads_of(item.id)
        told = []
        for version in wanted:
            aborted = [download for download in running if download.version.id == version.id]
            for download in aborted:
                download.cancel()
            backup_id = f"{self._means.key_id(item.alias)}:{item.path_id}/{version.name}"
            told.append({"backup_id": backup_id, "aborted": bool(aborted)})
        return told

    async def _version(self, item: Item, name: str | None) -> Version:
        """The version to read: the named one, else the newest that is stored."""
        versions = (await self._means.catalog.versions([item.id]))[item.id]
        wanted = [version for version in versions if name in (None, version.name)]
        ready = [version for version in wanted if version.state == "ready"]
        if ready:
            return ready[0]
        if wanted or self._running.uploads_of(item.id):
            raise Conflict(f"downloading of {item.path} is not possible now, as uploading of it is running")
        raise NotFound(f"no remotely stored versions of {item.path} were found")

    # the queue

    async def _remove(self, temporary: Path, destination: Path) -> None:
        try:
            await self._means.workers.run(clear, temporary, destination)
        except OSError as error:
            # its disk may be gone or read-only now: no reason not to restore anything else
            self.log.warn("{path} can not be removed: {error}", path=str(temporary), error=str(error))

    def _add(self, task: Task, item: Item, version: Version, mark: Mark | None = None) -> Download:
        if mark is not None and mark.version != version.id:
            mark = None
        destination = Path(task.local_path)
        download = Download(self._means, task, item, version, destination, self._ended, self._checkpoints, mark)
        self._running.downloads[task.id] = download
        self._queue.append(download)
        return download

    def _go_on(self) -> None:
        while self._queue and len(self._busy) < AT_ONCE:
            download = self._queue.popleft()
            if not download.machine.finished:
                self._busy.add(download.task.id)
                download.start()

    def _ended(self, download: Download) -> None:
        self._running.downloads.pop(download.task.id, None)
        self._busy.discard(download.task.id)
        self._go_on()
