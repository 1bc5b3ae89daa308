"""
One transport of this node: off, starting, listening, stopping.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Protocol

from automats.machine import Automat, Row, ignore

State = StrEnum("State", ["OFFLINE", "STARTING", "LISTENING", "STOPPING", "FAILED"])
Input = StrEnum("Input", ["START", "STARTED", "BROKEN", "STOP", "STOPPED"])


class Actions(Protocol):
    def listen(self) -> None: ...
    def report_listening(self) -> None: ...
    def report_failed(self) -> None: ...
    def close(self) -> None: ...
    def report_offline(self) -> None: ...


TRANSPORT = Automat(
    name="transport",
    initial=State.OFFLINE,
    rows=(
        Row(State.OFFLINE, Input.START, State.STARTING, Actions.listen),
        Row(State.STARTING, Input.STARTED, State.LISTENING, Actions.report_listening),
        Row(State.STARTING, Input.BROKEN, State.FAILED, Actions.report_failed),
        Row(State.STARTING, Input.STOP, State.STOPPING, Actions.close),
        Row(State.LISTENING, Input.STOP, State.STOPPING, Actions.close),
        Row(State.STOPPING, Input.STOPPED, State.OFFLINE, Actions.report_offline),
        Row(State.FAILED, Input.START, State.STARTING, Actions.listen),
        Row(State.FAILED, Input.STOP, State.STOPPING, Actions.close),
        # stopped while it was starting
        *ignore(State.STOPPING, Input.STARTED, Input.BROKEN, Input.STOP),
        *ignore(State.OFFLINE, Input.STOP),
        *ignore(State.LISTENING, Input.START),
    ),
)
