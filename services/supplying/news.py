"""
Members of a share hear that there is something new in it, as soon as it is with a supplier.
"""

from __future__ import annotations

from collections import OrderedDict

from twisted.logger import Logger

from bitdust_node.alarm import Alarm
from bitdust_node.clock import Clock
from bitdust_node.errors import BitDustError
from bitdust_node.identity.names import NodeId
from bitdust_node.membership.roster import MEMBERS_LIMIT, Circle
from bitdust_node.router.router import Router
from bitdust_node.tasks import Tasks
from bitdust_node.waiting import all_of
from bitdust_node.wire.members import CIRCLE_NEWS, CircleName

#: Seconds in which changes are collected, and that a member has to answer.
COLLECT, ANSWER_TIME = 1.0, 10.0
#: Shares whose listeners are remembered; members of others look by themselves.
CIRCLES_LIMIT = 10_000
#: Members that are told at once.
LANES = 20


class News:
    """
    Remembers who has asked for the list of a share, and tells them when it has changed. Nobody is sought for it: who is
    not connected asks when he comes.
    """

    log = Logger()

    def __init__(self, router: Router, clock: Clock) -> None:
        self._router = router
        self._tasks = Tasks("news of shares")
        self._listeners: OrderedDict[Circle, dict[NodeId, None]] = OrderedDict()
        #: What has changed, and who knows it, as it was he who did it; None: several.
        self._changed: dict[Circle, NodeId | None] = {}
        self._alarm = Alarm(clock, self._tell)

    async def stop(self) -> None:
        self._alarm.off()
        await self._tasks.stop()

    def listen(self, circle: Circle | None, peer: NodeId) -> None:
        """
        A member has asked what is there.
        """
        if circle is None:
            return
        listeners = self._listeners.setdefault(circle, {})
        self._listeners.move_to_end(circle)
        if len(listeners) < MEMBERS_LIMIT:
            listeners[peer] = None
        if len(self._listeners) > CIRCLES_LIMIT:
            self._listeners.popitem(last=False)

    def changed(self, circle: Circle | None, peer: NodeId) -> None:
        """
        A member has stored or deleted something.
        """
        if circle is not None:
            self._changed[circle] = peer if self._changed.get(circle, peer) == peer else None
            self._alarm.set(COLLECT)

    def _tell(self) -> None:
        changed, self._changed = self._changed, {}
        told = [
            (listener, circle)
            for circle, author in changed.items()
            for listener in self._listeners.get(circle, ())
            if listener != author and self._router.contacts.is_online(listener)
        ]
        self._tasks.spawn("tell members", all_of([self._tell_one(*one) for one in told], limit=LANES))

    async def _tell_one(self, listener: NodeId, circle: Circle) -> None:
        try:
            await self._router.request(listener, CIRCLE_NEWS, CircleName(circle), ANSWER_TIME)
        except BitDustError as error:
            self.log.debug("a member does not hear of a share: {error}", error=error)
            self._listeners.get(circle, {}).pop(listener, None)
