"""
A defect of the program strikes once, in the middle of work that is done again and again: it is logged, and the work
goes on.
"""

from __future__ import annotations

import os
from typing import Any

from services.backup_db import BackupDb
from services.catalog.vault import Vault
from services.data_motion import DataMotion
from services.employer import Employer
from services.grouping.circuit import Circuit
from services.grouping.exchange import Exchange
from services.messaging.post import Post
from services.transfer import rebuild
from tests.services.grid import GridCase
from tests.services.grouping.circle import GroupsCase
from tests.services.messaging.town import TownCase


class DefectError(Exception):
    """What nobody expects."""


class Defects:
    """
    The first call of each of these methods raises what nobody expects. places: an owner and the name of a method each.
    """

    def __init__(self, case: Any, *places: tuple[Any, str]) -> None:
        self._left = len(places)
        for place in places:
            self._put(case, *place)
        case.addCleanup(lambda: case.assertEqual(len(case.flushLoggedErrors(DefectError)), len(places) - self._left))

    @property
    def struck(self) -> bool:
        """True when all have."""
        return not self._left

    def _put(self, case: Any, owner: Any, name: str) -> None:
        real, due = getattr(owner, name), [name]

        async def call(*arguments: Any, **options: Any) -> Any:
            if due:
                self._left -= 1
                raise DefectError(due.pop())
            return await real(*arguments, **options)

        case.patch(owner, name, call)


class DataTest(GridCase):
    suppliers_number = 2
    spare = 1

    def setUp(self) -> None:
        super().setUp()
        self.path = self.tmp / "source"
        self.path.write_bytes(os.urandom(100_000))
        self.upload(self.path, "x")

    def test_missing_pieces(self) -> None:
        defects = Defects(self, (self.customer.catalog, "endangered"), (rebuild, "_renew"))
        self.run_now(self.customer.get(Employer).supplier_change(position=1))
        self.until(lambda: defects.struck, 600)
        self.until(lambda: self.run_now(self.customer.catalog.endangered([], None, 10)) == [], 600)

    def test_deletions(self) -> None:
        defects = Defects(self, (DataMotion, "delete"))
        self.run_now(self.customer.get(BackupDb).file_delete("x"))
        self.until(lambda: defects.struck)
        self.until(lambda: self.run_now(self.customer.catalog.errands.tombstones()) == [])

    def test_the_catalog(self) -> None:
        self.clock.advance(30)
        defects = Defects(self, (Vault, "_tell_all"))
        self.run_now(self.customer.get(BackupDb).file_create("y"))
        self.until(lambda: defects.struck)
        self.until(lambda: self.run_now(self.customer.catalog.journal.pending()) is None)


class MessagesTest(TownCase):
    def test_a_letter(self) -> None:
        defects = Defects(self, (Post, "load"))
        self.begin(self.alice, "message_send", recipient_id=self.bob.id, data={"text": "hello"})
        self.until(lambda: self.bob.texts == ["hello"], 600)
        self.assertTrue(defects.struck)


class GroupTest(GroupsCase):
    def test_a_group(self) -> None:
        _, circle = self.group(self.people[1])
        part = self.people[1].part(circle)
        self.until(lambda: part.synchronized)
        defects = Defects(self, (Circuit, "look"), (Exchange, "listen"), (Exchange, "compare"))
        part.reconnect()
        self.until(lambda: part.connected and part.synchronized and defects.struck)
