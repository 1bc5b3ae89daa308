"""Packs and their entries in the operations of several devices: any order gives the same."""

from __future__ import annotations

import random
import sqlite3
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from bitdust_node.database import run_script
from services.catalog.merging import apply
from services.catalog.operations import Drop, Held, Listed, Operation, Pack, Stamp, Store, unpack
from services.catalog.operations import pack as encode
from services.catalog.retelling import state
from services.catalog.schema import MIGRATIONS

ENTRIES = [bytes([0xE0 + at]) * 16 for at in range(5)]
PACKS = [bytes([0xA0 + at]) * 16 for at in range(3)]


def catalog() -> sqlite3.Connection:
    c = sqlite3.connect(":memory:", isolation_level=None)
    c.execute("PRAGMA foreign_keys=ON")
    for migration in MIGRATIONS:
        run_script(c, migration)
    return c


def entry(at: int) -> Store:
    name = "F20261121035410PM"
    stamp = Stamp(10 + at, b"log-a")
    return Store(stamp, "master", f"small/{at}", "", ENTRIES[at], name, 1.0, "file", 5, 2, 4, 0, [], True)


def pack_of(at: int, clock: int, inside: list[int]) -> Pack:
    listed = [Listed(ENTRIES[number], 8 + 10 * number, 10) for number in inside]
    held = [Held(number, f"{clock + number:064x}", "http://x/y.xml", True) for number in range(4)]
    return Pack(Stamp(clock, b"log-b"), PACKS[at], 1.0 + at, 60, 2 * (at + 1), 4 * (at + 1), 30, held, listed)


def books(c: sqlite3.Connection) -> Any:
    versions = "SELECT id, kind, size, k, m, pack, live FROM versions ORDER BY id"
    entries = "SELECT pack, entry, start, length FROM entries ORDER BY pack, entry"
    pieces = "SELECT version, number, node_id, state FROM pieces ORDER BY version, number"
    return [c.execute(query).fetchall() for query in (versions, entries, pieces)]


def merged(operations: list[Operation]) -> sqlite3.Connection:
    c = catalog()
    for operation in operations:
        apply(c, unpack(encode(operation)), 0.0)
    return c


#: A pack, its holders later, one that takes its place, a third one of another device; one file is deleted.
HISTORY: list[Operation] = [
    *map(entry, range(5)),
    pack_of(0, 20, [0, 1, 2, 3, 4]),
    pack_of(0, 25, [0, 1, 2, 3]),
    pack_of(1, 30, [0, 1, 2]),
    pack_of(2, 31, [1, 2, 3]),
    Drop([PACKS[0]]),
    Drop([ENTRIES[2]]),
]


class PackMergingTest(SynchronousTestCase):
    @settings(max_examples=60)
    @given(st.randoms(use_true_random=False), st.lists(st.sampled_from(HISTORY), max_size=6))
    def test_any_order_once_or_more_often(self, dice: random.Random, more: list[Operation]) -> None:
        shuffled = [*HISTORY, *more]
        dice.shuffle(shuffled)
        self.assertEqual(books(merged(shuffled)), books(merged(HISTORY)))

    def test_what_is_read_from_where(self) -> None:
        c = merged(HISTORY)
        read = dict(c.execute("SELECT id, pack FROM versions WHERE kind = 'file'"))
        self.assertEqual(read, {ENTRIES[0]: PACKS[1], ENTRIES[1]: PACKS[2], ENTRIES[3]: PACKS[2], ENTRIES[4]: b""})
        live = dict(c.execute("SELECT id, live FROM versions WHERE kind = 'pack'"))
        self.assertEqual(live, {PACKS[1]: 10, PACKS[2]: 20})

    def test_unknown_entries_keep_a_pack(self) -> None:
        c = merged([pack_of(0, 20, [0, 1])])
        self.assertEqual(c.execute("SELECT live FROM versions").fetchall(), [(20,)])

    def test_the_state_says_all(self) -> None:
        c = merged(HISTORY)
        self.assertEqual(books(merged(list(state(c, Stamp(50, b"log-c"))))), books(c))
