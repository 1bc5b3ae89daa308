"""
The models `shared_location` and `shared_file`: shares, and the items in those that are opened.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

from bitdust_node.api.models import Snapshot, Tell
from bitdust_node.clock import Clock
from bitdust_node.keys.ring import KeyRing
from services.models.files import SharedFiles
from services.sharing.share import Share
from services.sharing.shares import Shares, circle_of
from services.sharing.showing import describe


class ShareModel:
    """
    Each share whose key this node holds.
    """

    model = "shared_location"

    def __init__(self, shares: Shares, ring: KeyRing) -> None:
        self._shares, self._ring = shares, ring

    async def all(self, query: Mapping[str, Any]) -> AsyncIterator[Snapshot]:
        for key in self._shares.known_keys():
            if query.get("key_id") in (None, key.key_id):
                circle = circle_of(key)
                shown = describe(key, self._shares.get(circle), self._shares.failure(circle))
                yield Snapshot(key.key_id, shown)

    def observe(self, tell: Tell) -> Callable[[], None]:
        def changed(share: Share) -> None:
            key = self._ring.of(share.circle.owner, share.circle.alias)
            if key is not None:
                tell(Snapshot(key.key_id, describe(key, share)))

        return self._shares.observe(changed)


class SharedFileModel:
    """
    Each file and folder of the shares that are opened.
    """

    model = "shared_file"

    def __init__(self, shares: Shares, clock: Clock) -> None:
        self._shares, self._clock = shares, clock

    async def all(self, query: Mapping[str, Any]) -> AsyncIterator[Snapshot]:
        for share in self._shares.opened():
            async for snapshot in self._files(share).all(query):
                yield snapshot

    def observe(self, tell: Tell) -> Callable[[], None]:
        following: dict[Share, Callable[[], None]] = {}

        def look(share: Share) -> None:
            if share.opened and share not in following:
                following[share] = self._files(share).observe(tell)
            elif not share.opened and share in following:
                following.pop(share)()

        undo = self._shares.observe(look)
        for share in self._shares.opened():
            look(share)

        def end() -> None:
            undo()
            for stop in following.values():
                stop()

        return end

    def _files(self, share: Share) -> SharedFiles:
        return SharedFiles(share.catalog, share.place, self._clock)
