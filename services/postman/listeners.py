"""
Members that listen: each is told of new posts in batches, one at a time, so that a slow one costs no more than a few.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence

from bitdust_node.clock import Clock
from bitdust_node.errors import BitDustError, Full
from bitdust_node.identity.names import NodeId
from bitdust_node.membership.post import SignedPost
from bitdust_node.membership.roster import Circle, Roster
from bitdust_node.router.router import Router
from bitdust_node.tasks import Tasks
from bitdust_node.waiting import sleep
from bitdust_node.wire.posts import BATCH_BYTES, BATCH_POSTS, POST_NEW, PostBatch, Proof

#: Seconds that a member has to take a batch.
ANSWER_TIME = 10.0
#: Seconds between two batches to one member; the first one goes at once.
PACE = 0.03
#: Posts that wait for one member, and bytes of them; who is further behind is only told that there is more.
WAITING_POSTS, WAITING_BYTES = 1000, 1024 * 1024
#: Members that listen, all groups together.
LISTENERS_LIMIT = 20_000


class Listener:
    """
    One member that listens to one group. known: device records that it was sent already.
    """

    def __init__(self, circle: Circle, peer: NodeId) -> None:
        self.circle, self.peer = circle, peer
        self.waiting: deque[tuple[SignedPost, Proof | None]] = deque()
        self.size = 0
        self.behind = False
        self.pushing = False
        self.pushed = 0
        self.last = 0.0
        self.known: set[bytes] = set()

    def add(self, posts: Sequence[SignedPost], proofs: Mapping[bytes, Proof]) -> None:
        """Let posts wait."""
        for post in posts:
            self.waiting.append((post, proofs.get(post.device)))
            self.size += len(post.packed)
        if len(self.waiting) > WAITING_POSTS or self.size > WAITING_BYTES:
            self.waiting.clear()
            self.size = 0
            self.behind = True

    def batch(self) -> PostBatch:
        """What goes into the next message."""
        posts: list[bytes] = []
        proofs: list[Proof] = []
        room = BATCH_BYTES
        while self.waiting and len(posts) < BATCH_POSTS:
            post, proof = self.waiting[0]
            new = proof is not None and post.device not in self.known
            cost = len(post.packed) + 8 + (proof.size if new and proof else 0)
            if posts and cost > room:
                break
            self.waiting.popleft()
            self.size -= len(post.packed)
            room -= cost
            posts.append(post.packed)
            if new and proof is not None:
                self.known.add(post.device)
                proofs.append(proof)
        more, self.behind = self.behind, False
        return PostBatch(self.circle, posts, proofs, more)


class Listeners:
    """
    Everybody who listens to a group that is kept here.
    """

    def __init__(self, router: Router, clock: Clock) -> None:
        self._router, self._clock = router, clock
        self._listeners: dict[Circle, dict[NodeId, Listener]] = {}
        self._count = 0
        self._tasks = Tasks("listeners")
        self._undo: Callable[[], None] | None = None

    def start(self) -> None:
        self._tasks = Tasks("listeners")
        self._undo = self._router.contacts.observe(self._moved)

    async def stop(self) -> None:
        undo, self._undo = self._undo, None
        if undo is not None:
            undo()
        self._listeners.clear()
        self._count = 0
        await self._tasks.stop()

    def of(self, circle: Circle) -> list[Listener]:
        """Who listens to a group."""
        return list(self._listeners.get(circle, {}).values())

    def circles(self) -> list[Circle]:
        """The groups that somebody listens to."""
        return list(self._listeners)

    def add(self, circle: Circle, peer: NodeId) -> None:
        """
        Tell a member of new posts from now on. One that listens already stays as it is. Raises `Full`: who would wait
        here for nothing is told better by another supplier.
        """
        if peer in self._listeners.get(circle, {}):
            return
        if self._count >= LISTENERS_LIMIT:
            raise Full(f"{LISTENERS_LIMIT} members listen here already")
        self._listeners.setdefault(circle, {})[peer] = Listener(circle, peer)
        self._count += 1

    def remove(self, circle: Circle, peer: NodeId) -> None:
        """
        Tell a member no more.
        """
        listening = self._listeners.get(circle, {})
        if listening.pop(peer, None) is not None:
            self._count -= 1
        if not listening:
            self._listeners.pop(circle, None)

    def tell(self, roster: Roster, posts: Sequence[SignedPost], proofs: Mapping[bytes, Proof], but: NodeId) -> None:
        """
        New posts were kept. Who is not on the roster any more hears nothing; who has brought them knows them.
        """
        for listener in self.of(roster.circle):
            if roster.member(listener.peer) is None:
                self.remove(roster.circle, listener.peer)
            elif listener.peer != but:
                listener.add(posts, proofs)
                if not listener.pushing:
                    listener.pushing = True
                    self._tasks.spawn("push posts", self._push(listener))

    async def _push(self, listener: Listener) -> None:
        try:
            while listener.waiting or listener.behind:
                # one transaction of the reader for many posts costs little more than for one
                pause = listener.last + PACE - self._clock.seconds()
                if pause > 0:
                    await sleep(self._clock, pause)
                listener.last = self._clock.seconds()
                batch = listener.batch()
                await self._router.request(listener.peer, POST_NEW, batch, ANSWER_TIME)
                listener.pushed += len(batch.posts)
        except BitDustError:
            # it comes back when it wants to hear more, and compares what it has
            if self._listeners.get(listener.circle, {}).get(listener.peer) is listener:
                self.remove(listener.circle, listener.peer)
        finally:
            listener.pushing = False

    def _moved(self, node_id: NodeId, old: str, new: str) -> None:
        if old == "CONNECTED" and new != "CONNECTED":
            for circle in self.circles():
                self.remove(circle, node_id)
