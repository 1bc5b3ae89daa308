"""
One stream of bulk data in a session: each direction ends by itself, or both break at once.

It leaves the session before its reader and writers are told, so that they find all done.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Protocol

from automats.machine import Automat, Row, ignore

State = StrEnum("State", ["OPEN", "ONLY_READING", "ONLY_WRITING", "DONE", "BROKEN"])
Input = StrEnum("Input", ["FINISH", "ENDED", "STOPPED", "RESET", "BROKE"])


class Actions(Protocol):
    def send_end(self) -> None: ...
    def end_reading(self) -> None: ...
    def end_writing(self) -> None: ...
    def cut_writing(self) -> None: ...
    def send_reset(self) -> None: ...
    def fail_all(self) -> None: ...
    def leave(self) -> None: ...


STREAM = Automat(
    name="stream",
    initial=State.OPEN,
    rows=(
        Row(State.OPEN, Input.FINISH, State.ONLY_READING, Actions.send_end),
        Row(State.OPEN, Input.ENDED, State.ONLY_WRITING, Actions.end_reading),
        Row(State.OPEN, Input.STOPPED, State.ONLY_READING, Actions.end_writing, Actions.send_end),
        Row(State.OPEN, Input.RESET, State.BROKEN, Actions.send_reset, Actions.leave, Actions.fail_all),
        Row(State.OPEN, Input.BROKE, State.BROKEN, Actions.leave, Actions.fail_all),
        Row(State.ONLY_READING, Input.ENDED, State.DONE, Actions.leave, Actions.end_reading),
        Row(State.ONLY_READING, Input.RESET, State.BROKEN, Actions.send_reset, Actions.leave, Actions.fail_all),
        Row(State.ONLY_READING, Input.BROKE, State.BROKEN, Actions.leave, Actions.fail_all),
        # what was written before finish() is perhaps still waiting to be sent
        Row(State.ONLY_READING, Input.STOPPED, State.ONLY_READING, Actions.cut_writing),
        Row(State.ONLY_WRITING, Input.FINISH, State.DONE, Actions.send_end, Actions.leave),
        Row(State.ONLY_WRITING, Input.STOPPED, State.DONE, Actions.end_writing, Actions.send_end, Actions.leave),
        Row(State.ONLY_WRITING, Input.RESET, State.BROKEN, Actions.send_reset, Actions.leave, Actions.fail_all),
        Row(State.ONLY_WRITING, Input.BROKE, State.BROKEN, Actions.leave, Actions.fail_all),
        *ignore(State.ONLY_READING, Input.FINISH),
    ),
)
