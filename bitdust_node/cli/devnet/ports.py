"""
Free ports on this machine.
"""

from __future__ import annotations

import random
import socket

from bitdust_node.errors import Unavailable

#: Below the range from which systems number outgoing connections, so that none takes a port before its node does.
LOWEST, HIGHEST = 20000, 32000


def free_ports(count: int, host: str = "127.0.0.1") -> list[int]:
    """
    Distinct ports that are free both for TCP and UDP now.
    """
    found: list[int] = []
    candidates = list(range(LOWEST, HIGHEST))
    random.SystemRandom().shuffle(candidates)
    for port in candidates:
        if len(found) == count:
            return found
        if _free(host, port):
            found.append(port)
    raise Unavailable(f"there are no {count} free ports between {LOWEST} and {HIGHEST}")


def _free(host: str, port: int) -> bool:
    with (
        socket.socket(socket.AF_INET, socket.SOCK_STREAM) as stream,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagram,
    ):
        try:
            stream.bind((host, port))
            datagram.bind((host, port))
        except OSError:
            return False
    return True
