"""
The model `key`: the keys of this node, never their private halves.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

from bitdust_node.api.models import Snapshot, Tell
from bitdust_node.errors import Invalid
from bitdust_node.events import Event, Events
from bitdust_node.keys.folder import Key
from bitdust_node.keys.ring import KeyRing


class KeyModel:
    """
    Tells each change of the key ring.
    """

    model = "key"

    def __init__(self, ring: KeyRing, events: Events) -> None:
        self._ring, self._events = ring, events

    async def all(self, query: Mapping[str, Any]) -> AsyncIterator[Snapshot]:
        for key in self._ring:
            if query.get("key_id") in (None, key.key_id):
                yield _snapshot(key, None)

    def observe(self, tell: Tell) -> Callable[[], None]:
        def heard(event: Event) -> None:
            if not event.event_id.startswith("key-") or event.data is None:
                return
            for name in ("old_key_id", "new_key_id", "key_id"):
                key_id = event.data.get(name)
                if isinstance(key_id, str):
                    tell(self._now(key_id, event))

        ends = (self._events.subscribe(heard), self._ring.observe(lambda key: tell(_snapshot(key, None))))

        def end() -> None:
            for one in ends:
                one()

        return end

    def _now(self, key_id: str, event: Event) -> Snapshot:
        # the ring is asked what is so: anybody may send an event
        try:
            key = self._ring.find(key_id)
        except Invalid:
            key = None
        if key is not None:
            return _snapshot(key, event.event_id)
        return Snapshot(key_id, {"key_id": key_id, "event": event.event_id}, deleted=event.created)


def _snapshot(key: Key, event: str | None) -> Snapshot:
    shown = key.describe() | {"event": event, "local_key_id": key.local_id, "active": key.active}
    shown.pop("private", None)
    if key.signature:
        shown["signature"] = key.signature
    return Snapshot(key.key_id, shown)
