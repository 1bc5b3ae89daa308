"""
A node that answers by a table: for what a real one does too seldom or too slowly.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from websockets.asyncio.server import Server, ServerConnection, serve

from bitdust_node.cli.chat.book import Item, Message, Note, Talk
from bitdust_node.cli.chat.clerk import Clerk
from bitdust_node.cli.chat.session import Session
from tests.bitdust_node.cli.chat.documents import ALICE, BOB, CREW

Answer = Callable[..., Any]


class ScriptedNode:
    """
    answers: method -> what answers; an exception becomes the error of the call, an awaitable is awaited.
    calls: what was asked.
    """

    def __init__(self, base: Path) -> None:
        self.base = base
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self._clients: set[ServerConnection] = set()
        self._server: Server | None = None
        members = [{"global_id": one} for one in (ALICE, BOB)]
        group = {"group_key_id": CREW, "label": "crew", "state": "CONNECTED", "members": members}
        self.answers: dict[str, Answer] = {
            "identity_get": lambda: {"global_id": ALICE},
            "message_conversations_list": list,
            "friends_list": lambda: [{"global_id": BOB, "alias": "bob", "contact_state": "CONNECTED"}],
            "groups_list": lambda: [group],
            "group_info": lambda group_key_id: group,
            "enable_model_listener": lambda **_: None,
            "message_receive": lambda **_: asyncio.sleep(100),
            "message_history": lambda **_: [],
            "user_status_check": lambda **_: {"contact_state": "CONNECTED", "global_id": BOB},
        }

    async def start(self) -> None:
        self._server = await serve(self._serve, "127.0.0.1", 0)
        option = self.base / "config/interface/api/web-socket-port"
        option.parent.mkdir(parents=True, exist_ok=True)
        option.write_text(str(self._server.sockets[0].getsockname()[1]))

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    async def push(self, kind: str, payload: dict[str, Any]) -> None:
        for client in self._clients:
            await client.send(json.dumps({"type": kind, "payload": payload}))

    def asked(self, method: str) -> list[dict[str, Any]]:
        return [arguments for name, arguments in self.calls if name == method]

    async def _serve(self, client: ServerConnection) -> None:
        self._clients.add(client)
        try:
            async with asyncio.TaskGroup() as tasks:
                async for text in client:
                    tasks.create_task(self._answer(client, json.loads(text)))
                raise asyncio.CancelledError
        finally:
            self._clients.discard(client)

    async def _answer(self, client: ServerConnection, asked: dict[str, Any]) -> None:
        method, arguments = asked["method"], asked["kwargs"]
        self.calls.append((method, arguments))
        try:
            told = self.answers[method](**arguments)
            told = await told if asyncio.iscoroutine(told) else told
            response = {"status": "OK", "result": told}
        except (ValueError, KeyError) as error:
            response = {"status": "ERROR", "errors": [str(error.args[0])]}
        await client.send(
            json.dumps({"type": "api_call", "payload": {"call_id": asked["call_id"], "response": response}})
        )


class Shown:
    """What a session tells, and a way to wait for it."""

    def __init__(self, base: Path, wanted: str) -> None:
        self.items: list[tuple[str, str]] = []
        self.ended = False
        self._news = asyncio.Event()
        self.session = Session(base, wanted, self)
        self.clerk = Clerk(self.session, self.end)

    def show(self, talk: Talk | None, item: Item) -> None:
        kind = item.kind if isinstance(item, Note) else talk.key if talk is not None else ""
        self.items.append((kind, item.text))
        self.changed()

    def changed(self) -> None:
        self._news.set()

    def end(self) -> None:
        self.ended = True

    def messages(self) -> list[Message]:
        talk = self.session.open
        return [one for one in (talk.items if talk is not None else []) if isinstance(one, Message)]

    async def until(self, true: Callable[[], bool]) -> None:
        async with asyncio.timeout(20):
            while not true():
                self._news.clear()
                await self._news.wait()

    async def shows(self, text: str, kind: str = "") -> None:
        await self.until(lambda: any(text in said and kind in (one, "") for one, said in self.items))


@asynccontextmanager
async def chatting(base: Path, wanted: str = "") -> AsyncIterator[tuple[ScriptedNode, Shown]]:
    """A scripted node and a chat that is ready."""
    node = ScriptedNode(base)
    await node.start()
    shown = Shown(base, wanted)
    running = asyncio.create_task(shown.session.run())
    try:
        async with asyncio.timeout(20):
            await shown.session.ready.wait()
        await shown.session.settle()
        yield node, shown
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await node.stop()
