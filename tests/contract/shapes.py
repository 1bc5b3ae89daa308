"""
Compares an answer with a shape of the contract: prose such as "str|null - label", in dicts and lists.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

_KINDS: dict[str, tuple[type, ...]] = {
    "str": (str,),
    "int": (int,),
    "float": (float, int),
    "bool": (bool,),
    "list": (list,),
    "dict": (dict,),
    "null": (type(None),),
}
_NOT_ALWAYS = re.compile(r"optional|only|edition|when|present|absent|may be|verbose|twins")


def misfits(shape: Any, value: Any, place: str = "result") -> Iterator[str]:
    """What is wrong with a value, one sentence each."""
    if isinstance(shape, str):
        yield from _text(shape, value, place)
    elif isinstance(shape, list):
        if not isinstance(value, list):
            yield f"{place} is no list"
            return
        for index, one in enumerate(value):
            tries = [list(misfits(inner, one, f"{place}[{index}]")) for inner in shape]
            yield from min(tries, key=len, default=[])
    elif isinstance(shape, dict):
        yield from _fields(shape, value, place)


def _fields(shape: dict[str, Any], value: Any, place: str) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"{place} is no object"
        return
    for name, inner in shape.items():
        if re.search(r"[<*]|\.\.\.", name):  # stands for many names
            continue
        if name not in value:
            if not (isinstance(inner, str) and _NOT_ALWAYS.search(inner)):
                yield f"{place}.{name} is missing"
            continue
        yield from misfits(inner, value[name], f"{place}.{name}")


def _text(shape: str, value: Any, place: str) -> Iterator[str]:
    quoted = re.fullmatch(r"'(\w+)'", shape)
    if quoted:
        if value != quoted[1]:
            yield f"{place} is {value!r}, not {shape}"
        return
    found = re.match(
        r"((?:str|int|float|bool|list|dict|null)(?:\[[^]]*\])?(?:\|(?:str|int|float|bool|list|dict|null))*)\b", shape
    )
    if found is None:
        return
    names = re.sub(r"\[.*?\]", "", found[1]).split("|")
    kinds = tuple(kind for name in names for kind in _KINDS[name])
    if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
        yield f"{place} is {value!r:.60}, not {found[1]}"
