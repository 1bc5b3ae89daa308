"""
The scrub of a supplier: is everything that it keeps still what it was?
"""

from __future__ import annotations

from enum import StrEnum
from typing import Protocol

from automats.machine import Automat, Row, Timer

#: Seconds between two looks whether a round is due, and until a store that did not answer is tried again.
LOOK_SECONDS, RETRY_SECONDS = 600, 300


class State(StrEnum):
    RESTING = "RESTING"
    READING = "READING"
    WAITING = "WAITING"


class Input(StrEnum):
    LOOK = "LOOK"
    DUE = "DUE"
    ENDED = "ENDED"
    SWITCHED_OFF = "SWITCHED_OFF"
    UNANSWERED = "UNANSWERED"
    RETRY = "RETRY"


class Actions(Protocol):
    """What the owner of the scrub can do."""

    def look(self) -> None:
        """Feeds DUE when a round is to begin or to go on."""

    def read_on(self) -> None:
        """Read from the cursor on; feeds ENDED behind the last object, SWITCHED_OFF, or UNANSWERED."""

    def report_round(self) -> None:
        """A whole round is over."""


SCRUB = Automat(
    name="scrub",
    initial=State.RESTING,
    rows=(
        Row(State.RESTING, Input.LOOK, State.RESTING, Actions.look),
        Row(State.RESTING, Input.DUE, State.READING, Actions.read_on),
        Row(State.READING, Input.ENDED, State.RESTING, Actions.report_round),
        Row(State.READING, Input.SWITCHED_OFF, State.RESTING),
        # the store says nothing about its pieces now, which means nothing about them
        Row(State.READING, Input.UNANSWERED, State.WAITING),
        Row(State.WAITING, Input.RETRY, State.READING, Actions.read_on),
    ),
    timers=(Timer(State.RESTING, LOOK_SECONDS, Input.LOOK), Timer(State.WAITING, RETRY_SECONDS, Input.RETRY)),
)
