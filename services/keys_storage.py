"""
service_keys_storage: copies of the keys of this node, kept on its suppliers.
"""

from __future__ import annotations

from typing import ClassVar

from bitdust_node.service import Service
from services.catalog.key_copies import KeyCopies
from services.restores import Restores


class KeysStorage(Service):
    """
    While it is on, suppliers hold a copy of all keys, sealed for the identity key, and get a new one soon after each
    change. Keys that are only on suppliers come back without it too.
    """

    name: ClassVar[str] = "keys_storage"
    depends: ClassVar[tuple[str, ...]] = ("restores",)
    needs_identity: ClassVar[bool] = True

    def __init__(self, restores: Restores, copies: KeyCopies) -> None:
        self._restores, self._copies = restores, copies

    async def start(self) -> None:
        self._copies.start()

    async def stop(self) -> None:
        self._copies.stop()
