"""
service_customer_support: keeps in touch with customers.
"""

from __future__ import annotations

from typing import ClassVar

from bitdust_node.clock import Clock
from bitdust_node.router.router import Router
from bitdust_node.service import Service
from bitdust_node.tasks import Tasks
from bitdust_node.waiting import all_of
from services.supplier import Supplier

#: Seconds between two rounds.
ROUND = 600.0
#: Customers that are asked at once.
LANES = 10


class CustomerSupport(Service):
    """
    At the start and every ten minutes, shows the own identity to customers that are not connected, so that they find
    this node again after it was away or its address has changed.
    """

    name: ClassVar[str] = "customer_support"
    depends: ClassVar[tuple[str, ...]] = ("customer_patrol",)
    needs_identity: ClassVar[bool] = True

    def __init__(self, supplier: Supplier, router: Router, clock: Clock) -> None:
        self._supplier, self._router, self._clock = supplier, router, clock
        self._tasks = Tasks("customer support")

    async def start(self) -> None:
        self._tasks = Tasks("customer support")
        self._tasks.every(ROUND, "greet customers", self.greet, self._clock, at_once=True)

    async def stop(self) -> None:
        await self._tasks.stop()

    async def greet(self) -> None:
        """
        One round.
        """
        contacts = self._router.contacts
        away = [
            lease.customer
            for lease in self._supplier.leases()
            if lease.active and not contacts.is_online(lease.customer)
        ]
        await all_of(map(self._supplier.ping, away), limit=LANES)
