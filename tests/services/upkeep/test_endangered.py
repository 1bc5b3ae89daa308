from __future__ import annotations

import os
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from services import rebuilding
from services.backup_db import BackupDb
from services.catalog.schema import Version
from services.rebuilding import AGAIN, SOON, Rebuilding
from services.supplier import Supplier
from services.supplying.deposits import Deposit
from services.upkeep import rests
from services.upkeep.rests import REST_FIRST, REST_LONGEST, Rests
from tests.services.grid import GridCase, Member


class RestsTest(SynchronousTestCase):
    def test_each_failure_doubles_the_rest(self) -> None:
        one, now, lengths = Rests(), 1000.0, []
        for _ in range(10):
            self.assertTrue(one.is_over(b"v", now))
            one.failed(b"v", now)
            lengths.append(one.next(now))
            self.assertFalse(one.is_over(b"v", now))
            now += lengths[-1] or 0
        self.assertEqual(lengths[:3], [REST_FIRST, 2 * REST_FIRST, 4 * REST_FIRST])
        self.assertEqual(lengths[-1], REST_LONGEST)
        one.forget(b"v")
        self.assertIsNone(one.next(now))

    def test_only_so_many_are_kept(self) -> None:
        self.patch(rests, "KEPT", 3)
        one = Rests()
        for number in range(5):
            one.failed(bytes([number]), 0.0)
        self.assertEqual([number for number in range(5) if bytes([number]) in one], [0, 1, 2])
        one.keep({bytes([2])})
        self.assertEqual([number for number in range(5) if bytes([number]) in one], [2])
        one.clear()
        self.assertTrue(one.is_over(bytes([2]), 0.0))

    def test_those_beyond_share_rests_that_grow(self) -> None:
        self.patch(rests, "KEPT", 3)
        one, tries, names = Rests(), 0, [number.to_bytes(4) for number in range(10)]
        for now in range(0, 7200, 60):
            one.begin(now)
            due = [name for name in names if one.is_over(name, now)]
            # none of those that share a rest is left out
            self.assertIn(len({name in due for name in names[3:]}), (1,))
            for name in due:
                one.failed(name, now)
            one.keep(names)
            tries += len(due)
        self.assertLess(tries, 10 * 10)
        self.assertEqual((len(one._until), len(one._shared)), (3, 1))
        # where there is room again it goes on with a rest of its own
        one.keep(names[:2])
        one.begin(14400)
        one.failed(names[9], 14400)
        self.assertGreater(one._until[names[9]][1], REST_FIRST)


class EndangeredTest(GridCase):
    """Versions that can not be completed now do not hold up others, and those in danger come first."""

    def setUp(self) -> None:
        super().setUp()
        # fewer than there are files here
        self.patch(rebuilding, "PAGE", 2)
        self.names = [f"f{number}" for number in range(4)]
        for name in self.names:
            (self.tmp / name).write_bytes(os.urandom(100_000))
            self.upload(self.tmp / name, name)
        self.until(lambda: self.lacking() == [])

    def info(self, name: str) -> dict[str, Any]:
        return self.run_now(self.customer.get(BackupDb).file_info(name))["versions"][0]

    def version(self, name: str) -> Version:
        catalog = self.customer.catalog
        item = self.run_now(catalog.find("master", name))
        assert item
        return self.run_now(catalog.versions([item.id]))[item.id][0]

    def lose(self, name: str, number: int) -> Member:
        catalog, version = self.customer.catalog, self.version(name).id
        piece = self.run_now(catalog.pieces([version]))[version][number]
        self.run_now(catalog.mark_piece(version, number, piece.node_id, "lost"))
        return self.member_of(piece.node_id)

    def lacking(self) -> list[bytes]:
        return [one.id for one in self.run_now(self.customer.catalog.endangered())]

    def holder(self, number: int) -> Member:
        version = self.version("f0").id
        return self.member_of(self.run_now(self.customer.catalog.pieces([version]))[version][number].node_id)

    def test_those_whose_supplier_is_away_hold_up_nobody(self) -> None:
        self.holder(3).node.die()
        self.clock.advance(5)
        for name in self.names:
            self.lose(name, 3)
        self.lose("f3", 2)
        self.customer.get(Rebuilding).soon()
        self.until(lambda: self.info("f3")["delivered"] == "75%", seconds=3 * SOON)
        self.assertEqual([self.info(name)["delivered"] for name in self.names], ["75%"] * 4)

    def test_those_that_fail_hold_up_nobody(self) -> None:
        deposit = Deposit.own(self.customer.node.node_id)
        wiped = [self.version(name).id for name in self.names[:3]]
        for number in (1, 2, 3):
            for name in self.names[:3]:
                self.lose(name, number)
            keeping = self.holder(number).get(Supplier).keeping
            assert keeping
            # what is left does not suffice
            self.run_now(keeping._removal.remove(deposit, wiped))
        self.lose("f3", 2)
        self.customer.get(Rebuilding).soon()
        self.until(lambda: self.info("f3")["delivered"] == "100%", seconds=AGAIN)
        self.assertEqual(set(self.lacking()), set(wiped))

    def test_the_most_endangered_comes_first(self) -> None:
        for name in self.names:
            self.lose(name, 3)
        for number in (1, 2):
            self.lose("f2", number)
        self.lose("f3", 1)
        endangered = self.run_now(self.customer.catalog.endangered())
        self.assertEqual([one.spare for one in endangered], [-1, 0, 1, 1])
        self.assertEqual([one.id for one in endangered[:2]], [self.version(name).id for name in ("f2", "f3")])
        self.customer.get(Rebuilding).soon()
        self.until(lambda: self.info("f3")["delivered"] == "100%", seconds=AGAIN, step=0.002)
        # one after the other: of the others, at most the next one is done too
        self.assertIn(self.info("f2")["delivered"], ("25%", "100%"))
        self.assertGreaterEqual(len(self.lacking()), 1)
