"""
The UDP socket of the DHT.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IListeningPort
from twisted.internet.protocol import DatagramProtocol
from twisted.logger import Logger

from bitdust_node.dht.messages import DATAGRAM_LIMIT
from bitdust_node.errors import Unavailable
from bitdust_node.network import Network
from bitdust_node.waiting import started

Receive = Callable[[bytes, str, int], None]


class DatagramPort:
    """
    Listens on a port, or on a free one if that is taken.
    """

    log = Logger()

    def __init__(self, network: Network) -> None:
        self._network = network
        self._protocol = _Datagrams()
        self._listening: IListeningPort | None = None

    def open(self, port: int, interface: str, receive: Receive) -> int:
        """
        Begin to listen. Returns the port that was got.
        """
        self._protocol = _Datagrams(receive)
        try:
            self._listening = self._listen(port, interface)
        except CannotListenError as error:
            self.log.warn("UDP port {port} is taken, another one is used: {error}", port=port, error=error)
            try:
                self._listening = self._listen(0, interface)
            except CannotListenError as again:
                raise Unavailable(f"can not listen on UDP at {interface or 'any address'}: {again}") from None
        address = self._listening.getHost()
        return int(address.port) if isinstance(address, IPv4Address | IPv6Address) else port

    def send(self, datagram: bytes, host: str, port: int) -> None:
        """
        Put a datagram on the wire; like all datagrams it may get lost, also here.
        """
        if self._protocol.transport is None:
            return
        try:
            self._protocol.transport.write(datagram, (host, port))
        except (OSError, ValueError) as error:
            self.log.debug("datagram to {host}:{port} not sent: {error}", host=host, port=port, error=error)

    async def close(self) -> None:
        listening, self._listening = self._listening, None
        if listening is not None:
            stopped = listening.stopListening()
            if stopped is not None:
                await started(stopped)

    def _listen(self, port: int, interface: str) -> IListeningPort:
        return self._network.listen_udp(port, self._protocol, interface)


class _Datagrams(DatagramProtocol):
    def __init__(self, receive: Receive | None = None) -> None:
        self._receive = receive

    def datagramReceived(self, datagram: bytes, addr: tuple[str, int]) -> None:
        if self._receive is not None and len(datagram) <= DATAGRAM_LIMIT:
            self._receive(datagram, addr[0], addr[1])
