"""
The own address as others see it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from ipaddress import ip_address

#: Sources that are remembered; the oldest gives way.
SOURCES_LIMIT = 32


class Addresses:
    """
    The latest observation of each source (an identity server, a DHT node, a STUN responder). What most of them say is
    the own address, so that one liar changes nothing among three.
    """

    def __init__(self) -> None:
        self._seen: dict[str, str] = {}
        self._host: str | None = None
        self._callbacks: tuple[Callable[[str | None], object], ...] = ()

    def observed(self, source: str, host: str) -> None:
        """
        A source saw us at this address. Texts that are no IPv4 address are dropped.
        """
        try:
            if ip_address(host).version != 4 or ip_address(host).is_unspecified:
                return
        except ValueError:
            return
        self._seen.pop(source, None)
        self._seen[source] = host
        if len(self._seen) > SOURCES_LIMIT:
            del self._seen[next(iter(self._seen))]
        self._settle()

    def host(self) -> str | None:
        """
        The own address, None before the first observation.
        """
        return self._host

    def on_change(self, callback: Callable[[str | None], object]) -> Callable[[], None]:
        """
        Call back with the new address when it changes; returns the function that ends it.
        """
        self._callbacks = (*self._callbacks, callback)

        def undo() -> None:
            self._callbacks = tuple(other for other in self._callbacks if other is not callback)

        return undo

    def _settle(self) -> None:
        votes = Counter(self._seen.values())
        most = max(votes.values())
        # On a tie the address in use stays: two sources that disagree must not make the node republish for ever.
        if self._host is not None and votes[self._host] == most:
            return
        self._host = next(host for host in reversed(self._seen.values()) if votes[host] == most)
        for callback in self._callbacks:
            callback(self._host)
