"""
Who answers what, and how a question finds its peer and its answer the way back.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import msgspec
from twisted.internet.defer import CancelledError
from twisted.logger import Logger

from automats.registry import Automats
from bitdust_node.clock import Clock
from bitdust_node.errors import BitDustError, Conflict, Failed, Full, Invalid, NotServed, Refused
from bitdust_node.events import Events
from bitdust_node.identity.me import Me
from bitdust_node.identity.names import NodeId
from bitdust_node.identity.resolver import Resolver
from bitdust_node.router.bucket import Buckets
from bitdust_node.router.contacts import Contacts
from bitdust_node.router.peers import Peers
from bitdust_node.router.request import Outgoing
from bitdust_node.router.traffic import Traffic
from bitdust_node.router.transport import PacketTransport, Session, Stream
from bitdust_node.tasks import Tasks
from bitdust_node.waiting import within
from bitdust_node.wire.command import MESSAGE_LIMIT, Answer, Command, Question
from bitdust_node.wire.packet import (
    WINDOW,
    Ask,
    Failure,
    Message,
    Opening,
    Reply,
    error_of,
    name_of,
    pack,
    unpack,
    unpack_message,
)

#: What the log of packets calls an answer.
ANSWER = "answer"

Allow = Callable[[NodeId], bool]
Answers = Callable[[NodeId, Any], Awaitable[msgspec.Struct]]
Takes = Callable[[NodeId, Any, Stream], Awaitable[None]]


@dataclass(frozen=True)
class RouterLimits:
    """
    What peers may ask of a router.

    asked: requests of one peer (also those of sessions that are over) that are being answered, and our requests to one
        peer that wait.
    rate, burst: requests and openings a second of one peer; of one address (with all its peers) four times as many.
    """

    asked: int = 1024
    rate: float = 2000
    burst: float = 4000


@dataclass(frozen=True)
class Served:
    """A command and who answers it."""

    command: Command[Any, Any]
    allow: Allow | None
    answer: Answers | None = None
    take: Takes | None = None


@dataclass
class Incoming:
    """
    A request that is being answered.
    """

    session: Session
    ask: Ask


class Router:
    """
    Requests and streams between this node and its peers, over the transports that are attached.
    """

    log = Logger()

    def __init__(
        self,
        clock: Clock,
        me: Me,
        resolver: Resolver,
        events: Events,
        automats: Automats,
        limits: RouterLimits | None = None,
    ) -> None:
        self.limits = limits or RouterLimits()
        self.traffic = Traffic()
        self.contacts = Contacts(clock, resolver.cached, events, automats)
        self._clock = clock
        self._tasks = Tasks("answers")
        self._peers = Peers(
            me, resolver, clock, self.contacts, automats, self._serve_session, self._session_lost, self._idle
        )
        self._served: dict[str, Served] = {}
        self._asked: dict[NodeId, dict[int, Outgoing]] = {}
        self._answering: dict[Session, dict[int, Incoming]] = {}
        self._busy: Counter[NodeId] = Counter()
        self._last_id = 0
        rate, burst = self.limits.rate, self.limits.burst
        self._by_peer = Buckets(rate, burst)
        self._by_host = Buckets(rate * 4, burst * 4)

    # --- for services ---

    def serve(
        self,
        command: Command[Question, Answer],
        answer: Callable[[NodeId, Question], Awaitable[Answer]],
        allow: Allow | None = None,
    ) -> None:
        """
        Answer this command from now on. allow: who may ask; without it any authenticated peer.
        """
        if command.stream:
            raise Invalid(f"{command.name} opens streams")
        self._put(Served(command, allow, answer=answer))

    def serve_stream(
        self,
        command: Command[Question, Answer],
        take: Callable[[NodeId, Question, Stream], Awaitable[None]],
        allow: Allow | None = None,
    ) -> None:
        """
        Take the streams of this command from now on. When the coroutine ends the stream is finished; when it fails
        the stream is reset with its error.
        """
        if not command.stream:
            raise Invalid(f"{command.name} opens no streams")
        self._put(Served(command, allow, take=take))

    def withdraw(self, command: Command[Any, Any]) -> None:
        """Answer this command no more."""
        self._served.pop(command.name, None)

    async def request(
        self,
        peer: NodeId,
        command: Command[Question, Answer],
        question: Question,
        timeout: float = 30.0,  # noqa: ASYNC109 - it begins before the first await, and the answer names it
    ) -> Answer:
        """
        Ask a peer. Raises Unavailable, TimedOut, Full, or the error with which the peer has answered.
        """
        payload = self._encode(command, question)
        waiting = self._asked.setdefault(peer, {})
        if len(waiting) >= self.limits.asked:
            raise Full(f"{len(waiting)} requests to this node already wait for answers")
        self._last_id += 1
        outgoing = Outgoing(
            self._last_id, peer, command, payload, timeout, self._clock, self._peers.session, self._peers.reach
        )
        waiting[outgoing.id] = outgoing
        outcome = "given up"
        try:
            answer = await outgoing.run()
            outcome = "answered"
        except BitDustError as error:
            self.traffic.outgoing.failed += 1
            outcome = str(error)
            raise
        finally:
            self.traffic.finished(command.name, peer, len(payload), outgoing.id, outcome)
            del waiting[outgoing.id]
            if not waiting and self._asked.get(peer) is waiting:
                del self._asked[peer]
        try:
            return unpack(command.answer, answer)
        except Invalid as error:
            raise Failed(f"the answer to {command.name} is wrong: {error}") from error

    async def open_stream(
        self,
        peer: NodeId,
        command: Command[Question, Answer],
        question: Question,
        timeout: float = 15.0,  # noqa: ASYNC109 - of the dial alone
        window: int = WINDOW,
    ) -> Stream:
        """
        Open a stream to a peer; errors of the other side come out of its reads and writes.

        timeout: seconds to reach the peer. window: bytes under way in each direction, 16 KiB to 4 MiB.
        """
        opening = pack(Opening(command.name, self._encode(command, question), window))
        session = self._peers.session(peer)
        if session is None:
            session = await within(self._clock, timeout, self._peers.reach(peer), f"reaching {peer[:12]}")
        stream = session.open_stream(opening, window)
        self.traffic.finished(command.name, peer, len(opening), stream.id, "opened")
        return stream

    async def reach(self, peer: NodeId, timeout: float = 15.0) -> Session:  # noqa: ASYNC109 - as above
        """The session with a peer, made if there is none."""
        return await within(self._clock, timeout, self._peers.reach(peer), f"reaching {peer[:12]}")

    # --- for the gateway ---

    def attach(self, transport: PacketTransport, priority: int = 10) -> None:
        """Use this transport to dial; small priorities are tried first."""
        self._peers.attach(transport, priority)

    def detach(self, transport: PacketTransport) -> None:
        """Dial by this transport no more."""
        self._peers.detach(transport)

    def deliver(self, session: Session) -> None:
        """A peer has come in by a transport."""
        self._peers.adopt(session)

    @property
    def transports(self) -> list[PacketTransport]:
        """Attached transports, best first."""
        return self._peers.transports

    def sessions(self) -> list[Session]:
        """All authenticated sessions."""
        return self._peers.sessions()

    def asked(self) -> list[Outgoing]:
        """Requests that wait for their answers."""
        return [outgoing for waiting in self._asked.values() for outgoing in waiting.values()]

    def answering(self) -> list[Incoming]:
        """Requests of peers that are being answered."""
        return [incoming for each in self._answering.values() for incoming in each.values()]

    async def stop(self) -> None:
        """
        End all that runs and close the sessions; the table of commands stays.
        """
        for session in self.sessions():
            session.close("the node stops")
        await self._peers.stop()
        await self._tasks.stop()
        self._tasks = Tasks("answers")
        self.contacts.forget_all()

    # ---

    def _put(self, served: Served) -> None:
        if served.command.name in self._served:
            raise Conflict(f"{served.command.name} is answered already")
        self._served[served.command.name] = served

    def _encode(self, command: Command[Any, Any], question: msgspec.Struct) -> bytes:
        payload = pack(question)
        limit = min(command.limit, MESSAGE_LIMIT)
        if len(payload) > limit:
            raise Invalid(f"the question of {command.name} has {len(payload)} bytes, {limit} are allowed")
        return payload

    def _serve_session(self, session: Session) -> None:
        self._answering[session] = {}
        session.serve(partial(self._message, session), partial(self._stream, session))

    def _session_lost(self, session: Session, reason: BitDustError) -> None:
        self.traffic.closed(session)
        self._answering.pop(session, None)
        for outgoing in list(self._asked.get(session.peer_id, {}).values()):
            if outgoing.session is session:
                outgoing.failed(reason)

    def _idle(self, session: Session) -> bool:
        waiting = any(outgoing.session is session for outgoing in self._asked.get(session.peer_id, {}).values())
        return not waiting and not session.streams and not self._answering.get(session)

    def _message(self, session: Session, body: bytes) -> None:
        try:
            message = unpack_message(body)
        except Invalid as error:
            self.traffic.incoming.packets += 1
            self.traffic.incoming.failed += 1
            session.close(str(error))
            return
        self.traffic.came(getattr(message, "command", ANSWER), session.peer_id, len(body), message.id)
        if isinstance(message, Ask):
            self._question(session, message)
        else:
            self._settle(session, message)

    def _settle(self, session: Session, message: Reply | Failure) -> None:
        outgoing = self._asked.get(session.peer_id, {}).get(message.id)
        # only the session that carried the question may carry its answer
        if outgoing is None or outgoing.session is not session:
            self.traffic.incoming.unknown += 1
        elif isinstance(message, Reply):
            outgoing.answered(message.answer)
        else:
            outgoing.failed(error_of(message.error, message.text))

    def _question(self, session: Session, ask: Ask) -> None:
        answering = self._answering[session]
        try:
            if self._busy[session.peer_id] >= self.limits.asked or ask.id in answering:
                raise Full("too many requests of this node are still being answered")
            served, question = self._admit(session, ask.command, ask.question, stream=False)
        except BitDustError as error:
            self.traffic.incoming.failed += 1
            self._reply(session, Failure(ask.id, *name_of(error)))
            return
        answering[ask.id] = Incoming(session, ask)
        self._busy[session.peer_id] += 1
        self._tasks.spawn(f"answer to {ask.command}", self._answer(session, ask, served, question))

    def _stream(self, session: Session, stream: Stream, opening: Opening) -> None:
        self.traffic.came(opening.command, session.peer_id, len(opening.question), stream.id)
        try:
            served, question = self._admit(session, opening.command, opening.question, stream=True)
        except BitDustError as error:
            self.traffic.incoming.failed += 1
            stream.fail(error)
            return
        self._tasks.spawn(f"stream of {opening.command}", self._take(stream, served, question))

    def _admit(self, session: Session, name: str, payload: bytes, stream: bool) -> tuple[Served, msgspec.Struct]:
        """Default is deny: whoever is not let through by each of these lines gets an error."""
        now = self._clock.seconds()
        if not self._by_peer.take(session.peer_id, now) or not self._by_host.take(session.host, now):
            raise Full("too many requests in a short time")
        served = self._served.get(name)
        if served is None or served.command.stream is not stream:
            self.traffic.incoming.unknown += 1
            raise NotServed(f"{name} is not served here")
        if served.allow is not None and not served.allow(session.peer_id):
            raise Refused(f"{name} is not allowed to this node")
        if len(payload) > served.command.limit:
            raise Invalid(f"the question of {name} has {len(payload)} bytes, {served.command.limit} are allowed")
        question: msgspec.Struct = unpack(served.command.question, payload)
        return served, question

    async def _answer(self, session: Session, ask: Ask, served: Served, question: msgspec.Struct) -> None:
        assert served.answer is not None
        reply: Message
        try:
            answer = pack(await served.answer(session.peer_id, question))
            if len(answer) > MESSAGE_LIMIT:
                raise RuntimeError(f"the answer to {ask.command} has {len(answer)} bytes")
            reply = Reply(ask.id, answer)
        except BitDustError as error:
            reply = Failure(ask.id, *name_of(error))
        except CancelledError:
            reply = Failure(ask.id, "Unavailable", "this node stops")
        except Exception as error:  # noqa: BLE001 - the border: the peer hears that it failed, the log hears why
            self.log.failure("{command} failed", command=ask.command)
            reply = Failure(ask.id, *name_of(error))
        finally:
            self._answering.get(session, {}).pop(ask.id, None)
            self._less_busy(session.peer_id)
        self._reply(session, reply)

    def _less_busy(self, peer: NodeId) -> None:
        self._busy[peer] -= 1
        if not self._busy[peer]:
            del self._busy[peer]

    async def _take(self, stream: Stream, served: Served, question: msgspec.Struct) -> None:
        assert served.take is not None
        try:
            await served.take(stream.peer, question, stream)
        except BitDustError as error:
            stream.fail(error)
        except CancelledError:
            stream.reset("this node stops")
        except Exception as error:  # noqa: BLE001 - the border: the peer hears that it failed, the log hears why
            self.log.failure("{command} failed", command=served.command.name)
            stream.fail(error_of(*name_of(error)))
        else:
            stream.release()

    def _reply(self, session: Session, reply: Message) -> None:
        packed = pack(reply)
        outcome = "sent"
        try:
            session.send(packed)
        except BitDustError as error:  # gone, or it reads nothing: there is nobody to tell
            self.traffic.outgoing.failed += 1
            outcome = str(error)
        self.traffic.finished(ANSWER, session.peer_id, len(packed), reply.id, outcome)
