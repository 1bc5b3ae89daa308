"""Small files that are uploaded at once: they share packs, and each is a file of its own nevertheless."""

from __future__ import annotations

from typing import Any

from bitdust_node.errors import BitDustError
from bitdust_node.waiting import started
from services.backup_db import BackupDb
from services.backups import Backups
from services.catalog.schema import Version
from services.customer import Customer
from services.transfer.range import read_range
from tests.services.grid import GridCase


class PacksCase(GridCase):
    def begin(self, contents: dict[str, bytes]) -> dict[str, Any]:
        """Ask for the upload of many files at once; what comes of each."""
        folder = self.tmp / "sources"
        folder.mkdir(exist_ok=True)
        results: dict[str, Any] = {}
        for remote, content in contents.items():
            self.run_now(self.customer.get(BackupDb).file_create(remote, exist_ok=True))
            local = folder / remote.replace("/", "-")
            local.write_bytes(content)
            work = started(self.customer.get(Backups).file_upload_start(str(local), remote, wait_result=True))
            work.addBoth(lambda result, remote=remote: results.__setitem__(remote, result))
        return results

    def store(self, contents: dict[str, bytes]) -> dict[str, Any]:
        results = self.begin(contents)
        self.until(lambda: len(results) == len(contents))
        for result in results.values():
            self.assertIn("version", getattr(result, "result", {}), result)
        return results

    def version(self, remote: str) -> Version:
        async def look() -> Version:
            item = await self.customer.catalog.find("master", remote)
            assert item is not None
            return (await self.customer.catalog.versions([item.id]))[item.id][0]

        return self.run_now(look())

    def packs(self) -> list[bytes]:
        """The packs of the catalog."""
        query = "SELECT id FROM versions WHERE kind = 'pack' ORDER BY created"
        read = self.customer.catalog._database.read(lambda c: [bytes(row[0]) for row in c.execute(query)])
        return self.run_now(read)

    def kept(self) -> set[bytes]:
        """The versions that suppliers keep, the objects of the catalog among them."""
        query = "SELECT DISTINCT version FROM pieces"
        kept = set()
        for supplier in self.suppliers:
            database = supplier.services[0].keeping.ledger._database
            kept |= self.run_now(database.read(lambda c: {bytes(row[0]) for row in c.execute(query)}))
        return kept


def many(count: int, size: int = 1000) -> dict[str, bytes]:
    return {f"small/{at:03}": bytes([at % 256]) * size for at in range(count)}


class PacksTest(PacksCase):
    def test_many_at_once_share_a_pack(self) -> None:
        contents = {**many(40), "small/empty": b"", "alone": b"x"}
        self.store(contents)
        self.assertLessEqual(len(self.packs()), 2)
        for remote, content in contents.items():
            self.assertEqual(self.download(remote).read_bytes(), content, remote)
            self.assertEqual(self.version(remote).size, len(content))
        told = self.run_now(self.customer.get(BackupDb).file_info("small/003"))
        (version,) = told["versions"]
        self.assertEqual((version["delivered"], version["reliable"], version["state"]), ("100%", "100%", "ready"))
        done = [event.data["backup_id"] for event in self.customer.events("backup-done") if event.data]
        self.assertEqual(len(set(done)), len(contents))
        self.assertEqual(self.run_now(self.customer.catalog.errands.tasks("upload")), [])

    def test_one_after_the_other_are_not_packed(self) -> None:
        for at in range(3):
            self.store({f"one/{at}": b"content"})
        self.assertEqual(self.packs(), [])

    def test_a_range_of_an_entry(self) -> None:
        self.store(many(10))
        version = self.version("small/005")
        self.assertIsNotNone(version.pack)
        means = self.customer.get(Backups)._means
        self.assertEqual(self.run_now(read_range(means, version, 100, 50)), bytes([5]) * 50)
        self.assertRaises(BitDustError, self.run_now, read_range(means, version, 990, 50))

    def test_one_that_can_not_be_read_fails_alone(self) -> None:
        contents = many(12)
        results = self.begin(contents)
        (self.tmp / "sources" / "small-007").unlink()
        (self.tmp / "sources" / "small-008").write_bytes(bytes(400_000))
        self.until(lambda: len(results) == len(contents))
        wrong = [remote for remote, result in results.items() if not hasattr(result, "result")]
        self.assertEqual(wrong, ["small/007"])
        self.assertIn("not exist", results["small/007"].getErrorMessage())
        self.assertEqual(self.version("small/008").pack, None)
        self.assertEqual(self.download("small/008").read_bytes(), bytes(400_000))
        self.assertEqual(self.download("small/009").read_bytes(), bytes([9]) * 1000)

    def test_cancelled_and_deleted_on_the_way(self) -> None:
        contents = many(12)
        results = self.begin(contents)
        self.until(lambda: self.packs() != [], step=0.001)
        self.run_now(self.customer.get(BackupDb).file_delete("small/003"))
        next(one for one in self.customer.running.uploads.values() if one.item.path == "small/004").cancel()
        self.until(lambda: len(results) == len(contents))
        wrong = {remote for remote, result in results.items() if not hasattr(result, "result")}
        self.assertEqual(wrong, {"small/003", "small/004"})
        self.assertEqual(self.download("small/005").read_bytes(), bytes([5]) * 1000)

    def test_an_empty_pack_is_dropped(self) -> None:
        self.store(many(10))
        pack = self.version("small/005").pack
        assert pack is not None
        self.assertIn(pack, self.kept())
        used = self.run_now(self.customer.catalog.stored_bytes())
        self.run_now(self.customer.get(BackupDb).file_delete("small"))
        self.assertEqual(self.packs(), [])
        self.clock.pump(200)
        self.until(lambda: self.run_now(self.customer.catalog.errands.tombstones()) == [])
        self.assertNotIn(pack, self.kept())
        self.assertNotEqual(self.run_now(self.customer.catalog.stored_bytes()), used)

    def test_a_supplier_less_waits_for_nobody(self) -> None:
        self.run_now(self.suppliers[0].node.stop())
        contents = many(12)
        self.store(contents)
        for remote, content in contents.items():
            self.assertEqual(self.download(remote).read_bytes(), content)

    def test_restart_in_the_middle(self) -> None:
        contents = many(20)
        results = self.begin(contents)
        self.until(lambda: self.packs() != [], step=0.001)
        self.run_now(self.customer.stop())
        self.assertLess(len(results), 2)
        self.customer.make()
        self.run_now(self.customer.start())
        self.until(lambda: len(self.customer.get(Customer).connected()) == self.suppliers_number)
        self.until(lambda: not self.customer.running.uploads)
        for remote, content in contents.items():
            self.assertEqual(self.download(remote).read_bytes(), content)
        versions = [self.version(remote).pack for remote in contents]
        self.assertEqual({pack for pack in versions if pack}, set(self.packs()))

    def test_only_the_newest_are_kept(self) -> None:
        for round_number in range(3):
            self.store({remote: content + bytes([round_number]) for remote, content in many(10).items()})
        self.assertEqual(self.download("small/005").read_bytes(), bytes([5]) * 1000 + bytes([2]))
        told = self.run_now(self.customer.get(BackupDb).file_info("small/005"))
        self.assertEqual(len(told["versions"]), 2)


class NoRoomTest(PacksCase):
    needed = "100 KB"

    def test_as_many_as_there_is_room_for(self) -> None:
        contents = many(30, 10_000)
        results = self.begin(contents)
        self.until(lambda: len(results) == len(contents), 1200)
        stored = [remote for remote, result in results.items() if hasattr(result, "result")]
        self.assertGreater(len(stored), 4)
        self.assertLess(len(stored), 30)
        for remote in stored[:3]:
            self.assertEqual(self.download(remote).read_bytes(), contents[remote])


class RepackingTest(PacksCase):
    spare = 3

    def used(self) -> int:
        """What `space_consumed` tells."""
        return int(self.run_now(self.customer.get(Customer).space_consumed())["used"])

    def rewritten(self, old: bytes) -> bool:
        return old not in self.packs() and len(self.packs()) >= 1

    def test_a_pack_of_garbage_is_written_anew(self) -> None:
        contents = many(20)
        self.store(contents)
        pack = self.version("small/005").pack
        assert pack is not None
        before = self.used()
        for at in range(20):
            if at not in (5, 6):
                self.run_now(self.customer.get(BackupDb).file_delete(f"small/{at:03}"))
        self.until(lambda: self.rewritten(pack), 200, 1.0)
        self.until(lambda: pack not in self.kept(), 60, 1.0)
        for remote in ("small/005", "small/006"):
            self.assertEqual(self.download(remote).read_bytes(), contents[remote])
        self.assertLess(self.run_now(self.customer.catalog.totals(True))["backups_size"], 20_000)
        self.assertLess(self.used(), before // 4)
        for remote in ("small/005", "small/006"):
            self.run_now(self.customer.get(BackupDb).file_delete(remote))
        self.until(lambda: self.used() == 0, 200, 1.0)

    def test_not_while_a_supplier_is_away(self) -> None:
        self.store(many(20))
        pack = self.version("small/005").pack
        self.run_now(self.suppliers[0].node.stop())
        for at in range(20):
            if at != 5:
                self.run_now(self.customer.get(BackupDb).file_delete(f"small/{at:03}"))
        for _ in range(200):
            self.clock.advance(1.0)
        self.assertEqual(self.version("small/005").pack, pack)
        self.assertEqual(self.download("small/005").read_bytes(), bytes([5]) * 1000)

    def test_another_number_of_suppliers(self) -> None:
        contents = many(20)
        self.store(contents)
        old = self.packs()
        self.customer.config.set("services/customer/suppliers-number", "7")
        self.until(lambda: len(self.customer.get(Customer).connected()) == 7)
        self.until(lambda: self.packs() and not set(old) & set(self.packs()), 300, 1.0)
        for remote, content in contents.items():
            version = self.version(remote)
            self.assertEqual((version.k, version.m), (4, 7), remote) if version.pack else None
            self.assertEqual(self.download(remote).read_bytes(), content)

    def test_a_lost_piece_is_made_anew(self) -> None:
        self.store(many(20))
        version = self.version("small/005")
        assert version.pack is not None
        pieces = self.run_now(self.customer.catalog.pieces([version.id]))[version.id]
        self.run_now(self.customer.catalog.mark_piece(version.pack, 1, pieces[1].node_id, "lost"))
        told = self.run_now(self.customer.get(BackupDb).file_info("small/005"))["versions"][0]
        self.assertEqual(told["delivered"], "75%")

        def whole() -> bool:
            told = self.run_now(self.customer.get(BackupDb).file_info("small/005"))["versions"][0]
            return bool(told["delivered"] == "100%")

        self.until(whole, 400, 1.0)


class NamesTest(PacksCase):
    def test_versions_of_one_second_are_in_order(self) -> None:
        name, contents = "same", [bytes([at]) * 10 for at in range(6)]
        self.run_now(self.customer.get(BackupDb).file_create(name))
        results: list[Any] = []
        for at, content in enumerate(contents):
            local = self.tmp / f"source-{at}"
            local.write_bytes(content)
            work = started(self.customer.get(Backups).file_upload_start(str(local), name, wait_result=True))
            work.addBoth(results.append)
        self.until(lambda: len(results) == 6, step=0.01)
        told = self.run_now(self.customer.get(BackupDb).file_info(name))
        kept = sorted(version["backup_id"].rpartition("/")[2] for version in told["versions"])
        self.assertEqual([one.partition("M")[2] for one in kept], ["4", "5"])
        self.assertEqual(self.download(name).read_bytes(), contents[-1])
