"""
One connection with one peer: who are you, then talk, then good-bye.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Protocol

from automats.machine import Automat, Row, Timer, ignore

State = StrEnum("State", ["NEW", "GREETING", "CHECKING", "CONNECTED", "CLOSING", "CLOSED"])
Input = StrEnum(
    "Input", ["OPENED", "HELLO", "ACCEPTED", "REFUSED", "BROKEN", "CLOSE", "BYE", "SILENT", "LOST", "TIMEOUT"]
)


class Actions(Protocol):
    def send_hello(self) -> None: ...
    def check_hello(self) -> None: ...
    def report_connected(self) -> None: ...
    def report_closed(self) -> None: ...
    def say_bye(self) -> None: ...
    def close_pipe(self) -> None: ...
    def abort_pipe(self) -> None: ...


SESSION = Automat(
    name="session",
    initial=State.NEW,
    rows=(
        Row(State.NEW, Input.OPENED, State.GREETING, Actions.send_hello),
        Row(State.NEW, Input.CLOSE, State.CLOSED, Actions.abort_pipe, Actions.report_closed),
        Row(State.NEW, Input.LOST, State.CLOSED, Actions.report_closed),
        Row(State.NEW, Input.TIMEOUT, State.CLOSED, Actions.abort_pipe, Actions.report_closed),
        Row(State.GREETING, Input.HELLO, State.CHECKING, Actions.check_hello),
        Row(State.GREETING, Input.BROKEN, State.CLOSING, Actions.report_closed, Actions.say_bye, Actions.close_pipe),
        Row(State.GREETING, Input.CLOSE, State.CLOSING, Actions.report_closed, Actions.say_bye, Actions.close_pipe),
        Row(State.GREETING, Input.BYE, State.CLOSING, Actions.report_closed, Actions.close_pipe),
        Row(State.GREETING, Input.LOST, State.CLOSED, Actions.report_closed),
        Row(State.GREETING, Input.TIMEOUT, State.CLOSED, Actions.abort_pipe, Actions.report_closed),
        Row(State.CHECKING, Input.ACCEPTED, State.CONNECTED, Actions.report_connected),
        Row(State.CHECKING, Input.REFUSED, State.CLOSING, Actions.report_closed, Actions.say_bye, Actions.close_pipe),
        Row(State.CHECKING, Input.BROKEN, State.CLOSING, Actions.report_closed, Actions.say_bye, Actions.close_pipe),
        Row(State.CHECKING, Input.CLOSE, State.CLOSING, Actions.report_closed, Actions.say_bye, Actions.close_pipe),
        Row(State.CHECKING, Input.BYE, State.CLOSING, Actions.report_closed, Actions.close_pipe),
        Row(State.CHECKING, Input.LOST, State.CLOSED, Actions.report_closed),
        Row(State.CHECKING, Input.TIMEOUT, State.CLOSED, Actions.abort_pipe, Actions.report_closed),
        Row(State.CONNECTED, Input.BROKEN, State.CLOSING, Actions.report_closed, Actions.say_bye, Actions.close_pipe),
        Row(State.CONNECTED, Input.CLOSE, State.CLOSING, Actions.report_closed, Actions.say_bye, Actions.close_pipe),
        Row(State.CONNECTED, Input.BYE, State.CLOSING, Actions.report_closed, Actions.close_pipe),
        Row(State.CONNECTED, Input.SILENT, State.CLOSED, Actions.abort_pipe, Actions.report_closed),
        Row(State.CONNECTED, Input.LOST, State.CLOSED, Actions.report_closed),
        Row(State.CLOSING, Input.LOST, State.CLOSED),
        Row(State.CLOSING, Input.TIMEOUT, State.CLOSED, Actions.abort_pipe),
        # the hello was still being checked, the user closes twice, the last frames were already under way
        *ignore(State.CLOSING, Input.ACCEPTED, Input.REFUSED, Input.CLOSE, Input.BROKEN, Input.BYE),
    ),
    timers=(
        Timer(State.NEW, 10, Input.TIMEOUT),
        Timer(State.GREETING, 10, Input.TIMEOUT),
        Timer(State.CHECKING, 20, Input.TIMEOUT),
        Timer(State.CLOSING, 5, Input.TIMEOUT),
    ),
)
