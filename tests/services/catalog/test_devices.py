"""
Two devices of one identity work at once through the same suppliers.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from bitdust_node.errors import Unavailable
from bitdust_node.identity.recovered import Recovered
from services.backup_db import BackupDb
from services.backups import Backups
from services.catalog.vault import GAP_TIME, Vault
from services.customer import Customer
from services.data_motion import Holder
from services.restores import Restores
from tests.network import TestNode
from tests.services.grid import CUSTOMER, GridCase, Member


class DevicesCase(GridCase):
    """The laptop is the other one."""

    suppliers_number = 2

    def setUp(self) -> None:
        super().setUp()
        published = self.customer.node.resolver.published
        node = TestNode(1, self.network, published, device="-laptop")
        for document in published.values():
            node.resolver.remember(document)
        self.run_now(node.start())
        options = {"services/customer/suppliers-number": "2", "services/customer/needed-space": self.needed}
        self.laptop = Member(node, self.tmp / "laptop", CUSTOMER, options)
        self.laptop.lookup.users = self.customer.lookup.users
        self.run_now(self.laptop.get(Recovered).note(node.node_id))
        self.run_now(self.laptop.start())
        self.addCleanup(lambda: self.run_now(node.stop()))
        self.addCleanup(lambda: self.run_now(self.laptop.stop()))
        self.until(lambda: len(self.laptop.get(Customer).connected()) == 2)

    def paths(self, device: Member) -> dict[str, int]:
        listed = self.run_now(device.get(BackupDb).files_list()).result
        return {one["path"]: len(one["versions"]) for one in listed}

    def wait(self, seconds: float) -> None:
        until = self.clock.seconds() + seconds
        self.until(lambda: self.clock.seconds() >= until, seconds + 10, step=0.5)

    def upload_at(self, device: Member, data: bytes, remote: str) -> None:
        path = self.tmp / "source"
        path.write_bytes(data)
        self.run_now(device.get(BackupDb).file_create(remote, exist_ok=True))
        self.run_now(device.get(Backups).file_upload_start(str(path), remote, wait_result=True))

    def fetched(self, device: Member, remote: str) -> bytes:
        to = str(self.tmp / os.urandom(4).hex())
        told: Any = self.run_now(device.get(Restores).file_download_start(remote, to, wait_result=True))
        with open(told.result["local_path"], "rb") as file:
            return file.read()


class DevicesTest(DevicesCase):
    def test_each_hears_of_the_other(self) -> None:
        one, two = os.urandom(50_000), os.urandom(60_000)
        self.upload_at(self.customer, one, "docs/one")
        self.upload_at(self.laptop, two, "docs/two")
        self.wait(75)
        for device in (self.customer, self.laptop):
            self.assertEqual(self.paths(device), {"docs": 0, "docs/one": 1, "docs/two": 1})
            self.assertEqual((self.fetched(device, "docs/one"), self.fetched(device, "docs/two")), (one, two))
        # at once: a folder gets another name here, a file comes into it there
        self.run_now(self.customer.get(BackupDb).file_rename("docs", "papers"))
        self.upload_at(self.laptop, one, "docs/three")
        self.run_now(self.laptop.get(BackupDb).file_delete("docs/two"))
        self.wait(75)
        for device in (self.customer, self.laptop):
            self.assertEqual(self.paths(device), {"docs": 0, "docs/three": 1, "papers": 0, "papers/one": 1})
            self.assertEqual((self.fetched(device, "papers/one"), self.fetched(device, "docs/three")), (one, one))

    def lose_sight_of_one(self, laptop: Vault) -> Callable[[], None]:
        """
        Two batches are told; the first that the laptop asks for does not come before what is answered was called.
        """
        self.wait(75)
        fetch, away = laptop._parcels.fetch, list[bytes]()

        async def fetch_others(holder: Holder, version: bytes) -> Any:
            away[:] = away or [version]
            if version in away:
                raise Unavailable("it does not answer at the moment")
            return await fetch(holder, version)

        self.patch(laptop._parcels, "fetch", fetch_others)
        for name in ("one", "two"):
            self.run_now(self.customer.get(BackupDb).file_create(name))
            self.until(lambda: self.run_now(self.customer.catalog.journal.pending()) is None)
        return lambda: self.patch(laptop._parcels, "fetch", fetch)

    def test_what_somebody_has_and_can_not_give_now_is_waited_for(self) -> None:
        give = self.lose_sight_of_one(self.laptop.get(Vault))
        self.wait(240)
        self.assertEqual(self.paths(self.laptop), {})
        give()
        self.wait(120)
        self.assertEqual(self.paths(self.laptop), {"one": 0, "two": 0})

    def test_what_nobody_can_give_for_long_is_passed_over(self) -> None:
        self.lose_sight_of_one(self.laptop.get(Vault))
        self.wait(GAP_TIME + 240)
        self.assertEqual(self.paths(self.laptop), {"two": 0})

    def test_both_stay_connected(self) -> None:
        supplier = self.suppliers[0].node
        self.wait(15)
        sessions = {id(one) for one in supplier.router.sessions() if one.peer_id == self.customer.node.node_id}
        self.assertEqual(len(sessions), 2)
        self.wait(300)
        after = {id(one) for one in supplier.router.sessions() if one.peer_id == self.customer.node.node_id}
        self.assertEqual(after, sessions)
        for device in (self.customer, self.laptop):
            self.assertEqual(len(device.get(Customer).connected()), 2)
