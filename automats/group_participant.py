"""
One group that this node takes part in: is there a supplier of the owner that tells what is posted?

The states are those that `groups_list` shows.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Protocol

from automats.machine import Automat, Row, Timer, ignore


class State(StrEnum):
    AT_STARTUP = "AT_STARTUP"
    SUPPLIERS = "SUPPLIERS?"
    SUBSCRIBE = "SUBSCRIBE!"
    CONNECTED = "CONNECTED"
    DISCONNECTED = "DISCONNECTED"
    CLOSED = "CLOSED"


class Input(StrEnum):
    JOIN = "JOIN"
    FOUND = "FOUND"
    NOBODY = "NOBODY"
    LISTENING = "LISTENING"
    LOST = "LOST"
    AGAIN = "AGAIN"
    LEAVE = "LEAVE"


#: Seconds after which a group that nobody serves is tried again.
REST = 10.0


class Actions(Protocol):
    """What a participant can do."""

    def find_suppliers(self) -> None:
        """Find the suppliers of the owner, and the roster if there is none; feeds FOUND or NOBODY."""

    def subscribe(self) -> None:
        """Ask one supplier after the other to tell of new posts; feeds LISTENING or NOBODY."""

    def report_connected(self) -> None:
        """Posts flow: tell the others, and compare with the supplier what each has."""

    def report_disconnected(self) -> None:
        """No posts flow: tell the others."""

    def release(self) -> None:
        """Forget the supplier that told of posts."""

    def end(self) -> None:
        """End all that runs."""


PARTICIPANT = Automat(
    name="group_participant",
    initial=State.AT_STARTUP,
    rows=(
        Row(State.AT_STARTUP, Input.JOIN, State.SUPPLIERS, Actions.find_suppliers),
        Row(State.SUPPLIERS, Input.FOUND, State.SUBSCRIBE, Actions.subscribe),
        Row(State.SUPPLIERS, Input.NOBODY, State.DISCONNECTED, Actions.report_disconnected),
        Row(State.SUBSCRIBE, Input.LISTENING, State.CONNECTED, Actions.report_connected),
        Row(State.SUBSCRIBE, Input.NOBODY, State.DISCONNECTED, Actions.report_disconnected),
        # the next supplier takes over; whoever looks sees that the group is not synchronized meanwhile
        Row(State.CONNECTED, Input.LOST, State.SUPPLIERS, Actions.release, Actions.find_suppliers),
        Row(State.CONNECTED, Input.AGAIN, State.SUPPLIERS, Actions.release, Actions.find_suppliers),
        Row(State.DISCONNECTED, Input.AGAIN, State.SUPPLIERS, Actions.find_suppliers),
        Row(State.DISCONNECTED, Input.JOIN, State.SUPPLIERS, Actions.find_suppliers),
        *ignore(State.SUPPLIERS, Input.JOIN, Input.AGAIN, Input.LOST),
        *ignore(State.SUBSCRIBE, Input.JOIN, Input.AGAIN, Input.LOST),
        *ignore(State.CONNECTED, Input.JOIN),
        *ignore(State.DISCONNECTED, Input.LOST),
        Row(State.AT_STARTUP, Input.LEAVE, State.CLOSED, Actions.end),
        Row(State.SUPPLIERS, Input.LEAVE, State.CLOSED, Actions.end),
        Row(State.SUBSCRIBE, Input.LEAVE, State.CLOSED, Actions.end),
        Row(State.CONNECTED, Input.LEAVE, State.CLOSED, Actions.release, Actions.end),
        Row(State.DISCONNECTED, Input.LEAVE, State.CLOSED, Actions.end),
    ),
    timers=(Timer(State.DISCONNECTED, REST, Input.AGAIN),),
)
