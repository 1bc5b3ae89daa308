"""
One option: its path, type and default, and how its value is read from text and written to it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from bitdust_node.errors import Invalid

Value = bool | int | float | str

#: No option holds more text than this.
TEXT_LIMIT = 64 * 1024

_UNITS = {"": 1, "b": 1, "byte": 1, "bytes": 1, "kb": 2**10, "mb": 2**20, "gb": 2**30, "tb": 2**40}
_SPACE = re.compile(r"\s*(\d{1,15}(?:\.\d{1,6})?)\s*([a-zA-Z]*)\s*", re.ASCII)


class Kind(StrEnum):
    """The types of options, by the names that clients see."""

    UNDEFINED = "undefined"
    BOOLEAN = "boolean"
    STRING = "string"
    TEXT = "text"
    INTEGER = "integer"
    POSITIVE_INTEGER = "positive integer"
    NON_ZERO_INTEGER = "non zero positive integer"
    FOLDER = "folder path"
    FILE = "file path"
    SELECTION = "selection"
    PASSWORD = "password"  # noqa: S105 - the name of a type
    DISK_SPACE = "disk space"
    PORT = "port number"
    FLOAT = "floating point"
    NON_NEGATIVE_FLOAT = "non negative floating point"
    NON_ZERO_FLOAT = "non zero positive floating point"


INTEGERS = frozenset({Kind.INTEGER, Kind.POSITIVE_INTEGER, Kind.NON_ZERO_INTEGER, Kind.PORT, Kind.SELECTION})
FLOATS = frozenset({Kind.FLOAT, Kind.NON_NEGATIVE_FLOAT, Kind.NON_ZERO_FLOAT})
#: Of whole numbers: databases, wire and clients hold no larger ones.
_FARTHEST = 2**53 - 1
_LOWEST = {Kind.POSITIVE_INTEGER: 0, Kind.NON_ZERO_INTEGER: 1, Kind.PORT: 1}
_HIGHEST = {Kind.PORT: 65535}


@dataclass(frozen=True)
class Option:
    """
    label: a short display text.
    info: what the option does, a sentence.
    choices: when not empty, the only values allowed.
    words: when not empty, the only texts allowed.
    least: of a disk space, bytes.
    random: when given, the first start draws the default from this range (both ends included).
    """

    path: str
    kind: Kind
    default: Value
    label: str
    info: str
    readonly: bool = False
    choices: tuple[int, ...] = ()
    words: tuple[str, ...] = ()
    least: int = 0
    random: tuple[int, int] | None = None

    @property
    def lowest(self) -> int | None:
        return _LOWEST.get(self.kind)

    @property
    def highest(self) -> int | None:
        return _HIGHEST.get(self.kind)

    def convert(self, given: object) -> Value:
        """
        The typed value of what a person or client has given; Invalid says what would have been right.
        """
        if self.kind is Kind.BOOLEAN:
            return truth(given)
        if self.kind in INTEGERS:
            return self._integer(given)
        if self.kind in FLOATS:
            return self._float(given)
        text = "" if given is None else str(given)
        if len(text) > TEXT_LIMIT:
            raise Invalid(f"option {self.path} holds at most {TEXT_LIMIT} characters")
        if "\0" in text or any("\ud800" <= letter <= "\udfff" for letter in text):
            raise Invalid(f"option {self.path} must be plain text")
        if self.kind is Kind.DISK_SPACE and disk_space(text) < self.least:
            raise Invalid(f"option {self.path} must be at least {self.least} bytes")
        if self.words and text not in self.words:
            raise Invalid(f"option {self.path} must be one of {', '.join(self.words)}, not {text[:40]!r}")
        return text

    def read(self, text: str) -> Value:
        """
        The value in the text of an option file; what can not be read raises Invalid.
        """
        text = text.strip() if self.kind in INTEGERS | FLOATS | {Kind.BOOLEAN} else text.strip("\r\n")
        if len(text) >= 2 and text[0] == text[-1] == '"':
            text = re.sub(r"\\(.)", r"\1", text[1:-1], flags=re.DOTALL)
        return self.convert(text)

    def write(self, value: Value) -> str:
        """The text of the option file."""
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, str):
            return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
        return str(value)

    def _integer(self, given: object) -> Value:
        if self.default == "" and given in (None, ""):  # a number that may be left out
            return ""
        text = str(int(given)) if isinstance(given, bool) else str(given).strip()
        if len(text) > 20 or not re.fullmatch(r"[+-]?\d+", text, re.ASCII):
            raise Invalid(f"option {self.path} must be a whole number, not {text[:40]!r}")
        value = int(text)
        self._check(value)
        if self.choices and value not in self.choices:
            raise Invalid(f"option {self.path} must be one of {', '.join(map(str, self.choices))}, not {value}")
        return value

    def _float(self, given: object) -> float:
        try:
            value = float(str(given)[:40])
        except ValueError:
            raise Invalid(f"option {self.path} must be a number, not {str(given)[:40]!r}") from None
        if value != value or value in (float("inf"), float("-inf")):
            raise Invalid(f"option {self.path} must be a finite number")
        if self.kind is Kind.NON_NEGATIVE_FLOAT and value < 0:
            raise Invalid(f"option {self.path} must not be below 0")
        if self.kind is Kind.NON_ZERO_FLOAT and value <= 0:
            raise Invalid(f"option {self.path} must be above 0")
        return value

    def _check(self, value: int) -> None:
        if self.lowest is not None and value < self.lowest:
            raise Invalid(f"option {self.path} must be at least {self.lowest}")
        highest = self.highest or _FARTHEST
        if value > highest:
            raise Invalid(f"option {self.path} must be at most {highest}")


def truth(given: object) -> bool:
    """A boolean from what was given: `true`, `1`, `on`, `yes` and `ok` in any case are true, all else is false."""
    if isinstance(given, str):
        return given.strip().lower() in ("true", "1", "on", "yes", "ok")
    return bool(given)


def disk_space(text: str) -> int:
    """
    Bytes of a text such as `8 GB`, `256 MB` or `1000000`; units are powers of 1024.
    """
    found = _SPACE.fullmatch(text)
    unit = _UNITS.get(found[2].lower()) if found else None
    if found is None or unit is None:
        raise Invalid(f"not a disk space: {text[:40]!r}, write it as 256 MB or 8 GB")
    return int(float(found[1]) * unit) if "." in found[1] else int(found[1]) * unit
