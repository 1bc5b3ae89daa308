"""
The API of the options.
"""

from __future__ import annotations

from typing import Any

from bitdust_node.api.registry import method
from bitdust_node.config.config import Config
from bitdust_node.config.option import Kind, Option, Value
from bitdust_node.errors import Invalid, NotFound


def option_item(config: Config, option: Option, include_info: bool = False) -> dict[str, Any]:
    """
    An option as clients see it.
    """
    item: dict[str, Any] = {
        "key": option.path,
        "value": config.get(option.path),
        "type": str(option.kind),
        "label": option.label,
        "default": shown_default(option),
        "readonly": option.readonly,
    }
    if option.lowest is not None:
        item["min"] = option.lowest
    if option.highest is not None:
        item["max"] = option.highest
    if option.kind is Kind.SELECTION:
        item["possible_values"] = list(option.choices)
    if include_info:
        item["info"] = option.info
    return item


def shown_default(option: Option) -> Value:
    """Booleans as the text that stands in their files."""
    return option.write(option.default) if option.kind is Kind.BOOLEAN else option.default


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
        path = key.strip().strip("/")
        if not path:
            raise Invalid("empty key")
        if path in self._config:
            return [option_item(self._config, self._config.option(path), include_info)]
        children = self._config.children(path)
        if not children:
            raise NotFound(f"option {path[:200]} does not exist")
        return [self._child(child, include_info) for child in children]

    @method("POST", "/config/set/v1", "POST /config/set/{key+}/v1", "POST /c/s", "POST /c/s/{key+}/")
    def config_set(self, key: str, value: Any) -> list[dict[str, Any]]:
        """
        Store a new value; services and other watchers of the option follow.
        """
        path = key.strip().strip("/")
        if not path:
            raise Invalid("empty key")
        if isinstance(value, dict | list):
            raise Invalid(f"option {path[:200]} needs a single value")
        if path not in self._config:
            raise NotFound(f"option {path[:200]} does not exist")
        old = self._config.set(path, value)
        return [option_item(self._config, self._config.option(path)) | {"old_value": old}]

    @method("GET", "/config/list/v1", "GET /c/l")
    def configs_list(self, sort: bool = False, include_info: bool = False) -> list[dict[str, Any]]:
        """
        All options with their values, sorted by path.
        """
        return [option_item(self._config, option, include_info) for option in self._config]

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

    def _child(self, path: str, include_info: bool) -> dict[str, Any]:
        if path in self._config:
            return option_item(self._config, self._config.option(path), include_info)
        return {"key": path, "childs": len(self._config.children(path))}
