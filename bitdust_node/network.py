"""
The sockets of a node: everything that listens or connects does it through this object.
"""

from __future__ import annotations

import socket
from typing import Any, cast

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import HostnameEndpoint
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IListeningPort, IProtocol, IProtocolFactory
from twisted.internet.protocol import DatagramProtocol
from twisted.web.client import Agent, HTTPConnectionPool

#: Seconds to connect; nobody waits longer for a dead address.
CONNECT_TIMEOUT = 10.0
#: Connections that may wait to be accepted.
BACKLOG = 200
DATAGRAM = 65535


class Network:
    """
    Sockets by the reactor that was given, so that nobody else needs to know it.

    agent: an HTTP client (`twisted.web.iweb.IAgent`) for servers that people have named.
    """

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self.agent = Agent(reactor, connectTimeout=CONNECT_TIMEOUT, pool=HTTPConnectionPool(reactor, persistent=False))

    def listen_tcp(self, port: int, factory: IProtocolFactory, interface: str = "") -> IListeningPort:
        """
        Accept connections at this port, 0 for any free one; raises `twisted.internet.error.CannotListenError`.

        interface: the address to listen on, all when it is empty.
        """
        return cast(IListeningPort, self._reactor.listenTCP(port, factory, BACKLOG, interface))

    def listen_udp(self, port: int, protocol: DatagramProtocol, interface: str = "") -> IListeningPort:
        """
        Receive datagrams at this port, 0 for any free one; raises `twisted.internet.error.CannotListenError`.
        """
        _check_udp(port, interface)
        return cast(IListeningPort, self._reactor.listenUDP(port, protocol, interface, DATAGRAM))

    def connect_tcp(
        self, host: str, port: int, factory: IProtocolFactory, timeout: float = CONNECT_TIMEOUT
    ) -> Deferred[IProtocol]:
        """
        The protocol of the factory, connected; fails with an error of `twisted.internet.error`.
        """
        endpoint = HostnameEndpoint(self._reactor, host, port, timeout)
        return endpoint.connect(factory)


def _check_udp(port: int, interface: str) -> None:
    """
    Try the port: Twisted leaves its socket open when a UDP port is taken.
    """
    with socket.socket(socket.AF_INET6 if ":" in interface else socket.AF_INET, socket.SOCK_DGRAM) as trial:
        try:
            trial.bind((interface, port))
        except OSError as error:
            raise CannotListenError(interface, port, error) from error
