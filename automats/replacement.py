"""
A supplier that is away: it is replaced when that lasts too long, and its absence is forgotten only when it has stayed
for a while.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Protocol

from automats.machine import Automat, Row, ignore


class State(StrEnum):
    PRESENT = "PRESENT"
    AWAY = "AWAY"
    BACK = "BACK"
    GONE = "GONE"
    CLOSED = "CLOSED"


class Input(StrEnum):
    ABSENT = "ABSENT"
    THERE = "THERE"
    SETTLED = "SETTLED"
    LATE = "LATE"
    FORBIDDEN = "FORBIDDEN"
    CLOSE = "CLOSE"


class Actions(Protocol):
    """What the owner of the watch over one supplier can do."""

    def replace(self) -> None:
        """Look for another supplier for its position; it stays hired until there is one."""

    def keep(self) -> None:
        """Look for nobody any more."""


REPLACEMENT = Automat(
    name="replacement",
    initial=State.PRESENT,
    rows=(
        Row(State.PRESENT, Input.ABSENT, State.AWAY),
        *ignore(State.PRESENT, Input.THERE, Input.SETTLED),
        Row(State.AWAY, Input.THERE, State.BACK),
        Row(State.AWAY, Input.LATE, State.GONE, Actions.replace),
        *ignore(State.AWAY, Input.ABSENT, Input.FORBIDDEN),
        # short visits do not end an absence
        Row(State.BACK, Input.ABSENT, State.AWAY),
        Row(State.BACK, Input.SETTLED, State.PRESENT),
        *ignore(State.BACK, Input.THERE),
        Row(State.GONE, Input.THERE, State.BACK, Actions.keep),
        Row(State.GONE, Input.FORBIDDEN, State.AWAY, Actions.keep),
        *ignore(State.GONE, Input.ABSENT, Input.LATE),
        Row(State.PRESENT, Input.CLOSE, State.CLOSED),
        Row(State.AWAY, Input.CLOSE, State.CLOSED),
        Row(State.BACK, Input.CLOSE, State.CLOSED),
        Row(State.GONE, Input.CLOSE, State.CLOSED, Actions.keep),
    ),
)
