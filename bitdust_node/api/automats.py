"""
The API of the state machines.
"""

from __future__ import annotations

from typing import Any

from automats.machine import Machine
from automats.registry import Automats
from bitdust_node.api.registry import method
from bitdust_node.errors import Invalid, NotFound


class AutomatsApi:
    """
    Shows what runs in the node: every machine with its state, its timers and its past.
    """

    def __init__(self, automats: Automats) -> None:
        self._automats = automats

    @method("GET", "/automat/list/v1", "GET /state/list/v1", "GET /st/l")
    def automats_list(self) -> list[dict[str, Any]]:
        """
        All running state machines, oldest first.
        """
        return [_item(machine) for machine in self._automats]

    @method("GET", "/automat/info/v1", "GET /state/info/v1")
    def automat_info(
        self, index: int | None = None, automat_id: str | None = None, history: int = 10
    ) -> dict[str, Any]:
        """
        One state machine, by its index or its id, and its latest transitions.
        """
        if (index is None) == (automat_id is None):
            raise Invalid("give either index or automat_id of the state machine")
        machine = self._automats.get(index if index is not None else str(automat_id))
        if machine is None:
            raise NotFound("state machine was not found")
        steps = list(machine.history)[-history:] if history > 0 else []
        return _item(machine) | {
            "history": [
                {
                    "time": step.at,
                    "oldstate": _shown(step.state),
                    "event": step.input.replace("_", "-"),
                    "newstate": _shown(step.next),
                }
                for step in steps
            ]
        }


def _item(machine: Machine) -> dict[str, Any]:
    past = dict.fromkeys(reversed([_shown(step.state) for step in machine.history]))
    return {
        "index": machine.index,
        "id": machine.id,
        "name": machine.automat.name,
        "state": _shown(machine.state),
        "repr": repr(machine),
        "timers": ",".join(machine.timers),
        "events": False,
        "past": list(past)[::-1],
    }


def _shown(state: str) -> str:
    return str(state).upper()
