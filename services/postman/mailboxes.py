"""
Mailboxes: what a supplier keeps of private messages for its customers while they are away.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from dataclasses import dataclass, field
from pathlib import Path

from twisted.logger import Logger

from bitdust_node.clock import Clock
from bitdust_node.database import Database
from bitdust_node.errors import BitDustError, Full, Invalid, NotFound, Refused
from bitdust_node.identity.me import Me
from bitdust_node.identity.names import NodeId
from bitdust_node.identity.resolver import Resolver
from bitdust_node.router.bucket import Buckets
from bitdust_node.router.router import Router
from bitdust_node.router.transport import Stream
from bitdust_node.tasks import Tasks
from bitdust_node.threads import Workers
from bitdust_node.waiting import within
from bitdust_node.wire.command import Nothing
from bitdust_node.wire.messages import (
    MAIL_DELETE,
    MAIL_FETCH,
    MAIL_NEWS,
    MAIL_PUT,
    MAIL_PUT_LARGE,
    MAIL_READ,
    Envelope,
    LargeMailPut,
    MailDelete,
    MailFetch,
    MailPage,
    MailPut,
    MailRead,
    SignedEnvelope,
)
from bitdust_node.wire.packet import pack, unpack
from services.postman.mail_rows import (
    MIGRATIONS,
    Gone,
    delete,
    delete_all,
    delete_old,
    insert,
    last_numbers,
    letter_at,
    page,
    totals,
)
from services.postman.queues import Queue
from services.supplying.leases import Leases
from services.supplying.space import Space

COMMANDS = (MAIL_PUT, MAIL_PUT_LARGE, MAIL_READ, MAIL_FETCH, MAIL_DELETE)
#: Alias of the queue ids of mailboxes.
ALIAS = "master"
#: Bytes of one mailbox, also as a part of the lease, and of one sender in it; letters of one sender in it.
MAILBOX_BYTES, LEASE_PART = 32 * 1024 * 1024, 8
SENDER_BYTES, SENDER_LETTERS = 4 * 1024 * 1024, 1000
#: Days that a letter is kept.
DAYS = 30
#: Letters a second that one peer may bring, and at once; a large one counts for each 16 KiB.
RATE, BURST, PORTION = 500.0, 2000.0, 16 * 1024
#: Seconds for a large letter, and for telling an owner.
PATIENCE, TELLING = 120.0, 10.0
#: Large letters that one peer, and all together, may bring at once.
PEER_AT_ONCE, LARGE_AT_ONCE = 4, 64
#: One answer for whatever keeps a letter from being taken: a stranger learns neither who is a customer nor how full
#: his mailbox is.
NOT_TAKEN = "nothing of you is taken for this node here"


@dataclass
class Mailbox:
    """
    What is kept for one owner. senders: letters and bytes of each. told: the owner is being told of new mail.
    """

    size: int = 0
    letters: Counter[str] = field(default_factory=Counter)
    bytes: Counter[str] = field(default_factory=Counter)
    told: bool = False
    more: bool = False


class Mailboxes:
    """
    Takes letters for customers from anybody, and gives them to their owners alone.
    """

    log = Logger()

    def __init__(
        self,
        path: Path,
        leases: Leases,
        space: Space,
        router: Router,
        me: Me,
        resolver: Resolver,
        workers: Workers,
        clock: Clock,
    ) -> None:
        self._database = Database(path, MIGRATIONS, workers, full_sync=True)
        self._leases, self._space, self._router = leases, space, router
        self._me, self._resolver, self._clock = me, resolver, clock
        self._boxes: dict[NodeId, Mailbox] = {}
        self._pace = Buckets(RATE, BURST)
        self._large: Counter[NodeId] = Counter()
        #: What each sender has brought and each owner has taken since the start.
        self._brought: OrderedDict[str, int] = OrderedDict()
        self._taken: OrderedDict[str, int] = OrderedDict()
        self._tasks = Tasks("mailboxes")

    async def start(self) -> None:
        """
        Count what is there into the leases, and serve.
        """
        for owner, sender, letters, size in await self._database.read(totals):
            self._count(NodeId(owner), sender, letters, size)
            self._space.found(NodeId(owner), size)
        for owner in [owner for owner in self._boxes if not self._leases.known(owner)]:
            await self.forget(owner)
        self._leases.ended.append(self._ended)
        self._tasks.every(3600.0, "remove old mail", self.expire, self._clock, at_once=True)
        self._router.serve(MAIL_PUT, self.put)
        self._router.serve_stream(MAIL_PUT_LARGE, self.put_large)
        self._router.serve(MAIL_READ, self.read)
        self._router.serve_stream(MAIL_FETCH, self.fetch)
        self._router.serve(MAIL_DELETE, self.delete)

    async def stop(self) -> None:
        """Serve no more."""
        for command in COMMANDS:
            self._router.withdraw(command)
        if self._ended in self._leases.ended:
            self._leases.ended.remove(self._ended)
        await self._tasks.stop()
        for owner, box in self._boxes.items():
            self._space.found(owner, -box.size)
        await self._database.close()

    # --- for senders ---

    async def put(self, peer: NodeId, question: MailPut) -> Nothing:
        """
        Keep a letter of the peer.
        """
        await self._put(peer, NodeId(question.owner), question.letter)
        return Nothing()

    async def put_large(self, peer: NodeId, question: LargeMailPut, stream: Stream) -> None:
        """
        The same for one that is brought by a stream.
        """
        owner = NodeId(question.owner)
        self._check(peer, owner, question.size)
        if self._large[peer] >= PEER_AT_ONCE or self._large.total() >= LARGE_AT_ONCE:
            raise Full("too many large letters are on their way")
        self._large[peer] += 1
        try:
            reading = stream.read_exactly(question.size)
            letter = await within(self._clock, PATIENCE, reading, "the letter")
            await self._put(peer, owner, letter)
        finally:
            self._large[peer] -= 1
            if not self._large[peer]:
                del self._large[peer]
        await stream.write(pack(Nothing()))
        stream.finish()

    def _check(self, sender: NodeId, owner: NodeId, size: int) -> None:
        """Raises `Refused`, with the same words for each reason."""
        box = self._boxes.get(owner, Mailbox())
        limit = min(MAILBOX_BYTES, self._space.account(owner).granted // LEASE_PART)
        if (
            not self._leases.in_force(owner)
            or sender == owner
            or box.size + size > limit
            or box.bytes[sender] + size > SENDER_BYTES
            or box.letters[sender] >= SENDER_LETTERS
        ):
            raise Refused(NOT_TAKEN)

    async def _put(self, peer: NodeId, owner: NodeId, letter: bytes) -> None:
        now = self._clock.seconds()
        if not all(self._pace.take(peer, now) for _ in range(1 + len(letter) // PORTION)):
            raise Full("too many letters in a short time")
        envelope = unpack(Envelope, unpack(SignedEnvelope, letter).body)
        if envelope.sender != peer or envelope.recipient != owner:
            raise Invalid("a letter is brought by its sender, for its recipient")
        size = len(letter)
        self._check(peer, owner, size)
        space = self._space.reservation(owner)
        try:
            space.need(size)
        except Full:
            raise Refused(NOT_TAKEN) from None
        # counted before it is written, so that many at once do not pass the limits together
        self._count(owner, peer, 1, size)
        new = False
        try:
            new = await self._database.run(lambda c: insert(c, owner, peer, envelope.message_id, int(now), letter))
        finally:
            if not new:
                space.release()
                self._count(owner, peer, -1, -size)
        if new:
            space.keep()
            _more(self._brought, peer, 1)
            self._tell(owner)

    # --- for owners ---

    async def read(self, peer: NodeId, question: MailRead) -> MailPage:
        """
        The next letters for the peer; none for whoever has no mailbox here.
        """
        self._leases.touch(peer)
        return MailPage(await self._database.read(lambda c: page(c, peer, question.after)))

    async def fetch(self, peer: NodeId, question: MailFetch, stream: Stream) -> None:
        """
        A large letter for the peer.
        """
        letter = await self._database.read(lambda c: letter_at(c, peer, question.number))
        if letter is None:
            raise NotFound("there is no such letter")
        await within(self._clock, PATIENCE, stream.write(letter), "the letter")
        stream.finish()

    async def delete(self, peer: NodeId, question: MailDelete) -> Nothing:
        """
        The peer has these letters.
        """
        gone = await self._database.run(lambda c: delete(c, peer, question.numbers))
        self._gone(gone)
        _more(self._taken, peer, len(gone))
        return Nothing()

    # --- upkeep ---

    async def expire(self) -> None:
        """
        Remove what nobody has fetched for 30 days.
        """
        before = int(self._clock.seconds()) - DAYS * 86400
        while gone := await self._database.run(lambda c: delete_old(c, before, 1000)):
            self._gone(gone)
            self.log.info("{count} letters were not fetched for {days} days", count=len(gone), days=DAYS)

    async def forget(self, owner: NodeId) -> None:
        """
        The owner is no customer any more.
        """
        self._gone(await self._database.run(lambda c: delete_all(c, owner)))

    async def queues(self) -> list[Queue]:
        """
        The mailboxes that hold something, and those of customers who are connected.
        """
        last = await self._database.read(last_numbers)
        online = {lease.customer for lease in self._leases if self._router.contacts.is_online(lease.customer)}
        return [
            Queue(
                f"{ALIAS}&{self._name(owner)}&{self._me.global_id}",
                box.letters.total(),
                last.get(owner, 0),
                {self._name(owner): self._taken.get(owner, 0)},
                {self._name(NodeId(sender)): self._brought.get(sender, 0) for sender in box.letters},
            )
            for owner, box in [(one, self._boxes.get(one, Mailbox())) for one in {*self._boxes, *online}]
        ]

    def _name(self, node_id: NodeId) -> str:
        document = self._resolver.cached(node_id)
        return document.global_id if document is not None else node_id

    def _ended(self, owner: NodeId) -> None:
        self._tasks.spawn("forget the mail of a customer", self.forget(owner))

    def _gone(self, gone: list[Gone]) -> None:
        for one in gone:
            self._count(NodeId(one.owner), one.sender, -1, -one.size)
            self._space.freed(NodeId(one.owner), one.size)

    def _count(self, owner: NodeId, sender: str, letters: int, size: int) -> None:
        box = self._boxes.setdefault(owner, Mailbox())
        box.size += size
        box.letters[sender] += letters
        box.bytes[sender] += size
        if not box.letters[sender]:
            del box.letters[sender], box.bytes[sender]
        if not box.letters and not box.told:
            del self._boxes[owner]

    def _tell(self, owner: NodeId) -> None:
        """Let the owner know, if he is connected; what comes meanwhile is told once more afterwards."""
        box = self._boxes.get(owner)
        if box is None or not self._router.contacts.is_online(owner):
            return
        box.more = True
        if not box.told:
            box.told = True
            self._tasks.spawn("tell an owner of new mail", self._tell_all(owner, box))

    async def _tell_all(self, owner: NodeId, box: Mailbox) -> None:
        try:
            while box.more and box.letters:
                box.more = False
                await self._router.request(owner, MAIL_NEWS, Nothing(), TELLING)
        except BitDustError as error:
            # he reads his mail when he is back
            self.log.debug("{owner} could not be told of new mail: {error}", owner=owner[:12], error=str(error))
        finally:
            box.told = False
            if not box.letters and self._boxes.get(owner) is box:
                del self._boxes[owner]


def _more(counts: OrderedDict[str, int], who: str, count: int) -> None:
    counts[who] = counts.pop(who, 0) + count
    if len(counts) > 10_000:
        counts.popitem(last=False)
