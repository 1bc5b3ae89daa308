"""
The web site of an identity server: GET and PUT /<user>.xml, and a page that says how many there are.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, BinaryIO

from twisted.internet.defer import Deferred, DeferredLock
from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import ServerFactory, connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.http import HTTPChannel, Request

from bitdust_node.clock import Clock
from bitdust_node.errors import BitDustError, Conflict, Full, Refused
from bitdust_node.identity.document import DOCUMENT_LIMIT, Document
from bitdust_node.identity.names import Locator
from bitdust_node.identity.servers import OBSERVED
from bitdust_node.router.bucket import Buckets
from bitdust_node.threads import Workers
from services.identities.store import IdentityStore

#: Connections at once, and seconds that one may be silent.
CONNECTIONS_LIMIT = 500
SILENCE = 20
#: New names that one address may take in an hour (after as many at once), and documents it may send in a second.
NAMES_PER_HOUR = 500
WRITES_PER_SECOND = 50
#: Writes that may wait for their turn.
WAITING_LIMIT = 200

TOO_LARGE = b"HTTP/1.1 413 Content Too Large\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"

_USER_FILE = re.compile(rb"([a-z][a-z0-9_-]{2,19})\.xml")
_CODES: tuple[tuple[type[BitDustError], int], ...] = ((Refused, 403), (Conflict, 409), (Full, 507))


class IdentityRequest(Request):
    """
    Hangs up on a body that is longer than any identity document, however it is announced.
    """

    overlong = False
    content: BinaryIO
    channel: IdentityChannel

    def gotLength(self, length: int | None) -> None:
        announced = length or 0
        super().gotLength(min(announced, DOCUMENT_LIMIT))
        if announced > DOCUMENT_LIMIT:
            self._hang_up()

    def handleContentChunk(self, data: bytes) -> None:
        if self.content.tell() + len(data) <= DOCUMENT_LIMIT:
            super().handleContentChunk(data)
        else:
            self._hang_up()

    def process(self) -> None:
        if not self.overlong:
            self.channel.factory.answer(self)

    def _hang_up(self) -> None:
        if not self.overlong:
            self.overlong = True
            self.channel.hang_up(TOO_LARGE)


class IdentityChannel(HTTPChannel):
    """
    One connection of a client.
    """

    factory: IdentitySite
    requestFactory = IdentityRequest

    def connectionMade(self) -> None:
        self.factory.channels.add(self)
        super().connectionMade()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.factory.channels.discard(self)
        super().connectionLost(reason)

    def hang_up(self, last_words: bytes) -> None:
        """
        End the connection after a last answer.
        """
        if self.transport is not None:
            self.transport.write(last_words)
            self.transport.loseConnection()


class IdentitySite(ServerFactory):
    """
    Answers all requests; makes a channel for each connection, up to a limit. It keeps no access log: whom it serves is
    nobody's business.

    own: host and port that documents must name, or None: then what the request was addressed to.
    """

    noisy = False
    logger = Logger()

    def __init__(
        self, store: IdentityStore, own: Callable[[], tuple[str, int] | None], workers: Workers, clock: Clock
    ) -> None:
        self._store, self._own, self._workers, self._clock = store, own, workers, clock
        self._names = Buckets(NAMES_PER_HOUR / 3600, NAMES_PER_HOUR)
        self._writes = Buckets(WRITES_PER_SECOND, WRITES_PER_SECOND * 4)
        self._lock = DeferredLock()
        self.channels: set[IdentityChannel] = set()

    def buildProtocol(self, addr: IAddress | None) -> IdentityChannel | None:  # type: ignore[override]
        if len(self.channels) >= CONNECTIONS_LIMIT:
            return None
        channel = IdentityChannel()
        channel.factory = self
        channel.timeOut = SILENCE
        channel.callLater = self._clock.callLater  # type: ignore[method-assign, assignment]
        return channel

    def log(self, request: Request) -> None:
        """Called by twisted.web for its access log."""

    def close_all(self) -> None:
        """
        End the connections that are open.
        """
        for channel in list(self.channels):
            channel.hang_up(b"")

    def answer(self, request: IdentityRequest) -> None:
        """
        Answer a request that came in wholly.
        """
        lost: list[Failure] = []
        request.notifyFinish().addErrback(lost.append)

        def finish(result: bytes | Failure) -> None:
            if isinstance(result, Failure):
                self.logger.failure("an identity could not be served", result)
                result = _text(request, 500, "this did not work")
            if not lost:
                request.setHeader("Content-Length", str(len(result)))
                request.write(result)
                request.finish()

        Deferred.fromCoroutine(self._render(request)).addBoth(finish)

    async def _render(self, request: IdentityRequest) -> bytes:
        request.setHeader("Server", "bitdust")
        request.setHeader("X-Content-Type-Options", "nosniff")
        request.setHeader(OBSERVED, str(request.getClientAddress().host))
        path, reading = request.path, request.method in (b"GET", b"HEAD")
        if reading and path == b"/":
            return _text(request, 200, f"BitDust identity server, {self._store.count} identities")
        found = _USER_FILE.fullmatch(path.removeprefix(b"/"))
        if found is None:
            return _text(request, 404, "there is nothing here")
        if reading:
            return await self._get(request, found[1].decode("ascii"))
        if request.method == b"PUT":
            return await self._put(request, found[1].decode("ascii"))
        request.setHeader("Allow", "GET, HEAD, PUT")
        return _text(request, 405, "GET and PUT are understood here")

    async def _get(self, request: IdentityRequest, username: str) -> bytes:
        xml = await self._workers.run(self._store.read, username)
        if xml is None:
            return _text(request, 404, f"there is no identity of the name {username}")
        request.setHeader("Content-Type", "application/xml; charset=utf-8")
        return xml

    async def _put(self, request: IdentityRequest, username: str) -> bytes:
        address, now = str(request.getClientAddress().host), self._clock.seconds()
        if not self._writes.take(address, now) or len(self._lock.waiting) >= WAITING_LIMIT:
            return _text(request, 429, "too many documents, try again later")
        try:
            document = Document.parse(request.content.read(DOCUMENT_LIMIT + 1))
            self._check_source(request, username, document)
            outcome = await self._lock.run(self._keep, document, address)
        except BitDustError as error:
            return _text(request, next((code for kind, code in _CODES if isinstance(error, kind)), 400), str(error))
        return _text(request, outcome.value, "")

    async def _keep(self, document: Document, address: str) -> Any:
        known = await self._workers.run(self._store.read, document.name) is not None
        if not known and not self._names.take(address, self._clock.seconds()):
            raise Full("too many new names from this address, try again in an hour")
        return await self._workers.run(self._store.put, document)

    def _check_source(self, request: IdentityRequest, username: str, document: Document) -> None:
        if document.name != username:
            raise Refused(f"the document is of {document.name}, not of {username}")
        own = self._own() or _addressed(request)
        if Locator(username, *own).idurl not in document.sources:
            raise Refused(f"the document does not name {own[0]}:{own[1]} among its sources")


def _addressed(request: IdentityRequest) -> tuple[str, int]:
    host = request.getHeader("host") or ""
    name, _, port = host.lower().partition(":")
    if not name or not (port or "80").isdecimal() or len(host) > 300:
        raise Refused("the request does not say which host it is for")
    return name, int(port or 80)


def _text(request: IdentityRequest, code: int, text: str) -> bytes:
    request.setResponseCode(code)
    request.setHeader("Content-Type", "text/plain; charset=utf-8")
    return f"{text}\n".encode() if text else b""
