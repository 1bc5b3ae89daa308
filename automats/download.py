"""
One version on its way back from its suppliers into the local disk.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Protocol

from automats.machine import Automat, Row


class State(StrEnum):
    NEW = "NEW"
    LOCATING = "LOCATING"
    FETCHING = "FETCHING"
    FINISHING = "FINISHING"
    DONE = "DONE"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"


class Input(StrEnum):
    START = "START"
    LOCATED = "LOCATED"
    FETCHED = "FETCHED"
    FINISHED = "FINISHED"
    BROKEN = "BROKEN"
    CANCEL = "CANCEL"


class Actions(Protocol):
    """What the owner of a download can do."""

    def locate(self) -> None:
        """Get the manifest and open its key; feeds LOCATED or BROKEN."""

    def fetch(self) -> None:
        """Read pieces, decode, unseal and write; feeds FETCHED or BROKEN."""

    def finish(self) -> None:
        """Put what was written in its place; feeds FINISHED or BROKEN."""

    def give_up(self) -> None:
        """End what is running and remove what is half written."""

    def report_done(self) -> None: ...

    def report_failed(self) -> None: ...

    def report_cancelled(self) -> None: ...


DOWNLOAD = Automat(
    name="download",
    initial=State.NEW,
    rows=(
        Row(State.NEW, Input.START, State.LOCATING, Actions.locate),
        Row(State.NEW, Input.CANCEL, State.CANCELLED, Actions.report_cancelled),
        Row(State.LOCATING, Input.LOCATED, State.FETCHING, Actions.fetch),
        Row(State.LOCATING, Input.BROKEN, State.FAILED, Actions.give_up, Actions.report_failed),
        Row(State.LOCATING, Input.CANCEL, State.CANCELLED, Actions.give_up, Actions.report_cancelled),
        Row(State.FETCHING, Input.FETCHED, State.FINISHING, Actions.finish),
        Row(State.FETCHING, Input.BROKEN, State.FAILED, Actions.give_up, Actions.report_failed),
        Row(State.FETCHING, Input.CANCEL, State.CANCELLED, Actions.give_up, Actions.report_cancelled),
        Row(State.FINISHING, Input.FINISHED, State.DONE, Actions.report_done),
        Row(State.FINISHING, Input.BROKEN, State.FAILED, Actions.give_up, Actions.report_failed),
        Row(State.FINISHING, Input.CANCEL, State.CANCELLED, Actions.give_up, Actions.report_cancelled),
    ),
)
