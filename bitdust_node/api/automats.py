"""
The API of the state machines.
"""

from __future__ import annotations

from typing import Any

from twisted.logger import Logger

from automats.machine import Machine, Step
from automats.registry import Automats
from bitdust_node.api.registry import method
from bitdust_node.config.config import Config
from bitdust_node.errors import Full, Invalid, NotFound
from bitdust_node.events import Events

#: Machines that may publish their steps at once.
PUBLISHED_LIMIT = 1000


class AutomatsApi:
    """
    Shows what runs in the node: every machine with its state, its timers and its past.
    """

    log = Logger()

    def __init__(self, automats: Automats, events: Events, config: Config) -> None:
        self._automats, self._events, self._config = automats, events, config
        #: Indices of machines whose steps are published; True if also those that stay in their state.
        self._published: dict[int, bool] = {}
        automats.observe(self._moved)

    @method("GET", "/automat/list/v1", "GET /state/list/v1", "GET /st/l")
    def automats_list(self) -> list[dict[str, Any]]:
        """
        All running state machines, oldest first.
        """
        return [self._item(machine) for machine in self._automats]

    @method("GET", "/automat/info/v1", "GET /state/info/v1")
    def automat_info(
        self, index: int | None = None, automat_id: str | None = None, history: int = 10
    ) -> dict[str, Any]:
        """
        One state machine, by its index or its id, and its latest transitions.
        """
        machine = self._machine(index, automat_id)
        steps = list(machine.history)[-history:] if history > 0 else []
        return self._item(machine) | {
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

    @method("POST", "/automat/events/start/v1", "POST /state/events/start/v1")
    def automat_events_start(
        self, index: int | None = None, automat_id: str | None = None, state_unchanged: bool = False
    ) -> dict[str, Any]:
        """
        Publish the transitions of a state machine as events `state-changed` from now on.

        state_unchanged: publish also those that lead back to the same state.
        """
        machine = self._machine(index, automat_id)
        if len(self._published) >= PUBLISHED_LIMIT:
            raise Full("too many state machines publish their events already")
        self._published[machine.index] = state_unchanged
        return self._item(machine)

    @method("POST", "/automat/events/stop/v1", "POST /state/events/stop/v1")
    def automat_events_stop(self, index: int | None = None, automat_id: str | None = None) -> dict[str, Any]:
        """
        Publish the transitions of a state machine no longer.
        """
        machine = self._machine(index, automat_id)
        self._published.pop(machine.index, None)
        return self._item(machine)

    def _machine(self, index: int | None, automat_id: str | None) -> Machine:
        if (index is None) == (automat_id is None):
            raise Invalid("give either index or automat_id of the state machine")
        machine = self._automats.get(index if index is not None else str(automat_id))
        if machine is None:
            raise NotFound("state machine was not found")
        return machine

    def _item(self, machine: Machine) -> dict[str, Any]:
        past = dict.fromkeys(reversed([_shown(step.state) for step in machine.history]))
        return {
            "index": machine.index,
            "id": machine.id,
            "name": machine.automat.name,
            "state": _shown(machine.state),
            "repr": repr(machine),
            "timers": ",".join(machine.timers),
            "events": machine.index in self._published,
            "past": list(past)[::-1],
        }

    def _moved(self, machine: Machine, step: Step) -> None:
        if self._config.get("logs/automat-transitions-enabled"):
            self.log.info(
                "{id}: {old} -> {new} by {input}", id=machine.id, old=step.state, new=step.next, input=step.input
            )
        wanted = self._published.get(machine.index)
        if wanted is None and not self._config.get("logs/automat-events-enabled"):
            return
        if machine.finished:
            self._published.pop(machine.index, None)
        if wanted or step.state is not step.next:
            self._events.publish(
                "state-changed",
                {
                    "index": machine.index,
                    "id": machine.id,
                    "name": machine.automat.name,
                    "newstate": _shown(step.next),
                    "oldstate": _shown(step.state),
                    "event": step.input.replace("_", "-"),
                },
            )


def _shown(state: str) -> str:
    return str(state).upper()
