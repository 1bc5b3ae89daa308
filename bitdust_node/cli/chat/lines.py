"""
Messages as lines of coloured pieces for a window of some width.
"""

from __future__ import annotations

import time
import zlib
from dataclasses import dataclass

from prompt_toolkit.formatted_text import OneStyleAndTextTuple
from prompt_toolkit.utils import get_cwidth

from bitdust_node.cli.chat.book import Book, Item, Message, Note, Talk, file_text
from bitdust_node.cli.chat.text import clean_lines, fitting, one_line, wrap
from bitdust_node.cli.output import size_text

#: Pieces of one line: style and text.
Line = list[OneStyleAndTextTuple]

#: The states of an own message: two cells each.
MARKS = {"pending": "· ", "stored": "✓ ", "delivered": "✓✓", "read": "✓✓", "expired": "✗ "}
#: The same where the terminal has no such letters.
PLAIN_MARKS = {"pending": ". ", "stored": "+ ", "delivered": "++", "read": "++", "expired": "x "}
#: Cells before a text: the mark and the time.
_GUTTER = 9
_NAME_CELLS = 24
_COLOURS = 6


@dataclass(frozen=True)
class Look:
    """
    marks: by state. dot: before who is online.
    """

    marks: dict[str, str]
    dot: str
    away: str

    @classmethod
    def of_encoding(cls, encoding: str) -> Look:
        """What a terminal with this encoding can show."""
        try:
            "·✓✗●○".encode(encoding)
        except (UnicodeEncodeError, LookupError):
            return cls(PLAIN_MARKS, "*", "-")
        return cls(MARKS, "●", "○")


class Drawing:
    """
    Draws the items of one conversation. What was drawn is kept as long as nothing of it has changed.
    """

    def __init__(self, book: Book, look: Look) -> None:
        self._book, self._look = book, look
        self._drawn: dict[int, tuple[Item, tuple[object, ...], list[Line]]] = {}

    def lines(self, items: list[Item], width: int) -> list[tuple[Item, list[Line]]]:
        """
        Each item with its lines, in order. Days are told where they begin.
        """
        found, day, drawn = [], "", {}
        for item in items:
            begins, looks = "", ""
            if isinstance(item, Message):
                looks = f"{item.state}{self._book.name(item.sender)}"
                today = day_of(item.time)
                begins, day = ("", day) if today == day else (today, today)
            key = (width, begins, looks)
            kept = self._drawn.get(id(item))
            if kept is None or kept[0] is not item or kept[1] != key:
                kept = (item, key, self._draw(item, width, begins))
            drawn[id(item)] = kept
            found.append((item, kept[2]))
        self._drawn = drawn
        return found

    def _draw(self, item: Item, width: int, day: str) -> list[Line]:
        if isinstance(item, Note):
            return note_lines(item, width)
        before: list[Line] = [[("class:day", day.center(width).rstrip())]] if day else []
        return before + message_lines(item, self._book.name(item.sender), self._look, width)


def message_lines(message: Message, name: str, look: Look, width: int) -> list[Line]:
    """
    One message: mark, time and name before the first line, the others below its text.
    """
    mark = look.marks.get(message.state, "  ") if message.mine else "  "
    name = fitting(name, _NAME_CELLS)
    head: Line = [
        (f"class:mark.{message.state}", mark),
        ("class:time", f" {clock_of(message.time)} "),
        ("class:me" if message.mine else f"class:name{zlib.crc32(message.sender.encode()) % _COLOURS}", name),
        ("", ": "),
    ]
    # where the window is narrow, what follows does not stand below the text
    indent = min(_GUTTER + get_cwidth(name) + 2, max(width // 3, 1))
    free = max(width - _GUTTER - get_cwidth(name) - 2, 4)
    lines: list[Line] = []
    for number, (style, text) in enumerate(_texts(message)):
        if number == 0:
            first, *others = wrap(text, free)
            lines.append([*head, (style, first)])
            # the rest of the first line may have more room than that line had
            text = text[len(first) :].lstrip(" ")
            if not others:
                continue
        lines += [[("", " " * indent), (style, part)] for part in wrap(text, width - indent)]
    return lines


def file_line(message: Message) -> str:
    """The file of a message, by its path: what the sender says of it may be something else."""
    assert message.file is not None
    size = f", {size_text(message.file.size)}" if message.file.size else ""
    hint = "" if message.mine else f"  /get {message.number} fetches it"
    return f"[{one_line(message.file.path)}{size}]{hint}"


def note_lines(note: Note, width: int) -> list[Line]:
    """What the chat itself says."""
    parts = [part for line in clean_lines(note.text) for part in wrap(line, width - 3)]
    return [[("class:note", " - " if number == 0 else "   "), (f"class:{note.kind}", part)]
            for number, part in enumerate(parts)]  # fmt: skip


def list_lines(book: Book, look: Look, width: int) -> list[Line]:
    """
    All conversations, numbered, to choose one of.
    """
    if not book.talks:
        return [[("class:hint", "nobody yet: bitdust friend add USER, or /open USER")]]
    lines: list[Line] = []
    for number, talk in enumerate(book.newest(), 1):
        name = fitting(book.title(talk), 40)
        online = book.is_online(talk)
        unread = f"{talk.unread} new" if talk.unread else ""
        when = ""
        if talk.updated:
            today = day_of(talk.updated) == day_of(int(time.time()))
            when = clock_of(talk.updated) if today else day_of(talk.updated)
        members = f"{len(talk.members)} members" if talk.is_group else ""
        line: Line = [
            ("class:time", f"{number:3} "),
            ("class:online" if online else "class:away", f"{look.dot if online else look.away} "),
            ("class:title", name + " " * (max(40 - get_cwidth(name), 0) if width >= 80 else 2)),
            ("class:unread", f"{unread:>7}  " if width >= 80 or unread else ""),
            ("class:time", f"{when}  {members}".rstrip()),
        ]
        lines.append(line)
    return lines


def header(book: Book, talk: Talk | None, look: Look) -> Line:
    """The line above the messages: whose conversation this is, and who is here."""
    if talk is None:
        return [("class:header.title", " Conversations "), ("class:header", f" {book.me}")]
    online = book.is_online(talk)
    line: Line = [("class:header.title", f" {fitting(book.title(talk), 40)} ")]
    if not talk.is_group:
        dot, word = (look.dot, "online") if online else (look.away, "away")
        alias = "" if book.title(talk) == talk.key else f"  {one_line(talk.key)}"
        return [*line, (f"class:header.{word}", f" {dot} {word}"), ("class:header", alias)]
    here = sorted(book.name(one) for one in talk.members if one != book.me and book.online.get(one) == "CONNECTED")
    state = "connected" if online else "not connected"
    line.append((f"class:header.{'online' if online else 'away'}", f" {look.dot if online else look.away} {state}"))
    told = f"  {len(talk.members)} members" + (f", here: {', '.join(here)}" if here else "")
    return [*line, ("class:header", told)]


def _texts(message: Message) -> list[tuple[str, str]]:
    """Style and text of each line."""
    if message.file is None:
        return [("", line) for line in clean_lines(message.text)]
    said = [] if message.text == file_text(message.file.path) else clean_lines(message.text)
    return [*(("", line) for line in said), ("class:file", file_line(message))]


def clock_of(seconds: int) -> str:
    """Hours and minutes of the day here."""
    return time.strftime("%H:%M", _local(seconds))


def day_of(seconds: int) -> str:
    """The day here."""
    return time.strftime("%a %d %b %Y", _local(seconds))


def _local(seconds: int) -> time.struct_time:
    try:
        return time.localtime(seconds)
    except (OverflowError, ValueError, OSError):  # somebody's clock, far beyond the calendar
        return time.localtime(0)
