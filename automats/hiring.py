"""
A customer looks for the suppliers that it lacks, and rests while it lacks none.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Protocol

from automats.machine import Automat, Row, ignore


class State(StrEnum):
    AT_STARTUP = "AT_STARTUP"
    CHECKING = "CHECKING"
    SEARCHING = "SEARCHING"
    WAITING = "WAITING"
    HIRED = "HIRED"
    STOPPED = "STOPPED"


class Input(StrEnum):
    START = "START"
    COMPLETE = "COMPLETE"
    MISSING = "MISSING"
    AGAIN = "AGAIN"
    CHANGED = "CHANGED"
    VACANT = "VACANT"
    STOP = "STOP"


class Actions(Protocol):
    """What the owner of the search can do."""

    def compare(self) -> None:
        """Compare wanted and hired suppliers; feeds COMPLETE or MISSING."""

    def search(self) -> None:
        """Ask candidates for leases; feeds COMPLETE, MISSING or (options changed meanwhile) CHANGED."""

    def give_up_search(self) -> None:
        """End the search that is running, and a planned one."""

    def plan_next_search(self) -> None:
        """Feed AGAIN after a while, longer each time."""

    def report_all_hired(self) -> None:
        """Tell that every position has its supplier."""

    def report_not_hired(self) -> None:
        """Tell that positions are empty."""


HIRING = Automat(
    name="hiring",
    initial=State.AT_STARTUP,
    rows=(
        Row(State.AT_STARTUP, Input.START, State.CHECKING, Actions.compare),
        Row(State.CHECKING, Input.COMPLETE, State.HIRED, Actions.report_all_hired),
        Row(State.CHECKING, Input.MISSING, State.SEARCHING, Actions.report_not_hired, Actions.search),
        Row(State.SEARCHING, Input.COMPLETE, State.HIRED, Actions.report_all_hired),
        Row(State.SEARCHING, Input.MISSING, State.WAITING, Actions.plan_next_search),
        Row(State.SEARCHING, Input.CHANGED, State.CHECKING, Actions.give_up_search, Actions.compare),
        Row(State.WAITING, Input.AGAIN, State.SEARCHING, Actions.search),
        Row(State.WAITING, Input.CHANGED, State.CHECKING, Actions.give_up_search, Actions.compare),
        Row(State.HIRED, Input.CHANGED, State.CHECKING, Actions.compare),
        *ignore(State.CHECKING, Input.CHANGED),
        # START looks at everything
        *ignore(State.AT_STARTUP, Input.CHANGED, Input.VACANT),
        # a supplier has left by itself; a search that runs or is planned finds its position empty anyway
        Row(State.HIRED, Input.VACANT, State.CHECKING, Actions.compare),
        *ignore(State.CHECKING, Input.VACANT),
        *ignore(State.SEARCHING, Input.VACANT),
        *ignore(State.WAITING, Input.VACANT),
        Row(State.AT_STARTUP, Input.STOP, State.STOPPED),
        Row(State.CHECKING, Input.STOP, State.STOPPED),
        Row(State.SEARCHING, Input.STOP, State.STOPPED, Actions.give_up_search),
        Row(State.WAITING, Input.STOP, State.STOPPED, Actions.give_up_search),
        Row(State.HIRED, Input.STOP, State.STOPPED),
    ),
)
