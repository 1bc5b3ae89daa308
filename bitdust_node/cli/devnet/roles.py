"""
What the nodes of a private network are: which services each role runs and which options it is given.
"""

from __future__ import annotations

from bitdust_node.config.options import SUPPLIERS_NUMBERS
from bitdust_node.config.switches import SWITCHES, switch_path

IDENTITY_SERVER = "identity-server"
SEED = "seed"
SUPPLIER = "supplier"
CUSTOMER = "customer"

HOST = "127.0.0.1"
CUSTOMERS = ("alice", "bob", "carol", "dave", "erin", "frank", "grace", "heidi", "ivan", "judy")

_DHT = ("network", "udp_datagrams", "entangled_dht", "ip_port_responder")
_PEER = (
    *_DHT, "my_ip_port", "tcp_connections", "gateway", "tcp_transport", "identity_propagate", "p2p_hookups",
    "p2p_notifications", "keys_registry", "nodes_lookup",
)  # fmt: skip

SERVICES: dict[str, tuple[str, ...]] = {
    IDENTITY_SERVER: ("network", "tcp_connections", "identity_server"),
    SEED: _DHT,
    SUPPLIER: (
        *_PEER, "supplier", "customer_family", "customer_patrol", "customer_support", "private_messages",
        "joint_postman",
    ),
    CUSTOMER: (
        *_PEER, "data_disintegration", "customer", "employer", "data_motion", "list_files", "backup_db", "rebuilding",
        "backups", "restores", "keys_storage", "my_data", "shared_data", "private_messages",
        "private_groups", "message_history",
    ),
}  # fmt: skip

#: The service that is ON when a node of the role is of use.
LAST_SERVICE = {IDENTITY_SERVER: "identity_server", SEED: "entangled_dht", SUPPLIER: "supplier", CUSTOMER: "my_data"}


def customer_name(number: int) -> str:
    return CUSTOMERS[number] if number < len(CUSTOMERS) else f"customer-{number + 1}"


def suppliers_number(suppliers: int) -> int:
    """The largest number of suppliers that a customer may hire among so many."""
    return max((number for number in SUPPLIERS_NUMBERS if number <= suppliers), default=SUPPLIERS_NUMBERS[0])


def switches(role: str) -> dict[str, object]:
    """The switch of every service, on only where the role needs it."""
    wanted = {switch_path(name) for name in SERVICES[role]}
    return {option.path: option.path in wanted for option in SWITCHES}
