"""
Answers as text: whatever a method answers, it is JSON.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from bitdust_node.api.text import compact, indented

SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4), max_leaves=20
)


class TextTest(SynchronousTestCase):
    @given(VALUES)
    @settings(max_examples=300, deadline=None)
    def test_same_as_the_standard_library(self, value: Any) -> None:
        self.assertEqual(indented(value), json.dumps(value, indent=2, sort_keys=True) + "\n")
        self.assertEqual(compact(value), json.dumps(value, sort_keys=True, separators=(",", ":")))

    def test_what_json_has_no_form_for(self) -> None:
        circle: list[Any] = []
        circle.append(circle)
        deep: list[Any] = []
        for _ in range(100_000):
            deep = [deep]
        for value, shown in (
            ({1: Path("/x"), "b": {2}, "a": b"c"}, {"1": "/x", "a": "b'c'", "b": [2]}),
            ([float("nan"), float("-inf"), 1.5], [None, None, 1.5]),
            ("\ud800é", "\ud800é"),
        ):
            self.assertEqual(json.loads(compact(value)), shown)
            self.assertEqual(json.loads(indented(value)), shown)
        for endless in (circle, deep):
            self.assertIn("...", compact(endless))
            self.assertTrue(indented(endless).isascii())
