"""
The network as one node sees it: whom it knows, how it asks, how it finds who is near an id.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from random import Random

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from bitdust_node.clock import Clock
from bitdust_node.dht.contact import Contact, may_tell
from bitdust_node.dht.ids import K
from bitdust_node.dht.lookup import Lookup
from bitdust_node.dht.messages import Answer, Claim, Find, Found, Ping, Question
from bitdust_node.dht.routing import Tables
from bitdust_node.dht.rpc import Reply, Rpc, Send
from bitdust_node.dht.signing import Signer
from bitdust_node.errors import BitDustError, Closed, Invalid, TimedOut

#: Askers that are asked back at once before they are listed.
PROVING = 16


@dataclass
class Way:
    """
    What a lookup found.

    closest: members of the layer that answered, the nearest first, at most k.
    tokens: what to show to whom, by id. claims: who says to keep which record. hops: length of the way.
    """

    closest: list[Contact] = field(default_factory=list)
    tokens: dict[bytes, bytes] = field(default_factory=dict)
    claims: dict[Claim, list[Contact]] = field(default_factory=dict)
    hops: int = 0


class Swarm:
    """
    Keeps the routing tables true by what is heard.

    answer: answers the questions of others. on_new: called when a contact is listed for the first time.
    on_lost: called when the last contact is gone.
    """

    def __init__(
        self,
        clock: Clock,
        signer: Signer,
        random: Random,
        send: Send,
        answer: Callable[[Contact, Question, Reply], None],
        on_new: Callable[[], None],
        on_lost: Callable[[], None],
    ) -> None:
        self._clock = clock
        self._answer = answer
        self._on_new = on_new
        self._on_lost = on_lost
        self._proving: set[bytes] = set()
        self.rpc = Rpc(clock, signer, random, send, self._hear)
        self.me = self.rpc.me
        self.tables = Tables(self.me)

    async def ask(self, contact: Contact, question: Question) -> Answer:
        """
        Ask a known contact. Its answer, or its silence, is noted in the tables.
        """
        try:
            sender, answer = await self.rpc.ask(contact.host, contact.port, question, contact.id)
        except (TimedOut, Closed):
            self.failed(contact)
            raise
        self.heard(sender)
        return answer

    async def greet(self, host: str, port: int) -> tuple[Contact, Answer]:
        """
        Ping an address of which only host and port are known.
        """
        sender, answer = await self.rpc.ask(host, port, Ping())
        self.heard(sender)
        return sender, answer

    def find(self, target: bytes, layer: int, claims: bool = False) -> Deferred[Way]:
        """
        Look up the members of a layer that are nearest to the target.
        """
        now = self._clock.seconds()
        self.tables[layer].looked(target, now)
        start = self.tables.closest(layer, target, K)
        if layer:
            known = {contact.id for contact in start}
            start += [contact for contact in self.tables[0].closest(target, K) if contact.id not in known]
        return _Walk(self, Lookup(target, layer, self.me, start), Find(layer, target, claims)).done

    def heard(self, contact: Contact) -> None:
        """
        A contact answered at its address.
        """
        if self.tables.heard(contact, self._clock.seconds()):
            self._on_new()

    def failed(self, contact: Contact) -> None:
        """
        A contact did not answer.
        """
        before = len(self.tables[0])
        self.tables.failed(contact.id)
        if before and not self.tables[0]:
            self._on_lost()

    def _hear(self, sender: Contact, question: Question, reply: Reply) -> None:
        self._answer(sender, question, reply)
        if self.tables.knows(sender):
            self.heard(sender)
        elif self.tables.wants(sender) and sender.id not in self._proving and len(self._proving) < PROVING:
            self._prove(sender)

    def _prove(self, sender: Contact) -> None:
        """
        The address of a datagram can be forged: list its sender only after it answered there.
        """
        self._proving.add(sender.id)
        answer = self.rpc.ask(sender.host, sender.port, Ping(), sender.id)

        def proven(result: tuple[Contact, Answer] | Failure) -> None:
            self._proving.discard(sender.id)
            if not isinstance(result, Failure):
                self.heard(result[0])
            else:
                result.trap(BitDustError)

        answer.addBoth(proven)


class _Walk:
    """
    Drives a lookup: asks whom it names, tells it what came back, until nothing is awaited.
    """

    def __init__(self, swarm: Swarm, lookup: Lookup, question: Find) -> None:
        self._swarm = swarm
        self._lookup = lookup
        self._question = question
        self._way = Way()
        self._over = False
        self.done: Deferred[Way] = Deferred(self._cancelled)
        self._step()

    def _cancelled(self, _: Deferred[Way]) -> None:
        self._over = True

    def _step(self) -> None:
        if self._over:
            return
        for contact in self._lookup.next():
            late = partial(self._slow, contact)
            asked = self._swarm.rpc.ask(contact.host, contact.port, self._question, contact.id, late)
            asked.addBoth(self._settled, contact)
        if not self._over and not self._lookup.waiting:
            self._over = True
            self._way.closest = self._lookup.closest()
            self._way.hops = self._lookup.hops
            self.done.callback(self._way)

    def _slow(self, contact: Contact) -> None:
        self._lookup.slow(contact)
        self._step()

    def _settled(self, result: tuple[Contact, Answer] | Failure, contact: Contact) -> None:
        if isinstance(result, Failure):
            if result.check(TimedOut, Closed) and not self._over:
                self._swarm.failed(contact)
            elif not result.check(BitDustError):
                self._give_up(result)
                return
            self._lookup.failed(contact)
        else:
            sender, answer = result
            self._swarm.heard(sender)
            if isinstance(answer, Found):
                self._take(sender, answer)
            else:
                self._lookup.failed(contact)
        self._step()

    def _take(self, sender: Contact, answer: Found) -> None:
        told = [contact for contact in answer.contacts if may_tell(sender.host, contact.host)]
        self._lookup.answered(sender, told)
        self._way.tokens[sender.id] = answer.token
        for claim in answer.claims:
            self._way.claims.setdefault(claim, []).append(sender)

    def _give_up(self, failure: Failure) -> None:
        if not self._over:
            self._over = True
            self.done.errback(failure)


def wrong_answer(answer: Answer) -> Invalid:
    """
    The error for an answer that does not belong to its question.
    """
    return Invalid(f"unexpected DHT response: {type(answer).__name__}")
