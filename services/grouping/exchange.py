"""
What a member and one supplier of the owner have of a group: compared, and each gives what the other lacks.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence

from bitdust_node.clock import Clock
from bitdust_node.errors import BitDustError, Conflict, Corrupt, NotFound
from bitdust_node.identity.names import NodeId
from bitdust_node.membership.roster import Circle
from bitdust_node.router.router import Router
from bitdust_node.waiting import all_of
from bitdust_node.wire.posts import (
    POST_GET,
    POST_HEADS,
    POST_LISTEN,
    POST_PUT,
    Cursor,
    GroupName,
    Head,
    PostGet,
    PostHeads,
    PostPut,
)
from services.grouping.gaps import SEARCH_TIME, Gaps, lowest
from services.grouping.reader import Name, Reader
from services.grouping.shelf import Shelf
from services.membership.book import Book
from services.membership.couriers import Couriers

#: Seconds that a supplier has for one answer.
ANSWER_TIME = 8.0
#: Batches that go in each direction before others have their turn.
BATCHES = 1000
#: Suppliers that are asked at once for what one lacks.
AT_ONCE = 10

Heads = dict[Name, Head]
#: Logs for whose next posts nobody is waited for any more, and whether some supplier says that it has them.
Late = dict[Name, bool]


class Exchange:
    """
    Rosters first, as posts are judged by them; then what is missing here; then what is missing there, whoever wrote it.

    suppliers: all that the owner has, as far as is known. given: awaited with what a supplier has after a comparison.
    """

    def __init__(
        self,
        circle: Circle,
        shelf: Shelf,
        reader: Reader,
        book: Book,
        couriers: Couriers,
        router: Router,
        clock: Clock,
        suppliers: Callable[[], Sequence[NodeId]],
        given: Callable[[Heads], Awaitable[object]],
    ) -> None:
        self.circle = circle
        self._shelf, self._reader, self._book = shelf, reader, book
        self._couriers, self._router = couriers, router
        self._clock, self._suppliers, self._given = clock, suppliers, given
        self._gaps = Gaps(clock)

    async def listen(self, supplier: NodeId) -> PostHeads:
        """
        Let a supplier tell of new posts; answers with what it has.
        """
        return await self._asked(supplier, listen=True)

    async def compare(self, supplier: NodeId, listen: bool = False) -> int:
        """
        Give and take; how many posts came. Raises whatever keeps the supplier from answering.
        """
        answer = await self._asked(supplier, listen)
        await self._rosters(supplier, answer.roster)
        theirs = _by_name(answer)
        self._reader.turned_up(theirs)
        came, starts, late = await self._fill(supplier, theirs)
        try:
            came += await self._fetch(supplier, theirs, starts, late)
        finally:
            self._gaps.passed(supplier)
        await self._give(supplier, theirs)
        await self._given(theirs)
        return came

    def holds(self, supplier: NodeId, name: Name) -> bool:
        """
        Whether posts of a log that a supplier has are not taken yet, as others may have those before them.
        """
        return self._gaps.holds(supplier, name, self._reader.last(*name))

    async def _asked(self, supplier: NodeId, listen: bool) -> PostHeads:
        command, question = POST_LISTEN if listen else POST_HEADS, GroupName(self.circle)
        try:
            return await self._router.request(supplier, command, question, ANSWER_TIME)
        except NotFound:
            if self._book.own_role(self.circle) is None:
                raise
            # a supplier that was hired later, or that was away: it does not know yet that this node belongs here
            await self._couriers.push(self.circle, supplier)
            return await self._router.request(supplier, command, question, ANSWER_TIME)

    async def _rosters(self, supplier: NodeId, number: int) -> None:
        own = self._book.roster(self.circle).number
        if number > own:
            await self._couriers.fetch(self.circle, supplier)
        elif number < own:
            await self._couriers.push(self.circle, supplier)

    async def _fill(self, supplier: NodeId, theirs: Heads) -> tuple[int, Heads, Late]:
        """
        Look at the other suppliers for posts that this one says are gone: how many came, and the logs in which its word
        counts.
        """
        last = {name: self._reader.last(*name) for name, head in theirs.items() if head.last >= head.first}
        gaps = {name: read for name, read in last.items() if read + 1 < theirs[name].first}
        if not self._gaps.due(supplier, gaps):
            return 0, {}, {}
        until = self._clock.seconds() + SEARCH_TIME
        others = [one for one in self._suppliers() if one != supplier]
        answers = await self._answers(others)
        heads = {other: _by_name(answer) for other, answer in answers.items()}
        first = {name: lowest(name, read, [theirs, *heads.values()]) for name, read in gaps.items()}
        complete = len(answers) == len(others)
        late = {name: first[name] < theirs[name].first for name in gaps if not self._gaps.patient(supplier, name)}

        def counts(offered: Mapping[Name, Head]) -> Heads:
            return {
                name: offered[name]
                for name in gaps
                if name in offered and ((complete and offered[name].first == first[name]) or name in late)
            }

        came = 0
        # who has the most of what is missing comes first
        ranks = {
            one: min((found[name].first for name in gaps if name in found), default=0) for one, found in heads.items()
        }
        for other in sorted(heads, key=lambda one: ranks[one]):
            offered = {
                name: heads[other][name]
                for name in gaps
                if name in heads[other] and heads[other][name].first < theirs[name].first
            }
            try:
                if offered:
                    await self._rosters(other, answers[other].roster)
                    came += await self._fetch(other, offered, counts(offered), late, until)
            except BitDustError:
                complete = False
        if complete:
            for name in gaps:
                if first[name] == theirs[name].first:
                    self._gaps.agreed(supplier, name)
        return came, counts(theirs), late

    async def _sure(self, supplier: NodeId, starts: Mapping[Name, Head], late: Late) -> Heads:
        """
        Those starts that still count now that the posts are here: when the others were asked, they may not have been
        written.
        """
        others = [one for one in self._suppliers() if one != supplier]
        heads = [_by_name(answer) for answer in (await self._answers(others)).values()]
        sure = {}
        for name, head in starts.items():
            first = lowest(name, self._reader.last(*name), heads)
            if first and first < head.first:
                # unless that was said before, and nothing came
                counts = late.get(name, False)
            else:
                counts = len(heads) == len(others) or name in late
            if counts:
                sure[name] = head
        return sure

    async def _answers(self, suppliers: Sequence[NodeId]) -> dict[NodeId, PostHeads]:
        """What those of the suppliers have that answer."""
        answers = {}
        for one, found in zip(suppliers, await all_of(map(self._quiet_heads, suppliers), AT_ONCE), strict=True):
            if isinstance(found, Exception):
                raise found
            if found is not None:
                answers[one] = found
        return answers

    async def _quiet_heads(self, supplier: NodeId) -> PostHeads | None:
        try:
            return await self._asked(supplier, listen=False)
        except BitDustError:
            return None

    async def _fetch(
        self, supplier: NodeId, theirs: Heads, starts: Mapping[Name, Head], late: Late, until: float = float("inf")
    ) -> int:
        """
        Get what is missing here. starts: logs that may be gone on with where this supplier has them; late: see `Late`.
        """
        came = 0
        for _ in range(BATCHES):
            wanted = [
                Cursor(head.author, head.log, self._reader.last(*name))
                for name, head in theirs.items()
                if head.last > self._reader.last(*name)
                and head.last >= head.first
                and (head.first <= self._reader.last(*name) + 1 or name in starts)
            ]
            if not wanted or self._clock.seconds() > until:
                break
            batch = await self._router.request(supplier, POST_GET, PostGet(self.circle, wanted), ANSWER_TIME)
            if batch.circle != self.circle:
                raise Corrupt("the supplier sent posts of another group")
            starts = {name: head for name, head in starts.items() if self._reader.last(*name) + 1 < head.first}
            taken = await self._reader.take(batch, await self._sure(supplier, starts, late) if starts else {})
            came += taken.new
            if not taken.new:
                break
        return came

    async def _give(self, supplier: NodeId, theirs: Heads) -> None:
        own = await self._shelf.heads(self.circle)
        for _ in range(BATCHES):
            lacking = [head for head in own if self._lacks(theirs, head)]
            if not lacking:
                return
            cursors = [Cursor(head.author, head.log, _last(theirs, head)) for head in lacking]
            posts, proofs = await self._shelf.above(self.circle, cursors)
            if not posts:
                return
            starts = [head for head in lacking if head.first > 1 and (head.author.hex(), head.log) not in theirs]
            question = PostPut(self.circle, posts, proofs, starts)
            answer = await self._router.request(supplier, POST_PUT, question, ANSWER_TIME)
            if not self._moved(theirs, answer.heads):
                if answer.refused:
                    raise Conflict(f"the supplier refuses posts: {answer.refused}")
                return

    def _lacks(self, theirs: Heads, head: Head) -> bool:
        """Whether a supplier lacks posts that can be given: those that follow what it has."""
        there = theirs.get((head.author.hex(), head.log))
        if there is None:
            return head.last >= head.first
        return head.last > there.last >= head.first - 1

    def _moved(self, theirs: Heads, heads: Iterable[Head]) -> bool:
        moved = False
        for head in heads:
            name = (head.author.hex(), head.log)
            before = theirs.get(name)
            moved = moved or before is None or head.last > before.last
            theirs[name] = head
        return moved


async def quietly(exchange: Exchange, supplier: NodeId) -> bool:
    """
    Compare with a supplier that need not answer; whether it did.
    """
    try:
        await exchange.compare(supplier)
    except BitDustError:
        return False
    return True


def _by_name(answer: PostHeads) -> Heads:
    return {(head.author.hex(), head.log): head for head in answer.heads}


def _last(theirs: Heads, head: Head) -> int:
    there = theirs.get((head.author.hex(), head.log))
    return there.last if there is not None else 0
