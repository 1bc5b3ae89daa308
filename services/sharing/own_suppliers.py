"""
The own suppliers, as far as an own share needs them.
"""

from __future__ import annotations

from collections.abc import Callable

from bitdust_node.identity.names import NodeId
from services.customer import Customer
from services.hiring.link import SupplierLink, Wanted
from services.sharing.introductions import Introductions


class OwnSuppliers:
    """
    What `Customer` tells, but that a supplier is connected for a share only when it knows the members of that.

    introduce: makes the introductions of the share, with a function to call when there is a new one.
    """

    def __init__(self, customer: Customer, introduce: Callable[[Callable[[], object]], Introductions]) -> None:
        self._customer = customer
        self._introductions = introduce(self._tell)
        self._callbacks: tuple[Callable[[], object], ...] = ()
        self._undo: Callable[[], None] | None = None

    @property
    def wanted(self) -> Wanted:
        """How many suppliers there shall be, and what each shall keep."""
        return self._customer.wanted

    @property
    def links(self) -> dict[int, SupplierLink]:
        """The links by position."""
        return self._customer.links

    def link_of(self, node_id: str) -> SupplierLink | None:
        """
        The link to a node, if it is hired.
        """
        return self._customer.link_of(node_id)

    def connected(self) -> dict[int, SupplierLink]:
        """
        The suppliers that can be used now, by position.
        """
        found = self._customer.connected().items()
        return {position: link for position, link in found if self._introductions.knows(link.node_id)}

    async def compare(self, supplier: NodeId) -> None:
        """
        Hear of a change of the members from one of them.
        """
        await self._introductions.compare(supplier)

    def observe(self, callback: Callable[[], object]) -> Callable[[], None]:
        """
        Call back when a supplier was hired, dismissed, came or went; returns the function that ends it.
        """
        self._callbacks = (*self._callbacks, callback)

        def undo() -> None:
            self._callbacks = tuple(other for other in self._callbacks if other is not callback)

        return undo

    async def start(self) -> None:
        """
        Introduce the share from now on.
        """
        self._introductions.start()
        self._undo = self._customer.observe(self._look)
        self._look()

    async def stop(self) -> None:
        if self._undo is not None:
            self._undo()
            self._undo = None
        await self._introductions.stop()

    async def look_up(self) -> None:
        """They are known."""

    def reach(self) -> None:
        """Their links do so by themselves."""

    def _look(self) -> None:
        self._introductions.look([link.node_id for link in self._customer.connected().values()])
        self._tell()

    def _tell(self) -> None:
        for callback in self._callbacks:
            callback()
