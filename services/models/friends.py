"""
The model `correspondent`: the friends.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

from bitdust_node.api.models import Snapshot, Tell
from bitdust_node.clock import Clock
from services.people.friends import Friend, Friends


class CorrespondentModel:
    """
    Tells who is added, renamed or removed.
    """

    model = "correspondent"

    def __init__(self, friends: Friends, clock: Clock) -> None:
        self._friends, self._clock = friends, clock

    async def all(self, query: Mapping[str, Any]) -> AsyncIterator[Snapshot]:
        await self._friends.load()
        for friend in self._friends:
            yield self._snapshot(friend)

    def observe(self, tell: Tell) -> Callable[[], None]:
        return self._friends.observe(
            lambda friend, kept: tell(self._snapshot(friend, None if kept else self._clock.seconds()))
        )

    def _snapshot(self, friend: Friend, deleted: float | None = None) -> Snapshot:
        idurl = self._friends.idurl(friend)
        return Snapshot(idurl, {"idurl": idurl, "nickname": friend.alias}, created=friend.added, deleted=deleted)
