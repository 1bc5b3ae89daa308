"""
Tests run on the reactor of the node, and what they write by `mktemp` lies outside the checkout.
"""

from twisted.internet import asyncioreactor

asyncioreactor.install()

import os  # noqa: E402
from collections.abc import Iterator  # noqa: E402

import pytest  # noqa: E402


@pytest.fixture(scope="session", autouse=True)
def _elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    before = os.getcwd()
    os.chdir(tmp_path_factory.mktemp("trial"))
    yield
    os.chdir(before)
