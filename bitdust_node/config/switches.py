"""
The switches of the services: which exist, and whether they are on when the node starts for the first time.
"""

from __future__ import annotations

from bitdust_node.config.option import Kind, Option

_ON = (
    "backup_db", "backups", "bismuth_blockchain", "bismuth_identity", "bismuth_wallet", "blockchain_id", "customer",
    "customer_contracts", "customer_family", "customer_patrol", "customer_support", "data_disintegration",
    "data_motion", "employer", "entangled_dht", "gateway", "identity_propagate", "ip_port_responder", "joint_postman",
    "keys_registry", "keys_storage", "list_files", "message_broker", "message_history", "my_data", "my_ip_port",
    "network", "nodes_lookup", "p2p_hookups", "p2p_notifications", "personal_messages", "private_groups",
    "private_messages", "proxy_transport", "rebuilding", "restores", "shared_data", "supplier", "supplier_contracts",
    "tcp_connections", "tcp_transport", "udp_datagrams", "web_socket_communicator",
)  # fmt: skip
_OFF = (
    "accountant", "bismuth_miner", "bismuth_node", "bismuth_pool", "blockchain", "blockchain_authority",
    "blockchain_explorer", "broadcasting", "contract_chain", "http_connections", "http_transport", "identity_server",
    "miner", "proxy_server", "udp_transport", "web_socket_router",
)  # fmt: skip


def switch_path(service: str) -> str:
    """The option that switches a service: `entangled_dht` -> `services/entangled-dht/enabled`."""
    return f"services/{service.replace('_', '-')}/enabled"


def switch(service: str, enabled: bool) -> Option:
    words = service.replace("_", " ")
    info = f"Runs the service `{words}`."
    readonly = service == "udp_transport"  # as the contract says of all that is below services/udp-transport
    return Option(switch_path(service), Kind.BOOLEAN, enabled, f"{words} enabled", info, readonly=readonly)


SWITCHES: tuple[Option, ...] = tuple(
    sorted([switch(name, True) for name in _ON] + [switch(name, False) for name in _OFF], key=lambda item: item.path)
)
