"""
One live network for all tests of the contract that need one.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.contract.live import Live


@pytest.fixture(scope="session")
def live_network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    live = Live(tmp_path_factory.mktemp("live"))
    try:
        live.start()
        yield live
    finally:
        live.stop()


@pytest.fixture(scope="class")
def live(request: pytest.FixtureRequest, live_network: Live) -> None:
    request.cls.live = live_network
