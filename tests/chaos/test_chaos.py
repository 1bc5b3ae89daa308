"""
A short run of the chaos in one process. `python -m tests.chaos` makes long ones.
"""

from __future__ import annotations

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.chaos.play import Play

SEED, STEPS = 20261121, 60


class ChaosTest(SynchronousTestCase):
    def test_what_was_reported_stored_comes_back(self) -> None:
        print(f"python -m tests.chaos --seed {SEED} --steps {STEPS} --every 20")  # shown when it fails
        play = Play(SEED, Path(self.mktemp()).absolute())
        play.run(STEPS, every=20)
        play.world.close()
        self.assertGreater(play.checked, 10)
