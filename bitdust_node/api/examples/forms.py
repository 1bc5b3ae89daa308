"""
A call in the words of each face: a `curl` command, a frame for the WebSocket, a command line.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode

from bitdust_node.api.registry import Method

_URL = "http://127.0.0.1:8180"
_ACCESS = '-H "api_secret: $(cat ~/.bitdust/apisecret)"'


def curl(one: Method, arguments: Mapping[str, Any]) -> str:
    """The documented form on HTTP; "" for a method on WebSocket only."""
    if not one.routes:
        return ""
    verb, path = one.routes[0]
    left = dict(arguments)
    for name in arguments:
        if f"{{{name}}}" in path:
            path = path.replace(f"{{{name}}}", quote(_text(left.pop(name)), safe=""))
    parts = ["curl", "-s", _ACCESS]
    if verb == "GET":
        query = {name: _text(value) for name, value in left.items()}
        path += f"?{urlencode(query, safe='/@:$,', quote_via=quote)}" if query else ""
    else:
        parts += ["-X", verb]
        if left:
            parts += ["-d", shlex.quote(json.dumps(left.get(one.body, left) if one.body else left))]
    return " ".join([*parts, shlex.quote(_URL + path)])


def frame(one: Method, arguments: Mapping[str, Any]) -> str:
    """The text of a WebSocket message."""
    call = {"command": "api_call", "method": one.name, "kwargs": dict(arguments), "call_id": 1}
    return json.dumps(call)


def command(one: Method, arguments: Mapping[str, Any]) -> str:
    """The command line; "" for a method on WebSocket only."""
    if not one.routes:
        return ""
    return shlex.join(["bitdust", "api", one.name, *(f"{name}={_text(value)}" for name, value in arguments.items())])


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return ",".join(map(str, value))
    return json.dumps(value) if isinstance(value, dict) else str(value)
