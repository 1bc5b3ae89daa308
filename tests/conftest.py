"""
Tests run on the reactor of the node, and what they write by `mktemp` lies outside the checkout.
"""

from twisted.internet import asyncioreactor

asyncioreactor.install()

import os  # noqa: E402
from collections.abc import Iterator  # noqa: E402
from typing import Any  # noqa: E402

import pytest  # noqa: E402

from bitdust_node.event_fields import FIELDS  # noqa: E402
from bitdust_node.events import Event, Events  # noqa: E402


@pytest.fixture(scope="session", autouse=True)
def _elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    before = os.getcwd()
    os.chdir(tmp_path_factory.mktemp("trial"))
    yield
    os.chdir(before)


@pytest.fixture(autouse=True)
def _declared_events(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    An event of the contract whose data is not what is declared fails the test in which it is published.
    """
    publish = Events.publish

    def checked(self: Events, event_id: str, data: dict[str, Any] | None = None) -> Event:
        if event_id in FIELDS:
            wrong = FIELDS[event_id].check(data or {})
            assert not wrong, f"event {event_id} " + ", ".join(wrong)
        return publish(self, event_id, data)

    monkeypatch.setattr(Events, "publish", checked)
