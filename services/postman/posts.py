"""
The supplier's side of groups: posts are kept durably for all members, and pushed to those that listen.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path

from twisted.logger import Logger

from bitdust_node.clock import Clock
from bitdust_node.database import Database
from bitdust_node.errors import BitDustError, Conflict, Corrupt, Full, Invalid, NotFound, Refused
from bitdust_node.identity.me import Me
from bitdust_node.identity.names import NodeId
from bitdust_node.identity.resolver import Resolver
from bitdust_node.membership.post import SignedPost
from bitdust_node.membership.roster import Circle, Roster
from bitdust_node.router.bucket import Buckets
from bitdust_node.router.router import Router
from bitdust_node.threads import Workers
from bitdust_node.wire.command import Nothing
from bitdust_node.wire.posts import (
    BATCH_BYTES,
    BATCH_POSTS,
    POST_GET,
    POST_HEADS,
    POST_LEAVE,
    POST_LISTEN,
    POST_PUT,
    GroupName,
    Head,
    PostBatch,
    PostGet,
    PostHeads,
    PostPut,
    PostsKept,
    Proof,
)
from services.postman import post_counts
from services.postman.authors import Authors, named
from services.postman.listeners import Listeners
from services.postman.post_rows import (
    DEVICES,
    SCHEMA,
    Outcome,
    above,
    append,
    circle_id,
    forget,
    heads,
    keep_proofs,
    known_as,
    log_of,
    made_circle,
    proofs_of,
    trim,
    with_proofs,
)
from services.postman.queues import Queue
from services.supplying.leases import Leases
from services.supplying.rosters import Rosters
from services.supplying.space import Space

COMMANDS = (POST_PUT, POST_GET, POST_HEADS, POST_LISTEN, POST_LEAVE)
#: New posts a second that one peer may bring, and at once.
RATE, BURST = 500.0, 5_000.0
#: When a group is full it is trimmed to this part of its room.
TRIMMED = 0.9


class Posts:
    """
    Who may post and read is said by the newest roster; each post is checked without being read.

    rosters: those of the supplier. room: bytes that one group may fill.
    """

    log = Logger()

    def __init__(
        self,
        path: Path,
        rosters: Rosters,
        leases: Leases,
        space: Space,
        room: Callable[[], int],
        me: Me,
        resolver: Resolver,
        router: Router,
        workers: Workers,
        clock: Clock,
    ) -> None:
        self._database = Database(path, (SCHEMA, DEVICES), workers, full_sync=True)
        self._rosters, self._leases, self._space, self._room = rosters, leases, space, room
        self._me, self._resolver, self._router, self._clock = me, resolver, router, clock
        self._authors = Authors(resolver, workers)
        self._pace = Buckets(RATE, BURST)
        self._counted = False
        self.listeners = Listeners(router, clock)

    async def start(self) -> None:
        """
        Count what is there into the leases, and answer from now on.
        """
        found = await self._database.read(post_counts.sizes)
        for owner, size in found.items():
            self._space.found(owner, size)
        self._counted = True
        for owner in found:
            if not self._leases.known(owner):
                await self.forget(owner)
        self._router.serve(POST_PUT, self.put)
        self._router.serve(POST_GET, self.get)
        self._router.serve(POST_HEADS, self.heads)
        self._router.serve(POST_LISTEN, self.listen)
        self._router.serve(POST_LEAVE, self.leave)
        self.listeners.start()

    async def stop(self) -> None:
        """Answer no more; who is asked next counts anew, as the supplier may go on without this."""
        for command in COMMANDS:
            self._router.withdraw(command)
        await self.listeners.stop()
        try:
            for owner, size in (await self._database.read(post_counts.sizes)).items() if self._counted else ():
                self._space.found(owner, -size)
            self._counted = False
        finally:
            await self._database.close()

    async def queues(self) -> list[Queue]:
        """
        The groups that are kept here, as the API shows them.
        """
        return [
            Queue(
                f"{circle.alias}&{self._name(circle.owner)}&{self._me.global_id}",
                sum(authors.values()),
                last,
                {self._name(one.peer): one.pushed for one in self.listeners.of(circle)},
                {self._name(author): count for author, count in authors.items()},
            )
            for circle, last, authors in await self._database.read(post_counts.kept)
        ]

    def _name(self, node_id: str) -> str:
        document = self._resolver.cached(node_id)
        return document.global_id if document is not None else node_id

    async def forget(self, owner: NodeId) -> None:
        """
        The owner is no customer any more.
        """

        def change(c: sqlite3.Connection) -> int:
            rows = c.execute("SELECT id FROM post_circles WHERE owner = ?", (owner,)).fetchall()
            return sum(forget(c, id) for (id,) in rows)

        freed = await self._database.run(change)
        if freed:
            self._space.freed(owner, freed)

    async def heads(self, peer: NodeId, question: GroupName) -> PostHeads:
        """
        How far the logs of a group go here.
        """
        roster = await self._rosters.of_member(question.circle, peer)
        return PostHeads(roster.number, await self._database.read(lambda c: _heads(c, question.circle)))

    async def listen(self, peer: NodeId, question: GroupName) -> PostHeads:
        """
        The same; from now on the peer is told of new posts until it is gone.
        """
        roster = await self._rosters.of_member(question.circle, peer)
        self.listeners.add(question.circle, peer)
        return PostHeads(roster.number, await self._database.read(lambda c: _heads(c, question.circle)))

    async def leave(self, peer: NodeId, question: GroupName) -> Nothing:
        """
        The peer listens no more.
        """
        self.listeners.remove(question.circle, peer)
        return Nothing()

    async def get(self, peer: NodeId, question: PostGet) -> PostBatch:
        """
        Posts above the cursors of a member.
        """
        await self._rosters.of_member(question.circle, peer)

        def read(c: sqlite3.Connection) -> PostBatch:
            id = circle_id(c, question.circle)
            if id is None:
                return PostBatch(question.circle, [], [])
            posts, more = above(c, id, question.cursors, BATCH_POSTS, BATCH_BYTES * 3 // 4)
            taken, proofs = with_proofs(c, posts)
            return PostBatch(question.circle, taken, proofs, more or len(taken) < len(posts))

        return await self._database.read(read)

    async def put(self, peer: NodeId, question: PostPut) -> PostsKept:
        """
        Keep posts of a group, whoever wrote them, if the peer is a member and each author may, or might when he wrote.
        """
        circle = question.circle
        roster = await self._rosters.of_member(circle, peer)
        posts = [SignedPost.parse(packed) for packed in question.posts]
        if any(post.post.circle != circle for post in posts):
            raise Invalid("a post belongs to another group")
        unknown, forked = await self._unknown(circle, posts)
        now = self._clock.seconds()
        if not all(self._pace.take(peer, now) for _ in unknown):
            raise Full("too many posts in a short time")
        good, refused = await self._checked(peer, roster, unknown, named(question.proofs))
        refused = refused or (_REASONS[Outcome.FORKED] if forked else "")
        kept: list[SignedPost] = []
        if good:
            starts = {(head.author.hex(), head.log): head.first for head in question.starts}
            kept, failure = await self._keep(circle, good, starts, named(question.proofs))
            refused = refused or failure
        if kept:
            self.listeners.tell(roster, kept, named(question.proofs), peer)
        return PostsKept(await self._database.read(lambda c: _heads_of(c, circle, posts)), refused)

    async def _unknown(self, circle: Circle, posts: Sequence[SignedPost]) -> tuple[list[SignedPost], bool]:
        """Those that are not here, and whether one is another than the known one of its number."""

        def read(c: sqlite3.Connection) -> tuple[list[SignedPost], list[SignedPost]]:
            id = circle_id(c, circle)
            if id is None:
                return list(posts), []
            known = [known_as(c, id, post) for post in posts]
            new = [post for post, outcome in zip(posts, known, strict=True) if outcome is None]
            return new, [post for post, outcome in zip(posts, known, strict=True) if outcome is Outcome.FORKED]

        new, forked = await self._database.read(read)
        for post in forked:
            self.log.warn(
                "{author} has written two posts of number {number} to {alias}",
                author=post.post.author[:12],
                number=post.post.number,
                alias=circle.alias,
            )
        return new, bool(forked)

    async def _checked(
        self, peer: NodeId, roster: Roster, posts: Sequence[SignedPost], proofs: dict[bytes, Proof]
    ) -> tuple[list[SignedPost], str]:
        """The posts whose authors may write and have signed, and why the first other one is refused."""
        refused = ""
        allowed: list[SignedPost] = []
        for post in posts:
            try:
                author = await self._author(peer, roster, post)
                await self._learn(post, proofs, author)
                allowed.append(post)
            except Conflict:
                raise
            except BitDustError as error:
                refused = refused or str(error)
        results = await self._authors.verify(allowed)
        good = [post for post, error in zip(allowed, results, strict=True) if error is None]
        wrong = next((str(error) for error in results if error is not None), "")
        if refused or wrong:
            self.log.warn(
                "a post to {alias} is refused: {reason}", alias=roster.circle.alias, reason=(refused or wrong)
            )
        return good, refused or wrong

    async def _author(self, peer: NodeId, roster: Roster, post: SignedPost) -> str:
        """The IDURL of the author; raises unless he may write, or another member vouches that he might."""
        said = post.post
        if said.roster > roster.number:
            raise Conflict(f"roster {said.roster} is not known here, the newest is {roster.number}")
        member = roster.member(said.author)
        if member is not None and member.role.writes:
            return member.idurl
        # who was removed can not say himself when he wrote
        if peer == said.author or said.roster == roster.number or not roster.role(peer).writes:
            raise Refused("the author of a post may not write here")
        earlier = await self._rosters.above(roster.circle, said.roster - 1)
        before = earlier.roster.member(said.author) if earlier is not None else None
        if earlier is None or earlier.roster.number != said.roster or before is None or not before.role.writes:
            raise Refused("the author of a post might not write here")
        return before.idurl

    async def _learn(self, post: SignedPost, proofs: dict[bytes, Proof], idurl: str) -> None:
        if self._authors.knows(post):
            return
        proof = proofs.get(post.device)
        if proof is None:
            found = await self._database.read(lambda c: proofs_of(c, [post.device]))
            proof = found.get(post.device)
        if proof is None:
            raise NotFound("the device record of a post is missing")
        await self._authors.learn(post.post.author, post.device, proof, idurl)

    async def _keep(
        self,
        circle: Circle,
        posts: Sequence[SignedPost],
        starts: dict[tuple[str, bytes], int],
        proofs: dict[bytes, Proof],
    ) -> tuple[list[SignedPost], str]:
        owner = NodeId(circle.owner)
        size = sum(len(post.packed) for post in posts)
        room = self._room()
        space = self._space.reservation(owner)
        freed = 0
        try:
            space.need(size)
        except Full:
            # what is newest counts: the oldest posts of the same group make room
            freed = await self._database.run(lambda c: _make_room(c, circle, size))
            self._space.freed(owner, freed)
            space.need(size)

        def write(c: sqlite3.Connection) -> tuple[list[SignedPost], str, int]:
            id = made_circle(c, circle)
            kept, failure = _append_all(c, id, posts, starts)
            devices = {post.device for post in kept}
            keep_proofs(c, [(device, proof) for device, proof in proofs.items() if device in devices])
            (size,) = c.execute("SELECT bytes FROM post_circles WHERE id = ?", (id,)).fetchone()
            return kept, failure, trim(c, id, int(room * TRIMMED)) if size > room else 0

        try:
            kept, failure, trimmed = await self._database.run(write)
        except BitDustError:
            space.release()
            raise
        space.keep()
        unused = size - sum(len(post.packed) for post in kept)
        if unused + trimmed:
            self._space.freed(owner, unused + trimmed)
        return kept, failure


def _append_all(
    c: sqlite3.Connection, circle: int, posts: Sequence[SignedPost], starts: dict[tuple[str, bytes], int]
) -> tuple[list[SignedPost], str]:
    """In a transaction: keep what fits, and say why the first other one does not."""
    kept, failure = [], ""
    for post in posts:
        start = starts.get((post.post.author, post.post.log)) == post.post.number
        outcome = append(c, circle, post, start)
        if outcome is Outcome.NEW:
            kept.append(post)
        elif outcome is not Outcome.KNOWN:
            failure = failure or _REASONS[outcome]
    return kept, failure


_REASONS = {
    Outcome.GAP: "posts before it are missing",
    Outcome.FORKED: str(Corrupt("another post of this number is known: the author has written two")),
    Outcome.FULL: "there are too many logs in this group",
}


def _make_room(c: sqlite3.Connection, circle: Circle, size: int) -> int:
    id = circle_id(c, circle)
    if id is None:
        return 0
    (present,) = c.execute("SELECT bytes FROM post_circles WHERE id = ?", (id,)).fetchone()
    # what does not make enough room is not dropped for nothing
    return trim(c, id, present - size) if present >= size else 0


def _heads(c: sqlite3.Connection, circle: Circle) -> list[Head]:
    id = circle_id(c, circle)
    return heads(c, id) if id is not None else []


def _heads_of(c: sqlite3.Connection, circle: Circle, posts: Sequence[SignedPost]) -> list[Head]:
    """How far the logs of some posts go."""
    id = circle_id(c, circle)
    found = []
    for author, name in dict.fromkeys((post.post.author, post.post.log) for post in posts):
        log = log_of(c, id, author, name) if id is not None else None
        if log is not None:
            found.append(Head(bytes.fromhex(author), name, log.first, log.last))
    return found
