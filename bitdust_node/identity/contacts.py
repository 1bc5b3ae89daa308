"""
Where this node can be reached, as it is written into its identity document.
"""

from __future__ import annotations

from collections.abc import Callable

from bitdust_node.config.config import Config
from bitdust_node.identity.addresses import Addresses

#: Options whose change may change the contacts.
OPTIONS = ("services/tcp-transport", "services/tcp-connections/tcp-port", "services/tcp-connections/enabled")


class ContactsSource:
    """
    The contacts of all transports that receive, best first.
    """

    def __init__(self, config: Config, addresses: Addresses) -> None:
        self._config, self._addresses = config, addresses
        self._offers: dict[str, tuple[int, Callable[[], str | None]]] = {}

    def offer(self, scheme: str, priority: int, contact: Callable[[], str | None]) -> None:
        """
        Add a further transport: `contact` gives its contact now, or None. Lower priorities come first.
        """
        self._offers[scheme] = (priority, contact)

    def withdraw(self, scheme: str) -> None:
        """
        Forget a transport that was offered.
        """
        self._offers.pop(scheme, None)

    def contacts(self) -> tuple[str, ...]:
        """
        For example ("tcp://1.2.3.4:7771",); empty while the own address is not known.
        """
        offers = {"tcp": (self._config.number("services/tcp-transport/priority"), self._tcp), **self._offers}
        found = [contact() for _, contact in sorted(offers.values(), key=lambda offer: offer[0])]
        return tuple(contact for contact in found if contact)

    def _tcp(self) -> str | None:
        host, config = self._addresses.host(), self._config
        receiving = config.yes("services/tcp-transport/enabled") and config.yes(
            "services/tcp-transport/receiving-enabled"
        )
        if host is None or not receiving:
            return None
        return f"tcp://{host}:{config.number('services/tcp-connections/tcp-port')}"
