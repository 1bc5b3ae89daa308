"""
Where the faces of the API listen: the port of an option, or the next one that is free.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IListeningPort
from twisted.internet.protocol import ServerFactory

from bitdust_node.api.access import INTERFACE
from bitdust_node.config.config import Config
from bitdust_node.errors import Unavailable
from bitdust_node.network import Network

#: Ports tried upwards when the configured one is taken.
PORTS_TRIED = 50


def port_of(listening: IListeningPort) -> int:
    address: Any = listening.getHost()
    return int(address.port)


def listen_near(network: Network, config: Config, option: str, factory: ServerFactory) -> IListeningPort:
    """
    Listen on the port of an option, or on one of the next that is free; then the option is rewritten.
    """
    wanted = config.number(option)
    for port in range(wanted, min(wanted + PORTS_TRIED, 65536)):
        try:
            listening = network.listen_tcp(port, factory, interface=INTERFACE)
        except (OSError, Unavailable, CannotListenError):
            continue
        if port != wanted:
            config.set(option, port)
        return listening
    raise Unavailable(f"no free TCP port from {wanted} on for {option}")
