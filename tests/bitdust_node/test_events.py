from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from bitdust_node.events import COUNTED, Event, Events
from tests.clock import Clock


class EventsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock(1000.0)
        self.events = Events(self.clock)
        self.seen: list[Event] = []

    def test_subscribers_hear_until_they_end(self) -> None:
        undo = self.events.subscribe(self.seen.append)
        self.clock.advance(5)
        self.events.publish("one", {"a": 1})
        undo()
        undo()
        self.events.publish("two")
        self.assertEqual(self.seen, [Event("one", {"a": 1}, 1005.0)])
        self.assertEqual(dict(self.events.counts), {"one": 1, "two": 1})

    def test_a_subscriber_that_fails_harms_nobody(self) -> None:
        self.events.subscribe(lambda event: 1 / 0)
        self.events.subscribe(self.seen.append)
        self.events.publish("one")
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.assertEqual(len(self.seen), 1)

    def test_counts_are_bounded(self) -> None:
        for number in range(COUNTED + 10):
            self.events.publish(f"e{number}")
        self.events.publish("e0")
        self.assertEqual((len(self.events.counts), self.events.counts["e0"]), (COUNTED, 2))
