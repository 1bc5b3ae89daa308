"""
One attempt to register an identity: find servers, see that the name is free, publish, read back, keep.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Protocol

from automats.machine import Automat, Row, Timer


class State(StrEnum):
    NEW = "NEW"
    PINGING = "PINGING"
    CHECKING = "CHECKING"
    DETECTING = "DETECTING"
    GENERATING = "GENERATING"
    UPLOADING = "UPLOADING"
    VERIFYING = "VERIFYING"
    SAVING = "SAVING"
    DONE = "DONE"
    FAILED = "FAILED"


class Input(StrEnum):
    START = "START"
    SERVERS = "SERVERS"
    TOO_FEW = "TOO_FEW"
    FREE = "FREE"
    TAKEN = "TAKEN"
    ADDRESS = "ADDRESS"
    NO_ADDRESS = "NO_ADDRESS"
    KEY = "KEY"
    SENT = "SENT"
    PARTLY_SENT = "PARTLY_SENT"
    SAME = "SAME"
    DIFFERENT = "DIFFERENT"
    SAVED = "SAVED"
    BROKEN = "BROKEN"
    TIMEOUT = "TIMEOUT"


class Actions(Protocol):
    """What the owner of a registration can do; each step feeds its outcome, BROKEN when it failed by itself."""

    def ping_servers(self) -> None:
        """Feeds SERVERS when enough of them answer, else TOO_FEW."""

    def check_name(self) -> None:
        """Feeds FREE when enough servers have the name free or under our key, TAKEN or TOO_FEW."""

    def detect_address(self) -> None:
        """Feeds ADDRESS or NO_ADDRESS."""

    def generate_key(self) -> None:
        """Feeds KEY; a key that is there already is used."""

    def upload(self) -> None:
        """Feeds SENT; PARTLY_SENT when enough but not all took it, TOO_FEW, or TAKEN."""

    def verify(self) -> None:
        """Feeds SAME, DIFFERENT or TOO_FEW."""

    def save(self) -> None:
        """Feeds SAVED."""

    def report_done(self) -> None: ...

    def report_no_servers(self) -> None: ...

    def report_taken(self) -> None: ...

    def report_no_address(self) -> None: ...

    def report_different(self) -> None: ...

    def report_timeout(self) -> None: ...

    def report_broken(self) -> None: ...


#: States in which work is under way, with the seconds that it may take.
_SECONDS = {
    State.PINGING: 20,
    State.CHECKING: 20,
    State.DETECTING: 20,
    State.GENERATING: 120,
    State.UPLOADING: 60,
    State.VERIFYING: 20,
    State.SAVING: 60,
}

REGISTRATION = Automat(
    name="registration",
    initial=State.NEW,
    rows=(
        Row(State.NEW, Input.START, State.PINGING, Actions.ping_servers),
        Row(State.PINGING, Input.SERVERS, State.CHECKING, Actions.check_name),
        Row(State.PINGING, Input.TOO_FEW, State.FAILED, Actions.report_no_servers),
        Row(State.CHECKING, Input.FREE, State.DETECTING, Actions.detect_address),
        Row(State.CHECKING, Input.TAKEN, State.FAILED, Actions.report_taken),
        Row(State.CHECKING, Input.TOO_FEW, State.FAILED, Actions.report_no_servers),
        Row(State.DETECTING, Input.ADDRESS, State.GENERATING, Actions.generate_key),
        Row(State.DETECTING, Input.NO_ADDRESS, State.FAILED, Actions.report_no_address),
        Row(State.GENERATING, Input.KEY, State.UPLOADING, Actions.upload),
        Row(State.UPLOADING, Input.SENT, State.VERIFYING, Actions.verify),
        # The document names its servers: without one of them it must be written anew.
        Row(State.UPLOADING, Input.PARTLY_SENT, State.UPLOADING, Actions.upload),
        Row(State.UPLOADING, Input.TAKEN, State.FAILED, Actions.report_taken),
        Row(State.UPLOADING, Input.TOO_FEW, State.FAILED, Actions.report_no_servers),
        Row(State.VERIFYING, Input.SAME, State.SAVING, Actions.save),
        Row(State.VERIFYING, Input.DIFFERENT, State.FAILED, Actions.report_different),
        Row(State.VERIFYING, Input.TOO_FEW, State.FAILED, Actions.report_no_servers),
        Row(State.SAVING, Input.SAVED, State.DONE, Actions.report_done),
        *(Row(state, Input.BROKEN, State.FAILED, Actions.report_broken) for state in _SECONDS),
        *(Row(state, Input.TIMEOUT, State.FAILED, Actions.report_timeout) for state in _SECONDS),
    ),
    timers=tuple(Timer(state, seconds, Input.TIMEOUT) for state, seconds in _SECONDS.items()),
)
