"""
The catalog and the keys are with the suppliers, and come back from them.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from bitdust_node.identity.recovered import Recovered
from services.backup_db import BackupDb
from services.catalog.objects import BATCH, Names
from services.catalog.place import names_secret
from services.catalog.vault import Vault
from services.customer import Customer
from services.employer import Employer
from services.supplier import Supplier
from tests.services.grid import CUSTOMER, GridCase, Member


class VaultCase(GridCase):
    """A customer whose disk is lost."""

    def settle(self) -> None:
        """Until all suppliers have all that there is."""
        for _ in range(20):
            self.clock.advance(1)

    def reborn(self) -> None:
        """The same identity and the same suppliers, with an empty catalog."""
        self.run_now(self.customer.stop())
        self.again("reborn")
        self.settle()

    def tree(self) -> dict[str, tuple[str, str, list[tuple[str, str]]]]:
        listed = self.run_now(self.customer.get(BackupDb).files_list()).result
        return {
            one["path"]: (one["type"], one["path_id"], [(v["backup_id"], v["delivered"]) for v in one["versions"]])
            for one in listed
        }

    def file(self, name: str, data: bytes) -> Path:
        path = self.tmp / name
        path.write_bytes(data)
        return path

    def reborn_again(self) -> None:
        (self.tmp / "reborn").rename(self.tmp / "first")
        self.reborn()

    def again(self, folder: str) -> None:
        options = {
            "services/customer/suppliers-number": str(self.suppliers_number),
            "services/customer/needed-space": self.needed,
        }
        users = self.customer.lookup.users
        self.customer = Member(self.customer.node, self.tmp / folder, CUSTOMER, options)
        self.customer.lookup.users = users
        self.run_now(self.customer.start())
        self.until(lambda: len(self.customer.get(Customer).connected()) == self.suppliers_number)

    def objects(self, supplier: Member) -> int:
        keeping = supplier.get(type(supplier.services[0])).keeping
        pieces = self.run_now(keeping.ledger.pieces(self.customer.node.node_id, b"", 500))
        names = Names(names_secret(self.customer.node.me))
        return sum(names.read(piece.version) is not None for piece in pieces)


class VaultTest(VaultCase):
    """What is on the disk of the customer is lost; what the suppliers have is not."""

    def test_all_comes_back(self) -> None:
        one, two = self.file("one", b"1" * 100_000), self.file("two", b"2" * 300_000)
        self.upload(one, "docs/deep/one.txt")
        self.upload(two, "docs/two.txt")
        self.upload(one, "gone.txt")
        self.run_now(self.customer.get(BackupDb).file_create("empty/folder", as_folder=True))
        self.run_now(self.customer.get(BackupDb).file_delete("gone.txt"))
        self.upload(one, "docs/two.txt")
        before = self.tree()
        self.settle()
        self.reborn()
        self.assertEqual(self.tree(), before)
        self.assertEqual(self.download("docs/deep/one.txt").read_bytes(), one.read_bytes())
        self.assertEqual(self.download("docs/two.txt").read_bytes(), one.read_bytes())
        # and once more, from what both lives have told
        self.upload(two, "new.txt")
        self.run_now(self.customer.get(BackupDb).file_delete("docs/deep/one.txt"))
        before = self.tree()
        self.settle()
        self.reborn_again()
        self.assertEqual(self.tree(), before)

    def test_clients_hear_whether_suppliers_have_all(self) -> None:
        names = ("my-backup-index-synchronized", "my-backup-index-out-of-sync", "my-keys-synchronized")
        self.settle()
        self.customer.node.events_seen.clear()
        self.upload(self.file("one", b"1" * 1000), "one.txt")
        self.settle()
        self.assertEqual([event.event_id for event in self.customer.events(*names)], [names[1], names[0]])
        self.settle()
        self.assertEqual(len(self.customer.events(*names)), 2)

    def test_suppliers_of_an_ended_record(self) -> None:
        """Nothing in the DHT names the suppliers any more: they are asked."""
        one = self.file("one", b"1" * 100_000)
        self.upload(one, "one")
        before = [link.node_id for _, link in sorted(self.customer.get(Customer).links.items())]
        self.settle()
        users = self.customer.lookup.users
        self.run_now(self.customer.stop())
        options = {"services/customer/suppliers-number": "2", "services/customer/needed-space": self.needed}
        self.customer = Member(self.customer.node, self.tmp / "reborn", CUSTOMER, options)
        self.customer.lookup.users = users
        self.run_now(self.customer.get(Recovered).note(self.customer.node.node_id))
        self.run_now(self.customer.start())
        links = self.customer.get(Customer).links
        self.until(lambda: len(self.customer.get(Customer).connected()) == 4)
        self.assertEqual([link.node_id for _, link in sorted(links.items())], before)
        self.settle()
        self.assertEqual(self.download("one").read_bytes(), one.read_bytes())
        self.assertFalse(self.run_now(self.customer.get(Recovered).pending(self.customer.node.node_id)))

    def test_a_copy_of_the_folder_from_before(self) -> None:
        """The disk comes back from an old copy: suppliers know what it has forgotten, and nothing is written twice."""
        backup_db = self.customer.get(BackupDb)
        self.run_now(backup_db.file_create("first"))
        self.settle()
        self.run_now(self.customer.stop())
        shutil.copytree(self.tmp / "customer", self.tmp / "copy")
        self.again("customer")
        self.run_now(self.customer.get(BackupDb).file_create("second"))
        self.settle()
        self.run_now(self.customer.stop())
        self.again("copy")
        self.run_now(self.customer.get(BackupDb).file_create("third"))
        for _ in range(5):
            self.settle()
        self.assertEqual(sorted(self.tree()), ["first", "second", "third"])
        self.reborn()
        self.assertEqual(sorted(self.tree()), ["first", "second", "third"])

    def test_a_log_that_is_written_anew(self) -> None:
        for number in range(5):
            self.run_now(self.customer.get(BackupDb).file_create(f"file {number}"))
            self.settle()
        self.run_now(self.customer.get(BackupDb).file_delete("file 1"))
        self.upload(self.file("one", b"1"), "file 2")
        self.settle()
        self.assertGreater(min(map(self.objects, self.suppliers)), 5)
        self.run_now(self.customer.catalog.journal.compact())
        self.customer.get(Vault).soon()
        self.settle()
        self.settle()
        self.assertEqual(list(map(self.objects, self.suppliers)), [1] * 4)
        before = self.tree()
        self.reborn()
        self.assertEqual(self.tree(), before)

    def test_objects_look_like_versions(self) -> None:
        self.upload(self.file("one", b"1" * 100_000), "one")
        self.settle()
        names = Names(names_secret(self.customer.node.me))
        stranger = Names(names_secret(self.suppliers[0].node.me))
        for supplier in self.suppliers:
            keeping = supplier.get(type(supplier.services[0])).keeping
            pieces = self.run_now(keeping.ledger.pieces(self.customer.node.node_id, b"", 100))
            found = [names.read(piece.version) for piece in pieces]
            self.assertEqual([name.kind for name in found if name], [BATCH])
            self.assertEqual([stranger.read(piece.version) for piece in pieces], [None] * 2)


class NewSuppliersTest(VaultCase):
    """All suppliers are replaced, one by one."""

    spare = 4

    def test_suppliers_that_came_after_a_recovery(self) -> None:
        """What a device that is gone has told is brought to new suppliers too, also if one copy of it is spoiled."""
        self.upload(self.file("one", b"1" * 1000), "one")
        self.run_now(self.customer.get(BackupDb).file_create("empty/folder", as_folder=True))
        self.settle()
        self.reborn()
        self.upload(self.file("two", b"2" * 1000), "two")
        before = self.tree()
        self.settle()
        self.spoil_objects(self.suppliers[0])
        first = {link.node_id for link in self.customer.get(Customer).links.values()}
        self.customer.lookup.users.reverse()
        for position in range(4):
            self.run_now(self.customer.get(Employer).supplier_change(position=position))
            self.until(lambda: len(self.customer.get(Customer).connected()) == 4)
            self.settle()
        self.assertFalse(first & {link.node_id for link in self.customer.get(Customer).links.values()})
        self.reborn_again()
        self.assertEqual(self.tree(), before)

    def spoil_objects(self, supplier: Member) -> None:
        keeping = supplier.get(Supplier).keeping
        assert keeping is not None
        self.run_now(keeping.ledger._database.run(lambda c: c.execute("UPDATE small SET data = zeroblob(1)")))
