"""
Questions and answers over datagrams: matching, waiting, asking twice.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from random import Random

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from bitdust_node.clock import Clock, DelayedCall
from bitdust_node.dht.contact import Contact, kind_of
from bitdust_node.dht.ids import id_of
from bitdust_node.dht.messages import (
    QUESTIONS,
    RPC_BYTES,
    Answer,
    Body,
    Envelope,
    Ping,
    Pong,
    Problem,
    Question,
    check,
    pack,
    unpack,
)
from bitdust_node.dht.pace import Floods, RoundTrips
from bitdust_node.dht.signing import Signer
from bitdust_node.errors import BY_NAME, BitDustError, Closed, Corrupt, Failed, Full, Invalid, TimedOut

#: Questions in flight; more are refused here.
OPEN_LIMIT = 1024

Send = Callable[[bytes, str, int], None]
Reply = Callable[[Answer], None]
Serve = Callable[[Contact, Question, Reply], None]


class Open:
    """
    A question that waits for its answer.
    """

    __slots__ = ("answer", "asked_at", "expected", "host", "layer", "on_slow", "port", "timer", "tries")

    def __init__(self, host: str, port: int, expected: bytes | None, layer: int, asked_at: float) -> None:
        self.host, self.port, self.expected, self.layer = host, port, expected, layer
        self.asked_at = asked_at
        self.tries = 1
        self.answer: Deferred[tuple[Contact, Answer]] = Deferred()
        self.on_slow: Callable[[], None] | None = None
        self.timer: DelayedCall | None = None


class Traffic:
    """
    What was sent and received: bytes in all, the rest by layer.
    """

    def __init__(self) -> None:
        self.bytes_received = 0
        self.bytes_sent = 0
        self.packets_received: Counter[int] = Counter()
        self.packets_sent: Counter[int] = Counter()
        self.questions: Counter[int] = Counter()
        self.answers: Counter[int] = Counter()


class Rpc:
    """
    Asks other nodes and hears their questions.

    send: puts a datagram on the wire. serve: called for each question with a function that sends the answer.
    layers: own bit mask, read at each datagram.
    """

    log = Logger()

    def __init__(self, clock: Clock, signer: Signer, random: Random, send: Send, serve: Serve) -> None:
        self._clock = clock
        self._signer = signer
        self._random = random
        self._send = send
        self._serve = serve
        self._open: dict[bytes, Open] = {}
        self._trips = RoundTrips()
        self._floods = Floods()
        self._closed = False
        self.me = id_of(signer.public)
        self.layers = 1
        self.traffic = Traffic()

    def ask(
        self,
        host: str,
        port: int,
        question: Question,
        expected: bytes | None = None,
        on_slow: Callable[[], None] | None = None,
    ) -> Deferred[tuple[Contact, Answer]]:
        """
        Who answered, and what. Fails with TimedOut, with Closed, or with the error that the other node names.

        expected: id that must answer, if known. on_slow: called when the first try was in vain.
        """
        if self._closed or len(self._open) >= OPEN_LIMIT:
            failed: Deferred[tuple[Contact, Answer]] = Deferred()
            failed.errback(Closed("the DHT is off") if self._closed else Full("too many questions to the DHT at once"))
            return failed
        rpc = self._random.randbytes(RPC_BYTES)
        layer = getattr(question, "layer", 0)
        question_ = Open(host, port, expected, layer, self._clock.seconds())
        question_.on_slow = on_slow
        datagram = pack(Body(rpc, self.layers, question), self._signer)
        self._open[rpc] = question_
        self.traffic.questions[layer] += 1
        self._try(rpc, question_, datagram)
        return question_.answer

    def received(self, datagram: bytes, host: str, port: int) -> None:
        """
        A datagram came in. Whatever is wrong with it is dropped in silence.
        """
        self.traffic.bytes_received += len(datagram)
        now = self._clock.seconds()
        if self._closed or not self._floods.admits(host, now) or kind_of(host) == "wrong":
            return
        try:
            envelope, body = unpack(datagram)
            if isinstance(body.message, QUESTIONS):
                check(envelope, self._signer)
                self._hear(body, Contact(id_of(envelope.public), host, port, body.layers | 1))
            else:
                self._settle(envelope, body, host, port, now)
        except (Invalid, Corrupt) as error:
            self.log.debug("dropped a datagram from {host}: {error}", host=host, error=error)

    def close(self) -> None:
        self._closed = True
        for rpc in list(self._open):
            self._fail(rpc, Closed("the DHT is off"))

    def _try(self, rpc: bytes, question: Open, datagram: bytes) -> None:
        wait = self._trips.wait(question.host, question.port) * question.tries
        question.timer = self._clock.callLater(wait, self._late, rpc, question, datagram)
        self._put(datagram, question.host, question.port, question.layer)

    def _late(self, rpc: bytes, question: Open, datagram: bytes) -> None:
        if question.tries > 1:
            self._fail(rpc, TimedOut(f"{question.host}:{question.port} did not answer"))
            return
        question.tries += 1
        self._try(rpc, question, datagram)
        if question.on_slow is not None:
            question.on_slow()

    def _hear(self, body: Body, sender: Contact) -> None:
        layer = getattr(body.message, "layer", 0)
        self.traffic.packets_received[layer] += 1

        def reply(answer: Answer) -> None:
            if not self._closed:
                self.traffic.answers[layer] += 1
                self._put(pack(Body(body.rpc, self.layers, answer), self._signer), sender.host, sender.port, layer)

        if sender.id == self.me:
            if isinstance(body.message, Ping):
                reply(Pong())  # we asked ourselves by another address: whoever asked sees the own id
            return
        self._serve(sender, body.message, reply)  # type: ignore[arg-type]

    def _settle(self, envelope: Envelope, body: Body, host: str, port: int, now: float) -> None:
        question = self._open.get(body.rpc)
        if question is None or (question.host, question.port) != (host, port):
            return
        check(envelope, self._signer)
        sender = Contact(id_of(envelope.public), host, port, body.layers | 1)
        self.traffic.packets_received[question.layer] += 1
        if question.expected is not None and sender.id != question.expected:
            self._fail(body.rpc, Closed(f"another node answers at {host}:{port} now"))
            return
        if question.tries == 1:
            # of an answer to a repeated question nobody knows which try it belongs to
            self._trips.measured(host, port, now - question.asked_at)
        self._end(body.rpc)
        message = body.message
        if isinstance(message, Problem):
            question.answer.errback(BY_NAME.get(message.name, Failed)(message.text))
        else:
            question.answer.callback((sender, message))  # type: ignore[arg-type]

    def _end(self, rpc: bytes) -> Open:
        question = self._open.pop(rpc)
        if question.timer is not None and question.timer.active():
            question.timer.cancel()
        return question

    def _fail(self, rpc: bytes, error: BitDustError) -> None:
        answer = self._end(rpc).answer
        answer.errback(error)

    def _put(self, datagram: bytes, host: str, port: int, layer: int) -> None:
        self.traffic.bytes_sent += len(datagram)
        self.traffic.packets_sent[layer] += 1
        self._send(datagram, host, port)
