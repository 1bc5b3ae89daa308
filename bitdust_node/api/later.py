"""
Methods of the contract whose feature this node does not have yet: declared in full, so that clients find them and
hear in the words of the contract that the service behind them is not started.

When a feature comes, its service declares the methods and they are taken out here; the registry takes no name twice.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, TypeVar

from bitdust_node.api.registry import method
from bitdust_node.errors import Unavailable
from bitdust_node.identity.me import Me

F = TypeVar("F", bound=Callable[..., Any])


DEVICES = "web_socket_communicator"
WALLET = "bismuth_wallet"


def later(
    service: str, verb: str, path: str, *more: str, accept: Mapping[str, tuple[str, ...]] | None = None
) -> Callable[[F], F]:
    """
    Declare a method as `method` does; called, it says that the service is not started, also while the service of that
    name is ON for the sake of other methods.
    """
    declare = method(verb, path, *more, needs=(f"service_{service}",), accept=accept)

    def mark(function: F) -> F:
        @wraps(function)
        def refuse(self: object, **arguments: Any) -> None:
            raise Unavailable(f"service_{service}() is not started")

        return declare(refuse)  # type: ignore[return-value]

    return mark


class LaterApi:
    """
    Shares, groups, messages, devices, networks and chains.
    """

    def __init__(self, me: Me) -> None:
        self._me = me

    # --- identity and network ---

    @method("PUT", "/identity/rotate/v1", "PUT /i/rot")
    def identity_rotate(self) -> None:
        """Replace one of the identity servers and publish the identity under its new names."""
        if not self._me.has_identity:
            raise Unavailable("local identity is not ready")
        raise Unavailable("an identity can not be moved to other servers by this version of the node")

    @method("PUT", "/identity/heal/v1")
    def identity_heal(self) -> None:
        """Never did anything in any edition."""
        raise Unavailable("method is not implemented")

    @later("udp_transport", "GET", "/network/stun/v1", "GET /nw/stn")
    def network_stun(self, udp_port: int | None = None, dht_port: int | None = None) -> None:
        """Detect the own address and the kind of wall in front of it by asking others over UDP."""

    @method("POST", "/network/create/v1")
    def network_create(self, url: str) -> None:
        """Add another network, described in a file or at a URL."""
        raise Unavailable("this version of the node knows one network only")

    @method("POST", "/network/select/v1")
    def network_select(self, name: str) -> None:
        """Leave the present network and join another one."""
        raise Unavailable("this version of the node knows one network only")

    @method("GET", "/network/disconnect/v1")
    def network_disconnect(self) -> None:
        """Leave the present network."""
        raise Unavailable("this version of the node knows one network only; service_stop of network goes offline")

    # --- devices ---

    @later(DEVICES, "GET", "/device/list/v1")
    def devices_list(self, sort: bool = False) -> None:
        """List the remote devices that may use this node."""

    @later(DEVICES, "GET", "/device/info/v1")
    def device_info(self, name: str) -> None:
        """Show one device."""

    @later(DEVICES, "POST", "/device/add/v1")
    def device_add(
        self,
        name: str,
        routed: bool = False,
        activate: bool = True,
        wait_listening: bool = False,
        web_socket_host: str | None = None,
        web_socket_port: int | None = None,
        key_size: int | None = None,
    ) -> None:
        """Add a device, connected directly or through a router."""

    @later(DEVICES, "POST", "/device/start/v1")
    def device_start(self, name: str) -> None:
        """Let a device in."""

    @later(DEVICES, "POST", "/device/stop/v1")
    def device_stop(self, name: str) -> None:
        """Keep a device out."""

    @later(DEVICES, "DELETE", "/device/remove/v1")
    def device_remove(self, name: str) -> None:
        """Forget a device."""

    @later(DEVICES, "POST", "/device/authorization/request/v1")
    def device_authorization_request(self, name: str) -> None:
        """Begin to pair with a device."""

    @later(DEVICES, "POST", "/device/authorization/generate/v1")
    def device_authorization_generate(self, name: str) -> None:
        """Make an access key for a device."""

    @later(DEVICES, "POST", "/device/authorization/reset/v1")
    def device_authorization_reset(self, name: str) -> None:
        """Forget how a device was paired."""

    @later(DEVICES, "POST", "/device/authorization/client_code/v1")
    def device_authorization_client_code(self, name: str, client_code: str) -> None:
        """Take the code that the device shows."""

    @later(DEVICES, "GET", "/device/router/info/v1")
    def device_router_info(self, name: str) -> None:
        """Show the routers of a device."""

    # --- chains ---

    @later("bismuth_blockchain", "GET", "/blockchain/info/v1")
    def blockchain_info(self) -> None:
        """Show the state of the chain."""

    @later(WALLET, "GET", "/blockchain/wallet/balance/v1")
    def blockchain_wallet_balance(self) -> None:
        """Show what the own wallet holds."""

    @later(WALLET, "GET", "/blockchain/wallet/transactions/v1")
    def blockchain_wallet_transactions(self) -> None:
        """List the transactions of the own wallet."""

    @later(WALLET, "POST", "/blockchain/transaction/send/v1")
    def blockchain_transaction_send(self, recipient: str, amount: float, operation: str = "", data: str = "") -> None:
        """Send coins."""

    @later("bismuth_miner", "GET", "/blockchain/block/produce/v1")
    def blockchain_block_produce(self) -> None:
        """Make a block."""
