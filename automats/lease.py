"""
The lease of one customer at a supplier: may he fill the bytes that he asked for?
"""

from __future__ import annotations

from enum import StrEnum
from typing import Protocol

from automats.machine import Automat, Row


class State(StrEnum):
    REQUESTED = "REQUESTED"
    ACTIVE = "ACTIVE"
    LAPSED = "LAPSED"
    ENDED = "ENDED"


class Input(StrEnum):
    GRANT = "GRANT"
    DENY = "DENY"
    REMEMBER = "REMEMBER"
    REMEMBER_LAPSED = "REMEMBER_LAPSED"
    SILENT = "SILENT"
    CANCEL = "CANCEL"
    EXPIRE = "EXPIRE"


class Actions(Protocol):
    """What the owner of a lease can do."""

    def report_new(self) -> None:
        """A customer was accepted."""

    def report_renewed(self) -> None:
        """A known customer was accepted again, maybe with another size."""

    def report_denied(self) -> None:
        """There is no room for a new customer."""

    def report_not_renewed(self) -> None:
        """There is no room for what a known customer wants now; his old lease stays as it was."""

    def release_space(self) -> None:
        """Nothing is promised to this customer any more; what he has stored still fills its space."""

    def report_ended(self) -> None:
        """A customer has left or fallen silent."""

    def report_removed(self) -> None:
        """What was kept under a lapsed lease was removed, as the grace time is over or the space is needed."""

    def forget(self) -> None:
        """The lease is over: drop it from the list."""


LEASE = Automat(
    name="lease",
    initial=State.REQUESTED,
    rows=(
        Row(State.REQUESTED, Input.GRANT, State.ACTIVE, Actions.report_new),
        Row(State.REQUESTED, Input.DENY, State.ENDED, Actions.report_denied, Actions.forget),
        # found in the ledger when the node starts
        Row(State.REQUESTED, Input.REMEMBER, State.ACTIVE),
        Row(State.REQUESTED, Input.REMEMBER_LAPSED, State.LAPSED),
        Row(State.ACTIVE, Input.GRANT, State.ACTIVE, Actions.report_renewed),
        Row(State.ACTIVE, Input.DENY, State.ACTIVE, Actions.report_not_renewed),
        Row(State.ACTIVE, Input.SILENT, State.LAPSED, Actions.release_space, Actions.report_ended),
        Row(State.ACTIVE, Input.CANCEL, State.ENDED, Actions.release_space, Actions.report_ended, Actions.forget),
        Row(State.LAPSED, Input.GRANT, State.ACTIVE, Actions.report_renewed),
        Row(State.LAPSED, Input.DENY, State.LAPSED, Actions.report_not_renewed),
        Row(State.LAPSED, Input.CANCEL, State.ENDED, Actions.forget),
        # there is no such row for an active lease: what is leased is never removed
        Row(State.LAPSED, Input.EXPIRE, State.ENDED, Actions.report_removed, Actions.forget),
    ),
)
