from __future__ import annotations

import os
from typing import Any

from twisted.internet.defer import Deferred

from services.backup_db import BackupDb
from services.catalog.schema import Version
from services.catalog.vault import Vault
from services.customer import Customer
from services.rebuilding import Rebuilding
from services.supplier import Supplier
from services.upkeep.recoding import Recoding
from tests.services.grid import CUSTOMER, GridCase, Member

NUMBER = "services/customer/suppliers-number"


class RecodingCase(GridCase):
    spare = 3

    def setUp(self) -> None:
        super().setUp()
        self.files = {"x": os.urandom(3_000_000), "small": b"some text", "empty": b""}
        for name, data in self.files.items():
            (self.tmp / name).write_bytes(data)
            self.upload(self.tmp / name, name)

    def versions(self) -> list[Version]:
        async def look() -> list[Version]:
            catalog = self.customer.catalog
            items = await catalog.items(None, None, limit=100)
            return [one for found in (await catalog.versions([item.id for item in items])).values() for one in found]

        return self.run_now(look())

    def schemes(self) -> set[int]:
        return {version.m for version in self.versions()}

    def set_number(self, number: int) -> None:
        self.customer.config.set(NUMBER, str(number))
        self.until(lambda: len(self.customer.get(Customer).connected()) == number)

    def followed(self, number: int) -> None:
        self.until(lambda: self.schemes() == {number}, seconds=400, step=0.5)
        self.assertEqual(len(self.versions()), len(self.files))
        self.all_come_back(f"by {number}")
        self.until(lambda: not self.run_now(self.customer.catalog.errands.tombstones()), seconds=400, step=0.5)
        # exactly one piece of each version at each, and nothing of the old ones anywhere
        self.assertEqual(sorted(filter(None, map(self.kept, self.suppliers))), [len(self.files)] * number)

    def kept(self, member: Member) -> int:
        keeping = member.get(Supplier).keeping
        if keeping is None:
            return 0
        # what suppliers keep of the catalog itself is not among the versions
        names = self.customer.get(Vault)
        pieces = self.run_now(keeping.ledger.pieces(self.customer.node.node_id, b"", 500))
        return sum(names.name_of(piece.version) is None for piece in pieces)

    def all_come_back(self, place: str) -> None:
        for name, data in self.files.items():
            self.assertEqual(self.download(name, f"{place} {name}").read_bytes(), data)


class RecodingTest(RecodingCase):
    """Versions follow the number of suppliers."""

    def test_more(self) -> None:
        names = {(version.name, version.created) for version in self.versions()}
        self.set_number(7)
        self.all_come_back("meanwhile")
        self.followed(7)
        self.assertEqual({(version.name, version.created) for version in self.versions()}, names)
        for member in self.suppliers[:3]:
            member.node.die()
        self.all_come_back("with three gone")

    def test_holders_die_while_it_runs(self) -> None:
        catalog = self.customer.catalog
        versions = [version.id for version in self.versions()]
        held = self.run_now(catalog.pieces(versions))
        old = sorted({piece.node_id for pieces in held.values() for piece in pieces})
        self.set_number(7)
        add, died = catalog.add_version, []

        async def die_first(*arguments: Any, **named: Any) -> Version:
            # what is made for the new number has begun
            for node_id in old[len(died) : 2]:
                died.append(node_id)
                self.member_of(node_id).node.die()
            return await add(*arguments, **named)

        catalog.add_version = die_first  # type: ignore[method-assign]
        self.until(lambda: len(died) == 2, seconds=400, step=0.5)
        for minute in range(5):
            self.all_come_back(f"with two gone, {minute}")
            self.clock.advance(60)
        # nothing of the old code was given up, as the new one has too few suppliers
        self.assertEqual(self.schemes(), {4})
        for node_id in died:
            self.run_now(self.member_of(node_id).node.start())
        self.until(lambda: len(self.customer.get(Customer).connected()) == 7, seconds=400)
        self.until(lambda: self.schemes() == {7}, seconds=4000, step=1)
        self.all_come_back("in the end")

    def test_fewer_and_as_many_again_before_it_has_begun(self) -> None:
        customer = self.customer.get(Customer)
        before = {link.node_id for link in customer.links.values()}
        self.set_number(2)
        others = [member for member in self.suppliers if member.node.node_id not in before]
        self.customer.lookup.users = [member.node.me.idurl for member in others]
        self.set_number(4)
        after = {link.node_id for link in customer.links.values()}
        self.assertEqual(len(before & after), 2)
        # those in the new places get the pieces of the dismissed, although nothing is coded anew
        self.followed(4)
        for node_id in before - after:
            member = self.member_of(node_id)
            self.until(lambda of=member: not of.get(Supplier).customers_list(), seconds=200)  # type: ignore[misc]

    def test_fewer(self) -> None:
        self.set_number(2)
        self.all_come_back("meanwhile")
        self.followed(2)
        told = self.run_now(self.customer.get(BackupDb).file_info("x"))
        self.assertEqual([one["delivered"] for one in told["versions"]], ["100%"])

    def test_there_and_back(self) -> None:
        self.set_number(2)
        self.set_number(4)
        self.clock.advance(130)
        self.followed(4)

    def test_folder(self) -> None:
        folder = self.tmp / "folder"
        folder.mkdir()
        (folder / "one").write_bytes(b"1")
        self.upload(folder, "folder")
        self.files["folder"] = b""
        self.set_number(2)
        self.until(lambda: self.schemes() == {2}, seconds=400, step=0.5)
        self.assertEqual((self.download("folder", "again") / "one").read_bytes(), b"1")

    def test_order_of_versions_stays(self) -> None:
        newer = os.urandom(100_000)
        (self.tmp / "x").write_bytes(newer)
        self.clock.advance(5)
        self.upload(self.tmp / "x", "x")
        self.set_number(2)
        self.until(lambda: self.schemes() == {2}, seconds=400, step=0.5)
        self.assertEqual(self.download("x").read_bytes(), newer)
        self.assertEqual(len(self.versions()), 4)
        told = self.run_now(self.customer.get(BackupDb).file_info("x"))
        sizes = [
            self.download(one["backup_id"], f"version {at}").stat().st_size for at, one in enumerate(told["versions"])
        ]
        self.assertEqual(sorted(sizes), [100_000, 3_000_000])

    def test_nobody_more_is_there(self) -> None:
        for member in self.suppliers:
            if self.kept(member) == 0:
                member.node.die()
        self.customer.config.set(NUMBER, "7")
        for _ in range(200):
            self.clock.advance(1)
        self.assertEqual(self.schemes(), {4})
        self.all_come_back("as before")

    def test_bad_piece_is_not_copied(self) -> None:
        (path,) = [path for path in self.suppliers[0].folder.pieces.rglob("*") if path.is_file()]
        data = bytearray(path.read_bytes())
        data[1_000_000] ^= 1
        path.write_bytes(data)
        self.set_number(2)
        self.followed(2)

    def test_killed_in_the_middle(self) -> None:
        self.set_number(2)
        catalog, recoding = self.customer.catalog, self.customer.get(Recoding)

        async def die(*_: Any, **__: Any) -> None:
            await Deferred()

        catalog.note_stored = die  # type: ignore[method-assign]
        with self.assertRaises(AssertionError):
            self.run_now(recoding.run())
        self.assertIn("uploading", {version.state for version in self.versions()})
        self.restart()
        self.followed(2)

    def test_deleted_meanwhile(self) -> None:
        self.set_number(2)
        recoding, catalog = self.customer.get(Recoding), self.customer.catalog
        add = catalog.add_version

        async def delete_first(*arguments: Any, **named: Any) -> Version:
            made = await add(*arguments, **named)
            item = await catalog.item(made.item)
            assert item is not None
            (old,) = [one for one in (await catalog.versions([item.id]))[item.id] if one.state == "ready"]
            await catalog.drop_version(old.id)
            return made

        catalog.add_version = delete_first  # type: ignore[method-assign]
        self.run_now(recoding.run())
        self.assertEqual(self.versions(), [])
        self.until(lambda: not any(map(self.kept, self.suppliers)), seconds=400, step=0.5)

    def test_done_is_remembered(self) -> None:
        recoding = self.customer.get(Recoding)
        self.assertFalse(self.run_now(recoding.run()))
        self.restart()
        self.assertFalse(self.run_now(self.customer.get(Recoding).run()))
        self.assertIsNone(self.customer.get(Rebuilding).ready())

    def restart(self) -> None:
        self.run_now(self.customer.stop())
        self.assertEqual(self.customer.classes, CUSTOMER)
        self.customer.make()
        self.run_now(self.customer.start())
        self.until(lambda: len(self.customer.get(Customer).connected()) == self.customer.get(Customer).wanted.suppliers)


class RoomTest(RecodingCase):
    """Half of what fewer suppliers must keep is granted."""

    needed = "8 MB"
    spare = 0

    def test_a_lease_shrinks_when_all_versions_follow(self) -> None:
        self.set_number(2)
        self.followed(2)
        links = self.customer.get(Customer).links
        self.assertEqual([link.hired.granted for link in links.values()], [8 << 20] * 2)
        # more than the smaller lease will be
        (self.tmp / "y").write_bytes(os.urandom(3_000_000))
        self.files["y"] = (self.tmp / "y").read_bytes()
        self.upload(self.tmp / "y", "y")
        self.customer.config.set(NUMBER, "4")
        # whatever it is renewed for meanwhile, also more than once
        for link in list(links.values()):
            link.renew()
        self.clock.advance(3)
        self.assertEqual([links[at].hired.granted for at in (0, 1)], [8 << 20] * 2)
        self.until(lambda: len(self.customer.get(Customer).connected()) == 4)
        self.followed(4)
        self.until(lambda: {link.hired.granted for link in links.values()} == {4 << 20}, 700, 1)

    def test_a_lease_never_shrinks_below_what_is_kept(self) -> None:
        (self.tmp / "y").write_bytes(os.urandom(3_000_000))
        self.upload(self.tmp / "y", "y")
        links = self.customer.get(Customer).links
        self.customer.config.set("services/customer/needed-space", "1 MB")

        def leases() -> set[int]:
            return {link.hired.granted for link in links.values()}

        self.until(lambda: leases() != {4 << 20}, 700, 1)
        kept = self.run_now(self.customer.catalog.stored_bytes())
        for link in links.values():
            self.assertGreater(link.hired.granted, kept[link.node_id] + 200_000)
        self.files["y"] = (self.tmp / "y").read_bytes()
        self.followed(4)
        self.run_now(self.customer.get(BackupDb).file_delete("y"))
        self.run_now(self.customer.get(BackupDb).file_delete("x"))
        self.until(lambda: leases() == {1 << 19}, 1400, 1)

    def test_a_supplier_that_had_no_room_is_asked_again(self) -> None:
        for member in self.suppliers:
            member.config.set("services/supplier/donated-space", "2 MB")
        self.set_number(2)
        self.clock.advance(200)
        self.assertEqual({version.m for version in self.versions() if version.size > 2_000_000}, {4})
        for member in self.suppliers:
            member.config.set("services/supplier/donated-space", "1 GB")
        self.followed(2)
