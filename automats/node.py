"""
The life of a node: open what it stands on and its API, start the services, and the same backwards.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Protocol

from automats.machine import Automat, Row, Timer, ignore

State = StrEnum("State", ["NEW", "OPENING", "STARTING", "RUNNING", "STOPPING", "STOPPED"])
Input = StrEnum("Input", ["START", "OPENED", "BROKEN", "UP", "STOP", "DOWN", "TIMEOUT"])


class Actions(Protocol):
    def open(self) -> None: ...
    def start_services(self) -> None: ...
    def report_running(self) -> None: ...
    def close(self) -> None: ...
    def report_late(self) -> None: ...
    def report_stopped(self) -> None: ...


NODE = Automat(
    name="node",
    initial=State.NEW,
    rows=(
        Row(State.NEW, Input.START, State.OPENING, Actions.open),
        Row(State.NEW, Input.STOP, State.STOPPED, Actions.report_stopped),
        Row(State.OPENING, Input.OPENED, State.STARTING, Actions.start_services),
        Row(State.OPENING, Input.BROKEN, State.STOPPING, Actions.close),
        Row(State.OPENING, Input.STOP, State.STOPPING, Actions.close),
        Row(State.STARTING, Input.UP, State.RUNNING, Actions.report_running),
        Row(State.STARTING, Input.STOP, State.STOPPING, Actions.close),
        Row(State.RUNNING, Input.STOP, State.STOPPING, Actions.close),
        # what was under way when the end came
        *ignore(State.STOPPING, Input.STOP, Input.OPENED, Input.BROKEN, Input.UP),
        Row(State.STOPPING, Input.DOWN, State.STOPPED, Actions.report_stopped),
        Row(State.STOPPING, Input.TIMEOUT, State.STOPPED, Actions.report_late, Actions.report_stopped),
    ),
    timers=(Timer(State.STOPPING, 40, Input.TIMEOUT),),
)
