from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.clock import Clock


class ClockTests(SynchronousTestCase):
    def test_calls_come_in_order_and_at_their_time(self) -> None:
        clock, seen = Clock(100.0), []

        def note(name: str, again: float | None = None) -> None:
            seen.append((name, clock.seconds()))
            if again is not None:
                clock.callLater(again, note, name + "'")

        clock.callLater(5, note, "b")
        clock.callLater(2, note, "a", again=1)
        clock.callLater(5, note, "c")
        gone = clock.callLater(1, note, "x")
        gone.cancel()
        self.assertFalse(gone.active())
        clock.advance(5)
        self.assertEqual(seen, [("a", 102.0), ("a'", 103.0), ("b", 105.0), ("c", 105.0)])
        self.assertEqual((clock.seconds(), clock.getDelayedCalls()), (105.0, []))

    def test_pump_runs_chains(self) -> None:
        clock, seen = Clock(), []
        clock.callLater(0, lambda: clock.callLater(0, lambda: seen.append(1)))
        clock.pump(1)
        self.assertEqual(seen, [1])
