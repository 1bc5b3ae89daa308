"""
What a node writes down, when the disk takes nothing more.
"""

from __future__ import annotations

import resource
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from bitdust_node.events import Events
from bitdust_node.logs import EventLog
from tests.clock import Clock


class FullDiskTest(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = Path(self.mktemp())
        self.folder.mkdir()
        self.events = Events(Clock())
        log = EventLog(self.folder, self.events)
        self.addCleanup(log.close)

    def test_lines_are_lost_and_counted_and_nobody_fails(self) -> None:
        self.events.publish("before")
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, ((self.folder / "event.log").stat().st_size, before[1]))
        try:
            self.events.publish("lost")
            self.events.publish("lost")
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
        self.assertEqual(self.flushLoggedErrors(), [])
        self.events.publish("after")
        self.events.publish("later")
        lines = (self.folder / "event.log").read_text("utf-8").splitlines()
        self.assertEqual([line.split()[2] for line in lines if line.endswith("null")], ["before", "after", "later"])
        self.assertIn("(2 lines were lost)", lines)
