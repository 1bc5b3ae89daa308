"""
A long list becomes the same text as a short one would, without the reactor being held for it.
"""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from bitdust_node.api.long_list import SHORT, LongList, long_list_of
from bitdust_node.api.registry import Answer, envelope
from bitdust_node.api.text import compact, indented, quick
from bitdust_node.waiting import started
from tests.clock import Clock


class LongListTest(SynchronousTestCase):
    def setUp(self) -> None:
        self.values: list[dict[str, Any]] = [
            {"name": f"näme {number}\n\ud800", "list": [1, {"deep": []}], "none": None} for number in range(SHORT + 50)
        ]
        self.long = LongList()
        for start in range(0, len(self.values), 100):
            self.long.add(self.values[start : start + 100])
        self.long.add([])

    def text(self, told: dict[str, Any], form: Any) -> str:
        clock = Clock()
        work = started(self.long.within(told, form, clock))
        while not work.called:
            clock.advance(0)
        return b"".join(self.successResultOf(work)).decode("ascii")

    def test_same_text(self) -> None:
        told = envelope(Answer(self.long, message="all of it", extra={"revision": 5}))
        self.assertIs(long_list_of(told), self.long)
        plain = {**told, "result": self.values}
        self.assertEqual(self.text(told, indented), indented(plain))
        self.assertEqual(self.text({"payload": {"response": told}}, compact), compact({"payload": {"response": plain}}))

    def test_quick_ones_are_the_same(self) -> None:
        for value in ("plain", 'a"\\/\b\n\t\x1f', "ä", 5, -1, 1 << 70, 0.5, 1795276450.25, None, True, [], {}):
            self.assertEqual(quick([{"b": value, "a": [value]}]), compact([{"b": value, "a": [value]}]), repr(value))

    def test_short_ones_are_lists(self) -> None:
        self.assertIs(self.long.if_long(), self.long)
        short = LongList()
        self.assertEqual(short.if_long(), [])
        short.add(self.values[:3])
        self.assertEqual(short.if_long(), self.values[:3])

    def test_one_behind_the_other(self) -> None:
        both = LongList()
        both.extend([1, 2])
        both.extend(self.long)
        self.assertEqual(list(both), [1, 2, *self.values])
        self.assertEqual(len(both), len(self.values) + 2)
