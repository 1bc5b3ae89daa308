"""
service_customer_patrol: notices customers that have fallen silent.
"""

from __future__ import annotations

from typing import ClassVar

from bitdust_node.clock import Clock
from bitdust_node.service import Service
from bitdust_node.tasks import Tasks
from services.supplier import Supplier

HOUR = 3600.0


class CustomerPatrol(Service):
    """
    Once an hour, lets leases lapse whose customers were silent for the days of the option. Deletes nothing.
    """

    name: ClassVar[str] = "customer_patrol"
    depends: ClassVar[tuple[str, ...]] = ("supplier",)
    needs_identity: ClassVar[bool] = True

    def __init__(self, supplier: Supplier, clock: Clock) -> None:
        self._supplier, self._clock = supplier, clock
        self._tasks = Tasks("customer patrol")

    async def start(self) -> None:
        self._tasks = Tasks("customer patrol")
        self._tasks.every(HOUR, "look for silent customers", self._supplier.patrol, self._clock)

    async def stop(self) -> None:
        await self._tasks.stop()
