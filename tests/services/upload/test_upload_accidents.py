from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred

from bitdust_node.errors import BitDustError, Conflict, Full, Invalid, NotFound
from bitdust_node.waiting import started
from services.backup_db import BackupDb
from services.backups import Backups
from services.catalog.deleting import AGAIN_FIRST
from services.customer import Customer
from services.data_motion import DataMotion, Holder
from services.models.files import VersionModel
from services.rebuilding import Rebuilding
from services.supplying.deposits import Deposit
from services.transfer import source as source_module
from services.transfer.means import Means
from services.transfer.receivers import GRACE, IMPATIENT
from tests.services.grid import GridCase, LateWorkers, Member
from tests.services.models.test_models import every


def stored_files(member: Member) -> int:
    return sum(1 for path in member.folder.pieces.rglob("*") if path.is_file())


class UploadCase(GridCase):
    """Words for the tests below."""

    def make_file(self, size: int = 3_000_000, name: str = "file") -> Path:
        path = self.tmp / name
        path.write_bytes(os.urandom(size))
        return path

    def begin(self, path: Path, remote: str, **options: Any) -> Deferred[Any]:
        self.run_now(self.customer.get(BackupDb).file_create(remote, exist_ok=True))
        return started(self.customer.get(Backups).file_upload_start(str(path), remote, wait_result=True, **options))

    def used(self) -> int:
        """What `space_consumed` tells."""
        return int(self.run_now(self.customer.get(Customer).space_consumed())["used"])

    def info(self, remote: str) -> dict[str, Any]:
        return self.run_now(self.customer.get(BackupDb).file_info(remote))


class UploadAccidents(UploadCase):
    """What may go wrong while a file is stored."""

    def test_missing_local_file(self) -> None:
        self.run_now(self.customer.get(BackupDb).file_create("x"))
        with self.assertRaises(NotFound) as caught:
            self.run_now(self.customer.get(Backups).file_upload_start("/nowhere/at/all", "x"))
        self.assertIn("local file or folder not exist", str(caught.exception))

    def test_supplier_that_is_away_is_waited_for_once(self) -> None:
        """Else each small file would take seconds for as long as one supplier is away, which may be days."""
        self.suppliers[1].node.die()
        self.until(lambda: len(self.customer.get(Customer).connected()) == 3)
        times = []
        for number, size in enumerate((5_000, 5_000, 400_000, 5_000)):
            if number == 3:
                self.clock.advance(IMPATIENT)
            path, before = self.make_file(size, str(number)), self.clock.seconds()
            self.upload(path, str(number))
            times.append(self.clock.seconds() - before > GRACE)
        self.assertEqual(times, [True, False, False, True])

    def test_not_registered(self) -> None:
        with self.assertRaises(NotFound) as caught:
            self.run_now(self.customer.get(Backups).file_upload_start(str(self.make_file()), "nothing"))
        self.assertIn("was not registered yet", str(caught.exception))

    def test_my_data_off(self) -> None:
        self.customer.switches.off.add("my_data")
        path = self.make_file(10)
        with self.assertRaises(BitDustError) as caught:
            self.run_now(self.begin(path, "x"))
        self.assertEqual(str(caught.exception), "service_my_data() is not started")
        self.run_now(self.begin(path, ".hidden/x"))

    def test_one_supplier_dead_is_made_up_for_later(self) -> None:
        dead = self.suppliers[3]
        dead.node.die()
        path = self.make_file()
        self.run_now(self.begin(path, "x"))
        self.assertEqual(self.info("x")["versions"][0]["delivered"], "75%")
        self.assertEqual(stored_files(dead), 0)
        self.run_now(dead.node.start())
        self.until(lambda: len(self.customer.get(Customer).connected()) == 4)
        self.until(lambda: self.info("x")["versions"][0]["delivered"] == "100%")
        self.assertEqual(stored_files(dead), 1)
        # the piece that was made anew is as good as the others
        self.until(lambda: not self.customer.get(Rebuilding).busy)
        survivors = [next(member for member in self.suppliers if member is not dead), dead]
        for member in self.suppliers:
            if member not in survivors:
                member.node.die()
        self.assertEqual(self.download("x").read_bytes(), path.read_bytes())

    def test_what_lies_at_a_dead_supplier_is_not_relied_on(self) -> None:
        self.run_now(self.begin(self.make_file(), "x"))
        self.until(lambda: self.info("x")["versions"][0]["reliable"] == "100%")
        self.suppliers[1].node.die()
        self.until(lambda: len(self.customer.get(Customer).connected()) == 3)

        def told() -> set[tuple[str, str]]:
            answer = self.run_now(self.customer.get(BackupDb).files_list(None, None, True, False, False, False))
            (listed,) = answer.result
            snapshots = self.run_now(every(self.customer.get(VersionModel)))
            versions = [*listed["versions"], *self.info("x")["versions"], *(one.data for one in snapshots)]
            self.assertEqual(len(versions), 3)
            return {(version["delivered"], version["reliable"]) for version in versions}

        self.assertEqual(told(), {("100%", "75%")})
        self.run_now(self.suppliers[1].node.start())
        self.until(lambda: len(self.customer.get(Customer).connected()) == 4)
        self.assertEqual(told(), {("100%", "100%")})

    def test_what_lies_at_dismissed_suppliers_is_there_until_it_is_coded_anew(self) -> None:
        self.run_now(self.begin(self.make_file(), "x"))
        dismissed = self.member_of(self.customer.get(Customer).links[3].node_id)
        self.customer.config.set("services/customer/suppliers-number", "2")
        self.until(lambda: len(self.customer.get(Customer).links) == 2)

        def told() -> list[str]:
            (snapshot,) = self.run_now(every(self.customer.get(VersionModel)))
            return [self.info("x")["versions"][0]["reliable"], snapshot.data["reliable"]]

        self.assertEqual(told(), ["100%", "100%"])
        dismissed.node.die()
        self.until(lambda: not self.customer.node.router.contacts.is_online(dismissed.node.node_id))
        self.assertEqual(told(), ["75%", "75%"])

    def test_two_suppliers_dead_waits_then_goes_on(self) -> None:
        for member in self.suppliers[2:]:
            member.node.die()
        path = self.make_file()
        done = self.begin(path, "x")
        for _ in range(100):
            self.clock.advance(0.5)
        self.assertFalse(done.called)
        (running,) = self.run_now(self.customer.get(Backups).files_uploads())["running"]
        self.assertEqual(running["closed"], True)
        for member in self.suppliers[2:]:
            self.run_now(member.node.start())
        self.run_now(done)
        self.until(lambda: self.info("x")["versions"][0]["delivered"] == "100%")
        self.assertEqual(self.download("x").read_bytes(), path.read_bytes())

    def test_suppliers_never_come(self) -> None:
        for member in self.suppliers[1:]:
            member.node.die()
        done = self.begin(self.make_file(), "x")
        with self.assertRaises(BitDustError) as caught:
            self.run_now(done, seconds=2000, step=1)
        self.assertIn("are needed", str(caught.exception))
        self.assertEqual(self.info("x")["versions"], [])
        self.assertEqual(self.run_now(self.customer.catalog.errands.tasks("upload")), [])

    def test_supplier_dies_in_the_middle(self) -> None:
        path = self.make_file(8_000_000)
        done = self.begin(path, "x")
        upload = next(iter(self.customer.running.uploads.values()))
        self.until(lambda: upload.bytes_processed > 0 or done.called, step=0.001)
        self.suppliers[1].node.die()
        self.run_now(done)
        self.assertIn(self.info("x")["versions"][0]["delivered"], ("75%", "100%"))
        self.assertEqual(self.download("x").read_bytes(), path.read_bytes())

    def test_source_changes_while_it_is_read(self) -> None:
        path = self.make_file(6_000_000)
        real = os.read
        changed = []

        def read(fd: int, size: int) -> bytes:
            if not changed:
                changed.append(1)
                with path.open("ab") as file:
                    file.write(b"more")
            return real(fd, size)

        self.patch(source_module.os, "read", read)
        with self.assertRaises(Conflict) as caught:
            self.run_now(self.begin(path, "x"))
        self.assertIn("was changed while it was read", str(caught.exception))
        self.assertEqual(self.info("x")["versions"], [])
        self.until(lambda: all(stored_files(member) == 0 for member in self.suppliers))

    def test_what_the_disk_says_reaches_the_user(self) -> None:
        self.customer.get(Means).workers = LateWorkers(self.clock)
        with self.assertRaises(Invalid) as caught:
            self.run_now(self.begin(Path("/dev/zero"), "x"))
        self.assertIn("is neither a file nor a folder", str(caught.exception))
        self.assertEqual(self.info("x")["versions"], [])

    def test_cancel(self) -> None:
        done = self.begin(self.make_file(8_000_000), "x")
        done.addErrback(lambda _: None)
        upload = next(iter(self.customer.running.uploads.values()))
        self.until(lambda: upload.bytes_processed > 0, step=0.001)
        stopped = self.run_now(self.customer.get(Backups).file_upload_stop("x"))
        self.assertEqual(len(stopped.result), 1)
        self.until(lambda: not self.customer.running.uploads)
        self.assertEqual(self.info("x")["versions"], [])
        self.until(lambda: all(stored_files(member) == 0 for member in self.suppliers))
        with self.assertRaises(NotFound):
            self.run_now(self.customer.get(Backups).file_upload_stop("x"))

    def test_lease_that_was_lost_is_asked_for_again(self) -> None:
        for member in self.suppliers[:2]:
            for lease in member.services[0].leases():
                self.run_now(member.services[0].keeping.leases.cancel(lease.customer))
        path = self.make_file()
        self.run_now(self.begin(path, "x"))
        self.assertEqual(self.download("x").read_bytes(), path.read_bytes())

    def test_restart_takes_the_task_up_again(self) -> None:
        path = self.make_file(8_000_000)
        done = self.begin(path, "x")
        done.addErrback(lambda _: None)
        upload = next(iter(self.customer.running.uploads.values()))
        self.until(lambda: upload.bytes_processed > 0, step=0.001)
        self.run_now(self.customer.stop())
        self.customer.make()
        self.run_now(self.customer.start())
        self.assertEqual(len(self.customer.running.uploads), 1)
        self.until(lambda: not self.customer.running.uploads)
        (version,) = self.info("x")["versions"]
        self.assertEqual(version["delivered"], "100%")
        self.assertEqual(self.download("x").read_bytes(), path.read_bytes())
        # nothing of the first try is left
        self.until(lambda: all(stored_files(member) == 1 for member in self.suppliers))

    def test_delete_reaches_those_who_were_away(self) -> None:
        path = self.make_file()
        self.run_now(self.begin(path, "x"))
        away = self.suppliers[0]
        away.node.die()
        self.until(lambda: len(self.customer.get(Customer).connected()) == 3)
        self.assertGreater(self.used(), 4 * 1_500_000)
        self.run_now(self.customer.get(BackupDb).file_delete("x"))
        # at once, before anybody has heard of it
        self.assertEqual(self.used(), 0)
        self.until(lambda: all(stored_files(member) == 0 for member in self.suppliers[1:]))
        self.assertEqual(stored_files(away), 1)
        self.run_now(away.node.start())
        self.until(lambda: stored_files(away) == 0)
        self.until(lambda: self.run_now(self.customer.catalog.errands.tombstones()) == [])

    def test_one_version_is_deleted(self) -> None:
        for size in (1_000_000, 2_000_000):
            self.clock.advance(2)
            self.run_now(self.begin(self.make_file(size), "x"))
        newer, older = (version["backup_id"] for version in self.info("x")["versions"])
        away = self.suppliers[0]
        away.node.die()
        self.until(lambda: len(self.customer.get(Customer).connected()) == 3)
        before = self.used()
        delete = self.customer.get(BackupDb).file_delete
        with self.assertRaises(NotFound):
            self.run_now(delete(f"{older}9"))
        told = self.run_now(delete(newer)).result
        self.assertEqual((told["path"], told["path_id"]), ("x", newer))
        self.assertLess(self.used(), before - 4 * 1_000_000)
        self.assertEqual([version["backup_id"] for version in self.info("x")["versions"]], [older])
        self.assertEqual(self.download("x").stat().st_size, 1_000_000)
        self.run_now(away.node.start())
        self.until(lambda: all(stored_files(member) == 1 for member in self.suppliers))
        # the item outlives its last version
        self.run_now(delete(older))
        self.assertEqual((self.info("x")["versions"], self.used()), ([], 0))
        self.until(lambda: all(stored_files(member) == 0 for member in self.suppliers))

    def test_a_file_that_is_more_than_it_says(self) -> None:
        # one of the system, whose size is told as 0
        with self.assertRaises(BitDustError) as caught:
            self.run_now(self.begin(Path("/proc/self/status"), "x"))
        self.assertIn("more than the 0 bytes that it says", str(caught.exception))
        self.assertEqual(self.info("x")["versions"], [])

    def test_a_version_on_its_way_is_deleted(self) -> None:
        done = self.begin(self.make_file(8_000_000), "x")
        done.addErrback(lambda _: None)
        upload = next(iter(self.customer.running.uploads.values()))
        self.until(lambda: upload.bytes_processed > 0, step=0.001)
        self.run_now(self.customer.get(BackupDb).file_delete(upload.backup_id))
        self.until(lambda: not self.customer.running.uploads)
        self.assertEqual(self.info("x")["versions"], [])
        self.until(lambda: all(stored_files(member) == 0 for member in self.suppliers))

    def test_delete_reaches_a_dismissed_supplier_as_soon_as_it_shows_itself(self) -> None:
        self.run_now(self.begin(self.make_file(), "x"))
        away = self.member_of(self.customer.get(Customer).links[3].node_id)
        self.customer.config.set("services/customer/suppliers-number", "2")
        self.until(lambda: len(self.customer.get(Customer).links) == 2)
        away.node.die()
        self.run_now(self.customer.get(BackupDb).file_delete("x"))
        self.clock.advance(100)
        self.assertEqual(stored_files(away), 1)
        self.run_now(away.node.start())
        self.run_now(away.services[0].ping(self.customer.node.node_id))
        self.until(lambda: stored_files(away) == 0, seconds=5)

    def test_a_dismissed_supplier_that_is_away_is_not_dialled_for_each_deletion(self) -> None:
        names = [f"x{number}" for number in range(8)]
        for name in names:
            self.run_now(self.begin(self.make_file(200_000), name))
        away = self.member_of(self.customer.get(Customer).links[3].node_id)
        self.customer.config.set("services/customer/suppliers-number", "2")
        self.until(lambda: len(self.customer.get(Customer).links) == 2)
        away.node.die()
        motion, tried = self.customer.get(DataMotion), list[str]()
        delete = motion.delete

        async def counted(holder: Holder, versions: Sequence[bytes]) -> None:
            tried.append(holder.node_id)
            await delete(holder, versions)

        self.patch(motion, "delete", counted)
        for name in names:
            self.run_now(self.customer.get(BackupDb).file_delete(name))
            self.clock.advance(2)
        self.assertEqual(tried.count(away.node.node_id), 1)
        self.run_now(away.node.start())
        self.run_now(away.services[0].ping(self.customer.node.node_id))
        self.until(lambda: stored_files(away) == 0, seconds=5)

    def test_many_deletions_do_not_make_a_supplier_that_is_not_ready_yet_wait_longer(self) -> None:
        names = [f"x{number}" for number in range(6)]
        for name in names:
            self.run_now(self.begin(self.make_file(), name))
        away = self.member_of(self.customer.get(Customer).links[3].node_id)
        self.customer.config.set("services/customer/suppliers-number", "2")
        self.until(lambda: len(self.customer.get(Customer).links) == 2)
        self.run_now(away.services[0].stop())  # as one that could not start for a full disk; its node is there
        for name in names:
            self.run_now(self.customer.get(BackupDb).file_delete(name))
            self.clock.advance(1)
        self.assertEqual(stored_files(away), len(names))
        self.run_now(away.services[0].start())
        self.until(lambda: self.run_now(self.customer.catalog.errands.tombstones()) == [], seconds=AGAIN_FIRST)
        self.assertEqual(stored_files(away), 0)

    def keep(self, copies: int, uploads: int) -> list[bytes]:
        """Upload so many versions, and read back those that are kept, newest first."""
        self.customer.config.set("services/backups/max-copies", str(copies))
        path, texts = self.tmp / "file", [bytes([number]) * 600_000 for number in range(uploads)]
        for text in texts:
            path.write_bytes(text)
            self.run_now(self.begin(path, "x"))
            self.clock.advance(2)
        names = [version["backup_id"].rpartition("/")[2] for version in self.info("x")["versions"]]
        self.until(lambda: all(stored_files(member) == len(names) for member in self.suppliers))
        kept = [self.download(f"x#{name}", f"{copies} {name}").read_bytes() for name in names]
        self.assertEqual(kept, texts[::-1][: len(kept)])
        # what is pruned frees its space
        self.assertTrue(len(kept) * 4 * 300_000 <= self.used() < (len(kept) + 1) * 4 * 300_000)
        return kept

    def test_one_version_is_kept(self) -> None:
        self.assertEqual(len(self.keep(1, 3)), 1)

    def test_three_versions_are_kept(self) -> None:
        self.assertEqual(len(self.keep(3, 5)), 3)

    def test_all_versions_are_kept_if_the_option_is_0(self) -> None:
        self.assertEqual(len(self.keep(0, 5)), 5)

    def test_only_the_newest_versions_are_kept(self) -> None:
        # large enough to be files of their own at the suppliers
        texts = [text * 600_000 for text in (b"1", b"2", b"3")]
        for text in texts:
            path = self.tmp / "file"
            path.write_bytes(text)
            self.run_now(self.begin(path, "x"))
            self.clock.advance(2)
        versions = self.info("x")["versions"]
        self.assertEqual(len(versions), 2)
        self.assertEqual(self.download("x").read_bytes(), texts[2])
        name = versions[1]["backup_id"].rpartition("/")[2]
        self.assertEqual(self.download(f"x#{name}", "old").read_bytes(), texts[1])
        self.until(lambda: all(stored_files(member) == 2 for member in self.suppliers))

    def test_supplier_that_lost_its_disk(self) -> None:
        path = self.make_file()
        self.run_now(self.begin(path, "x"))
        lost = self.suppliers[2]
        lost.node.die()
        self.until(lambda: len(self.customer.get(Customer).connected()) == 3)
        customer_id = self.customer.node.node_id
        self.run_now(lost.services[0].keeping._removal.remove(Deposit.own(customer_id), None))
        self.run_now(lost.node.start())
        self.until(lambda: stored_files(lost) == 1)
        self.until(lambda: self.info("x")["versions"][0]["delivered"] == "100%")

    def test_supplier_that_came_back_from_an_old_copy_of_its_disk(self) -> None:
        self.run_now(self.begin(self.make_file(300_000), "x"))
        old = self.suppliers[2]
        old.node.die()
        self.run_now(old.stop())
        shutil.copytree(old.base, self.tmp / "copy")
        old.make()
        self.run_now(old.start())
        self.run_now(old.node.start())
        self.until(lambda: len(self.customer.get(Customer).connected()) == 4)
        self.run_now(self.customer.get(BackupDb).file_delete("x"))
        self.until(lambda: stored_files(old) == 0)
        self.until(lambda: not self.run_now(self.customer.catalog.errands.tombstones()))
        old.node.die()
        self.run_now(old.stop())
        shutil.rmtree(old.base)
        shutil.copytree(self.tmp / "copy", old.base)
        old.make()
        self.run_now(old.start())
        self.assertEqual(stored_files(old), 1)
        self.run_now(old.node.start())
        self.until(lambda: stored_files(old) == 0)


class NoRoom(UploadCase):
    """Suppliers with little room."""

    needed = "4 MB"

    def test_quota_is_a_clear_error(self) -> None:
        done = self.begin(self.make_file(6_000_000), "large")
        with self.assertRaises(Full) as caught:
            self.run_now(done, seconds=30)
        # 3 MB at each of them, who have promised 2
        self.assertIn("room", str(caught.exception))
        self.assertIn("bytes are needed at 3 of them, left are 2097152, 2097152", str(caught.exception))
        self.assertEqual([stored_files(member) for member in self.suppliers], [0, 0, 0, 0])
        path = self.make_file(500_000, "small")
        self.run_now(self.begin(path, "small"))
        self.assertEqual(self.download("small").read_bytes(), path.read_bytes())
        self.assertEqual(self.info("large")["versions"], [])
