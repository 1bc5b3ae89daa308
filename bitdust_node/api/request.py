"""
What an HTTP request asks for: a method of the registry and its arguments, out of the path, the query and the body.
"""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qsl, unquote

from bitdust_node.api.registry import Method, MissingError, Registry
from bitdust_node.errors import Invalid

QUERY_LIMIT = 100


def arrange(registry: Registry, verb: str, raw_path: str, query: str, body: bytes) -> tuple[Method, dict[str, Any]]:
    """
    The method and its typed arguments; whatever is wrong with the request raises Invalid with the contract's text.
    """
    elements = [unquote(element, errors="replace") for element in raw_path.strip("/").split("/")]
    routed = registry.route(verb, raw_path) if "%" not in raw_path else None
    routed = routed or registry.route_elements(verb, elements)
    if routed is None:
        raise Invalid(f"method {verb}:{raw_path[:200]} was not found")
    found, in_path = routed
    given = _query(query)
    if verb != "GET":
        told = _body(body)
        if found.body is not None:
            told = {found.body: _unwrapped(told, found.body)} if told else {}
        given |= told
    given |= in_path
    try:
        return found, found.bind(given, strict=False)
    except MissingError as error:
        raise Invalid(_missing(verb, error.names, bool(given))) from None


def _query(query: str) -> dict[str, Any]:
    try:
        pairs = parse_qsl(query, keep_blank_values=True, max_num_fields=QUERY_LIMIT, errors="replace")
    except ValueError:
        raise Invalid(f"the query has more than {QUERY_LIMIT} fields") from None
    return dict(reversed(pairs))  # the first value of a repeated key wins


def _body(raw: bytes) -> dict[str, Any]:
    if not raw.strip():
        return {}
    try:
        body = json.loads(raw)
    except (ValueError, RecursionError):
        raise Invalid("invalid json input") from None
    if not isinstance(body, dict):
        raise Invalid("invalid json input")
    return body


def _unwrapped(body: dict[str, Any], name: str) -> Any:
    """A body whose only key is the parameter itself is the documented form, else all of it is the argument."""
    return body[name] if set(body) == {name} else body


def _missing(verb: str, names: list[str], given: bool) -> str:
    if verb == "GET":
        return f"mandatory url query argument missed: {names[0]}"
    if not given:
        return f"mandatory json input missed: {names}"
    return f"one of mandatory parameters missed: {', '.join(names)}"
