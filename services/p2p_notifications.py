"""
service_p2p_notifications: peers that come and go, for those services that wait for it; the queues kept for others.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from twisted.logger import Logger

from bitdust_node.api.registry import method
from bitdust_node.identity.names import NodeId
from bitdust_node.identity.resolver import Resolver
from bitdust_node.router.router import Router
from bitdust_node.service import Service
from services.postman.queues import Queues

NEEDS = ("service_p2p_notifications",)


class P2PNotifications(Service):
    """
    Notes in the log who comes and goes; the events of it are published by the router.

    The queues are those of service_joint_postman; without it the lists are empty.
    """

    log = Logger()
    name: ClassVar[str] = "p2p_notifications"
    depends: ClassVar[tuple[str, ...]] = ("p2p_hookups",)
    needs_identity: ClassVar[bool] = True

    def __init__(self, router: Router, resolver: Resolver, queues: Queues) -> None:
        self._router = router
        self._resolver = resolver
        self._queues = queues
        self._undo: Callable[[], None] | None = None

    async def start(self) -> None:
        self._undo = self._router.contacts.observe(self._moved)

    async def stop(self) -> None:
        undo, self._undo = self._undo, None
        if undo is not None:
            undo()

    @method("GET", "/queue/list/v1", "GET /qu/l", needs=NEEDS)
    async def queues_list(self) -> list[dict[str, Any]]:
        """
        List the queues of messages that this node keeps.
        """
        return [{"queue_id": queue.queue_id, "messages": queue.messages} for queue in await self._queues.all()]

    @method("GET", "/queue/consumer/list/v1", "GET /qu/c/l", needs=NEEDS)
    async def queue_consumers_list(self) -> list[dict[str, Any]]:
        """
        List who reads from the queues of this node.
        """
        people = await self._queues.consumers()
        return [
            {"consumer_id": person, "queues": queues, "state": "READY", "consumed": count}
            for person, (queues, count) in people.items()
        ]

    @method("GET", "/queue/producer/list/v1", "GET /qu/p/l", needs=NEEDS)
    async def queue_producers_list(self) -> list[dict[str, Any]]:
        """
        List who writes to the queues of this node.
        """
        people = await self._queues.producers()
        return [
            {"producer_id": person, "queues": queues, "state": "READY", "produced": count}
            for person, (queues, count) in people.items()
        ]

    @method("GET", "/queue/keeper/list/v1", needs=NEEDS)
    async def queue_keepers_list(self) -> list[dict[str, Any]]:
        """
        Always empty, as ever.
        """
        return []

    @method("GET", "/queue/peddler/list/v1", needs=NEEDS)
    async def queue_peddlers_list(self) -> list[dict[str, Any]]:
        """
        Always empty, as ever.
        """
        return []

    def _moved(self, node_id: NodeId, old: str, new: str) -> None:
        document = self._resolver.cached(node_id)
        who = document.global_id if document else node_id
        self.log.info("{who} is {new}, it was {old}", who=who, new=new, old=old)
