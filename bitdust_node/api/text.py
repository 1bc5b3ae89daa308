"""
Answers as JSON text. What JSON has no form for is shown as its text; what can not be shown is cut, never an error.
"""

from __future__ import annotations

import json
import math
from typing import Any

import msgspec

#: Levels of nesting that are shown.
DEPTH_LIMIT = 50

_JSON = json.JSONEncoder(sort_keys=True, default=str, separators=(",", ":"), allow_nan=False)


def compact(value: Any) -> str:
    """
    On one line, sorted, ASCII: the form of the WebSocket.
    """
    try:
        return _JSON.encode(value)
    except (TypeError, ValueError, RecursionError):
        return _JSON.encode(plain(value))


def quick(value: Any) -> str:
    """
    The same, several times quicker, of a value that has only JSON types in it and only ASCII in its texts.
    """
    try:
        text = msgspec.json.encode(value, order="sorted")
    except (TypeError, ValueError, RecursionError):
        return compact(value)
    return text.decode("ascii") if text.isascii() else compact(value)


def indented(value: Any) -> str:
    """
    Indented by 2, sorted, ASCII, with a newline at the end: the form of HTTP.
    """
    return indent(compact(value)) + "\n"


def indent(text: str) -> str:
    """
    JSON on one line, indented by 2.
    """
    try:
        # many times quicker than the indenting encoder of the standard library
        return msgspec.json.format(text, indent=2)
    except msgspec.DecodeError:  # halves of characters, which come from odd file names
        return json.dumps(json.loads(text), indent=2)


def plain(value: Any, depth: int = 0) -> Any:
    """
    A value of JSON types only: keys as text, endless nesting cut, numbers that are none as null.
    """
    if depth > DEPTH_LIMIT:
        return "..."
    if isinstance(value, dict):
        return {str(key): plain(inner, depth + 1) for key, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(inner, depth + 1) for inner in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if value is None or isinstance(value, str | int | float | bool):
        return value
    return str(value)
