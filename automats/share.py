"""
An opened share: are enough suppliers of its owner there to read it?

The states are those that `shares_list` shows.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Protocol

from automats.machine import Automat, Row, Timer, ignore


class State(StrEnum):
    AT_STARTUP = "AT_STARTUP"
    DHT_LOOKUP = "DHT_LOOKUP"
    SUPPLIERS = "SUPPLIERS?"
    CONNECTED = "CONNECTED"
    DISCONNECTED = "DISCONNECTED"
    CLOSED = "CLOSED"


class Input(StrEnum):
    OPEN = "OPEN"
    FOUND = "FOUND"
    UNKNOWN = "UNKNOWN"
    ENOUGH = "ENOUGH"
    TOO_FEW = "TOO_FEW"
    LATE = "LATE"
    CLOSE = "CLOSE"


class Actions(Protocol):
    """What the owner of a share can do."""

    def look_up(self) -> None:
        """Find the suppliers of the owner, and the newest roster; feeds FOUND, or UNKNOWN if there are none."""

    def connect(self) -> None:
        """Reach the suppliers; feeds ENOUGH as soon as k of them are there."""

    def report_connected(self) -> None:
        """Tell that the share can be read."""

    def report_disconnected(self) -> None:
        """Tell that it can not."""

    def plan_retry(self) -> None:
        """Feed OPEN after a while, longer each time."""

    def end(self) -> None:
        """Forget plans and tell that nobody waits for the share any more."""


SHARE = Automat(
    name="share",
    initial=State.AT_STARTUP,
    rows=(
        Row(State.AT_STARTUP, Input.OPEN, State.DHT_LOOKUP, Actions.look_up),
        *ignore(State.AT_STARTUP, Input.ENOUGH, Input.TOO_FEW),
        Row(State.DHT_LOOKUP, Input.FOUND, State.SUPPLIERS, Actions.connect),
        Row(State.DHT_LOOKUP, Input.UNKNOWN, State.DISCONNECTED, Actions.report_disconnected, Actions.plan_retry),
        *ignore(State.DHT_LOOKUP, Input.OPEN, Input.ENOUGH, Input.TOO_FEW),
        Row(State.SUPPLIERS, Input.ENOUGH, State.CONNECTED, Actions.report_connected),
        Row(State.SUPPLIERS, Input.LATE, State.DISCONNECTED, Actions.report_disconnected, Actions.plan_retry),
        *ignore(State.SUPPLIERS, Input.OPEN, Input.TOO_FEW),
        Row(State.CONNECTED, Input.TOO_FEW, State.DISCONNECTED, Actions.report_disconnected, Actions.plan_retry),
        *ignore(State.CONNECTED, Input.OPEN, Input.ENOUGH),
        Row(State.DISCONNECTED, Input.OPEN, State.DHT_LOOKUP, Actions.look_up),
        # a supplier may come by itself
        Row(State.DISCONNECTED, Input.ENOUGH, State.CONNECTED, Actions.report_connected),
        *ignore(State.DISCONNECTED, Input.TOO_FEW),
        Row(State.AT_STARTUP, Input.CLOSE, State.CLOSED, Actions.end),
        Row(State.DHT_LOOKUP, Input.CLOSE, State.CLOSED, Actions.end),
        Row(State.SUPPLIERS, Input.CLOSE, State.CLOSED, Actions.end),
        Row(State.CONNECTED, Input.CLOSE, State.CLOSED, Actions.report_disconnected, Actions.end),
        Row(State.DISCONNECTED, Input.CLOSE, State.CLOSED, Actions.end),
    ),
    timers=(Timer(State.SUPPLIERS, 15.0, Input.LATE),),
)
