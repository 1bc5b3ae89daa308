"""
A node on its way into the distributed hash table: ask the seeds, walk to its own place, stay.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Protocol

from automats.machine import Automat, Row, Timer, ignore

State = StrEnum("State", ["NEW", "SEEDING", "ALONE", "WAITING", "WALKING", "JOINED", "STOPPED"])
Input = StrEnum("Input", ["START", "ANSWERED", "NOBODY", "TIMEOUT", "WALKED", "LOST", "STOP"])


class Actions(Protocol):
    def ask_seeds(self) -> None:
        """Ping the seeds and the contacts of the last run until one answers, and tell if there is nobody to ask."""

    def walk(self) -> None:
        """Look up the own id in every attached layer."""

    def report_joined(self) -> None:
        """Let those go on who wait for the table."""

    def leave(self) -> None:
        """End what runs."""


DHT_JOIN = Automat(
    name="dht_join",
    initial=State.NEW,
    rows=(
        Row(State.NEW, Input.START, State.SEEDING, Actions.ask_seeds),
        Row(State.NEW, Input.STOP, State.STOPPED, Actions.leave),
        Row(State.SEEDING, Input.ANSWERED, State.WALKING, Actions.walk),
        Row(State.SEEDING, Input.NOBODY, State.ALONE, Actions.report_joined),
        Row(State.SEEDING, Input.TIMEOUT, State.WAITING),
        Row(State.SEEDING, Input.STOP, State.STOPPED, Actions.leave),
        *ignore(State.SEEDING, Input.WALKED, Input.LOST),  # the walk of a table that was lost meanwhile
        Row(State.ALONE, Input.ANSWERED, State.WALKING, Actions.walk),
        Row(State.ALONE, Input.STOP, State.STOPPED, Actions.leave),
        *ignore(State.ALONE, Input.WALKED, Input.LOST),
        Row(State.WAITING, Input.ANSWERED, State.WALKING, Actions.walk),
        Row(State.WAITING, Input.TIMEOUT, State.SEEDING, Actions.ask_seeds),
        Row(State.WAITING, Input.STOP, State.STOPPED, Actions.leave),
        *ignore(State.WAITING, Input.WALKED, Input.LOST),
        Row(State.WALKING, Input.WALKED, State.JOINED, Actions.report_joined),
        Row(State.WALKING, Input.LOST, State.SEEDING, Actions.ask_seeds),
        Row(State.WALKING, Input.STOP, State.STOPPED, Actions.leave),
        *ignore(State.WALKING, Input.ANSWERED),
        Row(State.JOINED, Input.LOST, State.SEEDING, Actions.ask_seeds),
        Row(State.JOINED, Input.STOP, State.STOPPED, Actions.leave),
        *ignore(State.JOINED, Input.ANSWERED, Input.WALKED),
    ),
    timers=(Timer(State.SEEDING, 10, Input.TIMEOUT), Timer(State.WAITING, 15, Input.TIMEOUT)),
)
