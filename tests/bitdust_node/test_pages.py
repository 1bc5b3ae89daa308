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


class Free(SynchronousTestCase):
    def test_what_is_free_is_given_back(self) -> None:
        code = """
from bitdust_node.pages import FreePages, keep_pages, resident
if keep_pages():
    pages = FreePages()
    assert not pages.give_back()
    # every second one stays, so that nothing is free at the end
    made = [bytearray(b"x") * 1_000_000 for _ in range(120)]
    del made[:-1:2]
    before = resident()
    assert pages.give_back()
    assert resident() < before - 40_000_000, (before, resident())
"""
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=ROOT)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
