"""
service_p2p_notifications: peers that come and go, for those services that wait for it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from twisted.logger import Logger

from bitdust_node.identity.names import NodeId
from bitdust_node.identity.resolver import Resolver
from bitdust_node.router.router import Router
from bitdust_node.service import Service


class P2PNotifications(Service):
    """
    Notes in the log who comes and goes; the events of it are published by the router.
    """

    log = Logger()
    name: ClassVar[str] = "p2p_notifications"
    depends: ClassVar[tuple[str, ...]] = ("p2p_hookups",)
    needs_identity: ClassVar[bool] = True

    def __init__(self, router: Router, resolver: Resolver) -> None:
        self._router = router
        self._resolver = resolver
        self._undo: Callable[[], None] | None = None

    async def start(self) -> None:
        self._undo = self._router.contacts.observe(self._moved)

    async def stop(self) -> None:
        undo, self._undo = self._undo, None
        if undo is not None:
            undo()

    def _moved(self, node_id: NodeId, old: str, new: str) -> None:
        document = self._resolver.cached(node_id)
        who = document.global_id if document else node_id
        self.log.info("{who} is {new}, it was {old}", who=who, new=new, old=old)
