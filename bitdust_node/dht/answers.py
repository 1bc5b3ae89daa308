"""
How a node answers the questions of others.
"""

from __future__ import annotations

from twisted.logger import Logger

from bitdust_node.clock import Clock
from bitdust_node.dht.contact import Contact
from bitdust_node.dht.ids import K
from bitdust_node.dht.messages import (
    CLAIMS,
    About,
    Answer,
    Claim,
    Fetch,
    Fetched,
    Find,
    Found,
    Ping,
    Pong,
    Problem,
    Question,
    Store,
    Stored,
    Told,
)
from bitdust_node.dht.owners import Owners
from bitdust_node.dht.records import RULES, Record, check, owner_of, parse, verify
from bitdust_node.dht.routing import Tables
from bitdust_node.dht.rpc import Reply
from bitdust_node.dht.store import Store as RecordStore
from bitdust_node.dht.tokens import Tokens
from bitdust_node.errors import BitDustError, Invalid, NotFound, Refused, Unavailable
from bitdust_node.tasks import Tasks
from bitdust_node.threads import Workers

#: Records being verified at once.
VERIFYING = 32


class Answers:
    """
    Answers from the routing tables and the store.

    tells_addresses: whether Pong says how the asker is seen. idurl: what is announced; layers: attached ones.
    """

    log = Logger()

    def __init__(
        self,
        clock: Clock,
        workers: Workers,
        tasks: Tasks,
        tables: Tables,
        store: RecordStore,
        tokens: Tokens,
        owners: Owners,
    ) -> None:
        self._clock = clock
        self._workers = workers
        self._tasks = tasks
        self._tables = tables
        self._store = store
        self._tokens = tokens
        self._owners = owners
        self._verifying = 0
        self.tells_addresses = False
        self.idurl = ""
        self.layers: frozenset[int] = frozenset({0})

    def answer(self, sender: Contact, question: Question, reply: Reply) -> None:
        """
        Answer at once, or later if a record has to be verified first.
        """
        if isinstance(question, Store):
            self._tasks.spawn("take a record", self._take(sender, question, reply))
        else:
            reply(self._known(sender, question))

    async def keep(self, record: Record, host: str = "") -> None:
        """
        Verify a record and put it into the store.
        """
        now = self._clock.seconds()
        check(record, now)
        signed_by = await self._verified(record) if RULES[record.type].signed else ""
        known = self._owners.known(owner_of(record)) if signed_by else ""
        if known and known != signed_by:
            raise Refused("the record is signed by somebody else than its owner")
        self._store.put(record, bytes.fromhex(signed_by), now, host, genuine=bool(known))

    async def _verified(self, record: Record) -> str:
        if self._verifying >= VERIFYING:
            raise Unavailable("too many records are being verified; try again")
        self._verifying += 1
        try:
            return await self._workers.run(verify, record)
        finally:
            self._verifying -= 1

    def _known(self, sender: Contact, question: Ping | Find | Fetch | About) -> Answer:
        match question:
            case Ping():
                return Pong(sender.host, sender.port) if self.tells_addresses else Pong()
            case Find():
                return self._find(sender, question)
            case Fetch():
                return self._fetch(sender, question)
            case About():
                return Told(self.idurl if question.layer in self.layers else "")

    def _find(self, sender: Contact, question: Find) -> Found:
        now = self._clock.seconds()
        near = self._tables.closest(question.layer, question.target, K + 1)
        contacts = [contact for contact in near if contact.id != sender.id][:K]
        claims: list[Claim] = []
        if question.claims:
            claims = self._store.claims(question.layer, question.target, now)[:CLAIMS]
        return Found(contacts, self._tokens.give(sender.host, sender.port, now), claims)

    def _fetch(self, sender: Contact, question: Fetch) -> Answer:
        now = self._clock.seconds()
        if not self._tokens.valid(question.token, sender.host, sender.port, now):
            return _problem(Refused("this token is not ours, or too old"))
        held = self._store.get((question.layer, question.place, question.owner))
        if held is None or held.record.ends <= now:
            return _problem(NotFound("no such record here"))
        return Fetched(held.packed)

    async def _take(self, sender: Contact, question: Store, reply: Reply) -> None:
        try:
            if not self._tokens.valid(question.token, sender.host, sender.port, self._clock.seconds()):
                raise Refused("this token is not ours, or too old")
            record = parse(question.record)
            if record.layer != question.layer:
                raise Invalid("the record belongs to another layer")
            await self.keep(record, sender.host)
        except BitDustError as error:
            reply(_problem(error))
        except ValueError as error:  # a text inside that no encoding knows
            self.log.debug("refused a record from {host}: {error}", host=sender.host, error=error)
            reply(_problem(Invalid("not a DHT record")))
        else:
            reply(Stored(record.sequence))


def _problem(error: BitDustError) -> Problem:
    return Problem(type(error).__name__, str(error)[:300])
