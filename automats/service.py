"""
The life of one service: started when all below it is ON, stopped after all above it.

The states are those that clients know, in their spelling.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Protocol

from automats.machine import Automat, Row, Timer, ignore


class State(StrEnum):
    OFF = "OFF"
    STARTING = "STARTING"
    ON = "ON"
    INFLUENCE = "INFLUENCE"
    STOPPING = "STOPPING"
    DEPENDS_OFF = "DEPENDS_OFF"
    NOT_INSTALLED = "NOT_INSTALLED"
    CLOSED = "CLOSED"


class Input(StrEnum):
    #: Wanted, and all below is ON.
    START = "start"
    #: Wanted, but something below is not ON.
    BLOCKED = "blocked"
    #: Not wanted.
    DISABLED = "disabled"
    #: There is no such part, or it needs an identity and there is none.
    ABSENT = "absent"
    #: Results of starting.
    STARTED = "started"
    FAILED = "failed"
    #: Not wanted any more, or something below is about to stop.
    STOP = "stop"
    #: Nothing above uses it any more.
    FREE = "free"
    #: It stopped, well or not.
    STOPPED = "stopped"
    TIMEOUT = "timeout"
    #: The process ends.
    CLOSE = "close"


class Actions(Protocol):
    def begin_start(self) -> None: ...
    def cancel_start(self) -> None: ...
    def report_started(self) -> None: ...
    def report_timeout(self) -> None: ...
    def stop_above(self) -> None: ...
    def begin_stop(self) -> None: ...
    def cancel_stop(self) -> None: ...
    def report_stopped(self) -> None: ...


SERVICE = Automat(
    name="service",
    initial=State.OFF,
    rows=(
        Row(State.OFF, Input.START, State.STARTING, Actions.begin_start),
        Row(State.OFF, Input.BLOCKED, State.DEPENDS_OFF),
        Row(State.OFF, Input.ABSENT, State.NOT_INSTALLED),
        Row(State.OFF, Input.CLOSE, State.CLOSED),
        *ignore(State.OFF, Input.STOP, Input.DISABLED),
        Row(State.DEPENDS_OFF, Input.START, State.STARTING, Actions.begin_start),
        Row(State.DEPENDS_OFF, Input.DISABLED, State.OFF),
        Row(State.DEPENDS_OFF, Input.ABSENT, State.NOT_INSTALLED),
        Row(State.DEPENDS_OFF, Input.CLOSE, State.CLOSED),
        *ignore(State.DEPENDS_OFF, Input.STOP, Input.BLOCKED),
        Row(State.NOT_INSTALLED, Input.START, State.STARTING, Actions.begin_start),
        Row(State.NOT_INSTALLED, Input.BLOCKED, State.DEPENDS_OFF),
        Row(State.NOT_INSTALLED, Input.DISABLED, State.OFF),
        Row(State.NOT_INSTALLED, Input.CLOSE, State.CLOSED),
        *ignore(State.NOT_INSTALLED, Input.STOP, Input.ABSENT),
        Row(State.STARTING, Input.STARTED, State.ON, Actions.report_started),
        Row(State.STARTING, Input.FAILED, State.STOPPING, Actions.begin_stop),
        Row(
            State.STARTING,
            Input.TIMEOUT,
            State.STOPPING,
            Actions.cancel_start,
            Actions.report_timeout,
            Actions.begin_stop,
        ),
        Row(State.STARTING, Input.STOP, State.STOPPING, Actions.cancel_start, Actions.begin_stop),
        Row(State.ON, Input.STOP, State.INFLUENCE, Actions.stop_above),
        Row(State.INFLUENCE, Input.FREE, State.STOPPING, Actions.begin_stop),
        *ignore(State.INFLUENCE, Input.STOP),
        Row(State.STOPPING, Input.STOPPED, State.OFF, Actions.report_stopped),
        Row(State.STOPPING, Input.TIMEOUT, State.OFF, Actions.cancel_stop, Actions.report_stopped),
        *ignore(State.STOPPING, Input.STOP),
    ),
    timers=(Timer(State.STARTING, 30, Input.TIMEOUT), Timer(State.STOPPING, 15, Input.TIMEOUT)),
)
