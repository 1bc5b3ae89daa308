"""
Everybody this node has to do with: suppliers, customers, friends.
"""

from __future__ import annotations

from collections.abc import Iterable

from bitdust_node.events import Events


class ContactList:
    """
    Each service says whom it knows; `contacts-changed` tells when the list of all has changed.
    """

    def __init__(self, events: Events) -> None:
        self._events = events
        self._groups: dict[str, frozenset[str]] = {}

    @property
    def idurls(self) -> list[str]:
        """All of them, sorted."""
        return sorted(frozenset().union(*self._groups.values()))

    def put(self, group: str, idurls: Iterable[str]) -> None:
        """
        These, and nobody else, belong to the group now.
        """
        old = self.idurls
        self._groups[group] = frozenset(idurls)
        new = self.idurls
        if new != old:
            self._events.publish("contacts-changed", {"old_contacts": old, "new_contacts": new})
