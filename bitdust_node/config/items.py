"""
Options as clients of the API see them; the same for a running node and for the files of a stopped one.
"""

from __future__ import annotations

from typing import Any

from bitdust_node.config.option import Kind, Option, Value
from bitdust_node.config.values import OptionValues
from bitdust_node.errors import Invalid, NotFound

#: What is shown instead of a password that is set; giving it back changes nothing.
HIDDEN = "********"


def option_item(values: OptionValues, option: Option, include_info: bool = False) -> dict[str, Any]:
    """
    An option as clients see it.
    """
    item: dict[str, Any] = {
        "key": option.path,
        "value": shown_value(option, values.get(option.path)),
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


def shown_value(option: Option, value: Value) -> Value:
    """Passwords are not told again."""
    return HIDDEN if option.kind is Kind.PASSWORD and value else value


def shown_default(option: Option) -> Value:
    """Booleans as the text that stands in their files."""
    return option.write(option.default) if option.kind is Kind.BOOLEAN else option.default


def items_at(values: OptionValues, key: str, include_info: bool = False) -> list[dict[str, Any]]:
    """
    One option, or the direct children of a branch: those that are branches with the number of theirs.
    """
    path = _path(key)
    if path in values:
        return [option_item(values, values.option(path), include_info)]
    children = values.children(path)
    if not children:
        raise NotFound(f"option {path[:200]} does not exist")
    return [_child(values, child, include_info) for child in children]


def change_item(values: OptionValues, key: str, value: object) -> list[dict[str, Any]]:
    """
    Store a new value; answers with the option and its old one.
    """
    path = _path(key)
    if isinstance(value, dict | list):
        raise Invalid(f"option {path[:200]} needs a single value")
    if path not in values:
        raise NotFound(f"option {path[:200]} does not exist")
    option = values.option(path)
    same = option.kind is Kind.PASSWORD and value == HIDDEN
    old = values.get(path) if same else values.set(path, value)
    return [option_item(values, option) | {"old_value": shown_value(option, old)}]


def all_items(values: OptionValues, include_info: bool = False) -> list[dict[str, Any]]:
    """All options with their values, sorted by path."""
    return [option_item(values, option, include_info) for option in values]


def _path(key: str) -> str:
    path = key.strip().strip("/")
    if not path:
        raise Invalid("empty key")
    return path


def _child(values: OptionValues, path: str, include_info: bool) -> dict[str, Any]:
    if path in values:
        return option_item(values, values.option(path), include_info)
    return {"key": path, "childs": len(values.children(path))}
