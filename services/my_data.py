"""
service_my_data: the private files of the owner of this node can be stored and read.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

from bitdust_node.api.models import Source
from bitdust_node.events import Events
from bitdust_node.pieces.layout import SCHEMES
from bitdust_node.service import Service
from services.customer import Customer
from services.keys_storage import KeysStorage
from services.models.files import FileModel
from services.transfer.means import enough


class MyData(Service):
    """
    Tells when the storage becomes ready: enough suppliers are connected to store and to read.
    """

    name: ClassVar[str] = "my_data"
    depends: ClassVar[tuple[str, ...]] = ("keys_storage",)
    needs_identity: ClassVar[bool] = True

    def __init__(self, keys_storage: KeysStorage, customer: Customer, events: Events, files: FileModel) -> None:
        self._keys_storage, self._customer, self._events, self._files = keys_storage, customer, events, files
        self._undo: Callable[[], None] | None = None
        self._told: bool | None = None

    async def start(self) -> None:
        self._told = None
        self._undo = self._customer.observe(self._look)
        self._look()

    async def stop(self) -> None:
        if self._undo is not None:
            self._undo()
            self._undo = None

    def models(self) -> Sequence[Source]:
        return (self._files,)

    def ready(self) -> str | None:
        wanted, connected = self._counts()
        return None if connected >= wanted else f"{connected} suppliers are connected, {wanted} are needed"

    def _counts(self) -> tuple[int, int]:
        return enough(*SCHEMES[self._customer.wanted.suppliers]), len(self._customer.connected())

    def _look(self) -> None:
        ready = self.ready() is None
        if ready is not self._told:
            self._told = ready
            self._events.publish("my-storage-ready" if ready else "my-storage-not-ready-yet", {})
