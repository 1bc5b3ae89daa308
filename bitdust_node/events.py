"""
What happens in the node, for whoever wants to hear it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from twisted.logger import Logger
from twisted.python.failure import Failure

from bitdust_node.clock import Clock

#: Ids that are counted; further ones (of `event_send`) are published without being counted.
COUNTED = 1000


@dataclass(frozen=True)
class Event:
    """
    event_id: words joined by dashes, e.g. `service-started`.
    data: what the contract lists for this id, or None.
    created: unix seconds.
    """

    event_id: str
    data: dict[str, Any] | None
    created: float


Callback = Callable[[Event], object]


class Events:
    """
    Publishes events to all subscribers, in the order they came.
    """

    log = Logger()

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._callbacks: tuple[Callback, ...] = ()
        #: How often each id was published.
        self.counts: Counter[str] = Counter()

    def publish(self, event_id: str, data: dict[str, Any] | None = None) -> Event:
        """
        Tell all subscribers; one that fails is logged and does not keep it from the others.
        """
        event = Event(event_id, data, self._clock.seconds())
        if event_id in self.counts or len(self.counts) < COUNTED:
            self.counts[event_id] += 1
        for callback in self._callbacks:
            try:
                callback(event)
            except Exception:  # noqa: BLE001 - a border: publishers do not know their subscribers
                self.log.failure("a subscriber of event {event_id} failed", Failure(), event_id=event_id)
        return event

    def subscribe(self, callback: Callback) -> Callable[[], None]:
        """
        Call back at each event; returns the function that ends it.
        """
        self._callbacks = (*self._callbacks, callback)

        def undo() -> None:
            self._callbacks = tuple(other for other in self._callbacks if other is not callback)

        return undo
