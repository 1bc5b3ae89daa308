"""
service_keys_storage: keys kept on suppliers. In this edition of the node nothing has to run for it.
"""

from __future__ import annotations

from typing import ClassVar

from bitdust_node.events import Events
from bitdust_node.service import Service


class KeysStorage(Service):
    """
    Stands between restores and the data that needs keys. Keys live in the ring of the node; their copies on suppliers
    are not made yet.
    """

    name: ClassVar[str] = "keys_storage"
    depends: ClassVar[tuple[str, ...]] = ("restores",)
    needs_identity: ClassVar[bool] = True

    def __init__(self, events: Events) -> None:
        self._events = events
