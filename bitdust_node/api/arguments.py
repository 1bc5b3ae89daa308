"""
The parameters of an API method: their types, and how what a client sent becomes a value of that type.

Clients send numbers as text, booleans as `'1'`, lists as text with commas; all of it is accepted on every face. A
boolean for a number is refused: `true` would be 1, a position or count that nobody meant.
"""

from __future__ import annotations

import inspect
import json
import math
import re
import types
from dataclasses import dataclass
from typing import Any, Union, get_args, get_origin

from bitdust_node.errors import Invalid

#: Longest text of one argument; larger data goes through files.
TEXT_LIMIT = 1024 * 1024
LIST_LIMIT = 10_000

_TRUE = frozenset({"1", "true", "yes", "ok", "on"})


@dataclass(frozen=True)
class Parameter:
    """
    type: str, int, float, bool, list, dict or Any.
    optional: None is a value of it.
    spellings: further names that clients may use.
    """

    name: str
    type: Any
    optional: bool
    required: bool
    default: Any
    spellings: tuple[str, ...] = ()

    def convert(self, method: str, value: Any) -> Any:
        """
        The value in the parameter's type; Invalid names what was expected.
        """
        if value is None:
            if self.optional or self.type is Any:
                return None
            if not self.required:
                return self.default
            raise Invalid(f"{method}() needs a value for {self.name!r}")
        if self.optional and value == "" and self.type in (int, float):
            return None
        try:
            return _CONVERSIONS.get(self.type, lambda given: given)(value)
        except _UnfitError as error:
            raise Invalid(f"{method}() argument {self.name!r} must be {error}, not {_short(value)}") from None

    def describe(self) -> dict[str, Any]:
        """What clients may know of the parameter."""
        return {
            "name": self.name,
            "type": self.type_name,
            "required": self.required,
            "default": self.default,
            "accept_keys": list(dict.fromkeys((self.name, *self.spellings))),
        }

    @property
    def type_name(self) -> str:
        name = "any" if self.type is Any else str(getattr(self.type, "__name__", self.type))
        return name + (" | None" if self.optional else "")


class _UnfitError(ValueError):
    """What would have been right."""


def parameter(declared: inspect.Parameter, hint: Any, spellings: tuple[str, ...]) -> Parameter:
    """
    A parameter from its place in the signature.
    """
    optional = False
    if get_origin(hint) in (Union, types.UnionType):
        inner = [one for one in get_args(hint) if one is not types.NoneType]
        optional = len(inner) < len(get_args(hint))
        hint = inner[0] if len(inner) == 1 else Any
    kind = get_origin(hint) or hint
    if kind not in _CONVERSIONS and kind is not Any:
        raise Invalid(f"parameter {declared.name} has a type that the API does not know: {hint}")
    required = declared.default is inspect.Parameter.empty
    return Parameter(declared.name, kind, optional, required, None if required else declared.default, spellings)


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        value = str(value)
    if not isinstance(value, str):
        raise _UnfitError("text")
    if len(value) > TEXT_LIMIT:
        raise _UnfitError(f"at most {TEXT_LIMIT} characters long")
    if any("\ud800" <= letter <= "\udfff" for letter in value):
        raise _UnfitError("valid Unicode")
    return value


def _whole(value: Any) -> int:
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**63:
        return int(value)
    if isinstance(value, str) and re.fullmatch(r"\s*[+-]?\d{1,19}\s*", value, re.ASCII):
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        raise _UnfitError("a whole number")
    if abs(value) >= 2**63:
        raise _UnfitError("a number of at most 63 bits")
    return int(value)


def _number(value: Any) -> float:
    if isinstance(value, bool):
        raise _UnfitError("a number")
    try:
        number = float(value) if not isinstance(value, str) else float(value[:64])
    except (TypeError, ValueError, OverflowError):
        raise _UnfitError("a number") from None
    if not math.isfinite(number):
        raise _UnfitError("a finite number")
    return number


def _truth(value: Any) -> bool:
    if isinstance(value, str):
        return value.strip().lower() in _TRUE
    return bool(value is True or (isinstance(value, int | float) and value == 1))


def _list(value: Any) -> list[Any]:
    if isinstance(value, str):
        value = [part for part in (part.strip() for part in value.split(",")) if part]
    if not isinstance(value, list | tuple):
        raise _UnfitError("a list or text with commas")
    if len(value) > LIST_LIMIT:
        raise _UnfitError(f"a list of at most {LIST_LIMIT} entries")
    return [_text(one) for one in value]


def _dict(value: Any) -> dict[str, Any]:
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            raise _UnfitError("a JSON object") from None
    if not isinstance(value, dict):
        raise _UnfitError("a JSON object")
    return value


_CONVERSIONS: dict[Any, Any] = {
    str: _text,
    int: _whole,
    float: _number,
    bool: _truth,
    list: _list,
    dict: _dict,
}


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:60] + "..."
