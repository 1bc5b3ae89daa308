"""
The model `message`: what was written and received.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

from bitdust_node.api.models import Snapshot, Tell
from services.messaging.entries import Kept
from services.messaging.history import History

#: Messages that are told when all are asked for: the newest ones; `message_history` has the others.
NEWEST = 1000
PART = 100


class MessageModel:
    """
    Tells each message that is kept, and each that has another state. `conversation_id` of a query chooses.
    """

    model = "message"

    def __init__(self, history: History) -> None:
        self._history = history

    async def all(self, query: Mapping[str, Any]) -> AsyncIterator[Snapshot]:
        offset = 0
        while offset < NEWEST and (found := await self._history.page(None, offset, PART)):
            for kept in found:
                if query.get("conversation_id") in (None, kept.conversation_id):
                    yield _snapshot(kept)
            offset += len(found)

    def observe(self, tell: Tell) -> Callable[[], None]:
        ends = (
            self._history.observe(lambda kept: tell(_snapshot(kept))),
            self._history.observe_states(lambda moved: tell(_snapshot(moved.kept))),
        )

        def end() -> None:
            for one in ends:
                one()

        return end


def _snapshot(kept: Kept) -> Snapshot:
    entry = kept.entry
    return Snapshot(f"{kept.conversation_id}/{entry.message_id}", kept.document(), created=entry.time)
