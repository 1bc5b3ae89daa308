"""
The model `backup_rebuilder`: whether missing pieces are being made anew.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any, Protocol

from bitdust_node.api.models import Snapshot, Tell


class Rebuilder(Protocol):
    """Who makes pieces anew."""

    busy: bool

    def observe(self, callback: Callable[[], object]) -> Callable[[], None]:
        """Call back when it begins and when it ends; returns the function that ends that."""


class RebuilderModel:
    """
    One object, whose id is `1`.
    """

    model = "backup_rebuilder"

    def __init__(self, rebuilder: Rebuilder) -> None:
        self._rebuilder = rebuilder

    async def all(self, query: Mapping[str, Any]) -> AsyncIterator[Snapshot]:
        yield self._snapshot()

    def observe(self, tell: Tell) -> Callable[[], None]:
        return self._rebuilder.observe(lambda: tell(self._snapshot()))

    def _snapshot(self) -> Snapshot:
        busy = self._rebuilder.busy
        state = "REBUILDING" if busy else "AT_REST"
        shown = {"index": 1, "id": "backup_rebuilder", "name": "backup_rebuilder", "state": state, "rebuilding": busy}
        return Snapshot("1", shown)
