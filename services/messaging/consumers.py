"""
The programs of the user that take messages one after the other: the named consumers of `message_receive`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from twisted.internet.defer import Deferred

from bitdust_node.clock import Clock
from bitdust_node.errors import Full, Invalid
from services.messaging.entries import GROUP, Kept

#: Messages, and bytes of their data as far as they are texts, that wait for one consumer; with more it is dropped.
WAITING_LIMIT, WAITING_BYTES = 100, 8_000_000
CONSUMERS_LIMIT = 100
NAME_LIMIT = 200
#: Seconds that one call may wait.
PATIENCE = 600


@dataclass
class Consumer:
    """
    What came for one program since its last call, and the call that waits for more. direction: `incoming` or
    `outgoing`. kinds: of the messages that it takes.
    """

    direction: str
    kinds: frozenset[str]
    waiting: deque[Kept] = field(default_factory=deque)
    size: int = 0
    call: Deferred[None] | None = None

    def wants(self, kept: Kept) -> bool:
        """True if it takes this message. Own posts come back from the group."""
        entry = kept.entry
        incoming = entry.direction == "in" or entry.talk.kind == GROUP
        outgoing = entry.direction == "out"
        return entry.talk.kind in self.kinds and (incoming if self.direction == "incoming" else outgoing)

    def wake(self) -> None:
        """The call that waits, if one does, ends with what is there."""
        call, self.call = self.call, None
        if call is not None and not call.called:
            call.callback(None)


class Consumers:
    """
    A consumer is registered by its first call and stays as long as it collects enough.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._consumers: dict[str, Consumer] = {}
        self._observers: tuple[Callable[[list[Kept]], object], ...] = ()

    def __len__(self) -> int:
        return len(self._consumers)

    def feed(self, kept: Kept) -> None:
        """
        A message was kept in the history.
        """
        for name, consumer in list(self._consumers.items()):
            if not consumer.wants(kept):
                continue
            consumer.waiting.append(kept)
            consumer.size += kept.size
            if len(consumer.waiting) > WAITING_LIMIT or consumer.size > WAITING_BYTES:
                del self._consumers[name]
            consumer.wake()

    def expects(self, kind: str) -> bool:
        """True if a program is registered that will collect messages of this kind that come in."""
        return any(kind in one.kinds and one.direction == "incoming" for one in self._consumers.values())

    def observe(self, callback: Callable[[list[Kept]], object]) -> Callable[[], None]:
        """
        Call back with the messages that a program has collected; returns the function that ends it.
        """
        self._observers = (*self._observers, callback)

        def undo() -> None:
            self._observers = tuple(other for other in self._observers if other is not callback)

        return undo

    async def collect(self, name: str, direction: str, kinds: Iterable[str], seconds: float) -> list[dict[str, Any]]:
        """
        The messages since the last call of this consumer; when there are none, the next one, or nothing after so many
        seconds. An older call of the same consumer ends with nothing.
        """
        consumer = self._consumer(name, direction, frozenset(kinds))
        if not consumer.waiting:
            consumer.wake()
            await self._wait(consumer, min(max(seconds, 0), PATIENCE))
        collected = list(consumer.waiting)
        consumer.waiting.clear()
        consumer.size = 0
        if collected:
            for callback in self._observers:
                callback(collected)
        return [_shown(kept, direction) for kept in collected]

    def close(self) -> None:
        """
        All calls end, and nobody is registered any more.
        """
        consumers, self._consumers = list(self._consumers.values()), {}
        for consumer in consumers:
            consumer.wake()

    async def _wait(self, consumer: Consumer, seconds: float) -> None:
        waiting: Deferred[None] = Deferred()
        consumer.call = waiting
        end = self._clock.callLater(seconds, consumer.wake)
        try:
            await waiting
        finally:
            if end.active():
                end.cancel()

    def _consumer(self, name: str, direction: str, kinds: frozenset[str]) -> Consumer:
        if not 0 < len(name) <= NAME_LIMIT:
            raise Invalid(f"the id of a consumer has 1 to {NAME_LIMIT} characters")
        if direction not in ("incoming", "outgoing"):
            raise Invalid("the direction of messages is incoming or outgoing")
        consumer = self._consumers.get(name)
        if consumer is None:
            if len(self._consumers) >= CONSUMERS_LIMIT:
                raise Full(f"{CONSUMERS_LIMIT} consumers are registered already")
            consumer = self._consumers[name] = Consumer(direction, kinds)
        consumer.direction, consumer.kinds = direction, kinds
        return consumer


def _shown(kept: Kept, direction: str) -> dict[str, Any]:
    return {
        "data": kept.entry.data,
        "recipient": kept.recipient,
        "sender": kept.sender,
        "time": kept.entry.time,
        "message_id": kept.entry.message_id,
        "dir": direction,
    }
