"""
service_customer_family: knows the other suppliers of each customer.
"""

from __future__ import annotations

from typing import ClassVar

from bitdust_node.clock import Clock
from bitdust_node.dht.node import DhtNode
from bitdust_node.errors import BitDustError
from bitdust_node.identity.names import NodeId
from bitdust_node.service import Service
from bitdust_node.tasks import Tasks
from services.supplier import Supplier

HOUR = 3600.0

#: Suppliers of one customer, at most.
FAMILY_LIMIT = 64


class CustomerFamily(Service):
    """
    Once an hour, reads from the DHT whom each customer has published as its suppliers.
    """

    name: ClassVar[str] = "customer_family"
    depends: ClassVar[tuple[str, ...]] = ("supplier", "entangled_dht")
    needs_identity: ClassVar[bool] = True

    def __init__(self, supplier: Supplier, dht: DhtNode, clock: Clock) -> None:
        self._supplier, self._dht, self._clock = supplier, dht, clock
        self._tasks = Tasks("customer family")
        self._families: dict[NodeId, list[str]] = {}

    async def start(self) -> None:
        self._tasks = Tasks("customer family")
        self._tasks.every(HOUR, "read the families of customers", self.refresh, self._clock)

    async def stop(self) -> None:
        await self._tasks.stop()
        self._families.clear()

    def family(self, customer: NodeId) -> list[str]:
        """
        IDURLs of the suppliers of a customer by position, as far as it is known.
        """
        return list(self._families.get(customer, ()))

    async def refresh(self) -> None:
        """
        One round over all customers.
        """
        leases = [lease for lease in self._supplier.leases() if lease.active]
        self._families = {
            customer: family
            for customer, family in self._families.items()
            if any(lease.customer == customer for lease in leases)
        }
        for lease in leases:
            try:
                value = await self._dht.get("suppliers", f"{lease.customer}:suppliers")
            except BitDustError:
                continue
            published = value.get("suppliers") if value else None
            if isinstance(published, list):
                self._families[lease.customer] = [str(idurl)[:1024] for idurl in published[:FAMILY_LIMIT]]
