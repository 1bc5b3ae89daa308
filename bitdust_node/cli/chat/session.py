"""
A chat without its screen and its orders: what the node tells goes into the book.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine, Mapping
from pathlib import Path
from typing import Any, Protocol

from bitdust_node.cli.chat.book import GROUP, PRIVATE, Book, Item, Message, Note, Talk
from bitdust_node.cli.chat.link import Link
from bitdust_node.cli.chat.text import fitting, one_line
from bitdust_node.errors import BitDustError, Closed, Failed, Invalid, NotFound

#: Under this name the node learns that what came was read.
CONSUMER = "bitdust_chat"
PAGE = 50
POLL_SECONDS = 60
#: Seconds between two calls of one of several chats.
TURN_SECONDS = 5.0
#: Seconds between two attempts to ask a node that has only just started.
AGAIN_SECONDS = 2.0
#: Seconds in which a person must answer to count as online, and how many members of a group are asked.
PING_SECONDS, PINGED = 5, 20
#: Events after which groups look different.
_GROUP_EVENTS = ("group-", "key-", "my-keys-")
_GROUPS_STARTED = ("service-started", "service_private_groups")
_PREVIEW_CELLS = 60


class View(Protocol):
    """Where the chat is shown."""

    def show(self, talk: Talk | None, item: Item) -> None:
        """Something new: in this conversation, None for what belongs to none. It is in the book already."""

    def changed(self) -> None:
        """Anything else looks different now."""


class Session:
    """
    open: the conversation that is open. away: why the node is not there, "" if it is. failed: something could not be
    sent.

    wanted: name of the conversation to open first. base: data folder of the node.
    """

    def __init__(self, base: Path, wanted: str, view: View) -> None:
        self.book = Book()
        self.open: Talk | None = None
        self.away = "not connected yet"
        self.failed = False
        self.notes: list[Item] = []
        #: Set when the first answers of the node are here, and the wanted conversation is open.
        self.ready = asyncio.Event()
        self.base, self._wanted, self._view = base, wanted, view
        self.link = Link(base, self._pushed, self._opened, self._lost, self.wrong)
        self._tasks: set[asyncio.Task[None]] = set()
        self._session: list[asyncio.Task[None]] = []
        self._loading = False

    async def run(self) -> None:
        """Be connected to the node until this is cancelled."""
        try:
            await self.link.run()
        finally:
            tasks = [*self._tasks]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def settle(self, most: int = 0) -> None:
        """Wait until all that was typed is done, but for so many things."""
        while True:
            left = [task for task in self._tasks if task not in self._session]
            if len(left) <= most:
                return
            await asyncio.wait(left, return_when=asyncio.FIRST_COMPLETED)

    def load_older(self) -> None:
        """Read a page of older messages, unless that is under way."""
        if self.open is not None and not self.open.whole and not self._loading:
            self.spawn(self._load(self.open))

    def choose(self, name: str) -> None:
        """Open a conversation by its number in the list, or by name."""
        listed = self.book.newest()
        if name.isdecimal() and 0 < int(name) <= len(listed):
            self.enter(listed[int(name) - 1])
        else:
            self.spawn(self._find(name))

    def close(self) -> None:
        """Leave the conversation for the list of all."""
        if self.open is not None:
            self.open.forget()
        self.open = None
        self.refresh()
        self._view.changed()

    # what the node says

    def _opened(self) -> None:
        self.spawn(self._begin(), session=True)

    def _lost(self, reason: str) -> None:
        was, self.away = self.away, reason or "the connection was closed"
        for task in self._session:
            task.cancel()
        if not was:
            self.wrong("the node is away; the chat goes on when it is back")
        elif was == "not connected yet":
            self.wrong("the node does not answer yet")
        self._view.changed()

    def _pushed(self, kind: str, payload: dict[str, Any]) -> None:
        if kind == "stream_message":
            message = self.book.message(payload)
            if message is not None:
                self._arrived(message)
        elif kind == "event":
            self._event(str(payload.get("event_id")), payload.get("data") or {})
        elif kind == "model" and payload.get("name") == "online_status":
            data = payload.get("data") or {}
            self.book.online[str(data.get("global_id"))] = str(data.get("state"))
            self._view.changed()

    def _event(self, event_id: str, data: Mapping[str, Any]) -> None:
        if event_id == "message-state-changed":
            self.book.moved(str(data.get("message_id")), str(data.get("new_state")))
            self._view.changed()
        elif event_id.startswith(_GROUP_EVENTS) or (event_id, data.get("name")) == _GROUPS_STARTED:
            self.refresh()

    def _arrived(self, message: Message) -> None:
        if self.book.heard(message.id):
            return
        known = message.talk in self.book.talks
        talk = self.book.talk_of(message.talk, message.kind)
        talk.updated = max(talk.updated, message.time)
        if not known:
            self.refresh()
        if talk is self.open:
            if talk.append(message):
                self._view.show(talk, message)
            return
        if message.mine:
            return
        talk.unread += 1
        self._view.show(talk, message)
        if self.open is not None:
            where = self.book.title(talk)
            who = "" if where == self.book.name(message.sender) else f", {self.book.name(message.sender)}"
            self.notice(f"{where}{who}: {fitting(one_line(message.text), _PREVIEW_CELLS)}", "news")

    # calls

    async def _begin(self) -> None:
        """Learn what there is, now that the node is there (again)."""
        while True:
            try:
                self.book.me = str((await self.link.call("identity_get"))["global_id"])
                self.book.take_conversations(await self.link.call("message_conversations_list"))
                break
            except Failed as error:
                # services are coming up
                self.away = str(error)
                self._view.changed()
            await asyncio.sleep(AGAIN_SECONDS)
        self.away = ""
        await self._renew()
        await self.link.call("enable_model_listener", model_name="online_status", request_all=True)
        self.spawn(self._receive(), session=True)
        if self.open is not None:
            # what came meanwhile may be more than a page: what is known may have a gap
            self.open.forget()
            self.notice("the node is back")
            await self._load(self.open)
        elif self._wanted:
            wanted, self._wanted = self._wanted, ""
            await self._guarded(self._find(wanted))
        self.ready.set()
        self._view.changed()

    async def _receive(self) -> None:
        """Collect what came, so that who sent it learns that it was read."""
        while True:
            began = time.monotonic()
            try:
                told = await self.link.call("message_receive", POLL_SECONDS + 30.0, consumer_callback_id=CONSUMER,
                                             direction="incoming", polling_timeout=POLL_SECONDS)  # fmt: skip
            except Failed:
                await asyncio.sleep(AGAIN_SECONDS)
                continue
            if not told and time.monotonic() - began < POLL_SECONDS / 2:
                # another chat of this node has taken our place: they take turns, slowly
                await asyncio.sleep(TURN_SECONDS)
            for one in told or ():
                message = self.book.message(_document(one))
                if message is not None:
                    self._arrived(message)

    async def _renew(self) -> None:
        """Friends and groups; one of the services may be off."""
        for method, take in (("friends_list", self.book.take_friends), ("groups_list", self.book.take_groups)):
            try:
                take(await self.link.call(method))
            except Failed as error:
                # it comes with an event if it is only late
                if "is not started" not in str(error):
                    self.wrong(str(error))
        self._view.changed()

    def refresh(self) -> None:
        """Friends and groups may have changed: read them anew."""
        if not self.away:
            self.spawn(self._renew())

    async def _find(self, name: str) -> None:
        found = self.book.find(name)
        if len(found) > 1:
            raise Invalid(f"{name} may be: {', '.join(self._spelled(one) for one in found[:10])}")
        if found:
            self.enter(found[0])
            return
        if "@" not in name and "://" not in name:
            raise NotFound(f"nobody is called {name}; /list shows all conversations")
        if name.startswith("group_"):
            self.book.take_group(await self.link.call("group_info", group_key_id=name))
            self.enter(self.book.talks[name])
            return
        user = name.removeprefix("master$")
        if "://" in user:
            user = str((await self.link.call("user_status_check", user_id=user, timeout=PING_SECONDS))["global_id"])
        self.enter(self.book.talk_of(user, PRIVATE))

    def enter(self, talk: Talk) -> None:
        """Open a conversation."""
        if self.open is not None and self.open is not talk:
            self.open.forget()
        self.open, talk.unread, self.notes = talk, 0, []
        self._view.changed()
        self.spawn(self._load(talk))
        self.spawn(self.look_for(talk))

    async def _load(self, talk: Talk) -> None:
        self._loading = True
        try:
            found = await self.link.call("message_history", recipient_id=talk.key, message_type=talk.kind,
                                          offset=talk.count, limit=PAGE)  # fmt: skip
        finally:
            self._loading = False
        if talk is not self.open:
            return
        older = [self.book.message(one.get("doc") or {}) for one in reversed(found)]
        talk.prepend(one for one in older if one is not None)
        talk.whole = len(found) < PAGE
        self._view.changed()

    async def look_for(self, talk: Talk) -> None:
        """Find out who of a conversation is there; from then on the node tells."""
        if talk.is_group:
            self.book.take_group(await self.link.call("group_info", group_key_id=talk.key))
            if talk.state in ("CLOSED", "CLEANED"):
                self.notice("you do not take part in this group: /join")
        users = [one for one in talk.members if one != self.book.me] if talk.is_group else [talk.key]
        await asyncio.gather(*(self._ping(one) for one in users[:PINGED]))

    async def _ping(self, user: str) -> None:
        try:
            told = await self.link.call("user_status_check", user_id=user, timeout=PING_SECONDS)
        except Failed:
            return
        self.book.online[user] = str(told.get("contact_state"))
        self._view.changed()

    def _spelled(self, talk: Talk) -> str:
        title = self.book.title(talk)
        return title if title == talk.key else f"{title} ({one_line(talk.key)})"

    # notes

    def notice(self, text: str, kind: str = "hint") -> None:
        """Show a note of our own. kind: see `Note`."""
        note = Note(text, kind)
        if self.open is not None:
            self.open.append(note)
        else:
            self.notes = [*self.notes[-9:], note]
        self._view.show(self.open, note)

    def wrong(self, text: str) -> None:
        """Show an error; a script learns of it by our exit code."""
        self.failed = True
        self.notice(text, "error")

    def spawn(self, work: Coroutine[Any, Any, None], session: bool = False) -> None:
        """Run it in the background; `session`: until the connection is lost."""
        task = asyncio.get_running_loop().create_task(self._guarded(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        if session:
            self._session = [*(one for one in self._session if not one.done()), task]

    async def _guarded(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except Closed:
            return  # it is shown that the node went away
        except BitDustError as error:
            self.wrong(str(error))
        except Exception as error:  # noqa: BLE001 - the chat goes on, whatever one answer was like
            self.wrong(f"{type(error).__name__}: {error}")


def _document(received: Mapping[str, Any]) -> dict[str, Any]:
    """What `message_receive` answers, in the form of the history."""
    recipient = str(received.get("recipient") or "")
    return {
        "payload": {
            "msg_type": GROUP if recipient.startswith("group_") else PRIVATE,
            "message_id": received.get("message_id"),
            "time": received.get("time"),
            "data": received.get("data"),
        },
        "sender": {"glob_id": received.get("sender")},
        "recipient": {"glob_id": recipient},
    }
