"""
The transport over TCP: TLS 1.3, mutual, between devices; see docs/wire.md.
"""

from __future__ import annotations

from typing import Any, cast

from OpenSSL import SSL
from twisted.internet.defer import CancelledError
from twisted.internet.error import CannotListenError, ConnectError, DNSLookupError
from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Factory
from twisted.logger import Logger

from automats.registry import Automats
from bitdust_node.clock import Clock
from bitdust_node.config.config import Config
from bitdust_node.errors import Invalid, Unavailable
from bitdust_node.identity.me import Me
from bitdust_node.identity.names import NodeId
from bitdust_node.network import Network
from bitdust_node.router.admission import Admission
from bitdust_node.router.bandwidth import Bandwidth
from bitdust_node.router.entrance import STRANGERS, Entrance, Strangers
from bitdust_node.router.session import LIMITS, Limits, Session
from bitdust_node.router.transport import Deliver
from bitdust_node.waiting import within
from transports.tls import Room, TlsProtocol, context_of

PORT = "services/tcp-connections/tcp-port"
INTERFACE = "services/network/interface"
#: Seconds for a whole attempt: connection, TLS and hello.
TIMEOUT = 15.0
#: Connections that wait for the other side to close, at most.
LEAVING = 256


class TcpPipe(TlsProtocol):
    """
    One connection; a `bitdust_node.router.transport.Pipe`.
    """

    def __init__(
        self, context: SSL.Context, room: Room, entrance: Entrance, leaving: Leaving, expected: NodeId | None
    ) -> None:
        super().__init__(context, client=expected is not None, room=room)
        self.remote = ""
        self.host = ""
        self.peer_key = b""
        self.session: Session | None = None
        self._entrance = entrance
        self._leaving = leaving
        self._expected = expected

    # --- for Twisted ---

    def connectionMade(self) -> None:
        peer = self.transport.getPeer()
        self.host = peer.host
        self.remote = f"{peer.host}:{peer.port}"
        self.transport.setTcpNoDelay(True)
        if self._expected is not None:
            self.session = self._entrance.outgoing(self, self._expected)
        elif self._entrance.welcome(self.host):
            self.session = self._entrance.incoming(self)
        else:
            self.drop()
            return
        super().connectionMade()

    # --- for TLS ---

    def secured(self, peer_key: bytes) -> None:
        self.peer_key = peer_key
        if self.session is not None:
            self.session.opened()

    def decrypted(self, data: memoryview) -> None:
        if self.session is not None:
            self.session.received(data)

    def dropped(self, size: int) -> None:
        if self.session is not None:
            self.session.dropped(size)

    def filled(self) -> None:
        if self.session is not None:
            self.session.pause()

    def drained(self) -> None:
        if self.session is not None:
            self.session.resume()

    def over(self) -> None:
        self._leaving.remove(self)
        session, self.session = self.session, None
        if session is not None:
            session.lost(f"the connection with {self.remote} was lost")

    # --- for the session ---

    def write(self, data: bytes) -> None:
        self.encrypt(data)

    def close(self) -> None:
        if not self._over:
            self._leaving.add(self)
            self.shut()

    def abort(self) -> None:
        self.drop()


class Leaving:
    """
    Connections that have said good-bye and wait for the other side to close, each until its session gives up. When
    there are too many, the oldest waits no longer: those who never close are to cost the others nothing.
    """

    def __init__(self, most: int = LEAVING) -> None:
        self._most = most
        self._pipes: dict[TcpPipe, None] = {}

    def add(self, pipe: TcpPipe) -> None:
        """One that waits from now on."""
        self._pipes[pipe] = None
        if len(self._pipes) > self._most:
            oldest = next(iter(self._pipes))
            self.remove(oldest)
            oldest.leave()

    def remove(self, pipe: TcpPipe) -> None:
        """One that is gone, or never was here."""
        self._pipes.pop(pipe, None)


class PipeFactory(Factory):
    """
    Makes pipes, incoming ones or one to a certain peer.
    """

    noisy = False

    def __init__(
        self, context: SSL.Context, room: Room, entrance: Entrance, leaving: Leaving, expected: NodeId | None = None
    ) -> None:
        self._context, self._room = context, room
        self._entrance, self._leaving = entrance, leaving
        self._expected = expected

    def buildProtocol(self, addr: IAddress | None) -> TcpPipe:
        return TcpPipe(self._context, self._room, self._entrance, self._leaving, self._expected)


class TcpTransport:
    """
    `tcp://host:port`, as `bitdust_node.router.transport.PacketTransport` describes it.
    """

    log = Logger()
    scheme = "tcp"

    def __init__(
        self,
        network: Network,
        config: Config,
        me: Me,
        admission: Admission,
        clock: Clock,
        automats: Automats,
        strangers: Strangers = STRANGERS,
        limits: Limits = LIMITS,
        bandwidth: Bandwidth | None = None,
    ) -> None:
        self._network = network
        self._config = config
        self._me = me
        self._clock = clock
        self._entrance = Entrance(self.scheme, admission, clock, automats, strangers, limits, bandwidth)
        self._context: SSL.Context | None = None
        self._room = Room()
        if not self._room.fast:
            self.log.warn("this release of pyOpenSSL is not known to the node: TLS takes more processor time with it")
        self._leaving = Leaving()
        self._port: Any = None

    @property
    def address(self) -> str | None:
        if self._port is None:
            return None
        host = self._port.getHost()
        return f"{host.host}:{host.port}"

    @property
    def knocking(self) -> int:
        """Incoming connections that have not yet said who they are."""
        return self._entrance.knocking

    async def listen(self, deliver: Deliver) -> None:
        """
        Accept peers at the port of the options; when it is taken, at a free one, which is written to the options.
        """
        factory = self._pipes()
        interface = self._config.text(INTERFACE)
        wanted = self._config.number(PORT)
        try:
            self._port = self._network.listen_tcp(wanted, factory, interface)
        except CannotListenError:
            self._port = self._network.listen_tcp(0, factory, interface)
            free = self._port.getHost().port
            self.log.warn("tcp port {wanted} is taken, {free} is used", wanted=wanted, free=free)
            self._config.set(PORT, free)
        self._entrance.open(deliver)

    async def connect(self, contact: str, peer: NodeId) -> Session:
        host, port = split(contact)
        factory = self._pipes(peer)
        return await within(self._clock, TIMEOUT, self._connect(host, port, factory), f"connecting to {contact}")

    async def close(self) -> None:
        port, self._port = self._port, None
        if port is not None:
            await port.stopListening()
        await self._entrance.close()
        self._context = None

    def sessions(self) -> list[Session]:
        return self._entrance.sessions()

    async def _connect(self, host: str, port: int, factory: PipeFactory) -> Session:
        try:
            pipe = cast(TcpPipe, await self._network.connect_tcp(host, port, factory))
        except (ConnectError, DNSLookupError, ValueError) as error:
            # the contact is what a stranger has written: a name that no resolver knows, or none at all
            raise Unavailable(f"nobody answers at {host}:{port} ({error})") from error
        session = pipe.session
        if session is None:
            raise Unavailable(f"{host}:{port} has closed the connection")
        try:
            await session.connected()
        except CancelledError:
            session.close("no longer needed")
            raise
        return session

    def _pipes(self, expected: NodeId | None = None) -> PipeFactory:
        if self._context is None:
            self._context = context_of(self._me.device)
        return PipeFactory(self._context, self._room, self._entrance, self._leaving, expected)


def split(contact: str) -> tuple[str, int]:
    """
    Host and port of `tcp://host:port`; raises Invalid.
    """
    host, _, port = contact.removeprefix("tcp://").partition("/")[0].rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 65536:
        raise Invalid(f"{contact[:100]} is not like tcp://host:port")
    return host.strip("[]"), int(port)
