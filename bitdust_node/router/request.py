"""
One question to one peer, until it is answered.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import CancelledError, Deferred

from automats.machine import Machine
from automats.request import REQUEST, Input
from bitdust_node.clock import Clock
from bitdust_node.errors import BitDustError, TimedOut
from bitdust_node.identity.names import NodeId
from bitdust_node.router.transport import Session
from bitdust_node.wire.packet import Ask, pack

if TYPE_CHECKING:
    from bitdust_node.wire.command import Command


class Outgoing:
    """
    Owner of a machine of automats/request.py.

    find: the session that there is, or None. reach: makes one. timeout: seconds for all of it.
    """

    def __init__(
        self,
        id: int,
        peer: NodeId,
        command: Command[Any, Any],
        question: bytes,
        timeout: float,
        clock: Clock,
        find: Callable[[NodeId], Session | None],
        reach: Callable[[NodeId], Awaitable[Session]],
    ) -> None:
        self.id = id
        self.peer = peer
        self.command = command
        self.size = len(question)
        self.timeout = timeout
        self.session: Session | None = None
        self._question = question
        self._clock = clock
        self._find = find
        self._reach = reach
        self._answer = b""
        self._error: BitDustError | None = None
        self._reaching: Deferred[None] | None = None
        self._done: Deferred[bytes] = Deferred()
        self.machine = Machine(REQUEST, self, clock=clock, id=f"request {command.name}")

    async def run(self) -> bytes:
        """The encoded answer."""
        expiry = self._clock.callLater(self.timeout, self.machine.feed, Input.TIMEOUT)
        try:
            self.machine.feed(Input.START)
            return await self._done
        except CancelledError:
            self.machine.feed(Input.GIVE_UP)
            raise
        finally:
            if expiry.active():
                expiry.cancel()
            if self._reaching is not None:
                self._reaching.cancel()

    def answered(self, answer: bytes) -> None:
        """The peer has answered."""
        self._answer = answer
        self.machine.feed(Input.ANSWER)

    def failed(self, error: BitDustError) -> None:
        """The peer has refused, or can not be reached."""
        self._error = error
        self.machine.feed(Input.ERROR)

    # --- actions ---

    def reach(self) -> None:
        self.session = self._find(self.peer)
        if self.session is not None:
            self.machine.feed(Input.REACHED)
        else:
            self._reaching = Deferred.fromCoroutine(self._wait())

    def send(self) -> None:
        assert self.session is not None
        try:
            self.session.send(pack(Ask(self.id, self.command.name, self._question)))
        except BitDustError as error:
            self.failed(error)

    def report_answer(self) -> None:
        self._done.callback(self._answer)

    def report_error(self) -> None:
        assert self._error is not None
        self._done.errback(self._error)

    def report_timeout(self) -> None:
        what = "was not reached" if self.session is None else "did not answer"
        self._done.errback(TimedOut(f"{self.peer[:12]} {what} in {self.timeout:g} s ({self.command.name})"))

    async def _wait(self) -> None:
        try:
            self.session = await self._reach(self.peer)
        except BitDustError as error:
            self.failed(error)
        except CancelledError:
            return
        else:
            self.machine.feed(Input.REACHED)
