"""
The models `private_file` and `remote_version`: the items of the catalog, and what of them is stored.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from typing import Any

from bitdust_node.api.models import Snapshot, Tell
from bitdust_node.clock import Clock, DelayedCall
from bitdust_node.router.router import Router
from bitdust_node.tasks import Tasks
from services.catalog.catalog import Catalog
from services.catalog.changes import Change, Gone
from services.catalog.listing import describe_version
from services.catalog.place import Place
from services.catalog.schema import Item, Version
from services.customer import Customer
from services.hiring.near import reachable

#: Items read at a time, and seconds in which changes gather before they are looked at.
PAGE, GATHER = 500, 0.2
#: Keys whose files belong to shares, by the beginning of their aliases.
SHARED = "share_"


class CatalogModel(ABC):
    """
    Follows the catalog: what changes within a moment is read together.
    """

    model = ""

    def __init__(self, catalog: Catalog, place: Place, clock: Clock) -> None:
        self._catalog, self._place, self._clock = catalog, place, clock
        self._items: set[int] = set()
        self._versions: set[bytes] = set()
        self._gone: list[Gone] = []
        self._planned: DelayedCall | None = None
        self._tasks = Tasks(f"model {self.model}")

    async def close(self) -> None:
        """
        End what is being read.
        """
        self._drop()
        await self._tasks.stop()

    async def all(self, query: Mapping[str, Any]) -> AsyncIterator[Snapshot]:
        after: Item | None = None
        while page := await self._catalog.items(None, None, after=after, limit=PAGE):
            after = page[-1]
            for snapshot in await self._snapshots(page, query):
                yield snapshot

    def observe(self, tell: Tell) -> Callable[[], None]:
        def changed(change: Change) -> None:
            self._items.update(change.items)
            self._versions.update(change.versions)
            self._gone.extend(change.gone)
            if self._planned is None:
                self._planned = self._clock.callLater(GATHER, self._look, tell)

        undo = self._catalog.changes.observe(changed)

        def end() -> None:
            undo()
            self._drop()

        return end

    def _look(self, tell: Tell) -> None:
        items, versions, gone = self._items, self._versions, self._gone
        self._planned, self._items, self._versions, self._gone = None, set(), set(), []
        now = self._clock.seconds()
        for one in gone:
            snapshot = self._gone_snapshot(one, now)
            if snapshot is not None:
                tell(snapshot)
        self._tasks.spawn("tell what changed", self._tell(tell, items, versions, gone))

    async def _tell(self, tell: Tell, ids: set[int], versions: set[bytes], gone: Sequence[Gone]) -> None:
        for version in versions:
            found = await self._catalog.version(version)
            if found is not None:
                ids.update(await self._catalog.packs.items_in(version) if found.kind == "pack" else (found.item,))
        for alias, path in {(one.alias, one.path) for one in gone if one.version is not None}:
            item = await self._catalog.find(alias, path)
            if item is not None:
                ids.add(item.id)
        items = [await self._catalog.item(item) for item in sorted(ids)]
        for snapshot in await self._snapshots([item for item in items if item is not None], {}):
            tell(snapshot)

    def _drop(self) -> None:
        if self._planned is not None and self._planned.active():
            self._planned.cancel()
        self._planned = None
        self._items, self._versions, self._gone = set(), set(), []

    def _key_id(self, alias: str) -> str:
        return self._place.key_id(alias)

    @abstractmethod
    async def _snapshots(self, items: Sequence[Item], query: Mapping[str, Any]) -> Iterable[Snapshot]:
        """What is shown of items."""

    @abstractmethod
    def _gone_snapshot(self, gone: Gone, now: float) -> Snapshot | None:
        """What is shown of one that is gone; None when nothing is."""


class FileModel(CatalogModel):
    """
    Each file and folder, shared ones not among them, with the names of its versions.
    """

    model = "private_file"
    #: Whether it is about the files of shares.
    shared = False

    async def _snapshots(self, items: Sequence[Item], query: Mapping[str, Any]) -> Iterable[Snapshot]:
        items = [item for item in items if item.alias.startswith(SHARED) is self.shared]
        versions = await self._catalog.views.versions([item.id for item in items])
        return [
            self._file(item.alias, item.path, item.path_id, item.kind, versions[item.id], item.created)
            for item in items
            if query.get("key_id") in (None, self._key_id(item.alias))
        ]

    def _gone_snapshot(self, gone: Gone, now: float) -> Snapshot | None:
        if gone.version is not None or gone.alias.startswith(SHARED) is not self.shared:
            return None
        return self._file(gone.alias, gone.path, gone.path_id, gone.kind, (), None, now)

    def _file(
        self,
        alias: str,
        path: str,
        path_id: str,
        kind: str,
        versions: Sequence[Version],
        created: float | None,
        deleted: float | None = None,
    ) -> Snapshot:
        key_id = self._key_id(alias)
        data = {
            "global_id": f"{key_id}:{path_id}",
            "remote_path": f"{key_id}:{path}",
            "size": sum(max(0, version.size) for version in versions),
            "type": kind,
            "customer": self._place.owner_id,
            "versions": [{"backup_id": f"{key_id}:{path_id}/{version.name}"} for version in versions],
        }
        return Snapshot(str(data["global_id"]), data, created, deleted)


class SharedFiles(FileModel):
    """
    The same of a share.
    """

    model = "shared_file"
    shared = True


class VersionModel(CatalogModel):
    """
    Each version that is stored or on its way, with how much of it the suppliers hold.
    """

    model = "remote_version"

    def __init__(self, catalog: Catalog, place: Place, customer: Customer, router: Router, clock: Clock) -> None:
        super().__init__(catalog, place, clock)
        self._customer, self._router = customer, router

    async def _snapshots(self, items: Sequence[Item], query: Mapping[str, Any]) -> Iterable[Snapshot]:
        versions, pieces = await self._catalog.views.of([item.id for item in items])
        near = reachable(self._customer, self._router.contacts, pieces)
        found = []
        for item in items:
            key_id = self._key_id(item.alias)
            for version in versions[item.id]:
                told = describe_version(key_id, item, version, pieces.get(version.id, ()), {}, near)
                data = {name: told[name] for name in ("backup_id", "max_block", "size", "delivered", "reliable")} | {
                    "remote_path": f"{key_id}:{item.path}",
                    "global_id": f"{key_id}:{item.path_id}",
                    "type": item.kind,
                    "filesize": version.size,
                    "key_id": key_id,
                }
                if all(query.get(name) in (None, data[name]) for name in ("key_id", "remote_path", "backup_id")):
                    found.append(Snapshot(str(data["backup_id"]), data, version.created))
        return found

    def _gone_snapshot(self, gone: Gone, now: float) -> Snapshot | None:
        if gone.version is None:
            return None
        global_id = f"{self._key_id(gone.alias)}:{gone.path_id}"
        backup_id = f"{global_id}/{gone.version}"
        data = {"backup_id": backup_id, "global_id": global_id, "key_id": self._key_id(gone.alias)}
        return Snapshot(backup_id, data, deleted=now)
