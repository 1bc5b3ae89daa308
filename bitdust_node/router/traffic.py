"""
How much was sent and received since the start, by peer.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from bitdust_node.identity.names import NodeId
from bitdust_node.router.transport import Session

#: Peers that are counted by themselves.
PEERS = 10_000


@dataclass(frozen=True)
class Noted:
    """
    A packet that was received, or whose sending is over.

    what: the name of its command, or `answer`. id: of the request or stream. size: bytes.
    outcome: what became of one that was sent, e.g. `answered`, or why nothing did; "" for one that was received.
    """

    incoming: bool
    peer: NodeId
    what: str
    size: int
    id: str
    outcome: str = ""


Note = Callable[[Noted], object]


@dataclass
class Direction:
    """
    packets: requests, answers and openings of streams. unknown: those of commands or requests that nobody knows.
    failed: those that were refused or could not be sent. bytes: of sessions that are over, by peer.
    """

    packets: int = 0
    unknown: int = 0
    failed: int = 0
    closed_bytes: int = 0
    closed: Counter[NodeId] = field(default_factory=Counter)

    def close(self, peer: NodeId, size: int) -> None:
        """Keep the count of a session that is over."""
        self.closed_bytes += size
        if peer in self.closed or len(self.closed) < PEERS:
            self.closed[peer] += size


class Traffic:
    """
    The counters of a router.
    """

    def __init__(self) -> None:
        self.incoming = Direction()
        self.outgoing = Direction()
        #: Told of each packet.
        self.noted: Note | None = None

    def finished(self, what: str, peer: NodeId, size: int, id: int | str, outcome: str) -> None:
        """The sending of a packet is over."""
        self.outgoing.packets += 1
        if self.noted is not None:
            self.noted(Noted(False, peer, what, size, str(id), outcome))

    def came(self, what: str, peer: NodeId, size: int, id: int | str) -> None:
        """A packet was received."""
        self.incoming.packets += 1
        if self.noted is not None:
            self.noted(Noted(True, peer, what, size, str(id)))

    def closed(self, session: Session) -> None:
        """A session is over: its bytes are kept."""
        self.incoming.close(session.peer_id, session.bytes_in)
        self.outgoing.close(session.peer_id, session.bytes_out)

    def totals(self, sessions: Iterable[Session]) -> tuple[Counter[NodeId], Counter[NodeId]]:
        """Bytes in and bytes out by peer, with those of the sessions that live."""
        came, went = Counter(self.incoming.closed), Counter(self.outgoing.closed)
        for session in sessions:
            came[session.peer_id] += session.bytes_in
            went[session.peer_id] += session.bytes_out
        return came, went
