"""
The model `online_status`: who of the peers is there.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

from bitdust_node.api.models import Snapshot, Tell
from bitdust_node.identity.names import Locator, NodeId
from bitdust_node.identity.resolver import Resolver
from bitdust_node.router.contacts import Contact
from bitdust_node.router.router import Router


class OnlineModel:
    """
    Tells each step of a contact whose identity is known.
    """

    model = "online_status"

    def __init__(self, router: Router, resolver: Resolver) -> None:
        self._router, self._resolver = router, resolver

    async def all(self, query: Mapping[str, Any]) -> AsyncIterator[Snapshot]:
        for contact in self._router.contacts:
            snapshot = self._snapshot(contact)
            if snapshot is not None:
                yield snapshot

    def observe(self, tell: Tell) -> Callable[[], None]:
        def moved(node_id: NodeId, old: str, new: str) -> None:
            contact = self._router.contacts.get(node_id)
            snapshot = None if contact is None else self._snapshot(contact)
            if snapshot is not None:
                tell(snapshot)

        return self._router.contacts.observe(moved)

    def _snapshot(self, contact: Contact) -> Snapshot | None:
        document = self._resolver.cached(contact.node_id)
        if document is None:
            return None
        place = Locator.of_idurl(document.idurl)
        machine = contact.machine
        return Snapshot(
            document.idurl,
            {
                "index": machine.index,
                "id": machine.id,
                "name": machine.automat.name,
                "state": contact.state,
                "idurl": document.idurl,
                "global_id": document.global_id,
                "idhost": place.host if place.port == 80 else f"{place.host}:{place.port}",
                "username": place.user,
            },
        )
