"""
The commands with which nodes keep in touch.
"""

from __future__ import annotations

import msgspec

from bitdust_node.wire.command import MESSAGE_LIMIT, Command


class Ping(msgspec.Struct, frozen=True, array_like=True):
    """
    number: any; the answer repeats it. document: the identity document of the sender, XML.
    """

    number: int
    document: bytes


class Pong(msgspec.Struct, frozen=True, array_like=True):
    """
    number: of the ping. document: the identity document of the answering node, XML.
    """

    number: int
    document: bytes


#: Is the other side there? Both learn the newest identity document of the other on the way.
PING = Command("contact.ping", Ping, Pong, limit=MESSAGE_LIMIT)
