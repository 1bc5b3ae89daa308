"""
A customer and one supplier that it hired: is the lease agreed, and can the supplier be reached?

The states are those that `suppliers_list` shows. (`QUEUE?` of the list of known states is never entered here:
nothing has to be queued before a supplier can be used.)
"""

from __future__ import annotations

from enum import StrEnum
from typing import Protocol

from automats.machine import Automat, Row, ignore


class State(StrEnum):
    DISCONNECTED = "DISCONNECTED"
    REQUEST = "REQUEST"
    CONNECTED = "CONNECTED"
    REFUSE = "REFUSE"
    NO_SERVICE = "NO_SERVICE"
    CLOSED = "CLOSED"


class Input(StrEnum):
    CONNECT = "CONNECT"
    GRANTED = "GRANTED"
    REFUSED = "REFUSED"
    ABSENT = "ABSENT"
    UNREACHABLE = "UNREACHABLE"
    LOST = "LOST"
    RENEW = "RENEW"
    CLOSE = "CLOSE"


class Actions(Protocol):
    """What the owner of a link can do."""

    def ask_lease(self) -> None:
        """Ask the supplier for the lease; feeds GRANTED, REFUSED, ABSENT (no such service there) or UNREACHABLE."""

    def report_connected(self) -> None:
        """The lease is agreed: note it, tell the others, plan its renewal."""

    def note_lease(self) -> None:
        """The lease was renewed: note it and plan the next renewal."""

    def report_lost(self) -> None:
        """The supplier can not be used now: tell the others."""

    def plan_retry(self) -> None:
        """Feed CONNECT after a while, longer each time."""

    def forget_plans(self) -> None:
        """End whatever is planned or asked."""


LINK = Automat(
    name="supplier_link",
    initial=State.DISCONNECTED,
    rows=(
        Row(State.DISCONNECTED, Input.CONNECT, State.REQUEST, Actions.forget_plans, Actions.ask_lease),
        Row(State.REFUSE, Input.CONNECT, State.REQUEST, Actions.forget_plans, Actions.ask_lease),
        Row(State.NO_SERVICE, Input.CONNECT, State.REQUEST, Actions.forget_plans, Actions.ask_lease),
        Row(State.REQUEST, Input.GRANTED, State.CONNECTED, Actions.report_connected),
        Row(State.REQUEST, Input.REFUSED, State.REFUSE, Actions.plan_retry),
        Row(State.REQUEST, Input.ABSENT, State.NO_SERVICE, Actions.plan_retry),
        Row(State.REQUEST, Input.UNREACHABLE, State.DISCONNECTED, Actions.plan_retry),
        Row(State.CONNECTED, Input.RENEW, State.CONNECTED, Actions.forget_plans, Actions.ask_lease),
        Row(State.CONNECTED, Input.GRANTED, State.CONNECTED, Actions.note_lease),
        Row(State.CONNECTED, Input.REFUSED, State.REFUSE, Actions.report_lost, Actions.plan_retry),
        Row(State.CONNECTED, Input.ABSENT, State.NO_SERVICE, Actions.report_lost, Actions.plan_retry),
        Row(State.CONNECTED, Input.UNREACHABLE, State.DISCONNECTED, Actions.report_lost, Actions.plan_retry),
        Row(
            State.CONNECTED,
            Input.LOST,
            State.DISCONNECTED,
            Actions.forget_plans,
            Actions.report_lost,
            Actions.plan_retry,
        ),
        *ignore(State.CONNECTED, Input.CONNECT),
        # a request that is under way fails by itself when its session is lost
        *ignore(State.REQUEST, Input.CONNECT, Input.LOST, Input.RENEW),
        *ignore(State.DISCONNECTED, Input.LOST, Input.RENEW),
        *ignore(State.REFUSE, Input.LOST, Input.RENEW),
        *ignore(State.NO_SERVICE, Input.LOST, Input.RENEW),
        Row(State.DISCONNECTED, Input.CLOSE, State.CLOSED, Actions.forget_plans),
        Row(State.REQUEST, Input.CLOSE, State.CLOSED, Actions.forget_plans),
        Row(State.CONNECTED, Input.CLOSE, State.CLOSED, Actions.forget_plans),
        Row(State.REFUSE, Input.CLOSE, State.CLOSED, Actions.forget_plans),
        Row(State.NO_SERVICE, Input.CLOSE, State.CLOSED, Actions.forget_plans),
    ),
)
