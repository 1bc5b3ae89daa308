"""
Whether all suppliers have all of the catalog and of the keys, as clients hear of it.
"""

from __future__ import annotations

from collections.abc import Collection

from bitdust_node.events import Events
from services.catalog.objects import BATCH, KEYS

#: What events call each kind of object.
NAMES = {BATCH: "my-backup-index", KEYS: "my-keys"}


class Synchrony:
    """
    Publishes what has changed since it was last looked at, and nothing else; nothing at all without `events`.
    """

    def __init__(self, events: Events | None) -> None:
        self._events = events
        self._told: dict[int, bool] = {}

    def note(self, lacking: Collection[int]) -> None:
        """
        lacking: the kinds of which at least one supplier has not got all.
        """
        if self._events is None:
            return
        for kind, name in NAMES.items():
            whole = kind not in lacking
            if self._told.get(kind) is not whole:
                self._told[kind] = whole
                self._events.publish(f"{name}-{'synchronized' if whole else 'out-of-sync'}", {})

    def failed(self, lacking: Collection[int], error: str) -> None:
        """
        A supplier did not take what it lacks; only of the keys there is an event.
        """
        if KEYS in lacking and self._events is not None:
            self._events.publish("my-keys-synchronize-failed", {"error": error})
