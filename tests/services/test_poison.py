"""
A defect of the program strikes at one version whenever it is touched: it is logged now and then, and the others are
done.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from services import rebuilding
from services.backup_db import BackupDb
from services.catalog.catalog import Catalog
from services.catalog.schema import Version
from services.customer import Customer
from services.data_motion import DataMotion
from services.rebuilding import Rebuilding
from services.upkeep.recoding import Recoding
from tests.services.catalog.test_vault import VaultCase
from tests.services.test_defects import DefectError


class PoisonTest(VaultCase):
    def setUp(self) -> None:
        super().setUp()
        self.names = [f"f{number}" for number in range(4)]
        for name in self.names:
            self.upload(self.file(name, os.urandom(10_000)), name)
        self.settle()

    def version(self, name: str) -> Version:
        catalog = self.customer.catalog
        item = self.run_now(catalog.find("master", name))
        assert item
        return self.run_now(catalog.versions([item.id]))[item.id][-1]

    def others(self) -> list[str]:
        """All but the file whose version comes first where they are taken in the order of their ids."""
        return sorted(self.names, key=lambda name: self.version(name).id)[1:]

    def poison(self, owner: Any, name: str, hit: Callable[..., bool]) -> None:
        """A method raises what nobody expects whenever `hit` says so of its arguments."""
        real = getattr(owner, name)

        async def call(*arguments: Any, **options: Any) -> Any:
            if hit(*arguments, **options):
                raise DefectError(name)
            return await real(*arguments, **options)

        self.patch(owner, name, call)

    def assert_logged(self, most: int) -> None:
        found = len(self.flushLoggedErrors(DefectError))
        self.assertTrue(1 <= found <= most, f"it was logged {found} times")

    def test_recoding(self) -> None:
        others = self.others()
        poisoned = next(self.version(name).item for name in self.names if name not in others)
        odd = {poisoned}
        self.poison(Recoding, "_no_downloads", lambda _, item: item.id in odd)
        self.customer.config.set("services/customer/suppliers-number", "2")
        self.until(lambda: all(self.version(name).m == 2 for name in others), 200, step=0.5)
        for _ in range(20):
            self.clock.advance(60)
        self.assert_logged(8)
        catalog = self.customer.catalog
        # nothing is left of what was tried
        self.assertEqual([one.m for one in self.run_now(catalog.versions([poisoned]))[poisoned]], [4])
        # it rests for long, but not when there are other suppliers than before
        odd.clear()
        links = self.customer.get(Customer).links
        one = self.member_of(links[0].node_id)
        one.node.die()
        self.until(lambda: not links[0].connected)
        self.run_now(one.node.start())
        self.until(lambda: self.run_now(catalog.versions([poisoned]))[poisoned][-1].m == 2, 130, step=0.5)

    def test_rebuilding(self) -> None:
        others = self.others()
        poisoned = next(self.version(name).id for name in self.names if name not in others)
        self.poison(rebuilding, "rebuild", lambda _, version, *__: version.id == poisoned)
        catalog = self.customer.catalog
        for version in (self.version(name).id for name in self.names):
            # one of two that suffice: that one is more endangered, and comes first
            for number in (2, 3)[: 2 if version == poisoned else 1]:
                piece = self.run_now(catalog.pieces([version]))[version][number]
                self.run_now(catalog.mark_piece(version, number, piece.node_id, "lost"))
        self.customer.get(Rebuilding).soon()
        self.until(lambda: [one.id for one in self.run_now(catalog.endangered())] == [poisoned], 10)
        for _ in range(20):
            self.clock.advance(60)
        self.assert_logged(8)

    def test_manifests_that_are_not_here(self) -> None:
        others = self.others()
        poisoned = next(self.version(name).id for name in self.names if name not in others)
        self.poison(DataMotion, "manifest", lambda _, holder, version: version == poisoned)
        self.reborn()
        for name in others:
            self.assertIsNotNone(self.version(name).manifest)
        for _ in range(20):
            self.run_now(self.customer.get(BackupDb).file_create(f"n{self.clock.seconds()}"))
            self.clock.advance(30)
        self.assert_logged(8)

    def test_a_part_of_the_catalog(self) -> None:
        self.upload(self.file("late", b"late"), "late")
        self.settle()
        self.poison(Catalog, "merge", lambda _, read: read.batch.number == 1)
        self.reborn()
        self.run_now(self.customer.get(BackupDb).file_create("new"))
        # what is new here is told all the same
        self.until(lambda: self.run_now(self.customer.catalog.journal.pending()) is None)
        # and what comes after it is read, when it was asked for long enough
        self.until(lambda: "late" in self.tree(), 1200, step=5)
        self.assertEqual(self.download("late").read_bytes(), b"late")
        self.assert_logged(8)
