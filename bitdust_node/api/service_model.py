"""
The model `service`: every service with its state.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from typing import Any

from automats.machine import Machine, Step
from automats.registry import Automats
from automats.service import State
from bitdust_node.api.models import Snapshot, Source, Tell
from bitdust_node.api.services import ServicesApi
from bitdust_node.config.config import Config
from bitdust_node.config.switches import switch_path
from bitdust_node.errors import NotFound
from bitdust_node.service_life import ServiceLife
from bitdust_node.services import Services

_EVENTS = {
    State.ON: "started",
    State.OFF: "stopped",
    State.DEPENDS_OFF: "depends_off",
    State.NOT_INSTALLED: "not_installed",
    State.CLOSED: "closed",
}


class ServiceModel:
    """
    Tells each step of each service, and when its option is switched.
    """

    model = "service"

    def __init__(self, services: Services, api: ServicesApi, automats: Automats, config: Config) -> None:
        self._services, self._api, self._automats, self._config = services, api, automats, config

    def models(self) -> Iterable[Source]:
        return (self,)

    async def all(self, query: Mapping[str, Any]) -> AsyncIterator[Snapshot]:
        for life in self._services:
            yield self._snapshot(life, None)

    def observe(self, tell: Tell) -> Callable[[], None]:
        def moved(machine: Machine, step: Step) -> None:
            if not isinstance(machine.state, State):
                return
            try:
                life = self._services.life(machine.id)
            except NotFound:
                return
            failed = life.failure is not None and life.state is State.OFF
            tell(self._snapshot(life, "failed" if failed else _EVENTS.get(life.state, step.input)))

        def switched(path: str, old: Any, new: Any) -> None:
            for life in self._services:
                if path == switch_path(life.name):
                    tell(self._snapshot(life, None))

        ends = (self._automats.observe(moved), self._config.watch("services", switched))

        def end() -> None:
            for one in ends:
                one()

        return end

    def _snapshot(self, life: ServiceLife, event: str | None) -> Snapshot:
        return Snapshot(life.full_name, self._api.service_info(life.name) | {"event": event})
