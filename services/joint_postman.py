"""
service_joint_postman: keeps messages for customers who are away.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from bitdust_node.api.registry import method
from bitdust_node.clock import Clock
from bitdust_node.errors import Unavailable
from bitdust_node.identity.me import Me
from bitdust_node.identity.resolver import Resolver
from bitdust_node.paths import DataFolder
from bitdust_node.router.router import Router
from bitdust_node.service import Service
from bitdust_node.threads import Workers
from services.postman.mailboxes import Mailboxes
from services.postman.queues import Queues
from services.supplier import Supplier


class JointPostman(Service):
    """
    The mailboxes of customers, while this node is a supplier.
    """

    name: ClassVar[str] = "joint_postman"
    depends: ClassVar[tuple[str, ...]] = ("private_messages", "customer_family")
    needs_identity: ClassVar[bool] = True

    def __init__(
        self,
        supplier: Supplier,
        queues: Queues,
        router: Router,
        me: Me,
        resolver: Resolver,
        folder: DataFolder,
        workers: Workers,
        clock: Clock,
    ) -> None:
        self._supplier, self._queues, self._router = supplier, queues, router
        self._me, self._resolver, self._folder = me, resolver, folder
        self._workers, self._clock = workers, clock
        self._mailboxes: Mailboxes | None = None
        self._undo: Callable[[], None] | None = None

    async def start(self) -> None:
        keeping = self._supplier.keeping
        if keeping is None:
            raise Unavailable("this node is no supplier")
        self._mailboxes = Mailboxes(
            self._folder.base / "mailboxes.db",
            keeping.leases,
            keeping.space,
            self._router,
            self._me,
            self._resolver,
            self._workers,
            self._clock,
        )
        await self._mailboxes.start()
        self._undo = self._queues.add(self._mailboxes.queues)

    async def stop(self) -> None:
        undo, self._undo = self._undo, None
        if undo is not None:
            undo()
        mailboxes, self._mailboxes = self._mailboxes, None
        if mailboxes is not None:
            await mailboxes.stop()

    @method("GET", "/queue/stream/list/v1", needs=("service_joint_postman",))
    async def queue_streams_list(self) -> list[dict[str, Any]]:
        """
        List the queues that this node keeps for its customers.
        """
        return [
            {
                "queue_id": queue.queue_id,
                "active": True,
                "consumers": sorted(queue.consumers),
                "producers": sorted(queue.producers),
                "sequence_id": queue.last,
            }
            for queue in await self._queues.all()
        ]
