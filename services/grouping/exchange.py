"""
What a member and one supplier of the owner have of a group: compared, and each gives what the other lacks.
"""

from __future__ import annotations

from collections.abc import Iterable

from bitdust_node.errors import BitDustError, Conflict, Corrupt, NotFound
from bitdust_node.identity.names import NodeId
from bitdust_node.membership.roster import Circle
from bitdust_node.router.router import Router
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
from services.grouping.reader import Name, Reader
from services.grouping.shelf import Shelf
from services.membership.book import Book
from services.membership.couriers import Couriers

#: Seconds that a supplier has for one answer.
ANSWER_TIME = 8.0
#: Batches that go in each direction before others have their turn.
BATCHES = 1000


class Exchange:
    """
    Rosters first, as posts are judged by them; then what is missing here; then what is missing there, whoever wrote it.
    """

    def __init__(
        self, circle: Circle, shelf: Shelf, reader: Reader, book: Book, couriers: Couriers, router: Router
    ) -> None:
        self.circle = circle
        self._shelf, self._reader, self._book = shelf, reader, book
        self._couriers, self._router = couriers, router

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
        theirs = {(head.author.hex(), head.log): head for head in answer.heads}
        came = await self._fetch(supplier, theirs)
        await self._give(supplier, theirs)
        return came

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

    async def _fetch(self, supplier: NodeId, theirs: dict[Name, Head]) -> int:
        came = 0
        for _ in range(BATCHES):
            wanted = [
                Cursor(head.author, head.log, self._reader.last(*name))
                for name, head in theirs.items()
                if head.last > self._reader.last(*name) and head.last >= head.first
            ]
            if not wanted:
                break
            batch = await self._router.request(supplier, POST_GET, PostGet(self.circle, wanted), ANSWER_TIME)
            if batch.circle != self.circle:
                raise Corrupt("the supplier sent posts of another group")
            taken = await self._reader.take(batch, theirs)
            came += taken.new
            if not taken.new:
                break
        return came

    async def _give(self, supplier: NodeId, theirs: dict[Name, Head]) -> None:
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

    def _lacks(self, theirs: dict[Name, Head], head: Head) -> bool:
        """Whether a supplier lacks posts that can be given: those that follow what it has."""
        there = theirs.get((head.author.hex(), head.log))
        if there is None:
            return head.last >= head.first
        return head.last > there.last >= head.first - 1

    def _moved(self, theirs: dict[Name, Head], heads: Iterable[Head]) -> bool:
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


def _last(theirs: dict[Name, Head], head: Head) -> int:
    there = theirs.get((head.author.hex(), head.log))
    return there.last if there is not None else 0
