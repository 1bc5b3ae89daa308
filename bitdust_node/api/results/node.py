"""
Results that tell of the node itself: options, services, machines, events, network, DHT.
"""

from __future__ import annotations

from typing import Any, NotRequired, TypedDict


class Restarted(TypedDict):
    restarted: bool


class Option(TypedDict):
    """One option, or a branch of options: then only `key` and `childs` are there."""

    key: str
    value: NotRequired[Any]
    type: NotRequired[str]
    label: NotRequired[str]
    default: NotRequired[Any]
    readonly: NotRequired[bool]
    info: NotRequired[str]
    min: NotRequired[int]
    max: NotRequired[int]
    possible_values: NotRequired[list[Any]]
    old_value: NotRequired[Any]
    childs: NotRequired[int]


class ServiceItem(TypedDict):
    """`ready` is false, with the `reason`, while a service that is ON can not be of use yet."""

    index: int
    id: str
    name: str
    state: str
    enabled: bool
    installed: bool
    config_path: str
    depends: list[str]
    ready: bool
    reason: str | None
    configs: NotRequired[list[Option]]
    root_distance: NotRequired[int]


class Automat(TypedDict):
    """A state machine that runs. `past`: states it was in, the last one last."""

    index: int
    id: str
    name: str
    state: str
    repr: str
    timers: str
    events: bool
    past: list[str]


class EventSent(TypedDict):
    event_id: str
    created: int


class EventHeard(TypedDict):
    """`time` in seconds since 1970."""

    type: str
    id: str
    data: Any
    time: int


class Stun(TypedDict):
    result: str
    type: str | None
    ip: str | None
    details: Any


class NetworkConnected(TypedDict):
    """`started` or `disabled` for each service."""

    service_network: str
    service_gateway: str
    service_p2p_hookups: str
    service_proxy_transport: NotRequired[str]
    proxy_receiver_state: NotRequired[str]


class NetworkStatus(TypedDict):
    p2p_connector_state: str | None
    network_connector_state: str | None
    idurl: str | None
    global_id: str | None
    identity_sources: NotRequired[list[str] | None]
    identity_contacts: NotRequired[list[str] | None]
    identity_revision: NotRequired[Any]
    suppliers: NotRequired[dict[str, Any]]
    customers: NotRequired[dict[str, Any]]
    cache: NotRequired[dict[str, Any]]
    tcp: NotRequired[dict[str, Any]]
    udp: NotRequired[dict[str, Any]]
    proxy: NotRequired[dict[str, Any]]
    dht: NotRequired[dict[str, Any]]


class DhtContact(TypedDict):
    """`dht_id` in 40 hex digits, `address` as host:port."""

    dht_id: str
    address: str


class NodesFound(TypedDict):
    my_dht_id: str
    lookup: str
    closest_nodes: list[DhtContact]


class ValueRead(TypedDict):
    """`read`: success, with the value, or failed, with the nodes that were asked last."""

    read: str
    my_dht_id: str
    key: str
    value: NotRequired[dict[str, Any]]
    closest_nodes: NotRequired[list[DhtContact]]


class ValueWritten(TypedDict):
    write: str
    my_dht_id: str
    key: str
    value: dict[str, Any]
    closest_nodes: list[DhtContact]


class PacketsSide(TypedDict):
    total_bytes: int
    unknown_bytes: int
    total_packets: int
    unknown_packets: int
    failed_packets: int
    peers: dict[str, int]
    identity_cache_count: NotRequired[int]
    identity_cache_fails: NotRequired[int]
    identity_cache_bytes: NotRequired[int]


# `in` is a word of the language
PacketsStats = TypedDict("PacketsStats", {"in": PacketsSide, "out": PacketsSide})


class Connection(TypedDict):
    status: str
    state: str
    proto: str
    host: str
    global_id: str
    idurl: str
    bytes_sent: int
    bytes_received: int


class Stream(TypedDict):
    """Bytes are -1 when they are not known; `type` says where the data go: in, out, or empty before the first."""

    proto: str
    stream_id: str | int
    type: str
    bytes_current: int
    bytes_total: int
    bytes_per_second: int
    seconds_left: float
    progress: str
