"""
The disk of a node is full for a while, where its own books are: what could not be written then is done afterwards.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from bitdust_node.database import Database
from bitdust_node.errors import Full
from services.backup_db import BackupDb
from services.catalog.batches import Read
from services.supplier import Supplier
from tests.services.catalog.test_devices import DevicesCase
from tests.services.grid import GridCase


@contextmanager
def full(database: Database) -> Iterator[None]:
    """While nothing can be written to a database."""

    async def run(function: Any) -> Any:
        raise Full("no room left on the disk")

    database.run = run  # type: ignore[method-assign]
    try:
        yield
    finally:
        del database.run  # type: ignore[method-assign]


class CatalogTest(GridCase):
    suppliers_number = 2

    def wait(self, seconds: float) -> None:
        until = self.clock.seconds() + seconds
        self.until(lambda: self.clock.seconds() >= until, seconds + 10, step=0.5)

    def test_suppliers_hear_of_deletions_again_when_it_could_not_be_noted_that_they_did(self) -> None:
        path = self.tmp / "source"
        path.write_bytes(os.urandom(100_000))
        self.upload(path, "x")
        self.run_now(self.customer.get(BackupDb).file_delete("x"))
        with full(self.customer.catalog._database):
            self.wait(5)
        self.wait(120)
        self.assertEqual(self.run_now(self.customer.catalog.errands.tombstones()), [])

    def test_suppliers_hear_of_the_catalog_when_there_is_room_again(self) -> None:
        self.wait(30)
        told = self.objects()
        self.run_now(self.customer.get(BackupDb).file_create("x"))
        with full(self.customer.catalog._database):
            self.wait(5)
        self.assertEqual(self.objects(), told)
        self.wait(120)
        self.assertEqual(self.objects(), told + 2)

    def objects(self) -> int:
        keepings = [member.get(Supplier).keeping for member in self.suppliers]
        return sum(
            len(self.run_now(keeping.ledger.pieces(self.customer.node.node_id, b"", 500)))
            for keeping in keepings
            if keeping is not None
        )


class TwoDevicesTest(DevicesCase):
    def test_what_another_device_has_told_is_not_passed_over(self) -> None:
        self.wait(75)
        # a disk that is nearly full: the first one does not fit, the next one does
        merge, refused = self.laptop.catalog.merge, list[Read]()

        async def merge_later(read: Read) -> bool:
            if not refused:
                refused.append(read)
                raise Full("no room left on the disk")
            return await merge(read)

        self.patch(self.laptop.catalog, "merge", merge_later)
        for name in ("one", "two"):
            self.run_now(self.customer.get(BackupDb).file_create(name))
            self.until(lambda: self.run_now(self.customer.catalog.journal.pending()) is None)
        self.wait(240)
        self.assertEqual(len(refused), 1)
        self.assertEqual(self.paths(self.laptop), {"one": 0, "two": 0})
