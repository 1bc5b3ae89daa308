"""
The sessions of one transport, and who may begin one: strangers are few at a time, and not too often.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from automats.registry import Automats
from bitdust_node.clock import Clock
from bitdust_node.errors import BitDustError
from bitdust_node.identity.names import NodeId
from bitdust_node.router.admission import Admission
from bitdust_node.router.bandwidth import Bandwidth
from bitdust_node.router.bucket import Buckets
from bitdust_node.router.session import LIMITS, Limits, Session
from bitdust_node.router.transport import Deliver, Pipe
from bitdust_node.tasks import Tasks


@dataclass(frozen=True)
class Strangers:
    """
    How many may knock.

    each, total: incoming connections that have not yet said who they are, of one address and together.
    rate, burst: new connections a second of one address. sessions: all sessions together.
    """

    each: int = 64
    total: int = 512
    rate: float = 50
    burst: float = 200
    sessions: int = 10_000


STRANGERS = Strangers()


class Entrance:
    """
    Makes the sessions of one transport and delivers those that came in and were authenticated.
    """

    def __init__(
        self,
        scheme: str,
        admission: Admission,
        clock: Clock,
        automats: Automats | None = None,
        strangers: Strangers = STRANGERS,
        limits: Limits = LIMITS,
        bandwidth: Bandwidth | None = None,
    ) -> None:
        self._scheme = scheme
        self._admission = admission
        self._clock = clock
        self._automats = automats
        self._strangers = strangers
        self._limits = limits
        self._bandwidth = bandwidth
        self._deliver: Deliver | None = None
        self._tasks = Tasks(f"{scheme} sessions")
        self._sessions: dict[Session, None] = {}
        self._knocking: OrderedDict[Session, str] = OrderedDict()
        self._buckets = Buckets(strangers.rate, strangers.burst)

    def sessions(self) -> list[Session]:
        """All sessions, oldest first."""
        return list(self._sessions)

    @property
    def knocking(self) -> int:
        """Incoming connections that have not yet said who they are."""
        return len(self._knocking)

    def open(self, deliver: Deliver) -> None:
        """Let strangers in from now on."""
        self._deliver = deliver

    def shut(self) -> None:
        """Let nobody in any more; the sessions stay."""
        self._deliver = None

    def welcome(self, host: str) -> bool:
        """
        True if a connection from this address may begin now. When too many of this address are still waiting, the
        oldest of them is given up: a flood hurts itself.
        """
        if self._deliver is None or len(self._sessions) >= self._strangers.sessions:
            return False
        if not self._buckets.take(host, self._clock.seconds()):
            return False
        same = [session for session, address in self._knocking.items() if address == host]
        if len(same) >= self._strangers.each:
            same[0].close("too many connections of this address have not said who they are")
        elif len(self._knocking) >= self._strangers.total:
            next(iter(self._knocking)).close("too many connections have not said who they are")
        return True

    def incoming(self, pipe: Pipe) -> Session:
        """A session for a pipe that came in."""
        session = self._make(pipe, dialled=False, expected=None)
        self._knocking[session] = pipe.host
        self._tasks.spawn(f"hello of {pipe.remote}", self._admit(session))
        return session

    def outgoing(self, pipe: Pipe, expected: NodeId) -> Session:
        """A session for a pipe that this node has made."""
        return self._make(pipe, dialled=True, expected=expected)

    async def close(self) -> None:
        """Close all sessions."""
        self.shut()
        for session in self.sessions():
            session.close("the node stops")
        await self._tasks.stop()
        self._tasks = Tasks(f"{self._scheme} sessions")

    def _make(self, pipe: Pipe, dialled: bool, expected: NodeId | None) -> Session:
        session = Session(
            pipe,
            self._admission,
            self._clock,
            self._tasks,
            scheme=self._scheme,
            dialled=dialled,
            expected=expected,
            automats=self._automats,
            limits=self._limits,
            bandwidth=self._bandwidth,
        )
        self._sessions[session] = None
        session.on_closed.append(lambda *_: self._forget(session))
        return session

    async def _admit(self, session: Session) -> None:
        try:
            await session.connected()
        except BitDustError as error:
            session.log.info("{remote} was not let in: {error}", remote=session.remote, error=str(error))
            return
        finally:
            self._knocking.pop(session, None)
        if self._deliver is None:
            session.close("the node stops")
        else:
            self._deliver(session)

    def _forget(self, session: Session) -> None:
        self._sessions.pop(session, None)
        self._knocking.pop(session, None)
