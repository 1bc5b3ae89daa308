"""
Any order of any operations of three devices gives the same tree; and two devices lose nothing of each other.
"""

from __future__ import annotations

import random
import sqlite3
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from bitdust_node.database import run_script
from services.catalog.merging import apply
from services.catalog.operations import Drop, Held, Operation, Put, Remove, Stamp, Store, pack, unpack
from services.catalog.retelling import state
from services.catalog.schema import MIGRATIONS

LOGS = (b"log-a", b"log-b", b"log-c")
PATHS = ("a", "b", "a/b", "a/c", "a/b/c", "b/a")


def empty() -> sqlite3.Connection:
    c = sqlite3.connect(":memory:", isolation_level=None)
    c.execute("PRAGMA foreign_keys=ON")
    for migration in MIGRATIONS:
        run_script(c, migration)
    return c


def tree(c: sqlite3.Connection) -> Any:
    """Paths and kinds, and versions with their place and holders."""
    items = c.execute("SELECT alias, path, kind FROM items ORDER BY alias, path").fetchall()
    versions = c.execute(
        "SELECT versions.id, path, versions.kind, size, missing FROM versions"
        " JOIN items ON items.id = versions.item ORDER BY versions.id"
    ).fetchall()
    pieces = c.execute("SELECT version, number, node_id, state FROM pieces ORDER BY version, number").fetchall()
    return items, versions, pieces


def merged(operations: list[Operation]) -> sqlite3.Connection:
    c = empty()
    for operation in operations:
        apply(c, operation, 0.0)
    return c


def held(number: int) -> Held:
    return Held(number % 3, f"{number:064x}", "http://x/y.xml", number % 2 == 0)


def version_of(number: int) -> bytes:
    return number.to_bytes(16, "big")


def store(stamp: Stamp, path: str, number: int, holder: int) -> Store:
    kind = "folder" if number % 3 == 0 else "file"
    name = "F20261121035410PM"
    # the place of a version never changes
    path = PATHS[number % len(PATHS)]
    return Store(stamp, "m", path, "", version_of(number), name, 1.0, kind, 5, 1, 3, 9, [held(holder)])


@st.composite
def histories(draw: st.DrawFn) -> list[Operation]:
    """What three devices did, each at its own times."""
    found: list[Operation] = []
    for log in LOGS:
        clock = draw(st.integers(1, 5))
        for _ in range(draw(st.integers(0, 6))):
            clock += draw(st.integers(1, 4))
            stamp, path = Stamp(clock, log), draw(st.sampled_from(PATHS))
            number = draw(st.integers(1, 9))
            match draw(st.sampled_from("prsd")):
                case "p":
                    found.append(Put(stamp, "m", path, "", draw(st.sampled_from(["file", "dir"])), 1.0))
                case "r":
                    found.append(Remove(stamp, "m", path))
                case "s":
                    found.append(store(stamp, path, number, draw(st.integers(0, 9))))
                case _:
                    found.append(Drop([version_of(number)]))
    return found


class MergingTest(SynchronousTestCase):
    @settings(max_examples=200, deadline=None)
    @given(histories(), st.randoms(use_true_random=False))
    def test_any_order(self, operations: list[Operation], chance: random.Random) -> None:
        expected = tree(merged(operations))
        other = operations + chance.sample(operations, len(operations) // 2)
        chance.shuffle(other)
        self.assertEqual(tree(merged(other)), expected)

    @settings(max_examples=100, deadline=None)
    @given(histories(), st.randoms(use_true_random=False))
    def test_the_state_is_as_good_as_the_history(self, operations: list[Operation], chance: random.Random) -> None:
        c = merged(operations)
        told = list(state(c, Stamp(1, LOGS[0])))
        self.assertEqual(tree(merged(told)), tree(c))
        # also for who knows some of it, in whatever order
        some = chance.sample(operations, len(operations) // 2) + told
        chance.shuffle(some)
        self.assertEqual(tree(merged(some)), tree(c))

    def test_what_one_adds_survives_what_the_other_deletes(self) -> None:
        a, b = LOGS[:2]
        both = [
            Put(Stamp(1, a), "m", "a", "0", "dir", 1.0),
            store(Stamp(2, b), "", 2, 1),
            Remove(Stamp(9, a), "m", "a"),
        ]
        items, versions, _ = tree(merged(both))
        self.assertEqual(items, [("m", "a", "dir"), ("m", "a/b", "file")])
        self.assertEqual(len(versions), 1)
        gone, _, _ = tree(merged([*both, Drop([version_of(2)])]))
        self.assertEqual(gone, [])

    def test_pieces_that_a_version_can_not_have(self) -> None:
        honest = Store(Stamp(1, LOGS[0]), "m", "a", "", version_of(1), "F20261121035410PM", 1.0, "file", 5, 1, 3, 9, [])
        told = [Held(number, f"{number:064x}", "http://x/y.xml", True) for number in (1, 2, 3, 200)]
        later = msgspec.structs.replace(honest, stamp=Stamp(2, LOGS[1]), m=256, holders=told)
        c = merged([honest, later])
        self.assertEqual([row[1] for row in tree(c)[2]], [1, 2])
        self.assertEqual(c.execute("SELECT missing FROM versions").fetchall(), [(1,)])
        # no code is like that, and a list that shows it could not be made
        for one in (honest, msgspec.structs.replace(honest, version=version_of(2))):
            apply(c, msgspec.structs.replace(one, stamp=Stamp(3, LOGS[1]), k=4, holders=told), 0.0)
        self.assertEqual([row[1] for row in tree(c)[2]], [1, 2])

    def test_packed_and_back(self) -> None:
        for operation in (Put(Stamp(1, LOGS[0]), "m", "a", "0", "dir", 1.0), Drop([version_of(1)])):
            self.assertEqual(unpack(pack(operation)), operation)
