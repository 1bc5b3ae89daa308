"""
One question to one peer and its answer.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Protocol

from automats.machine import Automat, Row

State = StrEnum("State", ["NEW", "REACHING", "WAITING", "ANSWERED", "FAILED"])
Input = StrEnum("Input", ["START", "REACHED", "ANSWER", "ERROR", "TIMEOUT", "GIVE_UP"])


class Actions(Protocol):
    def reach(self) -> None: ...
    def send(self) -> None: ...
    def report_answer(self) -> None: ...
    def report_error(self) -> None: ...
    def report_timeout(self) -> None: ...


REQUEST = Automat(
    name="request",
    initial=State.NEW,
    rows=(
        Row(State.NEW, Input.START, State.REACHING, Actions.reach),
        Row(State.REACHING, Input.REACHED, State.WAITING, Actions.send),
        Row(State.REACHING, Input.ERROR, State.FAILED, Actions.report_error),
        Row(State.REACHING, Input.TIMEOUT, State.FAILED, Actions.report_timeout),
        Row(State.REACHING, Input.GIVE_UP, State.FAILED),
        Row(State.WAITING, Input.ANSWER, State.ANSWERED, Actions.report_answer),
        Row(State.WAITING, Input.ERROR, State.FAILED, Actions.report_error),
        Row(State.WAITING, Input.TIMEOUT, State.FAILED, Actions.report_timeout),
        Row(State.WAITING, Input.GIVE_UP, State.FAILED),
    ),
)
