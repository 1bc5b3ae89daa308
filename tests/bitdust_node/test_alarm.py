"""
The earliest time counts, and each ring is one ring.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from bitdust_node.alarm import Alarm
from tests.clock import Clock


class AlarmTest(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.rings: list[float] = []
        self.start = self.clock.seconds()
        self.alarm = Alarm(self.clock, lambda: self.rings.append(self.clock.seconds() - self.start))

    def test_earliest(self) -> None:
        self.alarm.set(5)
        self.alarm.set(9)
        self.alarm.set(3)
        self.alarm.set(4)
        for _ in range(20):
            self.clock.advance(1)
        self.assertEqual(self.rings, [3])

    def test_again_while_it_rings(self) -> None:
        def ring() -> None:
            self.rings.append(self.clock.seconds() - self.start)
            if len(self.rings) < 3:
                alarm.set(2)

        alarm = Alarm(self.clock, ring)
        alarm.set(1)
        for _ in range(20):
            self.clock.advance(1)
        self.assertEqual(self.rings, [1, 3, 5])

    def test_off(self) -> None:
        self.alarm.off()
        self.alarm.set(5)
        self.alarm.off()
        self.alarm.set(7)
        for _ in range(20):
            self.clock.advance(1)
        self.assertEqual(self.rings, [7])
