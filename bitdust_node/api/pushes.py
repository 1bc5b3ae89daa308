"""
What clients hear without having asked just now: snapshots of objects and stream messages. Events have their own way.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol


class Audience(Protocol):
    """Those who listen, e.g. all clients of the WebSocket face."""

    def push(self, kind: str, payload: Mapping[str, Any]) -> None:
        """Send to each of them."""

    def behind(self) -> bool:
        """True while one of them has much left to read: who has more to send waits a while."""


@dataclass(frozen=True)
class StreamMessage:
    """
    A message that was stored in the history, for the push `stream_message`.

    kind: `private_message`, `group_message`, `personal_message` or `message`. time: unix seconds. sender: global id.
    recipient: global id, or the key id of a group. data: what the sender gave.
    """

    kind: str
    message_id: str
    time: int
    data: Mapping[str, Any]
    sender: str
    recipient: str
    direction: Literal["in", "out"]
    conversation_id: str

    def payload(self) -> dict[str, Any]:
        """
        The document that clients know, of this push and of the models `message`. Both editions find the kind in it.
        """
        inner = {
            "msg_type": self.kind,
            "type": self.kind,
            "message_id": self.message_id,
            "time": self.time,
            "data": dict(self.data),
        }
        return {
            "payload": inner,
            "sender": {"glob_id": self.sender},
            "recipient": {"glob_id": self.recipient},
            "direction": self.direction,
            "conversation_id": self.conversation_id,
        }


class Pushes:
    """
    Brings what is told to the audience, once there is one.
    """

    def __init__(self) -> None:
        self._audiences: tuple[Audience, ...] = ()
        self._watchers: tuple[Callable[[], object], ...] = ()

    @property
    def heard(self) -> bool:
        """True if anybody listens: what is costly to make need not be made otherwise."""
        return bool(self._audiences)

    @property
    def behind(self) -> bool:
        """True while one of those who listen has much left to read."""
        return any(audience.behind() for audience in self._audiences)

    def join(self, audience: Audience) -> Callable[[], None]:
        """
        Listen; returns the function that ends it.
        """
        self._change((*self._audiences, audience))

        def leave() -> None:
            self._change(tuple(other for other in self._audiences if other is not audience))

        return leave

    def watch(self, callback: Callable[[], object]) -> None:
        """
        Call back when the first one joins and when the last one leaves.
        """
        self._watchers = (*self._watchers, callback)

    def send(self, kind: str, payload: Mapping[str, Any]) -> None:
        """
        Push to everybody.
        """
        for audience in self._audiences:
            audience.push(kind, payload)

    def stream_message(self, message: StreamMessage) -> None:
        """
        Tell of a message that was stored.
        """
        self.send("stream_message", message.payload())

    def _change(self, audiences: tuple[Audience, ...]) -> None:
        before, self._audiences = self.heard, audiences
        if before != self.heard:
            for callback in self._watchers:
                callback()
