"""
Own posts on their way to one supplier: in their order, many in one message when they come fast.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable

from bitdust_node.errors import BitDustError
from bitdust_node.identity.names import NodeId
from bitdust_node.membership.post import SignedPost
from bitdust_node.membership.roster import Circle
from bitdust_node.router.router import Router
from bitdust_node.tasks import Tasks
from bitdust_node.wire.posts import BATCH_BYTES, BATCH_POSTS, POST_PUT, PostPut, Proof
from services.grouping.exchange import ANSWER_TIME

#: Posts that wait for one supplier; those beyond lie on the shelf and are given when both compare.
WAITING = 2000


class Publisher:
    """
    stored: is called with the posts that the supplier keeps. failed: when it did not take some; comparing gives them.
    """

    def __init__(
        self,
        circle: Circle,
        supplier: NodeId,
        router: Router,
        tasks: Tasks,
        stored: Callable[[list[SignedPost]], Awaitable[None]],
        failed: Callable[[NodeId], object],
    ) -> None:
        self.circle, self.supplier = circle, supplier
        self._router, self._tasks, self._stored, self._failed = router, tasks, stored, failed
        self._waiting: deque[tuple[SignedPost, Proof]] = deque()
        self._running = False

    def add(self, post: SignedPost, proof: Proof) -> None:
        """
        Bring a post to the supplier.
        """
        if len(self._waiting) >= WAITING:
            self._failed(self.supplier)
            return
        self._waiting.append((post, proof))
        if not self._running:
            self._running = True
            self._tasks.spawn("publish posts", self._run())

    async def _run(self) -> None:
        try:
            while self._waiting and await self._send():
                pass
        finally:
            self._running = False
            if self._waiting:
                self._waiting.clear()

    async def _send(self) -> bool:
        """Bring a batch; false if not all of it was taken."""
        posts, proofs = self._batch()
        question = PostPut(self.circle, [post.packed for post in posts], list(proofs.values()))
        try:
            answer = await self._router.request(self.supplier, POST_PUT, question, ANSWER_TIME)
        except BitDustError:
            self._failed(self.supplier)
            return False
        own = (head.last for head in answer.heads if head.log == posts[0].post.log)
        last = max(own, default=0)
        kept = [post for post in posts if post.post.number <= last]
        if kept:
            await self._stored(kept)
        if len(kept) < len(posts):
            self._failed(self.supplier)
        return len(kept) == len(posts)

    def _batch(self) -> tuple[list[SignedPost], dict[bytes, Proof]]:
        posts: list[SignedPost] = []
        proofs: dict[bytes, Proof] = {}
        room = BATCH_BYTES
        while self._waiting and len(posts) < BATCH_POSTS:
            post, proof = self._waiting[0]
            room -= len(post.packed) + 8 + (proof.size if post.device not in proofs else 0)
            if posts and room < 0:
                break
            self._waiting.popleft()
            posts.append(post)
            proofs[post.device] = proof
        return posts, proofs
