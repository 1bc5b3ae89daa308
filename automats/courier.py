"""
The courier of private messages to one recipient: to him if he can be reached, else to his suppliers.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Protocol

from automats.machine import Automat, Row, Timer, ignore

State = StrEnum("State", ["RESTING", "GIVING", "GIVING_MORE", "STORING", "STORING_MORE", "WAITING", "TRYING", "CLOSED"])
#: LETTER: one more was written. ONLINE: the recipient is connected. GIVEN: he has all. UNREACHED: he is not there.
#: STORED: his suppliers keep what he has not. KEPT_BACK: some of it nobody takes now. AGAIN: it is time for a new try.
Input = StrEnum("Input", ["LETTER", "ONLINE", "GIVEN", "UNREACHED", "STORED", "KEPT_BACK", "AGAIN", "CLOSE"])

#: Seconds until the next try, when suppliers keep all, and when they do not.
PATIENT, HASTY = 120.0, 10.0


class Actions(Protocol):
    def give(self) -> None: ...
    def store(self) -> None: ...
    def rest(self) -> None: ...


COURIER = Automat(
    name="courier",
    initial=State.RESTING,
    rows=(
        Row(State.RESTING, Input.LETTER, State.GIVING, Actions.give),
        *ignore(State.RESTING, Input.ONLINE),
        Row(State.GIVING, Input.LETTER, State.GIVING_MORE),
        Row(State.GIVING, Input.GIVEN, State.RESTING, Actions.rest),
        Row(State.GIVING, Input.UNREACHED, State.STORING, Actions.store),
        Row(State.GIVING, Input.KEPT_BACK, State.TRYING),
        *ignore(State.GIVING, Input.ONLINE),
        Row(State.GIVING_MORE, Input.GIVEN, State.GIVING, Actions.give),
        Row(State.GIVING_MORE, Input.UNREACHED, State.STORING, Actions.store),
        Row(State.GIVING_MORE, Input.KEPT_BACK, State.TRYING),
        *ignore(State.GIVING_MORE, Input.LETTER, Input.ONLINE),
        Row(State.STORING, Input.LETTER, State.STORING_MORE),
        Row(State.STORING, Input.ONLINE, State.STORING_MORE),
        Row(State.STORING, Input.STORED, State.WAITING),
        Row(State.STORING, Input.KEPT_BACK, State.TRYING),
        Row(State.STORING_MORE, Input.STORED, State.GIVING, Actions.give),
        Row(State.STORING_MORE, Input.KEPT_BACK, State.GIVING, Actions.give),
        *ignore(State.STORING_MORE, Input.LETTER, Input.ONLINE),
        Row(State.WAITING, Input.LETTER, State.GIVING, Actions.give),
        Row(State.WAITING, Input.ONLINE, State.GIVING, Actions.give),
        Row(State.WAITING, Input.AGAIN, State.GIVING, Actions.give),
        Row(State.TRYING, Input.LETTER, State.GIVING, Actions.give),
        Row(State.TRYING, Input.ONLINE, State.GIVING, Actions.give),
        Row(State.TRYING, Input.AGAIN, State.GIVING, Actions.give),
        *(Row(state, Input.CLOSE, State.CLOSED) for state in State if state is not State.CLOSED),
    ),
    timers=(Timer(State.WAITING, PATIENT, Input.AGAIN), Timer(State.TRYING, HASTY, Input.AGAIN)),
)
