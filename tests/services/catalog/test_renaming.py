"""
Three devices that make, rename, store and delete, offline, come together to one tree, in which nothing is lost.
"""

from __future__ import annotations

import random
import sqlite3
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from bitdust_node.errors import BitDustError, Conflict, Invalid
from services.catalog.editing import SCOPE, below, delete_item, make_item, rename_item
from services.catalog.journal import note_drops, note_store
from services.catalog.merging import apply
from services.catalog.operations import Drop, Numbers, Operation, Stamp, unpack
from services.catalog.retelling import state
from services.catalog.rows import item_at
from tests.services.catalog.test_merging import LOGS, PATHS, empty, merged, tree

#: Where a rename may lead; some of it is below what is renamed.
TARGETS = (*PATHS, "c", "c/d", "b/e")


class Device:
    """
    The tables of one device, and what is done to them.
    """

    def __init__(self, log: bytes) -> None:
        self.c = empty()
        self.c.execute("UPDATE journal SET log = ?", (log,))
        self.log, self.stored = log, 0

    def create(self, path: str, folder: bool = False) -> None:
        if item_at(self.c, "m", path) is None:
            make_item(self.c, "m", path, folder=folder, now=0.0, path_id=None)

    def store(self, path: str) -> bytes:
        self.create(path)
        item = item_at(self.c, "m", path)
        assert item is not None
        self.stored += 1
        version = self.log + self.stored.to_bytes(11, "big")
        kind = "folder" if item.kind == "dir" else "file"
        self.c.execute(
            "INSERT INTO versions (id, item, name, created, state, kind, size, k, m, missing)"
            " VALUES (?, ?, ?, 1.0, 'ready', ?, 5, 1, 1, 0)",
            (version, item.id, f"F20261121035410PM{self.log[-1]}{self.stored}", kind),
        )
        self.c.execute("INSERT INTO pieces VALUES (?, 0, ?, 'http://x/y.xml', 9, 'stored')", (version, "0" * 64))
        note_store(self.c, version, 0.0)
        return version

    def rename(self, path: str, to: str) -> None:
        item = item_at(self.c, "m", path)
        assert item is not None, path
        rename_item(self.c, item, to, 0.0)

    def delete(self, path: str) -> None:
        item = item_at(self.c, "m", path)
        assert item is not None, path
        query = f"SELECT id FROM versions WHERE item IN (SELECT id FROM items WHERE {SCOPE})"
        versions = [bytes(row[0]) for row in self.c.execute(query, below("m", path))]
        note_drops(self.c, versions)
        delete_item(self.c, item, 0.0)

    def told(self) -> list[Operation]:
        return [unpack(bytes(row[0])) for row in self.c.execute("SELECT body FROM operations ORDER BY number")]

    def hear(self, other: Device) -> None:
        for operation in other.told():
            apply(self.c, operation, 0.0)
            if not isinstance(operation, Drop | Numbers):
                self.c.execute("UPDATE journal SET clock = max(clock, ?)", (operation.stamp.clock,))

    def act(self, what: str, path: str, to: str) -> None:
        """One step; what is refused changes nothing."""
        if what in ("rename", "delete") and item_at(self.c, "m", path) is None:
            return
        self.c.execute("BEGIN")
        try:
            match what:
                case "create":
                    self.create(path, folder=len(to) > 2)
                case "store":
                    self.store(path)
                case "rename":
                    self.rename(path, to)
                case "delete":
                    self.delete(path)
        except BitDustError:
            self.c.execute("ROLLBACK")
        else:
            self.c.execute("COMMIT")


def checked(c: sqlite3.Connection) -> Any:
    """The tree, which must be whole: parents and numbers of children are right, ids are those of the parents."""
    for path, path_id, parent, children, kind in c.execute("SELECT path, path_id, parent, children, kind FROM items"):
        if not path:
            continue
        above = c.execute("SELECT path_id FROM items WHERE path = ?", (path.rpartition("/")[0],)).fetchone()
        assert parent == path_id.rpartition("/")[0], (path, path_id, parent)
        assert "/" not in path or above == (parent,), (path, above)
        (number,) = c.execute("SELECT count(*) FROM items WHERE parent = ?", (path_id,)).fetchone()
        assert number == children, (path, number, children)
        assert kind == "dir" or not children, path
    return tree(c)


STEPS = st.lists(
    st.tuples(
        st.integers(0, 2),
        st.sampled_from(["create", "store", "store", "rename", "rename", "delete", "hear"]),
        st.sampled_from(PATHS),
        st.sampled_from(TARGETS),
    ),
    max_size=25,
)


class RenamingTest(SynchronousTestCase):
    def setUp(self) -> None:
        self.a, self.b = Device(LOGS[0]), Device(LOGS[1])

    def paths(self, device: Device) -> dict[str, tuple[str, int]]:
        items, versions, _ = checked(device.c)
        return {path: (kind, sum(one[1] == path for one in versions)) for _, path, kind in items}

    def together(self) -> dict[str, tuple[str, int]]:
        self.a.hear(self.b)
        self.b.hear(self.a)
        found = self.paths(self.a)
        self.assertEqual(self.paths(self.b), found)
        return found

    @settings(max_examples=80, deadline=None)
    @given(STEPS, st.randoms(use_true_random=False))
    def test_three_devices(self, steps: list[tuple[int, str, str, str]], chance: random.Random) -> None:
        devices = [Device(log) for log in LOGS]
        for who, what, path, to in steps:
            if what == "hear":
                devices[who].hear(devices[(who + 1 + len(path)) % 3])
            else:
                devices[who].act(what, path, to)
            checked(devices[who].c)
        operations = [operation for device in devices for operation in device.told()]
        stored = sum(device.stored for device in devices)
        dropped = {version for one in operations if isinstance(one, Drop) for version in one.versions}
        for device in devices:
            for other in chance.sample(devices, 3):
                device.hear(other)
        expected = checked(devices[0].c)
        self.assertEqual(len(expected[1]), stored - len(dropped))
        for device in devices[1:]:
            self.assertEqual(checked(device.c), expected)
        chance.shuffle(operations)
        self.assertEqual(checked(merged(operations)), expected)
        # and by the state of one, with some of the history before or behind it
        again = [*state(devices[1].c, Stamp(1, LOGS[0])), *chance.sample(operations, len(operations) // 2)]
        chance.shuffle(again)
        self.assertEqual(checked(merged(again)), expected)

    def test_a_file(self) -> None:
        self.a.store("a")
        self.a.store("a")
        self.a.rename("a", "b/c")
        self.assertEqual(self.together(), {"b": ("dir", 0), "b/c": ("file", 2)})

    def test_a_file_that_is_added_meanwhile(self) -> None:
        """A folder gets another name here while a file comes into it there: neither is lost."""
        self.a.store("docs/one")
        self.together()
        self.a.rename("docs", "papers")
        self.b.store("docs/two")
        self.b.store("docs/one")
        both = self.together()
        self.assertEqual(both["papers/one"], ("file", 1))
        self.assertEqual(both["docs/two"], ("file", 1))
        self.assertEqual(both["docs/one"], ("file", 1))

    def test_two_names_for_one_file(self) -> None:
        """The later one counts, and nothing empty is left."""
        self.a.store("a")
        self.together()
        self.a.rename("a", "b")
        self.b.create("x")
        self.b.rename("a", "c")
        self.assertEqual(self.together(), {"c": ("file", 1), "x": ("file", 0)})

    def test_two_files_with_one_name(self) -> None:
        self.a.store("a")
        self.b.store("b")
        self.together()
        self.a.rename("a", "c")
        self.b.rename("b", "c")
        self.assertEqual(self.together(), {"c": ("file", 2)})

    def test_deleted_there(self) -> None:
        self.a.store("a/one")
        self.together()
        self.a.rename("a", "b")
        self.b.delete("a")
        self.assertEqual(self.together(), {"b": ("dir", 0)})

    def test_holders_that_change_do_not_bring_it_back(self) -> None:
        version = self.a.store("a")
        self.together()
        self.a.rename("a", "b")
        for _ in range(5):
            note_store(self.b.c, version, 0.0)
        self.assertEqual(self.together(), {"b": ("file", 1)})

    def test_numbers_stay_in_one_folder(self) -> None:
        self.a.store("a/b/c")
        self.a.rename("a", "x")
        self.assertEqual(self.ids(), {"x": "0", "x/b": "0/0", "x/b/c": "0/0/0"})
        self.a.create("y")
        self.a.rename("x/b", "y2/z")
        self.a.create("y2/z/new")
        found = self.ids()
        self.assertEqual(found["y2/z/c"], found["y2/z"] + "/0")
        self.assertEqual(found["y2/z/new"], found["y2/z"] + "/1")
        self.a.create("x/other")
        self.assertEqual(self.ids()["x/other"], "0/1")

    def ids(self) -> dict[str, str]:
        return dict(self.a.c.execute("SELECT path, path_id FROM items WHERE path <> ''"))

    def test_refused(self) -> None:
        self.a.store("a/b")
        self.a.store("c")
        before, operations = checked(self.a.c), len(self.a.told())
        for path, to, error in (
            ("a", "a/b/x", Invalid),
            ("a", "c", Conflict),
            ("c", "c", Conflict),
            ("a", "c/x", Conflict),
            ("a", "/".join("x" * 128), Invalid),
            ("a", "/".join(["x" * 255] * 15 + ["y" * 255]), Invalid),
        ):
            self.a.c.execute("BEGIN")
            self.assertRaises(error, self.a.rename, path, to)
            self.a.c.execute("ROLLBACK")
        self.assertEqual((checked(self.a.c), len(self.a.told())), (before, operations))
