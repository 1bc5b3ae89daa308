"""
A short run of the chaos in one process. `python -m tests.chaos` makes long ones.
"""

from __future__ import annotations

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.chaos.play import Play


class ChaosTest(SynchronousTestCase):
    def test_what_was_reported_stored_comes_back(self) -> None:
        play = Play(20261121, Path(self.mktemp()).absolute())
        play.run(steps=60, every=20)
        play.world.close()
        self.assertGreater(play.checked, 10)
