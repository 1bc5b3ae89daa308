"""
The queues that this node keeps for others, as the API shows them: mailboxes of people, and posts of groups.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Queue:
    """
    queue_id: alias, owner and supplier, joined by `&`. messages: that are kept. last: number of the last one.
    consumers, producers: global ids of those who read and write, with how much they did since the start.
    """

    queue_id: str
    messages: int
    last: int
    consumers: Mapping[str, int]
    producers: Mapping[str, int]


Source = Callable[[], Awaitable[list[Queue]]]


class Queues:
    """
    Asks all who keep queues.
    """

    def __init__(self) -> None:
        self._sources: tuple[Source, ...] = ()

    def add(self, source: Source) -> Callable[[], None]:
        """
        Ask this one too; returns the function that ends it.
        """
        self._sources = (*self._sources, source)

        def undo() -> None:
            self._sources = tuple(other for other in self._sources if other is not source)

        return undo

    async def all(self) -> list[Queue]:
        """By their ids."""
        found = [queue for source in self._sources for queue in await source()]
        return sorted(found, key=lambda queue: queue.queue_id)

    async def consumers(self) -> dict[str, tuple[list[str], int]]:
        """Who reads: from which queues, and how much."""
        return _people({queue.queue_id: queue.consumers for queue in await self.all()})

    async def producers(self) -> dict[str, tuple[list[str], int]]:
        """Who writes: to which queues, and how much."""
        return _people({queue.queue_id: queue.producers for queue in await self.all()})


def _people(queues: Mapping[str, Mapping[str, int]]) -> dict[str, tuple[list[str], int]]:
    total: Counter[str] = Counter()
    places: dict[str, list[str]] = {}
    for queue_id, people in queues.items():
        for person, count in people.items():
            places.setdefault(person, []).append(queue_id)
            total[person] += count
    return {person: (places[person], total[person]) for person in sorted(places)}
