"""
The HTTP face of the API, on this machine only. Every answer has status 200; success or failure is in the body.
"""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from time import perf_counter
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IAddress, IListeningPort
from twisted.internet.protocol import ServerFactory
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.http import HTTPChannel, Request
from twisted.web.http_headers import Headers

from bitdust_node.api.access import INTERFACE, local_host, local_origin
from bitdust_node.api.docs_page import HEADERS, DocsPage, PageFile
from bitdust_node.api.listening import listen_near, port_of
from bitdust_node.api.log import ApiLog
from bitdust_node.api.long_list import LongList, long_list_of
from bitdust_node.api.openapi import document
from bitdust_node.api.registry import Registry
from bitdust_node.api.request import arrange
from bitdust_node.api.secret import Secret
from bitdust_node.api.text import indented
from bitdust_node.clock import Clock
from bitdust_node.config.config import Config
from bitdust_node.errors import BitDustError, Refused
from bitdust_node.network import Network

BODY_LIMIT = 1024 * 1024
#: Bytes of a body beyond the limit that are thrown away while the client still sends, so that it can read the answer.
DRAIN_LIMIT = 512 * 1024 * 1024
CONNECTIONS_LIMIT = 256
#: Seconds a connection may stay without a request.
IDLE_SECONDS = 60

_PATH = "interface/api/rest-http-port"


class HttpFace:
    """
    Serves the registry by HTTP while it is started.
    """

    log = Logger()

    def __init__(
        self,
        registry: Registry,
        config: Config,
        secret: Secret,
        network: Network,
        clock: Clock,
        api_log: ApiLog | None = None,
    ) -> None:
        self.registry, self.secret, self.api_log = registry, secret, api_log
        self._config, self._network, self.clock = config, network, clock
        self.page = DocsPage()
        self._document = (0, b"")
        self._port: IListeningPort | None = None
        self._factory: ApiFactory | None = None

    def document(self) -> bytes:
        """
        The OpenAPI document of the methods that are there by now.
        """
        if self._document[0] != len(self.registry):
            self._document = (len(self.registry), indented(document(self.registry)).encode("ascii"))
        return self._document[1]

    @property
    def port(self) -> int:
        """The TCP port it listens on, 0 when it does not."""
        return 0 if self._port is None else port_of(self._port)

    async def start(self) -> None:
        """
        Listen. A port that is taken is replaced by the next free one, and the option is rewritten.
        """
        if self._port is not None or not self._config.get("interface/api/rest-http-enabled"):
            return
        self._factory = ApiFactory(self, self.clock)
        self._port = listen_near(self._network, self._config, _PATH, self._factory)
        self.log.info("the API listens on http://{host}:{port}", host=INTERFACE, port=self.port)

    async def stop(self) -> None:
        port, self._port = self._port, None
        if port is not None:
            closed = port.stopListening()
            if closed is not None:
                await closed
        if self._factory is not None:
            self._factory.close_all()


class ApiFactory(ServerFactory):
    """
    Makes a channel for each connection, up to a limit.
    """

    noisy = False

    def __init__(self, face: HttpFace, clock: Clock) -> None:
        self.face, self._clock = face, clock
        self.channels: set[ApiChannel] = set()

    def buildProtocol(self, addr: IAddress | None) -> ApiChannel | None:  # type: ignore[override]
        if len(self.channels) >= CONNECTIONS_LIMIT:
            return None
        channel = ApiChannel()
        channel.factory = self
        channel.requestFactory = ApiRequest
        channel.timeOut = IDLE_SECONDS
        channel.callLater = self._clock.callLater
        return channel

    def log(self, request: Request) -> None:
        """No access log: twisted.web would write the query string."""

    def close_all(self) -> None:
        for channel in list(self.channels):
            channel.loseConnection()


class ApiChannel(HTTPChannel):
    """
    One connection of a client.
    """

    factory: ApiFactory
    callLater: Callable[..., Any]

    def connectionMade(self) -> None:
        self.factory.channels.add(self)
        HTTPChannel.connectionMade(self)

    def connectionLost(self, reason: Failure) -> None:  # type: ignore[override]
        self.factory.channels.discard(self)
        HTTPChannel.connectionLost(self, reason)


class ApiRequest(Request):
    """
    One request: refused while it is read when it is too large, else answered by the registry.
    """

    log = Logger()
    channel: Any
    _received = 0
    _refused = False

    def gotLength(self, length: int | None) -> None:
        self.content: BytesIO = BytesIO()
        if length is not None and length > BODY_LIMIT:
            self._refuse()

    def handleContentChunk(self, data: bytes) -> None:
        self._received += len(data)
        if self._received > BODY_LIMIT:
            self._refuse()
            if self._received > DRAIN_LIMIT and self.channel is not None:
                self.channel.forceAbortClient()
            return
        self.content.write(data)

    def _refuse(self) -> None:
        """
        Answer before the body is there. The rest of it is thrown away unread, so that slow readers see the answer.
        """
        if self._refused or self.channel is None:
            return
        self._refused = True
        self.content = BytesIO()
        error = f"the body is larger than {BODY_LIMIT} bytes"
        text = indented({"status": "ERROR", "errors": [error], "execution": "0.000000"}).encode("ascii")
        head = (
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(text)}\r\nConnection: close\r\n\r\n"
        )
        self.channel.transport.write(head.encode("ascii") + text)

    def requestReceived(self, command: bytes, path: bytes, version: bytes) -> None:
        if self._refused:
            if self.channel is not None:
                self.channel.loseConnection()
            return
        self.method, self.uri, self.clientproto = command, path, version
        self.started = perf_counter()
        face = self._face()
        verb = command.decode("ascii", "replace")
        raw_path, _, query = path.decode("ascii", "replace").partition("?")
        try:
            self._check_place()
            shown = face.page.find(raw_path) if verb == "GET" else None
            if shown is not None:
                self._show(shown)
                return
            if verb != "OPTIONS" and not face.secret.fits(self.getHeader("api_secret")):
                raise Refused("access denied")
            if (verb, raw_path) == ("GET", "/openapi.json"):
                self._send(face.document())
                return
            found, arguments = arrange(face.registry, verb, raw_path, query, self.content.getvalue())
        except BitDustError as error:
            if face.api_log is not None:
                face.api_log.write(f"{verb[:20]}:{raw_path[:200]}  HTTP  refused", {})
            self._answer({"status": "ERROR", "errors": [str(error)]})
            return
        if face.api_log is not None:
            face.api_log.write(f"{verb}:{raw_path[:200]}  HTTP  {found.name}", arguments)
        told = face.registry.begin(found, arguments)
        if isinstance(told, dict):
            self._answer(told)
            return
        running = Deferred.fromCoroutine(told)
        if not running.called:
            self.notifyFinish().addErrback(lambda _: running.cancel())
        running.addCallbacks(self._answer, self._failed)

    def _face(self) -> HttpFace:
        face: HttpFace = self.channel.factory.face
        return face

    def _check_place(self) -> None:
        """Programs of this machine and pages that were loaded from it; see `access`."""
        if not local_host(self.getHeader("host")) or not local_origin(self.getHeader("origin")):
            raise Refused("access denied")

    def _failed(self, failure: Failure) -> None:
        if failure.check(CancelledError):
            self._answer({"status": "ERROR", "errors": ["the call was cancelled"]})
            return
        self.log.failure("an answer could not be given", failure)
        self._answer({"status": "ERROR", "errors": [failure.getErrorMessage()]})

    def _answer(self, told: dict[str, Any]) -> None:
        if self._disconnected or self.channel is None:
            return
        told = {**told, "execution": f"{perf_counter() - self.started:3.6f}"}
        long = long_list_of(told)
        if long is None:
            self._send(indented(told).encode("ascii"))
            return
        writing = Deferred.fromCoroutine(self._answer_long(long, told))
        self.notifyFinish().addErrback(lambda _: writing.cancel())
        writing.addErrback(lambda failure: failure.trap(CancelledError))

    async def _answer_long(self, long: LongList, told: dict[str, Any]) -> None:
        self._send(*await long.within(told, indented, self._face().clock))

    def _show(self, file: PageFile) -> None:
        headers = self.responseHeaders
        for name, value in HEADERS.items():
            headers.setRawHeaders(name, [value])
        headers.setRawHeaders("Content-Type", [file.content_type])
        headers.setRawHeaders("Content-Length", [str(len(file.content))])
        self.setResponseCode(200)
        self.write(file.content)
        self.finish()

    def _send(self, *texts: bytes) -> None:
        headers = self.responseHeaders
        headers.setRawHeaders("Content-Type", ["application/json"])
        headers.setRawHeaders("Content-Length", [str(sum(map(len, texts)))])
        headers.setRawHeaders("Cache-Control", ["no-store"])
        headers.setRawHeaders("X-Content-Type-Options", ["nosniff"])
        self._share(headers)
        self.setResponseCode(200)
        if self.method != b"HEAD":
            for text in texts:
                self.write(text)
        self.finish()

    def _share(self, headers: Headers) -> None:
        """
        Pages of this machine may read answers and send the secret; no other origin is ever named.
        """
        origin = self.getHeader("origin")
        if origin is None or not local_origin(origin) or not local_host(self.getHeader("host")):
            return
        headers.setRawHeaders("Access-Control-Allow-Origin", [origin])
        headers.setRawHeaders("Vary", ["Origin"])
        headers.setRawHeaders("Access-Control-Allow-Methods", ["GET, POST, PUT, DELETE"])
        allowed = "x-prototype-version,x-requested-with,api_secret,content-type"
        headers.setRawHeaders("Access-Control-Allow-Headers", [allowed])
        headers.setRawHeaders("Access-Control-Max-Age", ["2520"])
