"""
The chat on a terminal: who it is with above, messages, what is going on elsewhere, and the line that is typed.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable
from pathlib import Path

from prompt_toolkit.application import Application
from prompt_toolkit.buffer import Buffer
from prompt_toolkit.completion import CompleteEvent, Completer, Completion, PathCompleter
from prompt_toolkit.document import Document
from prompt_toolkit.filters import Condition
from prompt_toolkit.history import InMemoryHistory
from prompt_toolkit.input import Input
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.layout import (
    BufferControl,
    Dimension,
    Float,
    FloatContainer,
    FormattedTextControl,
    HSplit,
    Layout,
    VSplit,
    Window,
)
from prompt_toolkit.layout.menus import CompletionsMenu
from prompt_toolkit.output import ColorDepth, Output
from prompt_toolkit.styles import Style

from bitdust_node.cli.chat.book import Item, Note, Talk
from bitdust_node.cli.chat.clerk import Clerk
from bitdust_node.cli.chat.lines import Drawing, Line, Look, header, list_lines, note_lines
from bitdust_node.cli.chat.orders import ORDERS
from bitdust_node.cli.chat.session import Session
from bitdust_node.cli.chat.text import fitting, one_line
from bitdust_node.cli.chat.window import Messages

_INPUT_LINES = 6
_SHOWN_ELSEWHERE = 5

STYLE = {
    "header": "reverse",
    "header.title": "reverse bold",
    "header.online": "reverse fg:ansigreen",
    "header.away": "reverse",
    "day": "fg:ansibrightblack",
    "time": "fg:ansibrightblack",
    "note": "fg:ansibrightblack",
    "hint": "fg:ansibrightblack",
    "news": "fg:ansiyellow",
    "error": "fg:ansired",
    "me": "bold",
    "name0": "bold fg:ansicyan",
    "name1": "bold fg:ansigreen",
    "name2": "bold fg:ansimagenta",
    "name3": "bold fg:ansiblue",
    "name4": "bold fg:ansiyellow",
    "name5": "bold fg:ansibrightred",
    "mark.pending": "fg:ansibrightblack",
    "mark.stored": "fg:ansibrightblack",
    "mark.delivered": "",
    "mark.read": "fg:ansigreen bold",
    "mark.expired": "fg:ansired",
    "file": "fg:ansicyan",
    "title": "bold",
    "online": "fg:ansigreen",
    "away": "fg:ansibrightblack",
    "unread": "fg:ansiyellow bold",
    "status": "fg:ansibrightblack",
    "prompt": "bold",
}
#: Where there are no colours, what was read is underlined.
PLAIN_STYLE = STYLE | {"mark.read": "bold underline"}


class Screen:
    """
    input, output: a terminal; None for that of the process.
    """

    def __init__(
        self, base: Path, wanted: str, encoding: str, input: Input | None = None, output: Output | None = None
    ) -> None:
        self.session = Session(base, wanted, self)
        self.clerk = Clerk(self.session, self.end)
        self._look = Look.of_encoding(encoding)
        self._leaving = False
        self._messages = Messages(
            Drawing(self.session.book, self._look), self._items, self._choice, self.session.load_older
        )
        self.buffer = Buffer(
            completer=Orders(self.session), history=InMemoryHistory(), multiline=False, accept_handler=self._accept
        )
        colourless = bool(os.environ.get("NO_COLOR"))
        self.application: Application[None] = Application(
            layout=self._layout(),
            key_bindings=self._keys(),
            style=Style.from_dict(PLAIN_STYLE if colourless else STYLE),
            color_depth=ColorDepth.DEPTH_1_BIT if colourless else None,
            full_screen=True,
            mouse_support=False,
            input=input,
            output=output,
        )

    async def run(self) -> int:
        """Until the person leaves; answers with the exit code."""
        running = asyncio.create_task(self.session.run())
        try:
            await self.application.run_async(handle_sigint=False)
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
        return 0

    # what the session tells

    def show(self, talk: Talk | None, item: Item) -> None:
        self.application.invalidate()

    def changed(self) -> None:
        self.application.invalidate()

    def end(self) -> None:
        """The person wants to leave."""
        if self.clerk.moving and not self._leaving:
            self._leaving = True
            self.session.notice("a file is under way: once more, and it is left to itself")
            return
        if self.application.is_running and not self.application.is_done:
            self.application.exit()

    # what is shown

    def _layout(self) -> Layout:
        top = Window(FormattedTextControl(self._header), height=1, style="class:header")
        bar = Window(FormattedTextControl(self._status), height=1)
        prompt = Window(FormattedTextControl(self._prompt), width=self._prompt_cells, height=1, dont_extend_width=True)
        typed = Window(
            BufferControl(self.buffer), height=Dimension(min=1, max=_INPUT_LINES), wrap_lines=True,
            dont_extend_height=True,
        )  # fmt: skip
        rows = HSplit([top, Window(self._messages), bar, VSplit([prompt, typed])])
        menu = Float(CompletionsMenu(max_height=8), xcursor=True, ycursor=True)
        return Layout(FloatContainer(rows, [menu]), focused_element=typed)

    def _items(self) -> list[Item]:
        talk = self.session.open
        return [] if talk is None else talk.items

    def _choice(self, width: int) -> list[Line] | None:
        if self.session.open is not None:
            return None
        notes = [line for one in self.session.notes if isinstance(one, Note) for line in note_lines(one, width)]
        if not self.session.ready.is_set():
            return [*notes, [("class:hint", " waiting for the node ...")]]
        listed: list[Line] = list_lines(self.session.book, self._look, width)
        # what went wrong stands above: the list may be longer than the window
        return [[], *([*notes, []] if notes else []), *listed]

    def _header(self) -> Line:
        return header(self.session.book, self.session.open, self._look)

    def _status(self) -> Line:
        session = self.session
        if session.away:
            return [("class:error", f" the node is away: {one_line(session.away)}")]
        line: Line = []
        if self._messages.back:
            line.append(("class:news", " older messages, End shows the newest "))
        waiting = [one for one in session.book.newest() if one.unread and one is not session.open]
        for talk in waiting[:_SHOWN_ELSEWHERE]:
            line.append(("class:unread", f" {fitting(session.book.title(talk), 20)}: {talk.unread} new "))
        hint = " type a number or a name, /help" if session.open is None else " /help  /list  PageUp: older"
        return line or [("class:status", hint)]

    def _prompt(self) -> Line:
        return [("class:prompt", "open: " if self.session.open is None else "> ")]

    def _prompt_cells(self) -> int:
        return len(self._prompt()[0][1])

    # what is typed

    def _accept(self, buffer: Buffer) -> bool:
        typed = buffer.text
        self._messages.newest()
        if self.session.away and not typed.startswith("/"):
            # the status line says why; it is sent when the node is back and Enter is pressed again
            return True
        self._leaving = self._leaving and typed.strip().casefold() in ("/q", "/quit", "/exit", "/bye")
        self.clerk.type(typed)
        return False

    def _keys(self) -> KeyBindings:
        keys = KeyBindings()
        empty = Condition(lambda: not self.buffer.text)

        @keys.add("c-c")
        @keys.add("c-d", filter=empty)
        def _(event: KeyPressEvent) -> None:
            self.end()

        @keys.add("pageup")
        def _(event: KeyPressEvent) -> None:
            self._messages.page(-1)

        @keys.add("pagedown")
        def _(event: KeyPressEvent) -> None:
            self._messages.page(1)

        @keys.add("end", filter=Condition(lambda: self._messages.back))
        def _(event: KeyPressEvent) -> None:
            self._messages.newest()

        @keys.add("escape", "enter")
        def _(event: KeyPressEvent) -> None:
            event.current_buffer.insert_text("\n")

        @keys.add("c-z")
        def _(event: KeyPressEvent) -> None:
            event.app.suspend_to_background()

        @keys.add("c-l")
        def _(event: KeyPressEvent) -> None:
            event.app.renderer.clear()

        return keys


class Orders(Completer):
    """
    Completes orders, names of conversations, and files.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._paths = PathCompleter(expanduser=True)

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterable[Completion]:
        text = document.text_before_cursor
        word, space, rest = text.partition(" ")
        opens = self._session.open is None and not text.startswith("/")
        if opens or (space and word in ("/open", "/o")):
            typed = text if opens else rest
            book = self._session.book
            for talk in book.newest():
                title = book.title(talk)
                if title.casefold().startswith(typed.casefold()):
                    yield Completion(title, start_position=-len(typed))
        elif space and word in ("/file", "/send", "/f"):
            yield from self._paths.get_completions(Document(rest), complete_event)
        elif text.startswith("/") and not space:
            for name in ORDERS:
                if f"/{name}".startswith(text):
                    yield Completion(f"/{name} " if ORDERS[name][0] else f"/{name}", start_position=-len(text))
