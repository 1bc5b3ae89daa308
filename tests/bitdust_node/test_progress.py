from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from bitdust_node.progress import STEP, WINDOW, Progress, percent
from tests.clock import Clock


class ProgressTest(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.progress = Progress(self.clock)

    def go_on(self, seconds: float, rate: int) -> None:
        for _ in range(int(seconds / 0.1)):
            self.clock.advance(0.1)
            self.progress.reached(self.progress.done + rate // 10)

    def test_the_mean_of_the_last_seconds(self) -> None:
        self.go_on(60, 1000)
        self.assertApproximates(self.progress.rate, 1000, 20)
        self.go_on(WINDOW + STEP, 5000)
        self.assertApproximates(self.progress.rate, 5000, 300)
        done = self.progress.done
        self.assertApproximates(self.progress.seconds_left(done + 10_000), 2, 0.2)
        self.assertEqual(self.progress.told(done), {"bytes_per_second": round(self.progress.rate), "seconds_left": 0.0})

    def test_standing_still(self) -> None:
        self.assertEqual(self.progress.told(100), {"bytes_per_second": 0, "seconds_left": -1.0})
        self.go_on(5, 1000)
        self.clock.advance(10 * WINDOW)
        self.assertLess(self.progress.rate, 1000 * WINDOW / (10 * WINDOW))
        self.progress.reached(self.progress.done)
        self.clock.advance(WINDOW)
        self.assertEqual(self.progress.rate, 0)
        self.assertEqual(self.progress.seconds_left(10**9), -1)

    def test_unknown_total(self) -> None:
        self.go_on(5, 1000)
        self.assertEqual(self.progress.seconds_left(-1), -1)

    def test_begun_anew(self) -> None:
        self.go_on(5, 1000)
        self.progress.reached(0)
        self.assertEqual(self.progress.rate, 0)
        self.progress.begin(10**9)
        self.go_on(5, 1000)
        self.assertApproximates(self.progress.rate, 1000, 50)

    def test_little_memory(self) -> None:
        self.go_on(1000, 1000)
        self.assertLess(len(self.progress._marks), 3 + WINDOW / STEP)

    def test_percent(self) -> None:
        told = [percent(*pair) for pair in ((0, 0), (5, -1), (1, 8), (8, 8), (9, 8))]
        self.assertEqual(told, ["0%", "0%", "12.5%", "100.0%", "100.0%"])
