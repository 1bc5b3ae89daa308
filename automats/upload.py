"""
One file on its way to its suppliers: a pass over the source, then the pieces that are still missing.

Enough means that half of the spare pieces may still be lost: the file is stored, and what is missing is made up for
by the rebuilding service. Some means that it could be read back today, with less to spare than that; none means that
it could not be read back.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Protocol

from automats.machine import Automat, Row, Timer, ignore


class State(StrEnum):
    PENDING = "PENDING"
    SENDING = "SENDING"
    FILLING = "FILLING"
    SHORT = "SHORT"
    WAITING = "WAITING"
    STORED = "STORED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"


class Input(StrEnum):
    START = "START"
    ENOUGH = "ENOUGH"
    SOME = "SOME"
    NONE = "NONE"
    SUPPLIERS = "SUPPLIERS"
    BROKEN = "BROKEN"
    TIMEOUT = "TIMEOUT"
    CANCEL = "CANCEL"


class Actions(Protocol):
    """What the owner of an upload can do."""

    def send_pieces(self) -> None:
        """Read, seal, code and send everything afresh; feeds ENOUGH, SOME, NONE or BROKEN."""

    def fill_gaps(self) -> None:
        """Make the missing pieces from those that are stored; feeds as `send_pieces` does."""

    def watch_suppliers(self) -> None:
        """Feed SUPPLIERS when a supplier that lacks its piece can be used."""

    def give_up(self) -> None:
        """End what is running."""

    def report_stored(self) -> None: ...

    def report_short(self) -> None:
        """Too few suppliers answered in time."""

    def report_failed(self) -> None: ...

    def report_cancelled(self) -> None: ...


_OUTCOMES = tuple(
    row
    for state in (State.SENDING, State.FILLING)
    for row in (
        Row(state, Input.ENOUGH, State.STORED, Actions.report_stored),
        Row(state, Input.SOME, State.SHORT, Actions.watch_suppliers),
        Row(state, Input.NONE, State.WAITING, Actions.watch_suppliers),
        Row(state, Input.BROKEN, State.FAILED, Actions.report_failed),
        Row(state, Input.CANCEL, State.CANCELLED, Actions.give_up, Actions.report_cancelled),
    )
)

UPLOAD = Automat(
    name="upload",
    initial=State.PENDING,
    rows=(
        Row(State.PENDING, Input.START, State.SENDING, Actions.send_pieces),
        Row(State.PENDING, Input.CANCEL, State.CANCELLED, Actions.report_cancelled),
        *_OUTCOMES,
        *ignore(State.SENDING, Input.SUPPLIERS),
        *ignore(State.FILLING, Input.SUPPLIERS),
        Row(State.SHORT, Input.SUPPLIERS, State.FILLING, Actions.fill_gaps),
        Row(State.SHORT, Input.TIMEOUT, State.FAILED, Actions.give_up, Actions.report_short),
        Row(State.SHORT, Input.CANCEL, State.CANCELLED, Actions.give_up, Actions.report_cancelled),
        Row(State.WAITING, Input.SUPPLIERS, State.SENDING, Actions.send_pieces),
        Row(State.WAITING, Input.TIMEOUT, State.FAILED, Actions.give_up, Actions.report_short),
        Row(State.WAITING, Input.CANCEL, State.CANCELLED, Actions.give_up, Actions.report_cancelled),
    ),
    timers=(
        Timer(State.SHORT, 600, Input.TIMEOUT),
        Timer(State.WAITING, 600, Input.TIMEOUT),
    ),
)
