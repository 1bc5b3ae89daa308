"""
Reaching one peer through its contacts: the best first, the next one soon after it or when it has failed.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger

from automats.dial import DIAL, Input
from automats.machine import Machine
from automats.registry import Automats
from bitdust_node.clock import Clock
from bitdust_node.errors import BitDustError, Closed, Unavailable
from bitdust_node.identity.names import NodeId
from bitdust_node.identity.resolver import Resolver
from bitdust_node.router.transport import PacketTransport, Session
from bitdust_node.tasks import Tasks

#: Contacts of one document that are tried.
CANDIDATES = 16


class Dial:
    """
    One attempt to reach `peer`, shared by all who wait for it. Owner of a machine of automats/dial.py.

    transports: those that may dial, best first.
    may_ask: answers False if the identity server of the peer was asked lately.
    """

    log = Logger()

    def __init__(
        self,
        peer: NodeId,
        transports: list[PacketTransport],
        resolver: Resolver,
        clock: Clock,
        tasks: Tasks,
        automats: Automats | None,
        adopt: Callable[[Session], None],
        ended: Callable[[], None],
        may_ask: Callable[[], bool],
    ) -> None:
        self.peer = peer
        self._transports = transports
        self._resolver = resolver
        self._tasks = tasks
        self._adopt = adopt
        self._ended = ended
        self._may_ask = may_ask
        self._asked = False
        self._candidates: deque[tuple[PacketTransport, str]] = deque()
        self._running = 0
        self._reached: Session | None = None
        self._errors: list[str] = []
        self._waiting: list[Deferred[Session]] = []
        document = resolver.cached(peer)
        self._name = document.global_id if document else peer
        self.machine = Machine(DIAL, self, clock=clock, id=f"dial {self._name}", automats=automats)

    def start(self) -> None:
        """Begin with the first contact."""
        self._collect()
        self.machine.feed(Input.START)

    def wait(self) -> Deferred[Session]:
        """The session when there is one; fails with Unavailable when all contacts have failed."""
        waiting: Deferred[Session] = Deferred()
        self._waiting.append(waiting)
        return waiting

    def found(self, session: Session) -> None:
        """There is a session with the peer, made by this dial or by the peer itself."""
        self._reached = session
        self.machine.feed(Input.FOUND)

    def give_up(self, reason: str) -> None:
        """The router stops."""
        self._errors = [reason]
        self.machine.feed(Input.GIVE_UP)

    # --- actions of automats/dial.py ---

    def try_next(self) -> None:
        if self._candidates:
            transport, contact = self._candidates.popleft()
            self._running += 1
            self._tasks.spawn(f"dial {contact}", self._try(transport, contact))
        elif self._running:
            self.machine.feed(Input.ALL_TRIED)
        else:
            self.machine.feed(Input.LAST_MISSED)

    def ask_for_newer(self) -> None:
        if not self._asked and self._may_ask():
            self._asked = True
            self._tasks.spawn(f"ask where {self._name} is", self._ask())
        else:
            self.machine.feed(Input.NO_NEWS)

    def start_over(self) -> None:
        self._collect()
        self.try_next()

    def report_reached(self) -> None:
        self._ended()
        assert self._reached is not None
        waiting, self._waiting = self._waiting, []
        for each in waiting:
            if not each.called:
                each.callback(self._reached)

    def report_failed(self) -> None:
        self._ended()
        # the last errors tell most; one error object a waiter, as each gets its own traceback
        why = "; ".join(self._errors[-3:]) or "it has no contacts that this node can dial"
        waiting, self._waiting = self._waiting, []
        for each in waiting:
            if not each.called:
                each.errback(Unavailable(f"{self._name} can not be reached: {why}"))

    # ---

    def _collect(self) -> None:
        document = self._resolver.cached(self.peer)
        contacts = document.contacts[:CANDIDATES] if document else ()
        self._candidates.clear()
        for transport in self._transports:
            for contact in contacts:
                if contact.startswith(f"{transport.scheme}://"):
                    self._candidates.append((transport, contact))

    async def _try(self, transport: PacketTransport, contact: str) -> None:
        try:
            session = await transport.connect(contact, self.peer)
            if session.state != "CONNECTED":
                raise Closed(f"{contact} has closed the session at once")
        except CancelledError:
            raise
        except BitDustError as error:
            self._missed(str(error))
            return
        except Exception as error:  # noqa: BLE001 - a border: whatever a transport does, the dial must come to an end
            self.log.failure("{contact} can not be dialled", contact=contact)
            self._missed(f"{contact}: {error}")
            return
        self._running -= 1
        if self._reached is not None and self._reached.dialled:
            session.close("another way was quicker")
        else:
            self._adopt(session)

    def _missed(self, reason: str) -> None:
        self._running -= 1
        self._errors.append(reason)
        self.machine.feed(Input.MISSED if self._candidates or self._running else Input.LAST_MISSED)

    async def _ask(self) -> None:
        before = self._resolver.cached(self.peer)
        try:
            document = await self._resolver.refresh(self.peer)
        except BitDustError as error:
            self._errors.append(str(error))
            self.machine.feed(Input.NO_NEWS)
            return
        news = before is None or document.contacts != before.contacts
        self.machine.feed(Input.NEWER if news else Input.NO_NEWS)
