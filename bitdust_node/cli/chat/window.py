"""
The window of messages: its newest lines, or older ones if somebody went back.
"""

from __future__ import annotations

from collections.abc import Callable

from prompt_toolkit.layout.controls import UIContent, UIControl
from prompt_toolkit.mouse_events import MouseEvent, MouseEventType

from bitdust_node.cli.chat.book import Item
from bitdust_node.cli.chat.lines import Drawing, Line

_WHEEL_LINES = 3


class Messages(UIControl):
    """
    drawing: draws the items. items: those of the open conversation. other: lines to show instead, from the first one
    on, None for none. older: called when somebody goes back beyond the first one.
    """

    def __init__(
        self,
        drawing: Drawing,
        items: Callable[[], list[Item]],
        other: Callable[[int], list[Line] | None],
        older: Callable[[], object],
    ) -> None:
        self._drawing, self._items, self._other, self._older = drawing, items, other, older
        #: The item and its line that stand at the bottom; None follows what is newest.
        self._anchor: tuple[Item, int] | None = None
        #: Lines of `other` that were passed by.
        self._passed = 0
        self._height = self._width = 1

    @property
    def back(self) -> bool:
        """True while older messages are shown."""
        return self._anchor is not None

    def newest(self) -> None:
        """Show the newest lines again, or the first of `other`."""
        self._anchor, self._passed = None, 0

    def page(self, pages: int) -> None:
        """Go back (negative) or forth by pages."""
        self.move(pages * max(self._height - 1, 1))

    def move(self, lines: int) -> None:
        """Go back (negative) or forth."""
        other = self._other(self._width)
        if other is not None:
            self._passed = max(min(self._passed + lines, len(other) - self._height), 0)
            return
        places = self._places()
        end = self._end(places) + lines
        # the first page stays full
        end = max(end, min(self._height, len(places)))
        if lines < 0 and end <= self._height:
            self._older()
        self._anchor = None if end >= len(places) else places[end - 1][:2]

    def create_content(self, width: int, height: int) -> UIContent:
        self._width, self._height = width, max(height, 1)
        lines = self._other(width)
        if lines is None:
            places = self._places()
            end = self._end(places)
            lines = [line for _, _, line in places[max(end - self._height, 0) : end]]
            # a short conversation stands at the bottom, where one types
            lines = [[] for _ in range(self._height - len(lines))] + lines
        else:
            lines = lines[self._passed : self._passed + self._height]
        return UIContent(lambda number: lines[number], len(lines), show_cursor=False)

    def mouse_handler(self, mouse_event: MouseEvent) -> object:
        if mouse_event.event_type == MouseEventType.SCROLL_UP:
            self.move(-_WHEEL_LINES)
        elif mouse_event.event_type == MouseEventType.SCROLL_DOWN:
            self.move(_WHEEL_LINES)
        else:
            return NotImplemented
        return None

    def _places(self) -> list[tuple[Item, int, Line]]:
        drawn = self._drawing.lines(self._items(), self._width)
        return [(item, number, line) for item, lines in drawn for number, line in enumerate(lines)]

    def _end(self, places: list[tuple[Item, int, Line]]) -> int:
        """How many lines stand above the bottom of the window."""
        if self._anchor is not None:
            item, number = self._anchor
            found = [at for at, (one, _, _) in enumerate(places) if one is item]
            if found:
                return found[min(number, len(found) - 1)] + 1
            self._anchor = None
        return len(places)
