"""
service_backups: uploads.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import replace
from os.path import exists
from pathlib import Path
from typing import Any, ClassVar

from twisted.logger import Logger

from bitdust_node.api.models import Source
from bitdust_node.api.registry import Answer, method
from bitdust_node.errors import Conflict, Full, Invalid, NotFound, Refused, Unavailable
from bitdust_node.identity.names import MASTER
from bitdust_node.service import Service
from bitdust_node.services import Services
from services.backup_db import BackupDb
from services.catalog.places import Places, by_place
from services.catalog.schema import Item, Task
from services.list_files import ListFiles
from services.models.files import VersionModel
from services.rebuilding import Rebuilding
from services.transfer.means import Means
from services.transfer.pack_source import is_small
from services.transfer.packing import LINE_LIMIT, Line
from services.transfer.running import Running
from services.transfer.upload import Upload

#: Uploads that run at once, besides the small ones, and that may wait.
AT_ONCE, WAITING_LIMIT = 4, 100_000


class Backups(Service):
    """
    Runs a few uploads at a time, in the order they were asked for; the others wait. Tasks survive a restart.
    """

    log = Logger()

    name: ClassVar[str] = "backups"
    depends: ClassVar[tuple[str, ...]] = ("list_files", "rebuilding", "backup_db")
    needs_identity: ClassVar[bool] = True

    def __init__(
        self,
        list_files: ListFiles,
        rebuilding: Rebuilding,
        backup_db: BackupDb,
        means: Means,
        running: Running,
        services: Services,
        stored: VersionModel,
        places: Places,
    ) -> None:
        #: Where the other catalogs are.
        self.places = places
        self._list_files, self._rebuilding, self._backup_db = list_files, rebuilding, backup_db
        self._means, self._running, self._services, self._stored = means, running, services, stored
        self._line = Line(means)
        #: By whether they are small: those that wait, and how many run.
        self._queues: dict[bool, deque[Upload]] = {False: deque(), True: deque()}
        self._busy: Counter[bool] = Counter()

    async def start(self) -> None:
        catalog = self._means.catalog
        dropped = await catalog.drop_unfinished()
        if dropped:
            self.log.info("{number} unfinished versions are dropped and made anew", number=dropped)
        self._line.start()
        tasks = await catalog.errands.tasks("upload")
        sizes = await self._means.workers.run(_small, [task.local_path for task in tasks])
        for task, small in zip(tasks, sizes, strict=True):
            item = await catalog.item(task.item)
            if item is not None:
                self._add(task, item, small)
        self._go_on()

    async def stop(self) -> None:
        await self._line.stop()
        uploads, self._running.uploads = list(self._running.uploads.values()), {}
        for upload in uploads:
            await upload.stop()
        for queue in self._queues.values():
            queue.clear()
        self._busy.clear()

    def models(self) -> Sequence[Source]:
        return (self._stored,)

    def check_keys_service(self, item: Item) -> None:
        """
        The service that answers for the key of an item must be on.
        """
        if item.alias != MASTER:
            needed = "shared_data"
        elif item.path.startswith("."):
            return
        else:
            needed = "my_data"
        if not self._services.is_on(needed):
            raise Unavailable(f"service_{needed}() is not started")

    # API

    @method("GET", "/file/sync/v1", "GET /f/s", needs=("service_backups",))
    async def files_sync(self, force: bool = False) -> list[str]:
        """
        Kick the data synchronisation loop with suppliers.
        """
        for link in self._means.customer.links.values():
            link.connect()
        if force:
            self._list_files.refresh()
        self._backup_db.deletions.soon()
        self._rebuilding.soon()
        return ["the main files sync loop was restarted"]

    @method(
        "GET",
        "/file/upload/v1",
        "GET /f/u/l",
        needs=("service_backups",),
        accept={"include_running": ("running",), "include_pending": ("pending",)},
    )
    async def files_uploads(self, include_running: bool = True, include_pending: bool = True) -> dict[str, Any]:
        """
        Uploads in progress and queued.
        """
        uploads = [
            upload for running in (self._running, *self.places.all(Running)) for upload in running.uploads.values()
        ]
        return {
            "running": [up.describe() for up in uploads if not up.pending] if include_running else [],
            "pending": [up.describe() for up in uploads if up.pending] if include_pending else [],
        }

    @method("POST", "/file/upload/start/v1", "POST /f/u/o", needs=("service_backups",))
    @by_place
    async def file_upload_start(
        self,
        local_path: str,
        remote_path: str,
        wait_result: bool = False,
        open_share: bool = False,
        publish_events: bool = False,
    ) -> Answer:
        """
        Create a new version of a catalog item from a local file or folder and send it to the suppliers.
        """
        local, is_folder, small = await self._means.workers.run(_local, local_path)
        remote = self._backup_db.parse(remote_path)
        try:
            item, version = await self._backup_db.item(remote_path)
        except NotFound:
            raise NotFound(f"path {remote.path!r} was not registered yet") from None
        if version is not None:
            raise Invalid("invalid remote_path format: the version of an upload can not be chosen")
        self.check_keys_service(item)
        if not self._means.place.writes:
            raise Refused("this node may only read the share")
        item = await self._fitting(item, local, is_folder)
        if len(self._running.uploads) >= WAITING_LIMIT:
            raise Full(f"{WAITING_LIMIT} uploads are waiting already")
        task = await self._means.catalog.errands.add_task("upload", item.id, str(local))
        upload = self._add(task, item, small)
        self._means.events.publish("backup-task-created", upload.about)
        self._go_on()
        told = {
            "remote_path": remote_path,
            "key_id": upload.key_id,
            "source_path": str(local),
            "path_id": item.path_id,
        }
        if not wait_result:
            return Answer(told, message=f"uploading of {item.path} was started")
        await upload.wait()
        return Answer(told | {"version": upload.backup_id}, message=f"{item.path} was uploaded")

    @method("POST", "/file/upload/stop/v1", "POST /f/u/c", needs=("service_backups",))
    @by_place
    async def file_upload_stop(self, remote_path: str) -> Answer:
        """
        Cancel queued and running uploads of one item.
        """
        item, _version = await self._backup_db.item(remote_path)
        uploads = self._running.uploads_of(item.id)
        if not uploads:
            raise NotFound(f"there are no running or pending tasks of {item.path}")
        stopped = [upload.backup_id for upload in uploads]
        for upload in uploads:
            upload.cancel()
        return Answer(stopped, message=f"{len(stopped)} uploads were cancelled")

    @method("GET", "/file/explore/v1", "GET /f/x")
    async def file_explore(self, local_path: str) -> None:
        """
        Open the desktop file manager at a local path: a node without a desktop has none.
        """
        if not await self._means.workers.run(exists, local_path):
            raise NotFound("local path not exist")
        raise Unavailable("there is no desktop file manager on this machine")

    # the queue

    async def _fitting(self, item: Item, local: Path, is_folder: bool) -> Item:
        """The item as what is uploaded to it."""
        if item.kind == "dir" and not is_folder:
            raise Conflict(f"{item.path} is a folder in the catalog and {local} is a file")
        if item.kind == "file" and is_folder:
            await self._means.catalog.set_kind(item, "dir")
            return replace(item, kind="dir")
        return item

    def _add(self, task: Task, item: Item, small: bool) -> Upload:
        upload = Upload(self._means, task, item, self._ended, self._line if small and item.kind == "file" else None)
        self._running.uploads[task.id] = upload
        self._queues[upload.small].append(upload)
        return upload

    def _go_on(self) -> None:
        for small, limit in ((False, AT_ONCE), (True, LINE_LIMIT)):
            queue = self._queues[small]
            while queue and self._busy[small] < limit:
                upload = queue.popleft()
                if upload.pending:
                    self._busy[small] += 1
                    upload.start()

    def _ended(self, upload: Upload) -> None:
        if self._running.uploads.pop(upload.task.id, None) is not None:
            if upload.was_started:
                self._busy[upload.small] -= 1
            self._go_on()


def _small(paths: Sequence[str]) -> list[bool]:
    """In a worker: which of these can go into a pack."""
    return [is_small(Path(path)) for path in paths]


def _local(path: str) -> tuple[Path, bool, bool]:
    """In a worker: the local path, whether it is a folder, and whether it is a file that can go into a pack."""
    try:
        found = Path(path).expanduser()
        there = bool(path) and found.exists()
        is_folder = found.is_dir()
    except (ValueError, OSError, RuntimeError) as error:
        raise Invalid(f"local file or folder not exist: {error}") from None
    if not there:
        raise NotFound(f"local file or folder not exist: {path}")
    return found.absolute(), is_folder, is_small(found)
