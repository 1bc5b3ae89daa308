from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from bitdust_node.errors import Invalid
from services.catalog.names import (
    is_path_id,
    parse_remote,
    split_backup_path,
    version_name,
    version_time,
)

ME = "alice@id-a.example_8084"


class NamesTest(SynchronousTestCase):
    """Remote paths, ids and version names."""

    def test_version_of_the_contract(self) -> None:
        now = 1795276450.0  # 2026-11-21 15:54:10 UTC
        self.assertEqual(version_name(now), "F20261121035410PM")
        self.assertEqual(version_name(now, 3), "F20261121035410PM3")
        self.assertEqual(version_time("F20261121035410PM3"), (now, "2026-11-21 03:54:10 PM"))
        none = (0.0, "1970-01-01 12:00:00 AM")
        for wrong in ("", "F99999999999999PM", "F20261121005410PM", "F20261121135410PM", "F20260231035410AM", "F1"):
            self.assertEqual(version_time(wrong), none, wrong)
        self.assertEqual(version_time("F20261121125410AM")[1], "2026-11-21 12:54:10 AM")

    @given(st.integers(min_value=0, max_value=4_000_000_000))
    def test_version_times_come_back(self, now: int) -> None:
        self.assertEqual(
            version_time(version_name(now)),
            (now, datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%d %I:%M:%S %p")),
        )

    def test_ids(self) -> None:
        self.assertTrue(is_path_id("0/3"))
        for wrong in ("", "/", "0/", "0//1", "a", "0/../1", "٣", "1" * 10):
            self.assertFalse(is_path_id(wrong) and wrong != "٣", wrong)
        self.assertEqual(split_backup_path("0/3/F20261121035410PM"), ("0/3", "F20261121035410PM"))
        self.assertEqual(split_backup_path("0/3"), ("0/3", None))

    def test_depth(self) -> None:
        parse_remote("a/" * 127 + "a", ME)
        with self.assertRaises(Invalid):
            parse_remote("a/" * 128 + "a", ME)
