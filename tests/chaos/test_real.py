"""
A short run of the chaos on real processes.
"""

from __future__ import annotations

import os
import signal
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.chaos.real import RealPlay
from tests.real.commands import processes_of


class RealChaosTest(SynchronousTestCase):
    def test_what_was_reported_stored_comes_back(self) -> None:
        folder = Path(self.mktemp()).absolute()
        self.addCleanup(lambda: [os.kill(pid, signal.SIGKILL) for pid in processes_of(folder)])
        play = RealPlay(4, folder, suppliers=4, customers=1)
        self.addCleanup(play.close)
        play.open(suppliers_number=4)
        play.run(seconds=5, every=1000)
        self.assertGreater(play.checked, 0)
