"""
Posts that come to a member: each is checked, opened, and kept in its turn.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from twisted.internet.defer import DeferredLock
from twisted.logger import Logger

from bitdust_node.clock import Clock
from bitdust_node.errors import BitDustError, NotFound
from bitdust_node.identity.me import Me
from bitdust_node.identity.names import NodeId
from bitdust_node.membership.post import SignedPost
from bitdust_node.membership.roster import Circle
from bitdust_node.threads import Workers
from bitdust_node.wire.posts import Head, PostBatch, Proof
from services.grouping.shelf import Arrival, Reached, Shelf, talk_of
from services.membership.book import Book
from services.messaging.entries import unpack_data
from services.postman.authors import Authors, named
from services.postman.post_rows import Outcome

Name = tuple[str, bytes]


@dataclass
class Taken:
    """
    What became of a batch. new: posts that were kept. missing: some are held back, because one before them, or what is
    needed to check them, is not here yet.
    """

    new: int = 0
    missing: bool = False


@dataclass(frozen=True)
class Candidate:
    """A post whose signature is still to be checked."""

    post: SignedPost
    jump: bool


class Reader:
    """
    Keeps the logs of one group in their order. What comes before its turn is not kept: it is asked for again.

    newer_roster: is called when a post names a roster that is not known yet.
    """

    log = Logger()

    def __init__(
        self,
        circle: Circle,
        shelf: Shelf,
        book: Book,
        authors: Authors,
        me: Me,
        workers: Workers,
        clock: Clock,
        newer_roster: Callable[[], Awaitable[None]],
    ) -> None:
        self.circle = circle
        self._shelf, self._book, self._authors, self._me, self._workers = shelf, book, authors, me, workers
        self._clock, self._newer_roster = clock, newer_roster
        self._reached: dict[Name, Reached] = {}
        self._turn = DeferredLock()
        #: Numbers, first and last, that no supplier had when the log was gone on with.
        self._given_up: dict[Name, tuple[int, int]] = {}
        #: Posts of one author and number that others know as another post.
        self.forked = 0

    async def load(self) -> None:
        """
        Take up where an earlier run has ended.
        """
        self._reached = await self._shelf.reached(self.circle)

    def last(self, author: str, log: bytes) -> int:
        """
        The number of the last post of a log that is here.
        """
        return self._reached.get((author, log), Reached()).last

    def names(self) -> list[Name]:
        """All logs that something is known of."""
        return list(self._reached)

    def wrote(self, post: SignedPost) -> None:
        """
        An own post was put on the shelf.
        """
        name = (post.post.author, post.post.log)
        if post.post.number > self.last(*name):
            self._reached[name] = Reached(post.post.number, post.digest, post.post.roster)

    async def take(self, batch: PostBatch, starts: Mapping[Name, Head] | None = None) -> Taken:
        """
        Keep what is new of a batch. starts: logs of the supplier whose posts below the first one there no other
        supplier has: they are gone on with from that one.
        """
        return await self._turn.run(self._take, batch, starts or {})

    def turned_up(self, heads: Mapping[Name, Head]) -> None:
        """
        Say so if a supplier has posts that were given up: they are not shown any more, as what follows was.
        """
        for name, head in heads.items():
            first, last = self._given_up.get(name, (0, 0))
            if first and head.first <= last and head.last >= first:
                del self._given_up[name]
                self.log.warn(
                    "a supplier says that it has posts {first} to {last} of {author} to {alias} after all",
                    first=max(first, head.first),
                    last=min(last, head.last),
                    author=name[0][:12],
                    alias=self.circle.alias,
                )

    async def _take(self, batch: PostBatch, starts: Mapping[Name, Head]) -> Taken:
        taken = Taken()
        proofs = named(batch.proofs)
        candidates: list[Candidate] = []
        ahead: dict[Name, Reached] = {}
        for post in self._parsed(batch):
            candidate = await self._next(post, ahead, starts, taken)
            if candidate is None or not await self._may(post, taken) or not await self._learn(post, proofs, taken):
                continue
            ahead[post.post.author, post.post.log] = Reached(post.post.number, post.digest, post.post.roster)
            candidates.append(candidate)
        errors = await self._authors.verify([candidate.post for candidate in candidates])
        for candidate, error in zip(candidates, errors, strict=True):
            if error is not None:
                self._warn(candidate.post, str(error))
        good = [candidate for candidate, error in zip(candidates, errors, strict=True) if error is None]
        if good:
            await self._keep(good, proofs, taken)
        return taken

    def _parsed(self, batch: PostBatch) -> list[SignedPost]:
        posts = []
        for packed in batch.posts:
            try:
                post = SignedPost.parse(packed)
            except BitDustError as error:
                self.log.warn("what came for {alias} is no post: {reason}", alias=self.circle.alias, reason=str(error))
                continue
            if post.post.circle == self.circle:
                posts.append(post)
        return posts

    async def _next(
        self, post: SignedPost, ahead: Mapping[Name, Reached], starts: Mapping[Name, Head], taken: Taken
    ) -> Candidate | None:
        """The post as the next one of its log; None for what is known or comes before its turn."""
        name = (post.post.author, post.post.log)
        reached = ahead.get(name) or self._reached.get(name) or Reached()
        number = post.post.number
        if number <= reached.last:
            if not await self._shelf.same(post):
                self.forked += 1
                self._warn(post, "its author has written two posts of this number: the first one counts")
            first, last = self._given_up.get(name, (0, 0))
            if first <= number <= last:
                self._warn(post, "it comes after it was given up, as no supplier had it")
            return None
        if number > reached.last + 1:
            head = starts.get(name)
            if head is not None and head.first == number:
                return Candidate(post, jump=True)
            taken.missing = True
            return None
        if post.post.previous != reached.digest or post.post.roster < reached.roster:
            self.forked += 1
            self._warn(post, "it does not follow the post before it: its author has written two")
            return None
        return Candidate(post, jump=False)

    async def _may(self, post: SignedPost, taken: Taken) -> bool:
        """Whether the author may write, or might when he did."""
        said = post.post
        roster = self._book.roster(self.circle)
        if said.roster > roster.number:
            await self._newer_roster()
            roster = self._book.roster(self.circle)
        if said.roster > roster.number:
            taken.missing = True
            return False
        member = roster.member(said.author)
        if member is not None and member.role.writes:
            return True
        if said.roster < roster.number:
            earlier = await self._book.numbered(self.circle, said.roster)
            # without the roster of then, the supplier was the one to judge
            before = earlier.roster.member(said.author) if earlier is not None else None
            if earlier is None or (before is not None and before.role.writes):
                return True
        self._warn(post, "its author may not write in this group")
        return False

    async def _learn(self, post: SignedPost, proofs: Mapping[bytes, Proof], taken: Taken) -> bool:
        if self._authors.knows(post):
            return True
        proof = proofs.get(post.device) or (await self._shelf.proofs([post.device])).get(post.device)
        member = self._book.roster(self.circle).member(post.post.author)
        try:
            if proof is None:
                raise NotFound("the record of its device is missing")
            idurl = member.idurl if member is not None else ""
            await self._authors.learn(post.post.author, post.device, proof, idurl)
        except BitDustError as error:
            self._warn(post, str(error))
            taken.missing = True
            return False
        return True

    async def _keep(self, good: Sequence[Candidate], proofs: Mapping[bytes, Proof], taken: Taken) -> None:
        secrets = {epoch: self._book.secrets(self.circle, epoch) for epoch in {one.post.post.epoch for one in good}}
        texts = await self._workers.run(_opened, [one.post for one in good], secrets)
        arrivals = []
        for candidate, text in zip(good, texts, strict=True):
            arrivals.append(self._arrival(candidate, text))
        used = {one.post.device for one in good}
        kept = await self._shelf.keep(
            self.circle, arrivals, {device: proof for device, proof in proofs.items() if device in used}
        )
        for arrival, outcome in zip(arrivals, kept, strict=True):
            post = arrival.post
            if outcome is Outcome.NEW:
                taken.new += 1
                if arrival.jump:
                    self._jumped(post)
            if outcome in (Outcome.NEW, Outcome.KNOWN):
                self.wrote(post)
            elif outcome is Outcome.GAP:
                taken.missing = True

    def _jumped(self, post: SignedPost) -> None:
        name = (post.post.author, post.post.log)
        first, last = self._given_up[name] = (self.last(*name) + 1, post.post.number - 1)
        self.log.warn(
            "posts {first} to {last} of {author} to {alias} are given up: no supplier that answers has them",
            first=first,
            last=last,
            author=name[0][:12],
            alias=self.circle.alias,
        )

    def _arrival(self, candidate: Candidate, text: bytes | None) -> Arrival:
        """A post with what it says; its place in its log is taken also if it can not be read."""
        post = candidate.post
        said = post.post
        if text is None:
            return Arrival(post, None, candidate.jump)
        try:
            data = unpack_data(text)
        except BitDustError as error:
            self._warn(post, str(error))
            return Arrival(post, None, candidate.jump)
        mine = said.author == self._me.node_id
        entry = self._shelf.history.entry(
            talk_of(self.circle),
            post.message_id,
            # a clock that runs ahead must not show what nobody can show, nor stay on top of all lists
            min(said.time, int(self._clock.seconds())),
            NodeId(said.author),
            "out" if mine else "in",
            data,
            "stored" if mine else "delivered",
        )
        return Arrival(post, entry, candidate.jump)

    def _warn(self, post: SignedPost, reason: str) -> None:
        self.log.warn(
            "post {number} of {author} to {alias} is not taken: {reason}",
            number=post.post.number,
            author=post.post.author[:12],
            alias=self.circle.alias,
            reason=reason,
        )


def _opened(posts: Sequence[SignedPost], secrets: Mapping[int, Sequence[bytes]]) -> list[bytes | None]:
    """What each says; None for what is not for this node."""
    return [_open(post, secrets.get(post.post.epoch, ())) for post in posts]


def _open(post: SignedPost, secrets: Sequence[bytes]) -> bytes | None:
    for secret in secrets:
        try:
            return post.open(secret)
        except BitDustError:
            continue
    return None
