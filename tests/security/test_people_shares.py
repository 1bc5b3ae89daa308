"""
Attacks of members on the share that they write to: batches that hide those of others, and numbers that can not be.
"""

from __future__ import annotations

import sqlite3
from typing import Any

import msgspec

from services.backup_db import BackupDb
from services.catalog.batches import Batch, Covered
from services.catalog.operations import Drop, Put, Stamp, pack
from services.catalog.vault import Vault
from tests.services.sharing.people import SharingCase


class MemberAttacks(SharingCase):
    """
    Anna owns the share, Ben and Carl write to it; Ben attacks.
    """

    def setUp(self) -> None:
        super().setUp()
        self.anna, self.ben, self.carl = self.people
        self.key_id = self.create(self.ben, self.carl)
        self.circle = self.share(self.anna, self.key_id).circle

    def say(self, *bodies: bytes, covers: tuple[Covered, ...] = ()) -> None:
        """Ben's device signs and tells this, whatever it is."""
        share = self.share(self.ben, self.key_id)

        async def anything(node_id: str, batch: Batch) -> Batch:
            return batch

        share.place.take = anything  # type: ignore[method-assign]

        def write(c: sqlite3.Connection) -> None:
            last = 0
            for body in bodies or (pack(Drop([bytes(16)])),):
                last = int(c.execute("INSERT INTO operations (body) VALUES (?)", (body,)).lastrowid or 0)
            for one in covers:
                c.execute("INSERT INTO covered VALUES (?, ?, ?, ?)", (one.log, one.number, one.digest, last))

        self.run_now(share.catalog.journal._database.run(write))
        share.part(Vault).soon()
        self.clock.advance(5)

    def log_of(self, person: Any) -> bytes:
        return self.run_now(self.share(person, self.key_id).catalog.journal.own())[0]  # type: ignore[no-any-return]

    def make(self, person: Any, name: str) -> None:
        self.run_now(person.get(BackupDb).file_create(f"{self.key_id}:{name}"))

    def all_see(self, *names: str) -> None:
        """Those who are attacked; what Ben's own node makes of it is his affair."""
        for person in (self.anna, self.carl):
            self.until(lambda person=person: sorted(self.listed(person, self.key_id)) == sorted(names))  # type: ignore[misc]

    def test_a_writer_does_not_silence_another_one(self) -> None:
        """He says that he says again whatever she will ever write."""
        self.make(self.anna, "first")
        self.all_see("first")
        self.say(covers=(Covered(self.log_of(self.anna), 1_000_000, bytes(32)),))
        self.make(self.anna, "second")
        self.make(self.carl, "third")
        self.all_see("first", "second", "third")

    def test_who_comes_later_sees_what_a_writer_would_hide(self) -> None:
        self.run_now(self.carl.shared.share_close(self.key_id))
        self.make(self.anna, "early")
        self.until(lambda: self.listed(self.ben, self.key_id) == ["early"])
        self.say(covers=(Covered(self.log_of(self.anna), 1_000_000, bytes(32)),))
        self.run_now(self.carl.shared.share_open(self.key_id))
        self.all_see("early")

    def test_operations_with_values_that_can_not_be(self) -> None:
        """One of them must not keep the members from reading what comes behind it."""
        alias, stamp = self.circle.alias, Stamp(1, self.log_of(self.ben))
        values: list[Any] = [float("inf"), float("nan"), 1e300, -1.0]
        bodies = [pack(Put(stamp, alias, f"odd-{at}", "", "file", value)) for at, value in enumerate(values)]
        bodies.append(msgspec.msgpack.encode(["r", [1 << 63, b"abcde"], alias, "first"]))
        bodies.append(b"\x91" * 5000)
        for body in bodies:
            self.say(body)
        self.make(self.anna, "behind")
        self.make(self.carl, "too")
        self.all_see("behind", "too")

    def test_a_clock_that_runs_far_ahead(self) -> None:
        stamp = Stamp((1 << 62) - 1, self.log_of(self.ben))
        self.say(pack(Put(stamp, self.circle.alias, "future", "", "file", 2e9)))
        self.all_see("future")
        for person in (self.anna, self.carl):
            self.assertTrue(self.run_now(person.shared.share_history()))
        self.make(self.anna, "now")
        self.all_see("future", "now")
