"""
The API of the options.
"""

from __future__ import annotations

from typing import Any

from bitdust_node.api.registry import method
from bitdust_node.config.config import Config
from bitdust_node.config.items import all_items, change_item, items_at, option_item


class ConfigApi:
    """
    Reads and writes options.
    """

    def __init__(self, config: Config) -> None:
        self._config = config

    @method("GET", "/config/get/v1", "GET /config/get/{key+}/v1", "GET /c/g", "GET /c/g/{key+}/")
    def config_get(self, key: str, include_info: bool = False) -> list[dict[str, Any]]:
        """
        One option, or the direct children of a branch.
        """
        return items_at(self._config, key, include_info)

    @method("POST", "/config/set/v1", "POST /config/set/{key+}/v1", "POST /c/s", "POST /c/s/{key+}/")
    def config_set(self, key: str, value: Any) -> list[dict[str, Any]]:
        """
        Store a new value; services and other watchers of the option follow.
        """
        return change_item(self._config, key, value)

    @method("GET", "/config/list/v1", "GET /c/l")
    def configs_list(self, sort: bool = False, include_info: bool = False) -> list[dict[str, Any]]:
        """
        All options with their values, sorted by path.
        """
        return all_items(self._config, include_info)

    @method("GET", "/config/tree/v1", "GET /c/t")
    def configs_tree(self, include_info: bool = False) -> list[dict[str, Any]]:
        """
        All options, nested by the elements of their paths.
        """
        tree: dict[str, Any] = {}
        for option in self._config:
            *branches, leaf = option.path.split("/")
            branch = tree
            for element in branches:
                branch = branch.setdefault(element, {})
            branch[leaf] = option_item(self._config, option, include_info)
        return [tree]
