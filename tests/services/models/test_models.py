"""
What clients follow of the files of a customer, of its peers and of its keys.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any, Protocol

from bitdust_node.api.models import Snapshot, Tell
from services.backup_db import BackupDb
from services.models.files import FileModel, VersionModel
from services.models.online import OnlineModel
from services.models.rebuilder import RebuilderModel
from services.rebuilding import Rebuilding
from tests.services.grid import GridCase


class Source(Protocol):
    model: str

    def all(self, query: Mapping[str, Any]) -> AsyncIterator[Snapshot]: ...

    def observe(self, tell: Tell) -> Callable[[], None]: ...


async def every(source: Source, **query: Any) -> list[Snapshot]:
    return [snapshot async for snapshot in source.all(query)]


class FilesTest(GridCase):
    def setUp(self) -> None:
        super().setUp()
        self.heard: list[Snapshot] = []

    def follow(self, source: Source) -> None:
        self.addCleanup(source.observe(lambda snapshot: self.heard.append(snapshot)))

    def told(self) -> list[Snapshot]:
        """What was told within the next second."""
        self.clock.advance(1)
        heard, self.heard = self.heard, []
        return heard

    def store(self, remote: str) -> str:
        local = self.tmp / "local"
        local.write_bytes(b"x" * 1000)
        return self.upload(local, remote)

    def drop(self, path: str) -> None:
        """Delete the newest version."""
        catalog = self.customer.catalog
        item = self.run_now(catalog.find("master", path))
        assert item is not None
        self.run_now(catalog.drop_version(self.run_now(catalog.versions([item.id]))[item.id][0].id))

    def test_files(self) -> None:
        files = self.customer.get(FileModel)
        self.follow(files)
        backup_id = self.store("docs/a.txt")
        key_id = backup_id.split(":")[0]
        last = {snapshot.id: snapshot for snapshot in self.told()}
        self.assertEqual(
            [snapshot.data["remote_path"] for snapshot in last.values()], [f"{key_id}:docs", f"{key_id}:docs/a.txt"]
        )
        shown = last[f"{key_id}:0/0"].data
        self.assertEqual((shown["size"], shown["type"], shown["customer"]), (1000, "file", key_id.split("$")[1]))
        self.assertEqual(shown["versions"], [{"backup_id": backup_id}])
        self.assertEqual(len(self.run_now(every(files))), 2)
        self.assertEqual(self.run_now(every(files, key_id="other$a@b")), [])

        self.run_now(self.customer.get(BackupDb).file_delete("docs"))
        gone = self.told()
        self.assertEqual({snapshot.id for snapshot in gone}, {f"{key_id}:0", f"{key_id}:0/0"})
        self.assertTrue(all(snapshot.deleted for snapshot in gone))
        self.assertEqual(self.run_now(every(files)), [])

    def test_versions(self) -> None:
        versions = self.customer.get(VersionModel)
        self.follow(versions)
        backup_id = self.store("a.txt")
        last = self.told()[-1]
        key_id = backup_id.split(":")[0]
        self.assertEqual(
            dict(last.data),
            {
                "backup_id": backup_id,
                "max_block": 0,
                "remote_path": f"{key_id}:a.txt",
                "global_id": f"{key_id}:0",
                "type": "file",
                "filesize": 1000,
                "size": 1000,
                "key_id": key_id,
                "delivered": "100%",
                "reliable": "100%",
            },
        )
        self.assertEqual([one.id for one in self.run_now(every(versions, backup_id=backup_id))], [backup_id])
        self.assertEqual(self.run_now(every(versions, remote_path=f"{key_id}:b")), [])
        self.drop("a.txt")
        (gone,) = self.told()
        self.assertEqual((gone.id, gone.deleted is not None), (backup_id, True))
        self.assertEqual(set(gone.data), {"backup_id", "global_id", "key_id"})

    def test_a_version_that_goes_changes_its_file(self) -> None:
        files = self.customer.get(FileModel)
        self.store("a.txt")
        self.store("a.txt")
        self.follow(files)
        self.drop("a.txt")
        (now,) = self.told()
        self.assertEqual(len(now.data["versions"]), 1)

    def test_peers(self) -> None:
        router = self.customer.node.router
        online = OnlineModel(router, self.customer.node.resolver)
        self.follow(online)
        shown = self.run_now(every(online))
        self.assertEqual(len(shown), 4)
        self.assertEqual(
            set(shown[0].data), {"index", "id", "name", "state", "idurl", "global_id", "idhost", "username"}
        )
        self.suppliers[0].node.die()
        self.until(lambda: self.heard)
        lost = self.heard[0]
        self.assertEqual((lost.id, lost.data["idurl"]), (self.suppliers[0].node.me.idurl,) * 2)
        self.assertNotEqual(lost.data["state"], "CONNECTED")

    def test_the_rebuilder(self) -> None:
        rebuilding = self.customer.get(Rebuilding)
        model = RebuilderModel(rebuilding)
        self.follow(model)
        rebuilding.soon()
        self.until(lambda: len(self.heard) == 2)
        self.assertEqual([one.data["rebuilding"] for one in self.heard], [True, False])
        self.assertEqual([one.id for one in self.run_now(every(model))], ["1"])
