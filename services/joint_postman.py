"""
service_joint_postman: keeps messages for customers who are away, and the posts of their groups.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from bitdust_node.api.registry import method
from bitdust_node.clock import Clock
from bitdust_node.config.config import Config
from bitdust_node.errors import Unavailable
from bitdust_node.identity.me import Me
from bitdust_node.identity.names import NodeId
from bitdust_node.identity.resolver import Resolver
from bitdust_node.paths import DataFolder
from bitdust_node.router.router import Router
from bitdust_node.service import Service
from bitdust_node.tasks import Tasks
from bitdust_node.threads import Workers
from services.postman.mailboxes import Mailboxes
from services.postman.posts import Posts
from services.postman.queues import Queues
from services.supplier import Supplier


class JointPostman(Service):
    """
    The mailboxes and groups of customers, while this node is a supplier.
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
        config: Config,
        clock: Clock,
    ) -> None:
        self._supplier, self._queues, self._router = supplier, queues, router
        self._me, self._resolver, self._folder = me, resolver, folder
        self._workers, self._config, self._clock = workers, config, clock
        self._tasks = Tasks(self.name)
        self._mailboxes: Mailboxes | None = None
        self._posts: Posts | None = None
        self._undo: list[Callable[[], object]] = []

    async def start(self) -> None:
        keeping, rosters = self._supplier.keeping, self._supplier.rosters
        if keeping is None or rosters is None:
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
        self._posts = posts = Posts(
            self._folder.base / "posts.db",
            rosters,
            keeping.leases,
            keeping.space,
            lambda: self._config.bytes("services/joint-postman/group-space"),
            self._me,
            self._resolver,
            self._router,
            self._workers,
            self._clock,
        )
        await self._posts.start()
        self._tasks = Tasks(self.name)

        def forget(customer: NodeId) -> None:
            self._tasks.spawn("forget the posts of a customer", posts.forget(customer))

        keeping.leases.ended.append(forget)
        self._undo = [
            self._queues.add(self._mailboxes.queues),
            self._queues.add(self._posts.queues),
            lambda: keeping.leases.ended.remove(forget),
        ]

    async def stop(self) -> None:
        for undo in self._undo:
            undo()
        self._undo = []
        await self._tasks.stop()
        posts, self._posts = self._posts, None
        if posts is not None:
            await posts.stop()
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
