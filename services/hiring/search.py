"""
One search for suppliers: candidates are asked side by side until every empty position has its supplier.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable

from twisted.logger import Logger

from bitdust_node.clock import Clock
from bitdust_node.errors import BitDustError, Refused
from bitdust_node.identity.document import Document
from bitdust_node.identity.names import NodeId
from bitdust_node.identity.resolver import Resolver
from bitdust_node.router.router import Router
from bitdust_node.waiting import all_of, within
from bitdust_node.wire.storage import LEASE_REQUEST, LeaseAnswer, LeaseQuestion
from services.hiring.link import Wanted

#: Seconds for one candidate, from its name to its answer.
CANDIDATE_TIME = 20.0

Take = Callable[[int, Document, LeaseAnswer], Awaitable[None]]


class Search:
    """
    Fills `positions` from `candidates` (IDURLs, global ids or node ids, best first).

    taken: node ids that must not be asked, as they are suppliers already or this node itself.
    take: called for each position that got its supplier.
    """

    log = Logger()

    def __init__(
        self,
        wanted: Wanted,
        taken: set[NodeId],
        take: Take,
        router: Router,
        resolver: Resolver,
        clock: Clock,
    ) -> None:
        self._wanted, self._taken, self._take = wanted, taken, take
        self._router, self._resolver, self._clock = router, resolver, clock
        self._asked: set[str] = set()

    async def fill(self, positions: list[int], candidates: list[str]) -> list[int]:
        """
        The positions that are still empty afterwards.
        """
        queue = deque(dict.fromkeys(name for name in candidates if name not in self._asked))
        self._asked.update(queue)
        filled: set[int] = set()

        async def lane(position: int) -> None:
            while queue and position not in filled:
                candidate = queue.popleft()
                try:
                    hired = await within(self._clock, CANDIDATE_TIME, self._ask(candidate, position), candidate)
                except BitDustError as error:
                    self.log.info("{candidate} is not hired: {error}", candidate=candidate, error=error)
                    continue
                if hired:
                    filled.add(position)

        for result in await all_of(lane(position) for position in positions):
            if isinstance(result, Exception):
                raise result
        return [position for position in positions if position not in filled]

    async def _ask(self, candidate: str, position: int) -> bool:
        document = await self._resolver.resolve(candidate)
        if document.node_id in self._taken:
            return False
        # taken at once: two lanes may have got two names of one node
        self._taken.add(document.node_id)
        question = LeaseQuestion(self._wanted.needed, position, self._wanted.suppliers)
        try:
            answer = await self._router.request(document.node_id, LEASE_REQUEST, question)
            if answer.granted < self._wanted.needed:
                raise Refused(f"it grants {answer.granted} of {self._wanted.needed} bytes")
            await self._take(position, document, answer)
        except BaseException:
            self._taken.discard(document.node_id)
            raise
        return True
