"""
service_backup_db: the catalog of the own files, and its methods of the API.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from bitdust_node.api.long_list import LongList
from bitdust_node.api.registry import Answer, method
from bitdust_node.clock import Clock
from bitdust_node.config.config import Config
from bitdust_node.errors import Invalid, NotFound, Refused
from bitdust_node.identity.names import KeyId, RemotePath
from bitdust_node.paths import DataFolder
from bitdust_node.router.router import Router
from bitdust_node.service import Service
from services.catalog.catalog import Catalog
from services.catalog.deleting import Deletions
from services.catalog.listing import describe_item
from services.catalog.names import parse_remote, split_backup_path
from services.catalog.place import Place
from services.catalog.places import Places, by_place
from services.catalog.schema import Item
from services.customer import Customer
from services.data_motion import DataMotion
from services.hiring.near import reachable
from services.list_files import ListFiles
from services.transfer.download import Download
from services.transfer.running import Running
from services.transfer.upload import Upload

#: Items that one answer of `files_list` may bring, and how many of them are looked up at once.
LIST_LIMIT, PAGE = 100_000, 200


class BackupDb(Service):
    """
    Reading and changing the catalog never needs the network; deletions reach the suppliers later.
    """

    name: ClassVar[str] = "backup_db"
    depends: ClassVar[tuple[str, ...]] = ("list_files", "data_motion")
    needs_identity: ClassVar[bool] = True

    def __init__(
        self,
        list_files: ListFiles,
        motion: DataMotion,
        customer: Customer,
        catalog: Catalog,
        running: Running,
        place: Place,
        places: Places,
        config: Config,
        folder: DataFolder,
        router: Router,
        clock: Clock,
    ) -> None:
        #: Where the other catalogs are.
        self.places = places
        self._list_files, self._catalog, self._running, self._customer = list_files, catalog, running, customer
        self._place, self._config, self._folder = place, config, folder
        self._contacts = router.contacts
        #: Tells suppliers what is deleted.
        self.deletions = Deletions(catalog, customer, motion, router.contacts, clock)

    async def start(self) -> None:
        await self._catalog.open()
        self.deletions.start()

    async def stop(self) -> None:
        await self.deletions.stop()

    async def counters(self) -> Mapping[str, Mapping[str, Any]]:
        sums = [await self._catalog.totals(own) for own in (True, False)]
        counts = {name: sum(one[name] for one in sums) for name in sums[0]}
        return {"file": {"items": counts["files"] + counts["folders"], **counts}}

    # for other services

    def parse(self, remote_path: str) -> RemotePath:
        """
        A remote path in the catalog of this node; anybody else's is `NotFound`.
        """
        found = parse_remote(remote_path, self._place.owner_id)
        if found.owner != self._place.owner_id:
            raise NotFound(f"customer {found.owner} was not found")
        return found

    async def item(self, remote_path: str) -> tuple[Item, str | None]:
        """
        The item at a remote path, and the name of the version if one was given.
        """
        remote = self.parse(remote_path)
        if not remote.path:
            raise Invalid("invalid remote_path format: the path is empty")
        found = await self._catalog.find(remote.key_alias, remote.path)
        version = remote.version or None
        if found is None:
            path, version_in_path = split_backup_path(remote.path)
            if version_in_path is not None:
                found, version = await self._catalog.find(remote.key_alias, path), version_in_path
        if found is None:
            raise NotFound(f"path {remote.path!r} was not found in the catalog")
        return found, version

    def restore_path(self, item: Item, destination: str | None) -> Path:
        """
        Where a download of an item lands: the destination folder, which is below that of restored files if it is not
        absolute, and the virtual path below it.
        """
        return self._restore_folder(destination) / item.path

    def _restore_folder(self, destination: str | None) -> Path:
        if destination and "\0" in destination:
            raise Invalid("invalid destination_path: it has a NUL")
        folder = Path(self._config.text("paths/restore") or self._folder.restore).expanduser()
        # never where the process happened to be started
        return (folder / Path(destination or "").expanduser()).absolute()

    # API

    @method("GET", "/file/exists/v1", "GET /f/e", needs=("service_backup_db",))
    @by_place
    async def file_exists(self, remote_path: str) -> Answer:
        """
        Tell whether a virtual path is in the catalog.
        """
        remote = self.parse(remote_path)
        if not remote.path:
            raise Invalid("invalid remote_path format: the path is empty")
        try:
            item, _version = await self.item(remote_path)
        except NotFound as error:
            return Answer({"exist": False, "path_id": None}, message=str(error))
        return Answer({"exist": True, "path_id": item.path_id})

    @method(
        "GET",
        "/file/info/v1",
        "GET /f/i",
        needs=("service_backup_db",),
        accept={"include_uploads": ("uploads",), "include_downloads": ("downloads",)},
    )
    @by_place
    async def file_info(
        self, remote_path: str, include_uploads: bool = True, include_downloads: bool = True
    ) -> dict[str, Any]:
        """
        Details of one catalog item including stored versions and running transfers.
        """
        item, _version = await self.item(remote_path)
        (told,) = await self._describe([item], include_uploads, include_downloads)
        told["revision"] = self._catalog.revision
        return told

    @method("POST", "/file/create/v1", "POST /f/c", needs=("service_backup_db",))
    @by_place
    async def file_create(
        self, remote_path: str, as_folder: bool = False, exist_ok: bool = False, force_path_id: str | None = None
    ) -> Answer:
        """
        Add an empty file (or folder) entry to the virtual catalog; missing parent folders are created.
        """
        self._check_writes()
        remote = self.parse(remote_path)
        if not remote.path:
            raise Invalid("invalid remote_path format: the path is empty")
        item, created = await self._catalog.create(
            remote.key_alias, remote.path, folder=as_folder, exist_ok=exist_ok, path_id=force_path_id or None
        )
        told = self._name(item) | {"path_id": item.path_id, "created": created, "type": item.kind}
        kind = "folder" if item.kind == "dir" else "file"
        return Answer(told, message=f"new {kind} was created" if created else f"{kind} is in the catalog already")

    @method(
        "PUT",
        "/file/rename/v1",
        "POST /file/rename/v1",
        "PUT /file/move/v1",
        "PUT /f/r",
        needs=("service_backup_db",),
        accept={"new_path": ("new_remote_path", "new_name")},
    )
    @by_place
    async def file_rename(self, remote_path: str, new_path: str) -> Answer:
        """
        Give a file or folder another path in the catalog, with all below it and all versions; nothing is sent anew.
        Running transfers go on.

        new_path: the whole path, below the same key; missing folders above it are created.
        """
        self._check_writes()
        item, version = await self.item(remote_path)
        if version is not None:
            raise Invalid("invalid item found: the path of the whole item is expected, not of one version")
        target = self.parse(new_path)
        if not target.path or target.version:
            raise Invalid("invalid new_path format: the path of an item is expected")
        # a bare path is below the key that the item has
        if target.key_alias != item.alias and target.path != new_path.strip("/"):
            raise Invalid(f"an item of key {item.alias} can not be moved to key {target.key_alias}")
        renamed = await self._catalog.rename(item, target.path)
        for transfer in list(self._running.below(item.alias, item.path)):
            transfer.item = await self._catalog.item(transfer.item.id) or transfer.item
        told = self._name(renamed) | {"path_id": renamed.path_id, "type": renamed.kind, "old_path": item.path}
        return Answer(told, message=f"{item.path} was renamed to {renamed.path}")

    @method(
        "POST",
        "/file/delete/v1",
        "DELETE /file/delete/v1",
        "DELETE /f/d",
        needs=("service_backup_db",),
    )
    @by_place
    async def file_delete(self, remote_path: str) -> Answer:
        """
        Remove an item from the catalog and ask suppliers to drop the uploaded data. Of a path that names one version
        (its `backup_id`), that version alone.
        """
        self._check_writes()
        item, version = await self.item(remote_path)
        if version is not None:
            return await self._delete_version(item, version)
        for transfer in list(self._running.below(item.alias, item.path)):
            transfer.cancel()
        await self._catalog.delete(item)
        told = self._name(item)
        told["path_id"] = told["global_id"]
        del told["key_id"]
        return Answer(told, message="item was deleted from remote suppliers")

    async def _delete_version(self, item: Item, name: str) -> Answer:
        """The item stays, also when this was its last version."""
        versions = (await self._catalog.versions([item.id]))[item.id]
        found = next((version for version in versions if version.name == name), None)
        if found is None:
            raise NotFound(f"no version {name} of {item.path} was found")
        told = self._name(item)
        told["path_id"] = f"{told['global_id']}/{name}"
        del told["key_id"]
        for transfer in list(self._running.below(item.alias, item.path)):
            if transfer.backup_id == told["path_id"]:
                transfer.cancel()
        # one that is being uploaded goes with its upload
        if found.state == "ready":
            await self._catalog.drop_version(found.id)
        return Answer(told, message=f"version {name} was deleted from remote suppliers")

    @method(
        "GET",
        "/file/list/v1",
        "GET /f/l",
        "GET /file/list/all/v1",
        "GET /f/l/a",
        needs=("service_backup_db",),
        accept={"include_uploads": ("uploads",), "include_downloads": ("downloads",)},
    )
    async def files_list(
        self,
        remote_path: str | None = None,
        key_id: str | None = None,
        recursive: bool = True,
        all_customers: bool = False,
        include_uploads: bool = False,
        include_downloads: bool = False,
    ) -> Answer:
        """
        List what is below a virtual path, or everything; of opened shares too, if that of all customers is asked for.
        """
        there = self.places.of_path(remote_path or f"{key_id}:", BackupDb) if remote_path or key_id else None
        if there is not None:
            return await there.files_list(remote_path, key_id, recursive, False, include_uploads, include_downloads)
        folder: Item | None = None
        alias: str | None = None
        if key_id:
            key = KeyId.parse(key_id, self._place.owner_id)
            if key.owner != self._place.owner_id:
                raise NotFound(f"customer {key.owner} was not found")
            alias = key.alias
        if remote_path and self.parse(remote_path).path:
            found, _version = await self.item(remote_path)
            folder, alias = found, found.alias
            if found.kind == "file":
                told = await self._describe([found], include_uploads, include_downloads)
                return Answer(told, extra={"revision": self._catalog.revision})
        elif remote_path:
            alias = self.parse(remote_path).key_alias
        listed = LongList()
        last: Item | None = None
        while len(listed) < LIST_LIMIT:
            page = await self._catalog.items(alias, folder, recursive=recursive, after=last, limit=PAGE)
            listed.add(await self._describe(page, include_uploads, include_downloads))
            if len(page) < PAGE:
                break
            last = page[-1]
        for other in self.places.all(BackupDb) if all_customers else ():
            if len(listed) < LIST_LIMIT:
                there_too = await other.files_list(None, None, recursive, False, include_uploads, include_downloads)
                listed.extend(there_too.result)
        return Answer(listed.if_long(), extra={"revision": self._catalog.revision})

    def _check_writes(self) -> None:
        if not self._place.writes:
            raise Refused("this node may only read the share")

    def _name(self, item: Item) -> dict[str, Any]:
        key_id = f"{item.alias}${self._place.owner_id}"
        return {
            "path": item.path,
            "key_id": key_id,
            "remote_path": f"{key_id}:{item.path}",
            "global_id": f"{key_id}:{item.path_id}",
            "customer": self._place.owner_idurl,
        }

    async def _describe(self, items: list[Item], uploads: bool, downloads: bool) -> list[dict[str, Any]]:
        versions, pieces = await self._catalog.views.of([item.id for item in items])
        progress = {up.backup_id: ("uploading", up.progress) for up in self._running.uploads.values()}
        progress |= {down.backup_id: ("downloading", down.progress) for down in self._running.downloads.values()}
        near = reachable(self._customer, self._contacts, pieces)
        ups: defaultdict[int, list[Upload]] = defaultdict(list)
        downs: defaultdict[int, list[Download]] = defaultdict(list)
        for upload in self._running.uploads.values() if uploads else ():
            ups[upload.item.id].append(upload)
        for download in self._running.downloads.values() if downloads else ():
            downs[download.item.id].append(download)
        listed, base = [], str(self._restore_folder(None))
        owner, idurl = self._place.owner_id, self._place.owner_idurl
        for item in items:
            told = describe_item(f"{item.alias}${owner}", owner, item, versions[item.id], pieces, progress, near)
            running: dict[str, list[Any]] = {"running": [], "pending": []}
            for upload in ups.get(item.id, ()):
                running["pending" if upload.pending else "running"].append(upload.describe(nested=True))
            told["idurl"] = idurl
            told["key_alias"] = item.alias
            told["childs"] = item.children > 0
            told["local_path"] = f"{base}/{item.path}"
            told["local_size"] = -1
            told["uploads"] = running
            told["downloads"] = [download.describe(nested=True) for download in downs.get(item.id, ())]
            listed.append(told)
        return listed
