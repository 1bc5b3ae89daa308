"""
Logs of which a supplier says that their next posts are gone: whether a member may go on behind them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from bitdust_node.clock import Clock
from bitdust_node.identity.names import NodeId
from bitdust_node.wire.posts import Head
from services.grouping.reader import Name

#: Seconds between two times that the other suppliers are asked because of what one says.
PACE = 20.0
#: How often they are asked before those that do not answer, or do not give what they say that they have, are passed
#: over: a minute in all.
TRIES = 4
#: Seconds after which the posts of one gap are not looked for any longer, until they are looked for anew.
SEARCH_TIME = 60.0


class Gaps:
    """
    One supplier may lie, or may itself have been told by a member where a log begins. So its word counts only if all
    suppliers say the same, or if the others were asked for a minute and those that answer had nothing.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        #: By who says so: how far the log is read here, and how often the others were asked since.
        self._open: dict[NodeId, dict[Name, tuple[int, int]]] = {}
        self._asked: dict[NodeId, float] = {}

    def due(self, supplier: NodeId, gaps: Mapping[Name, int]) -> bool:
        """
        Whether the others are to be asked now. gaps: how far those logs are read of which this supplier lacks what
        comes next; what it said before of others does not count any more.
        """
        before = self._open.pop(supplier, {})
        if not gaps:
            return False
        now = self._clock.seconds()
        asking = now - self._asked.get(supplier, -PACE) >= PACE
        if asking:
            self._asked[supplier] = now
        found = self._open[supplier] = {}
        for name, last in gaps.items():
            known, tries = before.get(name, (last, 0))
            found[name] = (last, (tries if known == last else 0) + asking)
        return asking

    def patient(self, supplier: NodeId, name: Name) -> bool:
        """
        Whether to go on waiting for suppliers that do not answer.
        """
        return self._open.get(supplier, {}).get(name, (0, 0))[1] < TRIES

    def agreed(self, supplier: NodeId, name: Name) -> None:
        """
        All say the same: if the gap is there still, waiting begins anew.
        """
        found = self._open.get(supplier, {})
        if name in found:
            found[name] = (found[name][0], 0)

    def holds(self, supplier: NodeId, name: Name, last: int) -> bool:
        """
        Whether what this supplier has of a log, which is read up to `last`, is not taken yet.
        """
        return self._open.get(supplier, {}).get(name, (-1, 0))[0] == last

    def passed(self, supplier: NodeId) -> None:
        """
        Patience has ended where it has for this one time: a gap that is still there is waited for anew, or a supplier
        could claim one long before there is anything to hide.
        """
        found = self._open.get(supplier, {})
        for name, (last, tries) in found.items():
            found[name] = (last, tries if tries < TRIES else 0)


def lowest(name: Name, last: int, answers: Iterable[Mapping[Name, Head]]) -> int:
    """
    The first number of a log that any supplier has, of those that have posts above `last`; 0 if none has.
    """
    found = [heads[name].first for heads in answers if name in heads and heads[name].last > last]
    return min(found, default=0)
