"""
Text of other people as a terminal may get it: without anything that moves the cursor, and in lines that fit.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator

from prompt_toolkit.utils import get_cwidth

#: Characters of one message that are shown; the history has all of them.
SHOWN_LIMIT = 10_000
#: Signs without width in a row, as accents are; more of them climb over the lines above.
STACK_LIMIT = 3
#: Joiners and variation selectors: what they join has another width on each terminal.
_DROPPED = frozenset("\u200b\u200c\u200d\u2060\ufe0e\ufe0f\ufeff\xad")
_UNKNOWN = "�"


def clean_lines(text: str) -> list[str]:
    """
    The lines of a text; what controls a terminal or turns the direction of writing is shown as `�`.
    """
    cut = text[:SHOWN_LIMIT].replace("\r\n", "\n").replace("\t", "    ")
    lines = [_clean(line) for line in cut.split("\n")]
    while len(lines) > 1 and not lines[-1].strip():
        lines.pop()
    if len(text) > SHOWN_LIMIT:
        lines.append(f"… {len(text) - SHOWN_LIMIT} characters more")
    return lines


def one_line(text: str) -> str:
    """The same in one line, for names and for pipes."""
    return " ⏎ ".join(clean_lines(text))


def fitting(text: str, width: int) -> str:
    """As much of a line as fits into so many cells, with `…` for what is missing."""
    if get_cwidth(text) <= width:
        return text
    cut = ""
    for letter in text:
        if get_cwidth(cut + letter) >= width:
            break
        cut += letter
    return cut + "…" if width > 0 else ""


def wrap(text: str, width: int) -> list[str]:
    """
    A line in pieces of at most `width` cells, between words where that is possible.
    """
    width = max(width, 2)
    lines, line, cells = [], "", 0
    for word in _words(text):
        size = get_cwidth(word)
        if cells + get_cwidth(word.rstrip(" ")) > width and line:
            lines.append(line.rstrip(" "))
            line, cells = "", 0
        if size <= width:
            line, cells = line + word, cells + size
            continue
        for letter in word:
            size = get_cwidth(letter)
            if cells + size > width and line:
                lines.append(line)
                line, cells = "", 0
            line, cells = line + letter, cells + size
    return [*lines, line.rstrip(" ")]


def _words(text: str) -> Iterator[str]:
    """Words, each with the spaces behind it."""
    start = 0
    for at in range(1, len(text)):
        if text[at - 1] == " " and text[at] != " ":
            yield text[start:at]
            start = at
    if text[start:]:
        yield text[start:]


def _clean(line: str) -> str:
    shown: list[str] = []
    stacked = 0
    for letter in line:
        if letter in _DROPPED:
            continue
        stacked = stacked + 1 if unicodedata.combining(letter) or unicodedata.category(letter) in ("Mn", "Me") else 0
        if stacked > STACK_LIMIT:
            continue
        if unicodedata.category(letter) == "Zs":
            shown.append(" ")
        else:
            shown.append(letter if letter.isprintable() else _UNKNOWN)
    return "".join(shown)
