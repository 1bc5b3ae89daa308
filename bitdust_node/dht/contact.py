"""
Contacts: where a node of the DHT can be asked, and how many of one neighbourhood are believed.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from functools import lru_cache
from typing import Annotated

import msgspec

from bitdust_node.dht.ids import ID_BYTES

#: Of one address, and of one /24 (IPv6: /48), in one bucket or among the candidates of a lookup.
SAME_ADDRESS = 2
SAME_NETWORK = 4

Id = Annotated[bytes, msgspec.Meta(min_length=ID_BYTES, max_length=ID_BYTES)]
Host = Annotated[str, msgspec.Meta(max_length=45)]
Port = Annotated[int, msgspec.Meta(ge=1, le=65535)]
LayerMask = Annotated[int, msgspec.Meta(ge=0, lt=1024)]


class Contact(msgspec.Struct, array_like=True, frozen=True):
    """
    id: 20 bytes.
    host: numeric address.
    port: UDP port.
    layers: bit mask of the layers it is attached to.
    """

    id: Id
    host: Host
    port: Port
    layers: LayerMask = 1

    @property
    def address(self) -> str:
        return f"{self.host}:{self.port}"


@lru_cache(maxsize=4096)
def kind_of(host: str) -> str:
    """
    `loopback`, `private`, `public`, or `wrong` for what no node can have.
    """
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return "wrong"
    if address.is_loopback:
        return "loopback"
    if address.is_unspecified or address.is_multicast or host == "255.255.255.255":
        return "wrong"
    return "public" if address.is_global else "private"


@lru_cache(maxsize=4096)
def network_of(host: str) -> str:
    """
    The neighbourhood that probably has one owner.
    """
    if ":" in host:
        return str(ipaddress.ip_network((host, 48), strict=False))
    return host.rsplit(".", 1)[0]


_REACH = {"loopback": 0, "private": 1, "public": 2}


def may_tell(teller: str, told: str) -> bool:
    """
    May a node at address `teller` point us to `told`? Nobody may point into a network nearer to us than its own.
    """
    kind = kind_of(told)
    return kind != "wrong" and _REACH[kind] >= _REACH.get(kind_of(teller), 2)


def has_room(others: Iterable[Contact], host: str) -> bool:
    """
    Would one more contact at `host` stay within the limits? Loopback has none: whole networks live there.
    """
    if kind_of(host) == "loopback":
        return True
    same_address = same_network = 0
    network = network_of(host)
    for other in others:
        same_address += other.host == host
        same_network += network_of(other.host) == network
    return same_address < SAME_ADDRESS and same_network < SAME_NETWORK
