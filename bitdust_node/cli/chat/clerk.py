"""
Does what a person types into the chat.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from bitdust_node.cli.chat.book import GROUP, Message, Talk
from bitdust_node.cli.chat.orders import Order, help_lines, parse
from bitdust_node.cli.chat.sending import fetch_file, local_file, local_folder, send_file
from bitdust_node.cli.chat.session import Session
from bitdust_node.cli.chat.text import fitting, one_line
from bitdust_node.errors import BitDustError, Failed, Invalid, NotFound

SEND_SECONDS = 90.0
_PREVIEW_CELLS = 60


class Clerk:
    """
    end: called when the person wants to leave. moving: how many files are under way.
    """

    def __init__(self, session: Session, end: Callable[[], object]) -> None:
        self.moving = 0
        self._session, self._end = session, end

    def type(self, typed: str) -> None:
        """Do what a line says; whatever is wrong with it is shown."""
        try:
            order = parse(typed)
            if order is not None:
                self._obey(order)
        except (BitDustError, OSError, ValueError) as error:  # a path may be none at all
            self._session.wrong(str(error))

    def _obey(self, order: Order) -> None:
        match order.name:
            case "say":
                self._write(order.rest)
            case "open":
                if not order.rest:
                    raise Invalid("whom? /open NAME")
                self._session.choose(" ".join(order.words))
            case "list":
                self._session.close()
            case "who":
                self._who()
            case "file":
                self._file(order)
            case "get":
                self._get(order)
            case "more":
                self._session.load_older()
            case "join" | "leave":
                self._session.spawn(self._take_part(self._group(), order.name))
            case "help":
                self._session.notice("\n".join(help_lines()))
            case "quit":
                self._end()

    def _write(self, text: str) -> None:
        if self._session.open is None:
            self._session.choose(text.strip())
        else:
            self._session.spawn(self._say(self._session.open, {"message": text}))

    async def _say(self, talk: Talk, data: dict[str, object]) -> None:
        try:
            if talk.is_group:
                await self._session.link.call("message_send_group", SEND_SECONDS, group_key_id=talk.key, data=data)
            else:
                # what becomes of it is told by events
                await self._session.link.call("message_send", SEND_SECONDS, recipient_id=talk.key, data=data,
                                      message_ack_timeout=1)  # fmt: skip
        except BitDustError as error:
            text = fitting(one_line(str(data["message"])), _PREVIEW_CELLS)
            raise Failed(f"not sent to {self._session.book.title(talk)}: {text} ({error})") from None

    def _file(self, order: Order) -> None:
        if not order.words:
            raise Invalid("which? /file PATH [TO]")
        typed, to = _split(order)
        path = local_file(typed)
        talk = self._only(to) if to else self._session.open
        if talk is None:
            raise Invalid("to whom? /open NAME, or /file PATH TO")
        self._session.spawn(self._send_file(talk, path, path.stat().st_size))

    async def _send_file(self, talk: Talk, path: Path, size: int) -> None:
        self.moving += 1
        try:
            data = await send_file(self._session.link, self._session.book, talk, path, size, self._session.notice)
        except (BitDustError, OSError) as error:
            raise Failed(f"{path.name} was not sent: {error}") from None
        finally:
            self.moving -= 1
        await self._say(talk, data)
        if talk is not self._session.open:
            self._session.notice(f"{path.name} was sent to {self._session.book.title(talk)}")

    def _get(self, order: Order) -> None:
        files = {} if self._session.open is None else self._session.open.files
        number, folder = "", list(order.words)
        if folder and folder[0].isdecimal():
            number = folder.pop(0)
        theirs = [one for one in files.values() if not one.mine] or list(files.values())
        # the last one: numbers follow the order of reading, not that of time
        message = files.get(int(number)) if number else max(theirs, key=lambda one: one.time, default=None)
        if message is None:
            raise NotFound(f"there is no file {number}" if number else "no file was sent here")
        self._session.spawn(self._fetch(message, " ".join(folder)))

    async def _fetch(self, message: Message, folder: str) -> None:
        if not folder:
            option = await self._session.link.call("config_get", key="paths/restore")
            folder = str(option[0].get("value") or "") or str(self._session.base / "restore")
        assert message.file is not None
        name = one_line(message.file.path)
        self._session.notice(f"fetching {name} ...")
        self.moving += 1
        try:
            target = await fetch_file(self._session.link, message, local_folder(folder))
        except BitDustError as error:
            raise Failed(f"{name} was not fetched: {error}") from None
        finally:
            self.moving -= 1
        self._session.notice(f"{name} is here: {target}")

    async def _take_part(self, talk: Talk, order: str) -> None:
        told = await self._session.link.call(f"group_{order}", group_key_id=talk.key)
        talk.state = str((told or {}).get("state") or talk.state)
        self._session.notice("you take part now" if order == "join" else "you take part no longer")
        await self._session.look_for(talk)

    def _who(self) -> None:
        talk = self._session.open
        if talk is None:
            raise Invalid("no conversation is open")
        users = talk.members if talk.is_group else (talk.key,)
        for user in users:
            here = user == self._session.book.me or self._session.book.online.get(user) == "CONNECTED"
            known = f" ({one_line(user)})" if self._session.book.name(user) != user else ""
            self._session.notice(f"{self._session.book.name(user)}{known}: {'online' if here else 'away'}")
        if not users:
            self._session.notice("the members are not known yet")

    def _group(self) -> Talk:
        if self._session.open is None or self._session.open.kind != GROUP:
            raise Invalid("this is no group")
        return self._session.open

    def _only(self, name: str) -> Talk:
        found = self._session.book.find(name)
        if len(found) != 1:
            raise NotFound(f"{name} may be several" if found else f"nobody is called {name}")
        return found[0]


def _split(order: Order) -> tuple[str, str]:
    """The path and the name of a `/file PATH [TO]`. Paths with spaces need no quotation marks."""
    end = len(order.rest)
    while end > 0:
        if Path(order.rest[:end]).expanduser().is_file():
            return order.rest[:end], order.rest[end:].strip()
        end = order.rest.rfind(" ", 0, end)
    return order.words[0], " ".join(order.words[1:])
