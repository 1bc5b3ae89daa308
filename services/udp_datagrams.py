"""
The UDP port of the node, for transports that run over datagrams.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.logger import Logger

from bitdust_node.config.config import Config
from bitdust_node.dht.port import DatagramPort, Receive
from bitdust_node.network import Network
from bitdust_node.service import Service
from bitdust_node.tasks import Tasks

_PORT = "services/udp-datagrams/udp-port"
_INTERFACE = "services/network/interface"


class UdpDatagrams(Service):
    """
    Listens; what comes in goes to the one who asked for it, else it is dropped.
    """

    name = "udp_datagrams"
    depends = ("network",)
    log = Logger()

    def __init__(self, config: Config, network: Network) -> None:
        self._config = config
        self._socket = DatagramPort(network)
        self._tasks = Tasks(self.name)
        self._receive: Receive | None = None
        self._unwatch: Callable[[], None] | None = None
        #: The port that was got, 0 while the service is off.
        self.port = 0

    async def start(self) -> None:
        self._tasks = Tasks(self.name)
        self._open()
        self._unwatch = self._config.watch(_PORT, self._moved)

    async def stop(self) -> None:
        if self._unwatch is not None:
            self._unwatch()
            self._unwatch = None
        await self._tasks.stop()
        self.port = 0
        await self._socket.close()

    async def reconnect(self) -> None:
        await self._reopen()

    def network_configuration(self) -> dict[str, Any] | None:
        return {"udp_port": self.port}

    def serve(self, receive: Receive | None) -> None:
        """
        Give incoming datagrams to `receive(datagram, host, port)`; None: drop them.
        """
        self._receive = receive

    def send(self, datagram: bytes, host: str, port: int) -> None:
        self._socket.send(datagram, host, port)

    def _open(self) -> None:
        wanted = self._config.number(_PORT)
        self.port = self._socket.open(wanted, self._config.text(_INTERFACE), self._received)
        if self.port != wanted:
            self._config.set(_PORT, self.port)

    def _received(self, datagram: bytes, host: str, port: int) -> None:
        if self._receive is not None:
            self._receive(datagram, host, port)

    def _moved(self, path: str, old: object, new: object) -> None:
        if new != self.port:
            self._tasks.spawn("listen on another port", self._reopen())

    async def _reopen(self) -> None:
        await self._socket.close()
        self._open()
