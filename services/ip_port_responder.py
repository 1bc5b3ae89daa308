"""
Tells other nodes how they look from outside.
"""

from __future__ import annotations

from bitdust_node.service import Service
from services.entangled_dht import EntangledDht


class IpPortResponder(Service):
    """
    While it is on, the DHT node puts the address of the asker into each answer to a ping.
    """

    name = "ip_port_responder"
    depends = ("entangled_dht",)

    def __init__(self, dht: EntangledDht) -> None:
        self._dht = dht

    async def start(self) -> None:
        self._dht.node.tells_addresses = True

    async def stop(self) -> None:
        self._dht.node.tells_addresses = False
