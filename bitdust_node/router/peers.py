"""
The sessions with each peer: which is used, how one is made, and what becomes of a second one.
"""

from __future__ import annotations

from collections.abc import Callable

from automats.contact import Input
from automats.registry import Automats
from bitdust_node.clock import Clock
from bitdust_node.errors import BitDustError, Unavailable
from bitdust_node.identity.me import Me
from bitdust_node.identity.names import NodeId
from bitdust_node.identity.resolver import Resolver
from bitdust_node.router.contacts import Contacts
from bitdust_node.router.dial import Dial
from bitdust_node.router.transport import PacketTransport, Session
from bitdust_node.tasks import Tasks

#: Seconds after which a second session with the same peer is closed, if nothing runs on it.
SPARE = 10.0
#: Seconds for which the identity server of a peer that can not be reached is not asked again.
ASKED = 30.0
#: Sessions with one peer; a further one that comes in is refused.
SESSIONS = 8


class Peers:
    """
    Keeps at least one session with whoever is needed, and in the end at most one with each device of a peer: several
    devices of one identity may be connected at once. What is asked of that peer goes to the newest.

    When both sides have dialled at the same time, both keep the session that the smaller node id has dialled.
    """

    def __init__(
        self,
        me: Me,
        resolver: Resolver,
        clock: Clock,
        contacts: Contacts,
        automats: Automats | None,
        serve: Callable[[Session], None],
        lost: Callable[[Session, BitDustError], None],
        idle: Callable[[Session], bool],
    ) -> None:
        self._me = me
        self._resolver = resolver
        self._clock = clock
        self._contacts = contacts
        self._automats = automats
        self._serve = serve
        self._lost = lost
        self._idle = idle
        self._tasks = Tasks("router")
        self._transports: list[tuple[int, PacketTransport]] = []
        self._sessions: dict[NodeId, list[Session]] = {}
        self._dials: dict[NodeId, Dial] = {}
        self._asked: dict[NodeId, float] = {}

    @property
    def transports(self) -> list[PacketTransport]:
        """Attached transports, best first."""
        return [transport for _, transport in self._transports]

    def attach(self, transport: PacketTransport, priority: int) -> None:
        """Use this transport; small priorities are tried first."""
        self._transports.append((priority, transport))
        self._transports.sort(key=lambda entry: entry[0])

    def detach(self, transport: PacketTransport) -> None:
        """Dial nobody by this transport any more."""
        self._transports = [entry for entry in self._transports if entry[1] is not transport]

    def session(self, peer: NodeId) -> Session | None:
        """The session to use, if there is one."""
        sessions = self._sessions.get(peer)
        return sessions[0] if sessions else None

    def sessions(self) -> list[Session]:
        """All authenticated sessions."""
        return [session for sessions in self._sessions.values() for session in sessions]

    async def reach(self, peer: NodeId) -> Session:
        """
        The session to use; made if there is none. Raises Unavailable.
        """
        session = self.session(peer)
        if session is not None:
            return session
        dial = self._dials.get(peer)
        if dial is not None:
            return await dial.wait()
        if peer == self._me.node_id:
            raise Unavailable("a node does not talk to itself")
        dial = self._dials[peer] = Dial(
            peer,
            self.transports,
            self._resolver,
            self._clock,
            self._tasks,
            self._automats,
            self.adopt,
            lambda: self._dialled(peer),
            lambda: self._may_ask(peer),
        )
        self._contacts.feed(peer, Input.DIAL)
        waiting = dial.wait()  # before the start, which may settle it at once
        dial.start()
        return await waiting

    def adopt(self, session: Session) -> None:
        """
        Use a new session, whoever has dialled it.
        """
        peer = session.peer_id
        sessions = self._sessions.setdefault(peer, [])
        if len(sessions) >= SESSIONS:
            session.close("too many sessions with the same node")
            return
        # the newest first among those that the preferred side has dialled
        sessions.insert(0, session)
        sessions.sort(key=self._rank)
        session.on_closed.append(self._closed)
        self._serve(session)
        self._contacts.feed(peer, Input.SESSION)
        dial = self._dials.get(peer)
        if dial is not None:
            dial.found(session)
        if self._spare(peer):
            self._clock.callLater(SPARE, self._close_spare, peer)

    async def stop(self) -> None:
        """Give up all dials; the sessions belong to their transports."""
        for dial in list(self._dials.values()):
            dial.give_up("this node stops")
        await self._tasks.stop()
        self._tasks = Tasks("router")

    def _rank(self, session: Session) -> int:
        by_smaller = session.dialled == (self._me.node_id < session.peer_id)
        return 0 if by_smaller else 1

    def _closed(self, session: Session, reason: BitDustError) -> None:
        peer = session.peer_id
        sessions = self._sessions.get(peer, [])
        if session in sessions:
            sessions.remove(session)
        if not sessions:
            self._sessions.pop(peer, None)
        self._lost(session, reason)
        if not sessions and self.session(peer) is None:
            self._contacts.feed(peer, Input.LOST)

    def _close_spare(self, peer: NodeId) -> None:
        for session in self._spare(peer):
            if self._idle(session):
                session.close("another session is used")
        if self._spare(peer):
            self._clock.callLater(SPARE, self._close_spare, peer)

    def _spare(self, peer: NodeId) -> list[Session]:
        """All sessions but the best one with each device."""
        devices, spare = set[bytes](), []
        for session in self._sessions.get(peer, ()):
            if session.device in devices:
                spare.append(session)
            devices.add(session.device)
        return spare

    def _dialled(self, peer: NodeId) -> None:
        self._dials.pop(peer, None)
        if self.session(peer) is None:
            self._contacts.feed(peer, Input.UNREACHABLE)

    def _may_ask(self, peer: NodeId) -> bool:
        now = self._clock.seconds()
        self._asked = {node: at for node, at in self._asked.items() if now - at < ASKED}
        if peer in self._asked or len(self._asked) > 1000:
            return False
        self._asked[peer] = now
        return True
