"""
The chat for pipes and for terminals that can do nothing: typed lines are sent, messages are printed, one a line.
"""

from __future__ import annotations

import asyncio
import json
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import TextIO

from bitdust_node.cli.chat.book import Item, Message, Note, Talk
from bitdust_node.cli.chat.clerk import Clerk
from bitdust_node.cli.chat.session import Session
from bitdust_node.cli.chat.text import one_line

#: Seconds that a script waits for its node at the start.
START_SECONDS = 60.0
#: Messages that are on their way to the node at the same time.
AT_ONCE = 50


class PlainView:
    """
    wanted: print the messages of the open conversation alone, else of all. as_json: a message as JSON.
    """

    def __init__(self, base: Path, wanted: str, as_json: bool, out: TextIO, errors: TextIO) -> None:
        self.session = Session(base, wanted, self)
        self.clerk = Clerk(self.session, self.end)
        self._wanted, self._as_json, self._out, self._errors = wanted, as_json, out, errors
        self._ended = asyncio.Event()

    async def run(self) -> int:
        """Until the input ends and all of it was sent; answers with the exit code."""
        running = asyncio.create_task(self.session.run())
        try:
            return await self._talk()
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)

    async def _talk(self) -> int:
        try:
            async with asyncio.timeout(START_SECONDS):
                await self.session.ready.wait()
        except TimeoutError:
            self._errors.write(f"the node does not answer: {one_line(self.session.away)}\n")
            return 1
        if self._wanted and self.session.open is None:
            return 1
        lines: asyncio.Queue[str | None] = asyncio.Queue()
        loop = asyncio.get_running_loop()
        threading.Thread(target=_read, args=(loop, lines), daemon=True).start()
        end = asyncio.create_task(self._ended.wait())
        while not self._ended.is_set():
            reading = asyncio.create_task(lines.get())
            await asyncio.wait((reading, end), return_when=asyncio.FIRST_COMPLETED)
            if not reading.done():
                reading.cancel()
                break
            line = reading.result()
            if line is None:
                break
            # orders one after the other, as a script expects it; messages keep their order by themselves
            order = line.startswith("/")
            await self.session.settle(0 if order else AT_ONCE)
            self.clerk.type(line)
            await self.session.settle(0 if order else AT_ONCE)
        end.cancel()
        await self.session.settle()
        return 1 if self.session.failed else 0

    # what the session tells

    def show(self, talk: Talk | None, item: Item) -> None:
        if isinstance(item, Note):
            if item.kind != "news":
                self._errors.write("".join(f"{one_line(line)}\n" for line in item.text.split("\n")))
                self._errors.flush()
        elif not item.mine and (not self._wanted or talk is self.session.open):
            self._out.write(f"{self._line(item, talk)}\n")
            self._out.flush()

    def changed(self) -> None:
        """Lines that were printed stay as they are."""

    def end(self) -> None:
        """The person wants to leave."""
        self._ended.set()

    def _line(self, message: Message, talk: Talk | None) -> str:
        book = self.session.book
        if self._as_json:
            told = {"time": message.time, "sender": message.sender, "conversation": message.talk,
                    "message": message.text, "message_id": message.id}  # fmt: skip
            if message.file is not None:
                told["file"] = message.file.remote_path
            return json.dumps(told)
        at = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(message.time))
        where = f"{book.title(talk)} " if talk is not None and talk.is_group else ""
        file = f" {one_line(message.file.remote_path)}" if message.file is not None else ""
        return f"{at} {where}{book.name(message.sender)}: {one_line(message.text)}{file}"


def _read(loop: asyncio.AbstractEventLoop, lines: asyncio.Queue[str | None]) -> None:
    """In a thread of its own: reading may wait for ever."""
    try:
        for line in sys.stdin:
            loop.call_soon_threadsafe(lines.put_nowait, line)
    except (ValueError, OSError):  # closed, or no text
        pass
    finally:
        with suppress(RuntimeError):  # the chat has ended
            loop.call_soon_threadsafe(lines.put_nowait, None)
