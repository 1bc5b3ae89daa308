"""
Suppliers that remind of a lease which is about to lapse.
"""

from __future__ import annotations

from collections.abc import Callable

from bitdust_node.clock import Clock
from bitdust_node.events import Events
from bitdust_node.identity.names import NodeId
from bitdust_node.router.router import Router
from bitdust_node.wire.command import Nothing
from bitdust_node.wire.storage import LEASE_NOTICE, LeaseNotice
from services.hiring.link import SupplierLink

#: Seconds for which further reminders of a supplier are not heeded.
AGAIN = 600.0


class Reminders:
    """
    Answers by asking for the lease again, which also says that this node lives.

    link_of: the link to a supplier, None for who is none.
    """

    def __init__(
        self, router: Router, link_of: Callable[[NodeId], SupplierLink | None], events: Events, clock: Clock
    ) -> None:
        self._router, self._link_of, self._events, self._clock = router, link_of, events, clock
        # when they were heeded the last time
        self._heeded: dict[NodeId, float] = {}

    def start(self) -> None:
        self._router.serve(LEASE_NOTICE, self._take)

    def stop(self) -> None:
        self._router.withdraw(LEASE_NOTICE)
        self._heeded.clear()

    async def _take(self, supplier: NodeId, question: LeaseNotice) -> Nothing:
        link = self._link_of(supplier)
        now = self._clock.seconds()
        if link is not None and now - self._heeded.get(supplier, -AGAIN) >= AGAIN:
            self._heeded[supplier] = now
            data = {"supplier_idurl": link.hired.idurl, "expires": question.expires}
            self._events.publish("supplier-lease-lapsing", data)
            link.renew()
        return Nothing()
