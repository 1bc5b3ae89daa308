"""
The API of the events: fire one, wait for the next ones, count them.
"""

from __future__ import annotations

import json
from collections import deque
from typing import Any

from twisted.internet.defer import Deferred

from bitdust_node.api.registry import method
from bitdust_node.errors import Full, Invalid
from bitdust_node.events import Event, Events

#: Events kept for a listener between two of its calls; with more it is forgotten.
WAITING_LIMIT = 100
LISTENERS_LIMIT = 100
ID_LIMIT = 200


class Listener:
    """
    What happened since the last call of one client, and the call that waits for more.
    """

    def __init__(self) -> None:
        self.events: deque[Event] = deque()
        self.call: Deferred[None] | None = None

    def wake(self) -> None:
        call, self.call = self.call, None
        if call is not None and not call.called:
            call.callback(None)


class EventsApi:
    """
    Listeners are registered by their first call and stay until they collect too little.
    """

    def __init__(self, events: Events) -> None:
        self._events = events
        self._listeners: dict[str, Listener] = {}
        events.subscribe(self._keep)

    @method("POST", "/event/send/{event_id}/v1", "POST /ev/s/{event_id}/", body="data")
    def event_send(self, event_id: str, data: Any = None) -> dict[str, Any]:
        """
        Fire an event; all listeners and WebSocket clients hear it.
        """
        if isinstance(data, str):
            try:
                data = json.loads(data)
            except (ValueError, RecursionError):
                raise Invalid("json data payload is not correct") from None
        if data is not None and not isinstance(data, dict):
            raise Invalid("json data payload is not correct")
        if not event_id.isprintable() or not 0 < len(event_id) <= ID_LIMIT:
            raise Invalid(f"an event id has 1 to {ID_LIMIT} printable characters")
        event = self._events.publish(event_id, data)
        return {"event_id": event_id, "created": int(event.created)}

    @method("GET", "/event/listen/{consumer_callback_id}/v1", "GET /ev/l/{consumer_callback_id}/")
    async def event_listen(self, consumer_callback_id: str) -> list[dict[str, Any]]:
        """
        The events since the last call, or the next one when there are none.
        """
        listener = self._listener(consumer_callback_id)
        if not listener.events:
            listener.wake()  # an older call of the same listener ends with nothing
            waiting: Deferred[None] = Deferred()
            listener.call = waiting
            await waiting
        told = [
            {"type": "event", "id": event.event_id, "data": event.data, "time": int(event.created)}
            for event in listener.events
        ]
        listener.events.clear()
        return told

    @method("GET", "/event/list/v1")
    def events_list(self) -> dict[str, int]:
        """
        How often each event happened since the start.
        """
        return dict(self._events.counts)

    def _listener(self, name: str) -> Listener:
        if len(name) > ID_LIMIT:
            raise Invalid(f"the name of a listener has at most {ID_LIMIT} characters")
        if name not in self._listeners and len(self._listeners) >= LISTENERS_LIMIT:
            raise Full(f"more than {LISTENERS_LIMIT} listeners")
        return self._listeners.setdefault(name, Listener())

    def _keep(self, event: Event) -> None:
        for name, listener in list(self._listeners.items()):
            listener.events.append(event)
            if len(listener.events) > WAITING_LIMIT:
                del self._listeners[name]
            else:
                listener.wake()
