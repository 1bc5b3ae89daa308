from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

ROOT = Path(__file__).parents[2]


class KeepPages(SynchronousTestCase):
    def test_is_taken_or_declined_without_error(self) -> None:
        code = "from bitdust_node.pages import keep_pages; print(keep_pages() in (True, False))"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
        self.assertEqual(done.stdout.strip(), "True")
