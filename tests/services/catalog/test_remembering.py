"""
What is remembered of what was deleted, for how long, and that numbers are never given twice.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from services.catalog.merging import apply
from services.catalog.operations import Drop, Remove, Stamp, pack, unpack
from services.catalog.remembering import KEEP_DAYS, forget
from services.catalog.retelling import state
from tests.services.catalog.test_merging import LOGS, merged
from tests.services.catalog.test_renaming import Device

DAY = 86400.0
#: In 1970.
TODAY = 10 * DAY


class RememberingTest(SynchronousTestCase):
    def setUp(self) -> None:
        self.a, self.b = Device(LOGS[0]), Device(LOGS[1])
        self.a.c.execute("UPDATE journal SET clock = ?", (int(TODAY * 1000),))

    def count(self, device: Device, table: str) -> int:
        return int(device.c.execute(f"SELECT count(*) FROM {table}").fetchone()[0])

    def test_a_removed_folder_stands_for_all_below_it(self) -> None:
        for number in range(50):
            self.a.create(f"docs/{number}")
            self.a.delete(f"docs/{number}")
        self.assertEqual(self.count(self.a, "removals"), 50)
        self.a.delete("docs")
        self.assertEqual(self.count(self.a, "removals"), 1)
        self.b.hear(self.a)
        self.assertEqual(self.count(self.b, "removals"), 1)
        self.assertEqual(self.count(self.b, "items"), self.count(self.a, "items"))

    def test_forgotten_after_a_year(self) -> None:
        self.a.store("a")
        self.a.delete("a")
        self.a.store("b")
        self.a.rename("b", "c")
        forget(self.a.c, TODAY)
        forget(self.a.c, TODAY + KEEP_DAYS * DAY - DAY)
        self.assertEqual((self.count(self.a, "dropped"), self.count(self.a, "removals")), (1, 2))
        forget(self.a.c, TODAY + KEEP_DAYS * DAY + DAY)
        self.assertEqual((self.count(self.a, "dropped"), self.count(self.a, "removals")), (0, 0))
        # where a version is that is there is never forgotten
        self.assertEqual(self.count(self.a, "moves"), 1)

    def test_telling_it_again_does_not_make_it_younger(self) -> None:
        self.a.store("a")
        self.a.delete("a")
        forget(self.a.c, TODAY)
        told = [one for one in state(self.a.c, Stamp(1, LOGS[0])) if isinstance(one, Drop)]
        self.assertEqual([one.day for one in told], [10])
        self.assertEqual(unpack(pack(told[0])), told[0])
        other = merged([])
        for operation in state(self.a.c, Stamp(1, LOGS[0])):
            apply(other, operation, 300 * DAY)
        forget(other, TODAY + KEEP_DAYS * DAY + DAY)
        self.assertEqual(other.execute("SELECT count(*) FROM dropped").fetchone(), (0,))

    def test_numbers_of_what_was_deleted(self) -> None:
        """They are known to who hears the log, and to who hears only what is there in the end, in any order."""
        for name in ("a", "b", "docs/x", "docs/y"):
            self.a.create(name)
        self.a.delete("b")
        self.a.delete("docs/y")
        told = self.a.told()
        for operations in (told, told[::-1], list(state(self.a.c, Stamp(1, LOGS[0])))):
            device = Device(LOGS[1])
            device.c = merged(operations)
            device.create("new")
            device.create("docs/new")
            ids = dict(device.c.execute("SELECT path, path_id FROM items"))
            self.assertEqual((ids["new"], ids["docs/new"]), ("3", ids["docs"] + "/2"), operations)

    def test_numbers_of_folders_that_are_gone(self) -> None:
        self.a.create("docs/deep/x")
        self.a.delete("docs")
        self.assertEqual(self.count(self.a, "numbers"), 3)
        forget(self.a.c, TODAY)
        self.assertEqual(self.a.c.execute("SELECT * FROM numbers").fetchall(), [("m:", 1)])
        self.a.create("new")
        self.assertEqual(self.a.c.execute("SELECT path_id FROM items WHERE path = 'new'").fetchone(), ("1",))

    def test_the_removal_is_told_with_the_folder_only(self) -> None:
        self.a.create("docs/x")
        self.a.delete("docs/x")
        self.a.delete("docs")
        removals = [one.path for one in state(self.a.c, Stamp(1, LOGS[0])) if isinstance(one, Remove)]
        self.assertEqual(removals, ["docs"])
