"""
What this node knows about another being online. The names of the states are those of the API.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Protocol

from automats.machine import Automat, Row, ignore


class State(StrEnum):
    """States of a contact."""

    AT_STARTUP = "AT_STARTUP"
    PING = "PING?"
    CONNECTED = "CONNECTED"
    OFFLINE = "OFFLINE"
    CLOSED = "CLOSED"


Input = StrEnum("Input", ["DIAL", "SESSION", "UNREACHABLE", "LOST", "FORGET"])


class Actions(Protocol):
    def report_connected(self) -> None: ...
    def report_disconnected(self) -> None: ...
    def note(self) -> None: ...


CONTACT = Automat(
    name="contact",
    initial=State.AT_STARTUP,
    rows=(
        Row(State.AT_STARTUP, Input.DIAL, State.PING, Actions.note),
        Row(State.AT_STARTUP, Input.SESSION, State.CONNECTED, Actions.report_connected),
        Row(State.AT_STARTUP, Input.FORGET, State.CLOSED),
        Row(State.PING, Input.SESSION, State.CONNECTED, Actions.report_connected),
        Row(State.PING, Input.UNREACHABLE, State.OFFLINE, Actions.note),
        Row(State.PING, Input.FORGET, State.CLOSED),
        Row(State.CONNECTED, Input.LOST, State.OFFLINE, Actions.report_disconnected),
        Row(State.CONNECTED, Input.FORGET, State.CLOSED, Actions.report_disconnected),
        Row(State.OFFLINE, Input.DIAL, State.PING, Actions.note),
        Row(State.OFFLINE, Input.SESSION, State.CONNECTED, Actions.report_connected),
        Row(State.OFFLINE, Input.FORGET, State.CLOSED),
        *ignore(State.AT_STARTUP, Input.LOST, Input.UNREACHABLE),  # forgotten meanwhile
        *ignore(State.PING, Input.DIAL),
        *ignore(State.OFFLINE, Input.UNREACHABLE),  # it came and went while it was dialled
        *ignore(State.CONNECTED, Input.DIAL, Input.SESSION, Input.UNREACHABLE),  # it came by itself meanwhile
    ),
)
