"""
One piece on its way into the store of a supplier: its bytes come by a stream, its manifest by a request, in any order.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Protocol

from automats.machine import Automat, Row, Timer, ignore


class State(StrEnum):
    RECEIVING = "RECEIVING"
    ENDING = "ENDING"
    RECEIVED = "RECEIVED"
    COMMITTING = "COMMITTING"
    STORED = "STORED"
    FAILED = "FAILED"


class Input(StrEnum):
    FINISHED = "FINISHED"
    COMMIT = "COMMIT"
    STORED = "STORED"
    BROKEN = "BROKEN"
    REPLACED = "REPLACED"
    TIMEOUT = "TIMEOUT"


class Actions(Protocol):
    """What the owner of an incoming piece can do."""

    def store(self) -> None:
        """Check the piece against its manifest and make it durable; feeds STORED or BROKEN."""

    def settle(self) -> None:
        """The piece is stored: give back what was reserved and answer."""

    def discard(self) -> None:
        """Remove what was written, give back what was reserved, answer with what went wrong."""

    def note_replaced(self) -> None:
        """The customer begins this piece anew."""

    def note_late(self) -> None:
        """The customer never said that the piece is whole."""


PIECE_PUT = Automat(
    name="piece_put",
    initial=State.RECEIVING,
    rows=(
        Row(State.RECEIVING, Input.FINISHED, State.RECEIVED),
        Row(State.RECEIVING, Input.COMMIT, State.ENDING),
        Row(State.RECEIVING, Input.BROKEN, State.FAILED, Actions.discard),
        Row(State.RECEIVING, Input.REPLACED, State.FAILED, Actions.note_replaced, Actions.discard),
        Row(State.ENDING, Input.FINISHED, State.COMMITTING, Actions.store),
        Row(State.ENDING, Input.BROKEN, State.FAILED, Actions.discard),
        Row(State.ENDING, Input.REPLACED, State.FAILED, Actions.note_replaced, Actions.discard),
        Row(State.RECEIVED, Input.COMMIT, State.COMMITTING, Actions.store),
        Row(State.RECEIVED, Input.BROKEN, State.FAILED, Actions.discard),
        Row(State.RECEIVED, Input.REPLACED, State.FAILED, Actions.note_replaced, Actions.discard),
        Row(State.RECEIVED, Input.TIMEOUT, State.FAILED, Actions.note_late, Actions.discard),
        Row(State.COMMITTING, Input.STORED, State.STORED, Actions.settle),
        Row(State.COMMITTING, Input.BROKEN, State.FAILED, Actions.discard),
        # what is being written to its place is never taken back
        *ignore(State.COMMITTING, Input.REPLACED),
    ),
    timers=(Timer(State.RECEIVED, 1800, Input.TIMEOUT),),
)
