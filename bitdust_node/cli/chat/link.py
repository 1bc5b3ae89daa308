"""
The connection of the chat to its node: one WebSocket, opened again whenever it is lost.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

from bitdust_node.cli.client import option_text, secret_of
from bitdust_node.errors import Closed, Failed, Full, TimedOut, Unavailable

DEFAULT_PORT = 8280
#: Seconds between two attempts to connect.
RETRY_SECONDS = 1.0
#: Bytes of one answer: a page of the history may hold 16 MiB, which JSON makes longer.
ANSWER_LIMIT = 128 * 1024 * 1024
#: Bytes of a question; the node closes the connection for more.
QUESTION_LIMIT = 1024 * 1024
CALL_SECONDS = 60.0


class Link:
    """
    pushed: called with the type and the payload of each push. opened, lost: called when the node is there, and when
    it is not (with the reason). odd: called with what was wrong with a push.
    """

    def __init__(
        self,
        base: Path,
        pushed: Callable[[str, dict[str, Any]], object],
        opened: Callable[[], object],
        lost: Callable[[str], object],
        odd: Callable[[str], object],
    ) -> None:
        self._base = base
        self._pushed, self._opened, self._lost, self._odd = pushed, opened, lost, odd
        self._socket: ClientConnection | None = None
        self._calls: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._last = 0

    async def run(self) -> None:
        """
        Stay connected until this is cancelled. The port and the secret are read anew each time: a node that was
        started again may have others.
        """
        while True:
            try:
                async with connect(
                    self._url(), proxy=None, max_size=ANSWER_LIMIT, compression=None, close_timeout=1
                ) as socket:
                    self._socket = socket
                    self._opened()
                    async for text in socket:
                        self._heard(text)
                reason = "the connection was closed"
            except OSError:
                reason = "it does not answer"
            except WebSocketException as error:
                reason = str(error)
            finally:
                self._socket = None
                self._fail_calls()
            self._lost(reason)
            await asyncio.sleep(RETRY_SECONDS)

    async def call(self, method: str, seconds: float | None = CALL_SECONDS, /, **arguments: Any) -> Any:
        """
        The result of a method. Raises Failed with the words of the node, Unavailable when it is not there, TimedOut.
        """
        if self._socket is None:
            raise Unavailable("the node is not there now")
        self._last += 1
        number = self._last
        asked = json.dumps({"command": "api_call", "method": method, "kwargs": arguments, "call_id": number})
        if len(asked) > QUESTION_LIMIT:
            raise Full("this is too long for one message: send it as a file")
        answer: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._calls[number] = answer
        try:
            async with asyncio.timeout(seconds):
                await self._socket.send(asked)
                told = await answer
        except TimeoutError:
            raise TimedOut(f"the node did not answer in {seconds:g} s") from None
        except WebSocketException:
            raise Closed("the node went away") from None
        finally:
            self._calls.pop(number, None)
        response = told.get("response") or {"errors": told.get("errors") or []}
        if response.get("status") != "OK":
            raise Failed("; ".join(map(str, response.get("errors") or [])) or "the node gave no reason")
        return response.get("result")

    def _url(self) -> str:
        text = option_text(self._base, "interface/api/web-socket-port")
        port = int(text) if text.isdigit() else DEFAULT_PORT
        return f"ws://127.0.0.1:{port}/?api_secret={quote(secret_of(self._base))}"

    def _heard(self, text: str | bytes) -> None:
        told = json.loads(text)
        kind, payload = told.get("type"), told.get("payload") or {}
        if kind != "api_call":
            try:
                self._pushed(str(kind), payload)
            except Exception as error:  # noqa: BLE001 - one push that is not understood does not end the connection
                self._odd(f"{type(error).__name__}: {error}")
            return
        waiting = self._calls.get(int(payload.get("call_id") or 0))
        if waiting is not None and not waiting.done():
            waiting.set_result(payload)

    def _fail_calls(self) -> None:
        calls, self._calls = self._calls, {}
        for waiting in calls.values():
            if not waiting.done():
                waiting.set_exception(Closed("the node went away"))
