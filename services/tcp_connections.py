"""
service_tcp_connections: the port for incoming TCP connections.
"""

from __future__ import annotations

from typing import Any, ClassVar

from bitdust_node.config.config import Config
from bitdust_node.errors import Invalid
from bitdust_node.service import Service

PORT = "services/tcp-connections/tcp-port"
INTERFACE = "services/network/interface"


class TcpConnections(Service):
    """
    Stands for the port itself, which the transport opens when there is an identity to show.
    """

    name: ClassVar[str] = "tcp_connections"
    depends: ClassVar[tuple[str, ...]] = ("network",)

    def __init__(self, config: Config) -> None:
        self._config = config

    async def start(self) -> None:
        port = self._config.number(PORT)
        if not 0 < port < 65536:
            raise Invalid(f"{PORT} must be 1 to 65535, not {port}")

    def network_configuration(self) -> dict[str, Any]:
        return {"tcp_port": self._config.number(PORT), "interface": self._config.text(INTERFACE)}
