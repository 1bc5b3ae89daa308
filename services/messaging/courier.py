"""
What carries letters to one recipient: owner of a machine of automats/courier.py.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass

from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger

from automats.courier import COURIER, Input
from automats.machine import Machine
from bitdust_node.errors import BitDustError, Corrupt, Full, Invalid, NotFound, Refused, Unavailable
from bitdust_node.identity.names import NodeId
from bitdust_node.tasks import Tasks
from bitdust_node.waiting import all_of
from bitdust_node.wire.messages import MESSAGE, Taken
from services.messaging import outbox_rows as rows
from services.messaging.entries import PRIVATE, Entry, Talk
from services.messaging.history import Writing
from services.messaging.letters import Draft
from services.messaging.outbox_rows import KEEPER, PART, PART_BYTES, Row, Standing
from services.messaging.post import Post

#: Letters, and bytes, that may be on their way to one recipient.
LETTERS_LIMIT, BYTES_LIMIT = 10_000, 64 * 1024 * 1024
#: Suppliers that are to keep a letter.
KEEPERS = 3
#: Letters that are left with one supplier at the same time.
LEAVING = 16
#: Seconds to reach a recipient, and during which one that was not reached is not tried again.
REACH, AWAY = 10.0, 5.0
OFF = "the messages of this node are switched off"
#: Days after which a letter that did not arrive is given up.
DAYS = 30


@dataclass(frozen=True)
class Order:
    """
    A letter to be written. entry: for the history, with a message. done: fires when it is safely kept.
    """

    kind: int
    message_id: bytes
    contents: bytes
    entry: Entry | None
    done: Deferred[None]


class Courier:
    """
    idle: called when nothing is on its way any more. told: called with what became of a message.
    """

    log = Logger()

    def __init__(
        self,
        recipient: NodeId,
        standing: Standing,
        post: Post,
        idle: Callable[[Courier], None],
        told: Callable[[str, str, bool], None],
    ) -> None:
        self.recipient = recipient
        self.idurl = standing.idurl
        self._post, self._idle, self._told = post, idle, told
        self._last, self._open = standing.last, set(standing.open)
        self._least = min(self._open, default=self._last + 1)
        self.letters, self.size = standing.letters, standing.size
        self._orders: deque[Order] = deque()
        self._writing = False
        self._settling = 0
        self._away = 0.0
        self._tasks = Tasks(f"courier to {recipient[:12]}")
        self.machine = Machine(COURIER, self, clock=post.clock, id=f"courier {recipient[:12]}", automats=post.automats)

    @property
    def busy(self) -> bool:
        """True while something is on its way, or is being written."""
        return bool(self.letters or self._orders or self._writing or self._settling)

    async def close(self) -> None:
        """End; what is on its way is taken up again by another courier."""
        self.machine.feed(Input.CLOSE)
        await self._tasks.stop()
        orders, self._orders = list(self._orders), deque()
        _fail(orders, Unavailable(OFF))

    def online(self) -> None:
        """The recipient is connected."""
        self.machine.feed(Input.ONLINE)

    def go(self) -> None:
        """Something is in the outbox."""
        self.machine.feed(Input.LETTER)

    async def write(self, kind: int, message_id: bytes, contents: bytes, entry: Entry | None) -> None:
        """
        Write a letter; it is in the outbox, and with its entry in the history, when this returns. Raises `Full`.
        """
        waiting = len(self._orders)
        if self.letters + waiting >= LETTERS_LIMIT or self.size + len(contents) > BYTES_LIMIT:
            raise Full(f"{self.letters + waiting} messages to this user are still on their way")
        order = Order(kind, message_id, contents, entry, Deferred())
        self._orders.append(order)
        if not self._writing:
            self._writing = True
            self._tasks.spawn("write letters", self._write_all())
        await order.done

    async def arrived(self, message_ids: Sequence[bytes], state: str) -> None:
        """
        The recipient says what became of messages.
        """
        talk, me = Talk(PRIVATE, self.recipient), self._post.me.node_id
        names = [one.hex() for one in message_ids]

        def settle(writing: Writing) -> list[tuple[int, int]]:
            writing.advance(talk, me, names, state)
            return rows.delete_messages(writing.connection, self.recipient, message_ids)

        self._settling += 1
        try:
            for number, size in await self._post.history.write(settle):
                self._closed(number, size)
            for name in names:
                self._told(name, state, False)
        finally:
            self._settling -= 1
            # also if nothing could be written: one that was made for this has nothing else to do
            self.look()

    def look(self) -> None:
        """Tell if there is nothing left to do."""
        if not self.busy:
            self._idle(self)

    # --- actions ---

    def give(self) -> None:
        self._tasks.spawn("give letters", self._act(self._give_all))

    def store(self) -> None:
        self._tasks.spawn("leave letters with suppliers", self._act(self._store_all))

    def rest(self) -> None:
        self.look()

    # --- writing ---

    async def _write_all(self) -> None:
        try:
            while self._orders:
                batch = self._next_orders()
                try:
                    await self._write(batch)
                except CancelledError:
                    _fail(batch, Unavailable(OFF))
                    raise
                except Exception as error:  # noqa: BLE001 - a border: it belongs to each who waits for his letter
                    _fail(batch, error)
                else:
                    for order in batch:
                        order.done.callback(None)
                    self.go()
        finally:
            self._writing = False
        self.look()

    def _next_orders(self) -> list[Order]:
        batch, size = [self._orders.popleft()], 0
        while self._orders and len(batch) < PART and size < PART_BYTES:
            batch.append(self._orders.popleft())
            size += len(batch[-1].contents)
        return batch

    async def _write(self, batch: Sequence[Order]) -> None:
        document = await self._post.document(self.recipient, self.idurl)
        now, last = int(self._post.clock.seconds()), self._last
        drafts = []
        for order in batch:
            number = 0
            if order.kind == MESSAGE:
                number = last = last + 1
            least = min(self._lowest(), number)
            drafts.append(Draft(order.kind, order.message_id, self._post.own_log, number, least, now, order.contents))
        letters = await self._post.seal(drafts, document)
        made = [
            (draft.number, draft.kind, draft.message_id, letter) for draft, letter in zip(drafts, letters, strict=True)
        ]

        def keep(writing: Writing) -> None:
            rows.insert(writing.connection, self.recipient, document.idurl, last, now, made)
            for order in batch:
                if order.entry is not None:
                    writing.add(order.entry)

        await self._post.history.write(keep)
        self._last, self.idurl = last, document.idurl
        self._open.update(number for number, *_ in made if number)
        self.letters += len(made)
        self.size += sum(map(len, letters))

    def _lowest(self) -> int:
        """The lowest number that is on its way, or the next one."""
        while self._least <= self._last and self._least not in self._open:
            self._least += 1
        return self._least

    # --- delivery ---

    async def _act(self, work: Callable[[], Awaitable[Input]]) -> None:
        outcome = Input.KEPT_BACK
        try:
            outcome = await work()
        except BitDustError as error:
            # a disk that is full, for one
            self.log.error("letters to {who} wait: {error}", who=self.recipient[:12], error=str(error))
        finally:
            self.machine.feed(outcome)

    async def _give_all(self) -> Input:
        await self._give_up_old()
        if not await self._reached():
            return Input.UNREACHED
        after = 0
        while part := await self._post.load(self.recipient, after):
            results = await all_of(self._post.give(self.recipient, row.letter) for row in part)
            await self._settle(part, results)
            for result in results:
                if isinstance(result, Unavailable | NotFound):
                    return Input.UNREACHED
                if isinstance(result, Exception) and not _final(result):
                    return Input.KEPT_BACK
            after = part[-1].id
        return Input.GIVEN

    async def _reached(self) -> bool:
        if self._post.online(self.recipient):
            return True
        if self._post.clock.seconds() < self._away:
            return False
        try:
            await self._post.document(self.recipient, self.idurl)
            await self._post.router.reach(self.recipient, REACH)
        except BitDustError as error:
            self.log.debug("{who} is not reached: {error}", who=self.recipient[:12], error=str(error))
            self._away = self._post.clock.seconds() + AWAY
            return False
        return True

    async def _settle(self, part: Sequence[Row], results: Sequence[Taken | Exception]) -> None:
        """Note what became of letters that were given."""
        done: list[tuple[Row, str, bool]] = []
        for row, result in zip(part, results, strict=True):
            if isinstance(result, Taken):
                done.append((row, result.state if result.state in ("delivered", "read") else "stored", result.expected))
            elif _final(result):
                self.log.warn("{who} refuses a letter: {error}", who=self.recipient[:12], error=str(result))
                done.append((row, "expired", False))
        if done:
            await self._finish(done)

    async def _finish(self, done: Sequence[tuple[Row, str, bool]]) -> None:
        talk, me = Talk(PRIVATE, self.recipient), self._post.me.node_id

        def settle(writing: Writing) -> set[int]:
            for row, state, _ in done:
                if row.kind == MESSAGE:
                    writing.advance(talk, me, [row.message_id.hex()], state)
            return rows.delete(writing.connection, [row.id for row, _, _ in done])

        gone = await self._post.history.write(settle)
        for row, state, expected in done:
            if row.id in gone:
                self._closed(row.number, len(row.letter))
            if row.kind == MESSAGE:
                self._told(row.message_id.hex(), state, expected)

    async def _store_all(self) -> Input:
        try:
            keepers = await self._post.keepers(self.recipient, self.idurl)
        except BitDustError as error:
            self.log.info("the suppliers of {who} are not found: {error}", who=self.recipient[:12], error=str(error))
            keepers = []
        complete, after = bool(keepers), 0
        while part := await self._post.load(self.recipient, after):
            after = part[-1].id
            kept = {row.id: set(row.kept_by) for row in part}
            for at in range(0, len(keepers), KEEPERS):
                wanting = [row for row in part if len(kept[row.id]) < KEEPERS]
                if not wanting:
                    break
                await all_of(self._store_at(keeper, wanting, kept) for keeper in keepers[at : at + KEEPERS])
            await self._note_kept(part, kept)
            complete = complete and all(kept.values())
        return Input.STORED if complete else Input.KEPT_BACK

    async def _store_at(self, keeper: NodeId, part: Sequence[Row], kept: dict[int, set[bytes]]) -> None:
        name = bytes.fromhex(keeper)[:KEEPER]
        wanting = [row for row in part if name not in kept[row.id]]
        # the first one alone: it shows whether the supplier is there and takes anything
        for some in (wanting[:1], wanting[1:]):
            leaving = (self._post.leave(keeper, self.recipient, row.letter) for row in some)
            for row, result in zip(some, await all_of(leaving, limit=LEAVING), strict=True):
                if isinstance(result, Exception):
                    self.log.debug("{who} keeps no letter: {error}", who=keeper[:12], error=str(result))
                    return
                kept[row.id].add(name)

    async def _note_kept(self, part: Sequence[Row], kept: dict[int, set[bytes]]) -> None:
        talk, me = Talk(PRIVATE, self.recipient), self._post.me.node_id
        moved = [row for row in part if kept[row.id] - row.kept_by]
        # a receipt that is kept has done its work; a message stays until its recipient has it
        receipts = [row for row in moved if row.kind != MESSAGE]

        def note(writing: Writing) -> set[int]:
            rows.keep(writing.connection, [(row.id, b"".join(sorted(kept[row.id]))) for row in moved])
            names = [row.message_id.hex() for row in moved if row.kind == MESSAGE]
            writing.advance(talk, me, names, "stored")
            return rows.delete(writing.connection, [row.id for row in receipts])

        gone = await self._post.history.write(note) if moved else set()
        for row in receipts:
            if row.id in gone:
                self._closed(row.number, len(row.letter))
        for row in part:
            if row.kind == MESSAGE:
                self._told(row.message_id.hex(), "stored" if kept[row.id] else "pending", False)

    async def _give_up_old(self) -> None:
        before = int(self._post.clock.seconds()) - DAYS * 86400
        talk, me = Talk(PRIVATE, self.recipient), self._post.me.node_id

        def give_up(writing: Writing) -> list[tuple[int, int, bytes, int]]:
            old = rows.delete_old(writing.connection, self.recipient, before)
            writing.advance(
                talk, me, [message_id.hex() for _, kind, message_id, _ in old if kind == MESSAGE], "expired"
            )
            return old

        for number, _kind, _message_id, size in await self._post.history.write(give_up):
            self._closed(number, size)

    def _closed(self, number: int, size: int) -> None:
        self._open.discard(number)
        self.letters -= 1
        self.size -= size


def _fail(orders: Iterable[Order], error: Exception) -> None:
    for order in orders:
        order.done.errback(error)


def _final(error: object) -> bool:
    """True for a refusal that will be the same the next time."""
    return isinstance(error, Invalid | Refused | Corrupt)
