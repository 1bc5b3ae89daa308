"""
service_customer_family: knows the other suppliers of each customer.
"""

from __future__ import annotations

from typing import Any, ClassVar

from bitdust_node.api.registry import method
from bitdust_node.clock import Clock
from bitdust_node.errors import BitDustError
from bitdust_node.identity.me import Me
from bitdust_node.identity.names import NodeId
from bitdust_node.service import Service
from bitdust_node.tasks import Tasks
from bitdust_node.waiting import all_of
from services.hiring.family import Families
from services.supplier import Supplier

HOUR = 3600.0
#: Customers whose records are read at once.
LANES = 8


class CustomerFamily(Service):
    """
    Once an hour, reads from the DHT whom each customer has published as its suppliers.
    """

    name: ClassVar[str] = "customer_family"
    depends: ClassVar[tuple[str, ...]] = ("supplier", "entangled_dht")
    needs_identity: ClassVar[bool] = True

    def __init__(self, supplier: Supplier, families: Families, me: Me, clock: Clock) -> None:
        self._supplier, self._families, self._me, self._clock = supplier, families, me, clock
        self._tasks = Tasks("customer family")

    async def start(self) -> None:
        self._tasks = Tasks("customer family")
        self._tasks.every(HOUR, "read the families of customers", self.refresh, self._clock)

    async def stop(self) -> None:
        await self._tasks.stop()

    def family(self, customer: NodeId) -> list[str]:
        """
        IDURLs of the suppliers of a customer by position, as far as it is known.
        """
        for lease in self._supplier.leases():
            if lease.customer == customer:
                known = self._families.known(lease.idurl)
                return list(known.suppliers) if known else []
        return []

    async def refresh(self) -> None:
        """
        One round over all customers.
        """
        names = [lease.idurl for lease in self._supplier.leases() if lease.active]
        for result in await all_of(map(self._families.read, names), limit=LANES):
            if isinstance(result, Exception) and not isinstance(result, BitDustError):
                raise result

    # API

    @method(
        "GET",
        "/supplier/list/dht/v1",
        "GET /su/dht",
        needs=("service_entangled_dht",),
        accept={"customer_id": ("customer_idurl", "id")},
    )
    async def suppliers_dht_lookup(self, customer_id: str | None = None) -> dict[str, Any]:
        """
        Read from the DHT whom a customer (this node if none is named) has published as its suppliers.
        """
        family = await self._families.read(customer_id or self._me.idurl)
        await self._families.meet(family)
        return family.describe()

    @method(needs=("service_entangled_dht",), accept={"customer_id": ("customer_idurl", "id")})
    async def suppliers_list_dht(self, customer_id: str | None = None) -> dict[str, Any]:
        """
        As `suppliers_dht_lookup`, by the name of the 2025 edition.
        """
        return await self.suppliers_dht_lookup(customer_id)
