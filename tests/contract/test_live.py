"""
All tests that need the live network, in one file: workers are given whole files, so it is started once.
"""

from __future__ import annotations

from tests.contract.examples import Examples
from tests.contract.judged import Judged
from tests.contract.methods import Methods

__all__ = ["Examples", "Judged", "Methods"]
