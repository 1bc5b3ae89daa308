"""
The inbox: letters that came, from their senders or out of mailboxes, become messages of the history.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger

from bitdust_node.afterwards import Afterwards
from bitdust_node.clock import Clock
from bitdust_node.config.config import Config
from bitdust_node.errors import BitDustError, Full, Invalid, Refused, Unavailable
from bitdust_node.identity.document import Document
from bitdust_node.identity.me import Me
from bitdust_node.identity.names import NodeId
from bitdust_node.router.bucket import Buckets
from bitdust_node.router.router import Router
from bitdust_node.router.transport import Stream
from bitdust_node.tasks import Tasks
from bitdust_node.threads import Workers
from bitdust_node.waiting import within
from bitdust_node.wire.messages import (
    MESSAGE,
    MESSAGE_GIVE,
    MESSAGE_GIVE_LARGE,
    LargeLetter,
    Letter,
    Receipt,
    Taken,
)
from bitdust_node.wire.packet import pack, unpack
from services.messaging import inbox_rows, receipt_rows
from services.messaging.consumers import Consumers
from services.messaging.courier import OFF
from services.messaging.entries import PRIVATE, Entry, Kept, Talk, unpack_data
from services.messaging.history import History, Writing
from services.messaging.inbox_rows import Place
from services.messaging.letters import KeysThatCame, Opened, Sealed, look, read
from services.messaging.outbox import Outbox
from services.messaging.post import Post
from services.messaging.receipt_rows import Due
from services.messaging.receipts import Receipts
from services.messaging.schema import MessagesDb

OPTION = "services/private-messages/acknowledge-unread-messages-enabled"
#: Letters, and bytes, that are opened and written at once.
PART, PART_BYTES = 64, 4 * 1024 * 1024
#: Letters of one sender that wait to be opened, and of all, and bytes of those that their senders give.
SENDER_LIMIT, LIMIT, BYTES_LIMIT = 256, 4096, 64 * 1024 * 1024
#: Letters a second that one sender may give, and at once; a large one counts for each 16 KiB.
RATE, BURST, PORTION = 1000.0, 2000.0, 16 * 1024
#: Large letters that one sender, and all together, may give at once; seconds for one.
PEER_AT_ONCE, LARGE_AT_ONCE, PATIENCE = 4, 32, 120.0
#: Seconds for which a message waits for those before it, and between two looks at them.
EARLY, LOOK = 30, 5.0


@dataclass(frozen=True)
class Arrival:
    """
    A letter that waits to be opened. direct: its sender waits for the answer.
    """

    sealed: Sealed
    sender: Document
    direct: bool
    done: Deferred[Taken] = field(default_factory=Deferred)

    @property
    def size(self) -> int:
        """Bytes, if they count among those that wait."""
        return len(self.sealed.signed.body) if self.direct else 0


class Inbox:
    """
    Letters are opened in the order in which they came, many in one transaction.
    """

    log = Logger()

    def __init__(
        self,
        history: History,
        database: MessagesDb,
        consumers: Consumers,
        outbox: Outbox,
        receipts: Receipts,
        post: Post,
        router: Router,
        me: Me,
        config: Config,
        workers: Workers,
        clock: Clock,
    ) -> None:
        self._history, self._db, self._consumers = history, database, consumers
        self._outbox, self._receipts, self._post = outbox, receipts, post
        self._router, self._me, self._config, self._workers, self._clock = router, me, config, workers, clock
        self._keys = KeysThatCame()
        self._pace = Buckets(RATE, BURST)
        self._waiting: deque[Arrival] = deque()
        self._by_sender: Counter[str] = Counter()
        self._large: Counter[str] = Counter()
        #: Bytes of the letters that their senders give and that wait.
        self._size = 0
        self._opening = False
        self._running = False
        #: Messages that are being kept, and those of them that a program has collected meanwhile.
        self._answering: set[tuple[str, str]] = set()
        self._collected: set[tuple[str, str]] = set()
        self._tasks = Tasks("inbox")
        self._afterwards = Afterwards(clock, "inbox")
        self._undo: list[Callable[[], None]] = []

    async def start(self) -> None:
        """Take letters from now on."""
        self._tasks, self._afterwards = Tasks("inbox"), Afterwards(self._clock, "inbox")
        await self._db.prepare("inbox", inbox_rows.MIGRATIONS)
        self._undo = [self._history.observe(self._consumers.feed), self._consumers.observe(self._read)]
        self._tasks.every(LOOK, "show messages that waited long", self._show_late, self._clock)
        self._running = True
        self._router.serve(MESSAGE_GIVE, self._given)
        self._router.serve_stream(MESSAGE_GIVE_LARGE, self._given_large)

    async def stop(self) -> None:
        """Take nothing any more."""
        self._running = False
        for command in (MESSAGE_GIVE, MESSAGE_GIVE_LARGE):
            self._router.withdraw(command)
        await self._tasks.stop()
        await self._afterwards.close()
        for undo in self._undo:
            undo()
        self._undo = []
        waiting, self._waiting = list(self._waiting), deque()
        self._by_sender.clear()
        self._size = 0
        _fail(waiting, Unavailable(OFF))

    async def take(self, letter: bytes, peer: NodeId | None = None) -> Taken:
        """
        Take a letter; it is safely kept when this returns. peer: who gives it; None if it was in a mailbox.

        Raises `Invalid`, `Refused` or `Corrupt` for what will never be a letter to this node, `Unavailable` if its
        sender can not be found now, `Full` if it must wait.
        """
        sealed = look(letter)
        envelope = sealed.envelope
        sender = NodeId(envelope.sender)
        if envelope.recipient != self._me.node_id or sender == self._me.node_id:
            raise Refused("the letter is for somebody else")
        if peer is not None and sender != peer:
            raise Refused("a letter is given by its sender")
        if peer is not None:
            self._pass(sender, len(letter))
        document = await self._post.document(sender, envelope.idurl)
        if not self._running:
            raise Unavailable(OFF)
        arrival = Arrival(sealed, document, peer is not None)
        if (
            len(self._waiting) >= LIMIT
            or self._by_sender[sender] >= SENDER_LIMIT
            or (arrival.direct and self._size + arrival.size > BYTES_LIMIT)
        ):
            raise Full("too many letters wait to be opened")
        self._size += arrival.size
        self._waiting.append(arrival)
        self._by_sender[sender] += 1
        if not self._opening:
            self._opening = True
            self._tasks.spawn("open letters", self._open_all())
        return await arrival.done

    # --- from senders ---

    def _pass(self, sender: NodeId, size: int) -> None:
        now = self._clock.seconds()
        if not all(self._pace.take(sender, now) for _ in range(1 + size // PORTION)):
            raise Full("too many messages in a short time")

    async def _given(self, peer: NodeId, question: Letter) -> Taken:
        return await self.take(question.letter, peer)

    async def _given_large(self, peer: NodeId, question: LargeLetter, stream: Stream) -> None:
        if self._large[peer] >= PEER_AT_ONCE or self._large.total() >= LARGE_AT_ONCE:
            raise Full("too many large letters are on their way")
        self._large[peer] += 1
        try:
            letter = await within(self._clock, PATIENCE, stream.read_exactly(question.size), "the letter")
            taken = await self.take(letter, peer)
        finally:
            self._large[peer] -= 1
            if not self._large[peer]:
                del self._large[peer]
        await stream.write(pack(taken))
        stream.finish()

    # --- opening ---

    async def _open_all(self) -> None:
        try:
            while self._waiting:
                batch = self._next()
                try:
                    results = await self._open(batch)
                except CancelledError:
                    _fail(batch, Unavailable(OFF))
                    raise
                except Exception as error:  # noqa: BLE001 - a border: it belongs to each who waits for his letter
                    results = [error] * len(batch)
                for arrival, result in zip(batch, results, strict=True):
                    if isinstance(result, Exception):
                        arrival.done.errback(result)
                    else:
                        arrival.done.callback(result)
        finally:
            self._opening = False

    def _next(self) -> list[Arrival]:
        batch: list[Arrival] = []
        size = 0
        while self._waiting and len(batch) < PART and size < PART_BYTES:
            batch.append(self._waiting.popleft())
            envelope = batch[-1].sealed.envelope
            size += len(envelope.sealed)
            self._size -= batch[-1].size
            self._by_sender[envelope.sender] -= 1
            if not self._by_sender[envelope.sender]:
                del self._by_sender[envelope.sender]
        return batch

    async def _open(self, batch: Sequence[Arrival]) -> list[Taken | Exception]:
        letters = [(one.sealed, one.sender, self._keys.get(one.sealed.envelope)) for one in batch]
        opened = await self._workers.run(_open_letters, letters, self._me.key)
        results: dict[int, Taken | Exception] = {}
        messages: dict[int, tuple[Entry, Place]] = {}
        for at, (arrival, (found, contents)) in enumerate(zip(batch, opened, strict=True)):
            envelope = arrival.sealed.envelope
            if isinstance(found, BitDustError):
                results[at] = found
                continue
            if isinstance(contents, BitDustError):
                results[at] = contents
                continue
            self._keys.put(envelope, found.secret)
            if isinstance(contents, Receipt):
                results[at] = await self._confirmed(arrival, contents)
            else:
                place = Place(envelope.log, envelope.number, envelope.least)
                messages[at] = self._entry(arrival, contents), place
        if messages:
            results |= await self._keep(batch, messages)
        return [results[at] for at in range(len(batch))]

    def _entry(self, arrival: Arrival, data: dict[str, Any]) -> Entry:
        envelope = arrival.sealed.envelope
        sender = NodeId(envelope.sender)
        # a clock that runs ahead must not keep a message at the top of all lists
        time = min(envelope.time, int(self._clock.seconds()))
        talk = Talk(PRIVATE, sender)
        return self._history.entry(talk, envelope.message_id.hex(), time, sender, "in", data, "delivered")

    async def _keep(
        self, batch: Sequence[Arrival], messages: dict[int, tuple[Entry, Place]]
    ) -> dict[int, Taken | Exception]:
        now = int(self._clock.seconds())

        tells = self._config.yes(OPTION)

        def write(writing: Writing) -> list[str | None]:
            known = [inbox_rows.take(writing, entry, place, now) for entry, place in messages.values()]
            new = [at for at, before in zip(messages, known, strict=True) if before is None and not batch[at].direct]
            receipt_rows.note(writing.connection, [due(at, "delivered") for at in new if tells], now)
            return known

        def due(at: int, state: str) -> Due:
            return Due(batch[at].sender.node_id, bytes.fromhex(names[at][1]), state, batch[at].sender.idurl)

        names = {at: (entry.sender, entry.message_id) for at, (entry, _) in messages.items()}
        asked = set(names.values())
        self._answering |= asked
        try:
            known = await self._history.write(write)
            collected = self._collected & asked
        finally:
            self._answering -= asked
            self._collected -= asked
        results: dict[int, Taken | Exception] = {}
        for (at, name), before in zip(names.items(), known, strict=True):
            state = "read" if name in collected else before or "delivered"
            if state != "read" and not tells:
                state = "stored"
            if not batch[at].direct and state != "stored" and before is None:
                self._receipts.note(due(at, state))
            results[at] = Taken(state, state != "read" and self._consumers.expects(PRIVATE))
        return results

    async def _confirmed(self, arrival: Arrival, receipt: Receipt) -> Taken | Exception:
        if receipt.state not in ("delivered", "read"):
            return Invalid(f"a receipt tells of no state {receipt.state[:20]}")
        try:
            await self._outbox.arrived(NodeId(arrival.sealed.envelope.sender), receipt.message_ids, receipt.state)
        except BitDustError as error:
            return error
        return Taken("read")

    # --- reading ---

    def _read(self, collected: list[Kept]) -> None:
        """A program has collected messages: their senders hear that they were read, as soon as that is noted here."""
        talks: dict[Talk, list[str]] = {}
        receipts: list[Due] = []
        for kept in collected:
            entry = kept.entry
            if entry.talk.kind != PRIVATE or entry.direction != "in":
                continue
            talks.setdefault(entry.talk, []).append(entry.message_id)
            name = (entry.sender, entry.message_id)
            if name in self._answering:
                self._collected.add(name)
            else:
                receipts.append(Due(entry.sender, bytes.fromhex(entry.message_id), "read"))
        if talks:
            what = "note what was read"
            self._tasks.spawn(what, self._afterwards.surely(what, partial(self._note_read, talks, receipts)))

    async def _note_read(self, talks: dict[Talk, list[str]], receipts: list[Due]) -> None:
        now = int(self._clock.seconds())

        def note(writing: Writing) -> None:
            for talk, message_ids in talks.items():
                writing.advance(talk, talk.owner, message_ids, "read")
            receipt_rows.note(writing.connection, receipts, now)

        await self._history.write(note)
        for due in receipts:
            self._receipts.note(due)

    async def _show_late(self) -> None:
        now = int(self._clock.seconds())
        for sender, log in await self._db.read(lambda c: inbox_rows.late(c, now - EARLY)):
            talk = Talk(PRIVATE, sender)
            like = self._history.entry(talk, "", 0, NodeId(sender), "in", {}, "delivered")
            await self._history.write(
                lambda writing, log=log, like=like: inbox_rows.give_up(writing, log, like, now - EARLY, now)  # type: ignore[misc]
            )


def _fail(arrivals: Iterable[Arrival], error: Exception) -> None:
    for arrival in arrivals:
        arrival.done.errback(error)


def _open_letters(
    letters: Sequence[tuple[Sealed, Document, bytes | None]], key: Any
) -> list[tuple[Opened | BitDustError, dict[str, Any] | Receipt | BitDustError]]:
    """In a worker: what each letter says."""
    results: list[tuple[Opened | BitDustError, dict[str, Any] | Receipt | BitDustError]] = []
    for (sealed, _, _), opened in zip(letters, read(letters, key), strict=True):
        if isinstance(opened, BitDustError):
            results.append((opened, opened))
            continue
        try:
            message = sealed.envelope.kind == MESSAGE
            results.append((opened, unpack_data(opened.contents) if message else unpack(Receipt, opened.contents)))
        except BitDustError as error:
            results.append((opened, error))
    return results
