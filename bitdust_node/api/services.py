"""
The API of the services.
"""

from __future__ import annotations

from collections import deque
from typing import Any

from bitdust_node.api.registry import Answer, method
from bitdust_node.config.config import Config
from bitdust_node.config.items import option_item
from bitdust_node.config.switches import switch_path
from bitdust_node.errors import Unavailable
from bitdust_node.service_life import ServiceLife
from bitdust_node.services import Services

ROOT = "network"


class ServicesApi:
    """
    Shows services and switches them on and off. Names may be given in full, short, or with dashes.
    """

    def __init__(self, services: Services, config: Config) -> None:
        self._services, self._config = services, config

    @method("GET", "/service/list/v1", "GET /svc/l")
    def services_list(self, with_configs: bool = False, as_tree: bool = False) -> list[dict[str, Any]]:
        """
        All services with their states, sorted by name.

        with_configs: show the options of each too.
        as_tree: sorted by the distance from service_network, which is shown as `root_distance`.
        """
        items = [self._item(life, with_configs) for life in self._services]
        if not as_tree:
            return items
        distances = self._distances()
        for item in items:
            item["root_distance"] = distances[item["name"]]
        return sorted(items, key=lambda item: (item["root_distance"], item["name"]))

    @method("GET", "/service/info/{service_name}/v1", "GET /svc/i/{service_name}")
    def service_info(self, service_name: str) -> dict[str, Any]:
        """
        One service.
        """
        return self._item(self._services.life(service_name), False)

    @method("POST", "/service/start/{service_name}/v1", "POST /svc/o/{service_name}")
    def service_start(self, service_name: str) -> Answer:
        """
        Enable a service; it starts as soon as what it depends on is ON. Returns before that.
        """
        self._services.switch(service_name, True)
        return Answer(message=f"{self._services.life(service_name).full_name} was switched on")

    @method("POST", "/service/stop/{service_name}/v1", "POST /svc/c/{service_name}")
    def service_stop(self, service_name: str) -> Answer:
        """
        Disable a service; those that depend on it stop first and stay enabled. Returns before that.
        """
        self._services.switch(service_name, False)
        return Answer(message=f"{self._services.life(service_name).full_name} was switched off")

    @method("POST", "/service/restart/{service_name}/v1", "POST /svc/r/{service_name}")
    async def service_restart(self, service_name: str, wait_timeout: int = 10) -> list[dict[str, bool]]:
        """
        Stop and start a service and those that depend on it, and leave the options alone.

        wait_timeout: seconds to wait until no other service is starting or stopping.
        """
        return [{outcome: True} for outcome in await self._services.restart(service_name, wait_timeout)]

    @method("GET", "/service/health/{service_name}/v1", "GET /svc/h/{service_name}")
    def service_health(self, service_name: str) -> Answer:
        """
        Whether a service that is ON is of use now; when it is not, the message says why.
        """
        life = self._services.life(service_name)
        if not self._services.is_on(life.name):
            raise Unavailable(f"{life.full_name}() is not started")
        return Answer([life.ready is None], message=life.ready)

    def _item(self, life: ServiceLife, with_configs: bool) -> dict[str, Any]:
        path = switch_path(life.name)
        reason = life.ready
        item: dict[str, Any] = {
            "index": life.index,
            "id": life.full_name,
            "name": life.full_name,
            "state": str(life.state),
            "enabled": self._services.enabled(life.name),
            "installed": life.service is not None,
            "config_path": path,
            "depends": [f"service_{name}" for name in life.depends],
            "ready": reason is None,
            "reason": reason,
        }
        if with_configs:
            branch = path.removesuffix("enabled")
            item["configs"] = [
                option_item(self._config, option) for option in self._config if option.path.startswith(branch)
            ]
        return item

    def _distances(self) -> dict[str, int]:
        """
        How far above `service_network` each service stands; those that do not stand on it are at 0.
        """
        found = {ROOT: 0}
        edge = deque([ROOT])
        while edge:
            name = edge.popleft()
            for above in self._services.above(name):
                if above.name not in found:
                    found[above.name] = found[name] + 1
                    edge.append(above.name)
        return {life.full_name: found.get(life.name, 0) for life in self._services}
