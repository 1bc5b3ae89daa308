"""
The WebSocket face of the API, on this machine only: calls are answered to their caller, what is pushed goes to all.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from autobahn.twisted.websocket import WebSocketServerFactory, WebSocketServerProtocol
from autobahn.websocket.types import ConnectionDeny, ConnectionRequest
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IListeningPort, IPushProducer
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from bitdust_node.api.access import local_host, local_origin
from bitdust_node.api.listening import listen_near, port_of
from bitdust_node.api.log import ApiLog
from bitdust_node.api.long_list import long_list_of
from bitdust_node.api.pushes import Pushes
from bitdust_node.api.registry import Registry
from bitdust_node.api.secret import Secret
from bitdust_node.api.text import compact
from bitdust_node.clock import Clock
from bitdust_node.config.config import Config
from bitdust_node.errors import BitDustError
from bitdust_node.events import Event, Events
from bitdust_node.network import Network

MESSAGE_LIMIT = 1024 * 1024
CLIENTS_LIMIT = 400
#: Calls of one client that may run at the same time.
CALLS_LIMIT = 256
#: Bytes that wait for one client that does not read; with more it is dropped.
WAITING_LIMIT = 16 * 1024 * 1024
#: Bytes that wait for one client, from which on those who push much are held up.
BEHIND = 1024 * 1024
PING_SECONDS = 30

_PATH = "interface/api/web-socket-port"


class WebSocketFace:
    """
    Serves the registry by WebSocket while it is started, and pushes events, snapshots and stream messages.
    """

    log = Logger()

    def __init__(
        self,
        registry: Registry,
        events: Events,
        config: Config,
        secret: Secret,
        network: Network,
        clock: Clock,
        api_log: ApiLog | None = None,
        pushes: Pushes | None = None,
    ) -> None:
        self.registry, self.events, self.secret, self.api_log = registry, events, secret, api_log
        self.clients: set[Client] = set()
        self._pushes = pushes or Pushes()
        self._leave: Callable[[], None] | None = None
        self._config, self._network, self.clock = config, network, clock
        self._port: IListeningPort | None = None
        self._unsubscribe = lambda: None

    @property
    def port(self) -> int:
        """The TCP port it listens on, 0 when it does not."""
        return 0 if self._port is None else port_of(self._port)

    async def start(self) -> None:
        """
        Listen. A port that is taken is replaced by the next free one, and the option is rewritten.
        """
        if self._port is not None or not self._config.get("interface/api/web-socket-enabled"):
            return
        factory = _factory(self, self.clock)
        self._port = listen_near(self._network, self._config, _PATH, factory)
        self._unsubscribe = self.events.subscribe(self._tell)

    async def stop(self) -> None:
        self._unsubscribe()
        port, self._port = self._port, None
        if port is not None:
            closed = port.stopListening()
            if closed is not None:
                await closed
        for client in list(self.clients):
            client.drop("the API is closed")

    def push(self, kind: str, payload: Mapping[str, Any]) -> None:
        """
        Send a message to every client: an event, a stream message, a model snapshot.
        """
        if not self.clients:
            return
        message = framed({"type": kind, "payload": payload})
        for client in list(self.clients):
            client.post(message)

    def behind(self) -> bool:
        """True while a client has much left to read."""
        return any(client.waiting_bytes > BEHIND for client in self.clients)

    def came(self, client: Client) -> None:
        """A client is there."""
        self.clients.add(client)
        if self._leave is None:
            self._leave = self._pushes.join(self)
        self.events.publish("web-socket-connected", {"peer": client.peer_name()})

    def went(self, client: Client, reason: str | None) -> None:
        """A client is gone. reason: why we dropped it, None if we did not."""
        self.clients.discard(client)
        if not self.clients and self._leave is not None:
            self._leave()
            self._leave = None
        data = {"peer": client.peer_name()} | ({"reason": reason} if reason else {})
        self.events.publish("web-socket-disconnected", data)

    def _tell(self, event: Event) -> None:
        self.push("event", {"event_id": event.event_id, "data": event.data})


def _factory(face: WebSocketFace, clock: Clock) -> Any:
    factory = WebSocketServerFactory(reactor=clock, server="BitDust")
    factory.noisy = False
    factory.protocol = lambda: Client(face)  # type: ignore[assignment]
    factory.setProtocolOptions(
        webStatus=False,
        maxFramePayloadSize=MESSAGE_LIMIT,
        maxMessagePayloadSize=MESSAGE_LIMIT,
        openHandshakeTimeout=10,
        closeHandshakeTimeout=2,
        tcpNoDelay=True,
        autoPingInterval=PING_SECONDS,
        autoPingTimeout=PING_SECONDS,
        maxConnections=CLIENTS_LIMIT,
    )
    return factory


@implementer(IPushProducer)
class Client(WebSocketServerProtocol):
    """
    One client. What it does not read waits here, up to a limit.
    """

    notes = Logger()
    transport: Any

    def __init__(self, face: WebSocketFace) -> None:
        WebSocketServerProtocol.__init__(self)
        self._face = face
        self._calls: set[Deferred[Any]] = set()
        self._waiting: deque[bytes] = deque()
        #: Bytes that this client has yet to read.
        self.waiting_bytes = 0
        self._paused = False
        self._producing = False
        self._dropped: str | None = None

    # what autobahn calls

    def onConnect(self, request: ConnectionRequest) -> None:
        shown = (request.params.get("api_secret") or request.params.get("a") or [None])[0]
        headers = request.headers
        welcome = local_host(headers.get("host")) and local_origin(headers.get("origin"))
        if not welcome or not self._face.secret.fits(shown):
            self._face.events.publish("web-socket-access-denied", {})
            self.transport.abortConnection()
            raise ConnectionDeny(ConnectionDeny.FORBIDDEN)

    def onOpen(self) -> None:
        self.transport.registerProducer(self, True)
        self._producing = True
        self._face.came(self)

    def onMessage(self, payload: bytes, isBinary: bool) -> None:
        try:
            message = json.loads(payload)
        except (ValueError, RecursionError):
            return
        if not isinstance(message, dict) or message.get("command") != "api_call":
            return
        self._call(message)

    def onClose(self, wasClean: bool, code: int | None, reason: str | None) -> None:
        if self not in self._face.clients:
            return
        self._waiting.clear()
        self.waiting_bytes = 0
        for call in list(self._calls):
            call.cancel()
        self._face.went(self, self._dropped)

    def _closeConnection(self, abort: bool = False) -> None:
        if self._producing:  # a transport with a producer would not close
            self._producing = False
            self.transport.unregisterProducer()
        WebSocketServerProtocol._closeConnection(self, abort)

    # what the transport calls

    def pauseProducing(self) -> None:
        self._paused = True

    def resumeProducing(self) -> None:
        self._paused = False
        while self._waiting and not self._paused:
            message = self._waiting.popleft()
            self.waiting_bytes -= len(message)
            self.transport.write(message)

    def stopProducing(self) -> None:
        self._paused = True

    # ours

    def post(self, message: bytes) -> None:
        """
        Send what `framed` made, or keep it until the client has read what was sent before.
        """
        if self.state != WebSocketServerProtocol.STATE_OPEN:
            return
        if not self._paused and not self._waiting:
            self.transport.write(message)
            return
        self._waiting.append(message)
        self.waiting_bytes += len(message)
        if self.waiting_bytes > WAITING_LIMIT:
            self.drop(f"more than {WAITING_LIMIT} bytes wait for it, which it does not read")

    def drop(self, reason: str) -> None:
        """End the connection at once."""
        if self._dropped is None:
            self._dropped = reason
            self.notes.info("{peer} is dropped: {reason}", peer=self.peer_name(), reason=reason)
            self._closeConnection(abort=True)

    def peer_name(self) -> str:
        """As events show it, e.g. `TCP://127.0.0.1:34588`."""
        host = self.transport.getPeer()
        return f"TCP://{host.host}:{host.port}"

    def _call(self, message: dict[str, Any]) -> None:
        call_id, name, given = message.get("call_id"), message.get("method"), message.get("kwargs")
        registry = self._face.registry
        try:
            if not name or not isinstance(name, str):
                raise BitDustError("api method name was not provided")
            found = registry.get(name)
            if given is None:
                given = {}
            if not isinstance(given, dict):
                raise BitDustError("kwargs must be an object")
            arguments = found.bind(given, strict=True)
            if len(self._calls) >= CALLS_LIMIT:
                raise BitDustError(f"more than {CALLS_LIMIT} calls at the same time")
        except BitDustError as error:
            if self._face.api_log is not None:
                self._face.api_log.write(f"{str(call_id)[:40]}  WS IN  refused {str(name)[:60]}", {})
            self._reply({"call_id": call_id, "errors": [str(error)]})
            return
        if self._face.api_log is not None:
            self._face.api_log.write(f"{str(call_id)[:40]}  WS IN  {name}", arguments)
        told = registry.begin(found, arguments)
        if isinstance(told, dict):
            self._reply({"call_id": call_id, "response": told})
            return
        running: Deferred[Any] = Deferred.fromCoroutine(self._answer(call_id, told))
        self._calls.add(running)
        running.addErrback(lambda failure: self._failed(call_id, failure))
        running.addBoth(lambda _: self._calls.discard(running))

    async def _answer(self, call_id: Any, answer: Awaitable[dict[str, Any]]) -> None:
        told = await answer
        payload = {"call_id": call_id, "response": told}
        long = long_list_of(told)
        if long is None:
            self._reply(payload)
            return
        texts = await long.within({"type": "api_call", "payload": payload}, compact, self._face.clock)
        if self in self._face.clients:
            self.post(frame(b"".join(texts)))

    def _failed(self, call_id: Any, failure: Failure) -> None:
        if failure.check(CancelledError):
            return
        self.notes.failure("an answer could not be given", failure)
        self._reply({"call_id": call_id, "errors": [failure.getErrorMessage()]})

    def _reply(self, payload: dict[str, Any]) -> None:
        if self in self._face.clients:
            self.post(framed({"type": "api_call", "payload": payload}))


def framed(message: Mapping[str, Any]) -> bytes:
    """
    A text message as it travels to clients (RFC 6455, 5.2); made once, however many get it.
    """
    return frame(compact(message).encode("ascii"))


def frame(text: bytes) -> bytes:
    """
    One text message of these bytes.
    """
    size = len(text)
    if size < 126:
        return bytes((0x81, size)) + text
    if size < 65536:
        return b"\x81\x7e" + size.to_bytes(2, "big") + text
    return b"\x81\x7f" + size.to_bytes(8, "big") + text
