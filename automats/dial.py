"""
Reaching one peer: one contact after the other, the next one started before the last has failed.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Protocol

from automats.machine import Automat, Row, Timer, ignore

State = StrEnum("State", ["NEW", "TRYING", "WAITING", "ASKING", "REACHED", "FAILED"])
Input = StrEnum(
    "Input", ["START", "NEXT", "ALL_TRIED", "MISSED", "LAST_MISSED", "NEWER", "NO_NEWS", "FOUND", "GIVE_UP"]
)


class Actions(Protocol):
    def try_next(self) -> None: ...
    def ask_for_newer(self) -> None: ...
    def start_over(self) -> None: ...
    def report_reached(self) -> None: ...
    def report_failed(self) -> None: ...


DIAL = Automat(
    name="dial",
    initial=State.NEW,
    rows=(
        Row(State.NEW, Input.START, State.TRYING, Actions.try_next),
        Row(State.NEW, Input.GIVE_UP, State.FAILED, Actions.report_failed),
        Row(State.TRYING, Input.NEXT, State.TRYING, Actions.try_next),
        Row(State.TRYING, Input.MISSED, State.TRYING, Actions.try_next),
        Row(State.TRYING, Input.ALL_TRIED, State.WAITING),
        Row(State.TRYING, Input.LAST_MISSED, State.ASKING, Actions.ask_for_newer),
        Row(State.TRYING, Input.FOUND, State.REACHED, Actions.report_reached),
        Row(State.TRYING, Input.GIVE_UP, State.FAILED, Actions.report_failed),
        Row(State.WAITING, Input.LAST_MISSED, State.ASKING, Actions.ask_for_newer),
        Row(State.WAITING, Input.FOUND, State.REACHED, Actions.report_reached),
        Row(State.WAITING, Input.GIVE_UP, State.FAILED, Actions.report_failed),
        # the peer may have moved: its identity server knows
        Row(State.ASKING, Input.NEWER, State.TRYING, Actions.start_over),
        Row(State.ASKING, Input.NO_NEWS, State.FAILED, Actions.report_failed),
        Row(State.ASKING, Input.FOUND, State.REACHED, Actions.report_reached),
        Row(State.ASKING, Input.GIVE_UP, State.FAILED, Actions.report_failed),
        *ignore(State.WAITING, Input.MISSED),
        *ignore(State.ASKING, Input.LAST_MISSED, Input.MISSED),
    ),
    timers=(Timer(State.TRYING, 0.3, Input.NEXT),),
)
