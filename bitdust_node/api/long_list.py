"""
Lists that are too long to become JSON at once: they are kept as text, part by part, so that the reactor is never held
for long, and what they were made of can be forgotten.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from bitdust_node.api.text import compact, indent, quick
from bitdust_node.clock import Clock
from bitdust_node.waiting import sleep

#: Items of a list that is still given as a list.
SHORT = 100
#: Stands for the list in the text around it; no text of an answer has a NUL in it.
_MARK = "\0list"


class LongList:
    """
    The result of an API method: a list of JSON values.
    """

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._length = 0

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[Any]:
        for part in self._parts:
            yield from json.loads(f"[{part}]")

    def add(self, values: list[Any]) -> None:
        """
        Some more of it, at most some hundred, of JSON types only.
        """
        if values:
            self._parts.append(quick(values)[1:-1])
            self._length += len(values)

    def extend(self, other: LongList | list[Any]) -> None:
        """
        All of another one behind these.
        """
        if isinstance(other, LongList):
            self._parts += other._parts
            self._length += len(other)
        else:
            self.add(other)

    def if_long(self) -> LongList | list[Any]:
        """
        Itself, or the list if that is short.
        """
        return self if self._length > SHORT else list(self)

    async def within(self, told: Mapping[str, Any], form: Callable[[Any], str], clock: Clock) -> list[bytes]:
        """
        The text of an answer in parts. told: what is to become text, with this list somewhere in it. form: `compact`,
        or `indented` if it is the field `result` of the answer itself.
        """
        before, _, after = form(_marked(told, self)).partition(json.dumps(_MARK))
        pretty = form is not compact
        parts = [before.encode("ascii"), b"["]
        for number, part in enumerate(self._parts):
            await sleep(clock, 0)
            text = f",{part}" if number else part
            if pretty:
                # as it stands in an answer: one level deeper than alone
                lines = indent(f"[{part}]").rstrip()[1:-2].replace("\n", "\n  ")
                text = f",{lines}" if number else lines
            parts.append(text.encode("ascii"))
        parts += [b"\n  ]" if pretty else b"]", after.encode("ascii")]
        return parts


def long_list_of(told: Mapping[str, Any]) -> LongList | None:
    """
    The result of an answer, if it is a long list.
    """
    result = told.get("result")
    return result if isinstance(result, LongList) else None


def _marked(value: Any, found: LongList) -> Any:
    if value is found:
        return _MARK
    if isinstance(value, Mapping):
        return {key: _marked(inner, found) for key, inner in value.items()}
    return value
