"""
Speaking with identity servers: is it there, what does it hold, take this.
"""

from __future__ import annotations

import re
from collections.abc import Coroutine, Iterable
from dataclasses import dataclass
from io import BytesIO
from typing import Any, TypeVar

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import (
    ConnectError,
    ConnectingCancelledError,
    ConnectionClosed,
    DNSLookupError,
)
from twisted.internet.protocol import Protocol
from twisted.python.failure import Failure
from twisted.web.client import FileBodyProducer, RequestTransmissionFailed, ResponseDone, ResponseFailed
from twisted.web.http import PotentialDataLoss
from twisted.web.http_headers import Headers
from twisted.web.iweb import IResponse

from bitdust_node import __version__
from bitdust_node.clock import Clock
from bitdust_node.errors import BitDustError, Conflict, Corrupt, Full, Invalid, Refused, Unavailable
from bitdust_node.identity.document import DOCUMENT_LIMIT, Document
from bitdust_node.identity.names import Locator, check_host, check_port
from bitdust_node.network import Network
from bitdust_node.waiting import within

T = TypeVar("T")

#: Seconds for one question and its whole answer.
TIMEOUT = 10.0
#: A server tells in this header from which address it was asked.
OBSERVED = "X-BitDust-Observed-Address"

_TEXT_LIMIT = 1024
_SERVER = re.compile(r"(?P<host>[^:/\s]+)(?::(?P<port>[0-9]+))?(?::[0-9]+)?")
_TROUBLE = (
    ConnectError,
    ConnectingCancelledError,
    ConnectionClosed,
    DNSLookupError,
    ResponseFailed,
    RequestTransmissionFailed,
)


@dataclass(frozen=True, order=True)
class Server:
    """
    Host and web port of an identity server.
    """

    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> Server:
        """
        Read `host`, `host:port` or `host:webport:tcpport` (the last one is of an older protocol and dropped).
        """
        found = _SERVER.fullmatch(text.strip().lower())
        if not found:
            raise Invalid(f"{text[:100]!r} is not an identity server like host:8084")
        return cls(check_host(found["host"]), check_port(found["port"] or 80))

    @classmethod
    def of_idurl(cls, idurl: str) -> Server:
        locator = Locator.of_idurl(idurl)
        return cls(locator.host, locator.port)

    def idurl(self, username: str) -> str:
        return Locator(username, self.host, self.port).idurl

    def __str__(self) -> str:
        return self.host if self.port == 80 else f"{self.host}:{self.port}"


def parse_servers(texts: Iterable[str]) -> list[Server]:
    """
    Servers in this order, each once.
    """
    return list(dict.fromkeys(Server.parse(text) for text in texts if text.strip()))


class IdentityServers:
    """
    The client of all identity servers. What goes wrong on the way raises `Unavailable`.
    """

    def __init__(self, network: Network, clock: Clock) -> None:
        self._network, self._clock = network, clock

    async def ping(self, server: Server) -> str | None:
        """
        Ask whether the server is there; answers with the address it sees us at, if it tells.
        """
        response, _ = await self._ask(b"GET", f"http://{server}/", None, DOCUMENT_LIMIT)
        if response.code != 200:
            raise Unavailable(f"identity server {server} answered {response.code}")
        told: list[str] = [str(value) for value in response.headers.getRawHeaders(OBSERVED, [])]
        return told[0] if told else None

    async def fetch(self, idurl: str) -> Document | None:
        """
        The document published there, verified; None if there is none.

        Raises `Invalid` or `Corrupt` for one that is no good or does not belong there.
        """
        idurl = Locator.of_idurl(idurl).idurl
        response, body = await self._ask(b"GET", idurl, None, DOCUMENT_LIMIT)
        if response.code == 404:
            return None
        if response.code != 200:
            raise Unavailable(f"{idurl} was answered with {response.code}")
        document = Document.parse(body)
        if idurl not in document.sources:
            raise Corrupt(f"the document at {idurl} is of somebody else")
        return document

    async def upload(self, idurl: str, document: Document) -> None:
        """
        Publish a document. Raises `Conflict` when the name belongs to another key or a newer revision is there.
        """
        response, body = await self._ask(b"PUT", idurl, document.xml, _TEXT_LIMIT)
        if response.code in (200, 201, 204):
            return
        kind = {403: Refused, 409: Conflict, 429: Full, 507: Full}.get(response.code, Unavailable)
        text = body.decode("utf-8", "replace").strip().splitlines()
        reason = "".join(character for character in (text[0] if text else "")[:200] if character.isprintable())
        raise kind(f"{Server.of_idurl(idurl)}: {reason or response.code}")

    async def _ask(self, verb: bytes, url: str, body: bytes | None, limit: int) -> tuple[IResponse, bytes]:
        try:
            return await _cancellable(within(self._clock, TIMEOUT, self._request(verb, url, body, limit), url))
        except BitDustError:
            raise
        except _TROUBLE as error:
            raise Unavailable(f"{url} can not be reached: {_reason(error)}") from error

    async def _request(self, verb: bytes, url: str, body: bytes | None, limit: int) -> tuple[IResponse, bytes]:
        headers = Headers({"User-Agent": [f"bitdust/{__version__}"]})
        producer: Any = None
        if body is not None:
            headers.addRawHeader("Content-Type", "application/xml")
            producer = FileBodyProducer(BytesIO(body))
        response = await self._network.agent.request(verb, url.encode("ascii"), headers, producer)
        return response, await _body(response, limit)


class _Body(Protocol):
    """
    Collects a body up to a limit and hangs up on a longer one.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._parts: list[bytes] = []
        self._size = 0
        self.done: Deferred[bytes] = Deferred(lambda _: self._hang_up())

    def dataReceived(self, data: bytes) -> None:
        self._size += len(data)
        if self._size <= self._limit:
            self._parts.append(data)
        elif not self.done.called:
            self.done.errback(Failure(Invalid(f"the answer is longer than {self._limit} bytes")))
            self._hang_up()

    def connectionLost(self, reason: Failure | None = None) -> None:
        if self.done.called:
            return
        if reason is None or reason.check(ResponseDone, PotentialDataLoss):
            self.done.callback(b"".join(self._parts))
        else:
            self.done.errback(reason)

    def _hang_up(self) -> None:
        if self.transport is not None:
            self.transport.loseConnection()


async def _body(response: IResponse, limit: int) -> bytes:
    collector = _Body(limit)
    response.deliverBody(collector)
    return await collector.done


def _cancellable(work: Coroutine[Any, Any, T]) -> Deferred[T]:
    """
    Fails with CancelledError when it is cancelled: the HTTP client itself tells of an address that was not found.
    """
    running = Deferred.fromCoroutine(work)

    def cancel(told: Deferred[T]) -> None:
        told.errback(CancelledError())
        running.cancel()

    told: Deferred[T] = Deferred(cancel)
    running.addBoth(lambda result: None if told.called else told.callback(result))
    return told


def _reason(error: BaseException) -> str:
    if isinstance(error, ResponseFailed | RequestTransmissionFailed) and error.reasons:
        error = error.reasons[0].value
    return str(error).strip() or type(error).__name__
