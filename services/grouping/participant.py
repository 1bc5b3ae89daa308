"""
One group that this node takes part in: which supplier tells it of posts, and what it does when that one is gone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from automats.group_participant import PARTICIPANT, Input, State
from automats.machine import Machine, Step
from bitdust_node.alarm import Alarm
from bitdust_node.errors import BitDustError, Conflict, Full, NotFound, Refused, Unavailable
from bitdust_node.identity.names import NodeId
from bitdust_node.membership.post import Pen, SignedPost
from bitdust_node.membership.roster import Circle
from bitdust_node.tasks import Tasks
from bitdust_node.wire.posts import POST_LEAVE, GroupName, Head, PostBatch, Proof
from services.grouping.circuit import Circuit
from services.grouping.exchange import Exchange, Heads
from services.grouping.means import Means
from services.grouping.publisher import Publisher
from services.grouping.reader import Reader
from services.grouping.shelf import talk_of

#: Seconds after which a member and its supplier compare what they have, and after a hint that something is missing.
ROUND, SOON = 10.0, 0.1
#: Own posts that no supplier has taken yet.
UNSTORED = 10_000


class Participant:
    """
    Owner of a machine of automats/group_participant.py.

    moved: is called with each step of the machine. consumed: posts that came to the history before.
    """

    log = Logger()

    def __init__(
        self, circle: Circle, means: Means, moved: Callable[[Circle, Step], object], consumed: int = 0
    ) -> None:
        self.circle, self._means = circle, means
        self._tasks = Tasks(f"group {circle.alias}")
        self.reader = Reader(
            circle,
            means.shelf,
            means.book,
            means.authors,
            means.me,
            means.workers,
            means.clock,
            self._newer_roster,
        )
        self._exchange = Exchange(
            circle,
            means.shelf,
            self.reader,
            means.book,
            means.couriers,
            means.router,
            means.clock,
            lambda: self.circuit.suppliers,
            self._given,
        )
        self.circuit = Circuit(circle, self._exchange, means, self._tasks)
        self._publishers: dict[NodeId, Publisher] = {}
        self._alarm = Alarm(means.clock, self._look)
        self._comparing = False
        #: Own posts that no supplier is known to keep: the numbers by their ids.
        self._unstored: dict[str, int] = {}
        self._failed: NodeId | None = None
        #: Who tells of new posts now.
        self.active: NodeId | None = None
        #: Whether all that the supplier had was read since it is the active one.
        self.synchronized = False
        #: Why it is not connected.
        self.problem: str = ""
        self.consumed = consumed
        self.machine = Machine(
            PARTICIPANT, self, clock=means.clock, id=f"group_{circle.alias[6:14]}", automats=means.automats
        )
        self._tell = moved
        self.machine.observe(self._moved)

    @property
    def state(self) -> str:
        return str(self.machine.state)

    @property
    def connected(self) -> bool:
        return self.machine.state is State.CONNECTED

    @property
    def key_id(self) -> str:
        """The group as it is called now."""
        key = self._means.ring.of(self.circle.owner, self.circle.alias)
        return key.key_id if key is not None else self.circle.alias

    @property
    def queue_id(self) -> str | None:
        """The queue at the active supplier."""
        if self.active is None:
            return None
        document = self._means.resolver.cached(self.active)
        alias, _, owner = self.key_id.partition("$")
        return f"{alias}&{owner}&{document.global_id if document is not None else self.active}"

    async def start(self) -> None:
        """
        Take up where an earlier run has ended, and connect.
        """
        await self.reader.load()
        self.machine.feed(Input.JOIN)

    def join(self) -> None:
        """
        Connect now, if it is not connected.
        """
        self.machine.feed(Input.JOIN)

    def reconnect(self) -> None:
        """
        Look anew for a supplier.
        """
        self.machine.feed(Input.AGAIN)

    async def settled(self) -> bool:
        """
        Wait until it is connected, or nobody was found; whether it is connected.
        """
        done: Deferred[None] = Deferred()

        def moved(machine: Machine, step: Step) -> None:
            if machine.state in (State.CONNECTED, State.DISCONNECTED, State.CLOSED) and not done.called:
                done.callback(None)

        if self.machine.state not in (State.CONNECTED, State.DISCONNECTED, State.CLOSED):
            undo = self.machine.observe(moved)
            try:
                await done
            finally:
                undo()
        return self.connected

    async def leave(self) -> None:
        """
        Take part no longer.
        """
        active = self.active
        self.machine.feed(Input.LEAVE)
        await self._tasks.stop()
        if active is not None:
            try:
                await self._means.router.request(active, POST_LEAVE, GroupName(self.circle), 2.0)
            except BitDustError:
                # it finds out by itself
                return

    async def send(self, data: Mapping[str, Any]) -> SignedPost:
        """
        Post something. When this returns it is safe here, and on its way; raises `Unavailable` while not connected,
        `Refused` for readers.
        """
        if not self.connected:
            raise Unavailable("group is not synchronized yet")
        means = self._means
        role = means.book.own_role(self.circle)
        if role is not None and not role.writes:
            raise Refused("readers of a group do not post to it")
        if len(self._unstored) >= UNSTORED:
            raise Full(f"{UNSTORED} posts wait for the suppliers of the group already")
        roster, secret = means.book.current(self.circle)
        me = means.me
        pen = Pen(self.circle, me.node_id, me.device, me.device_record)
        now = int(means.clock.seconds())
        post = await means.shelf.publish(pen, me.idurl, roster, secret, now, data)
        self.reader.wrote(post)
        self.consumed += 1
        self._unstored[post.message_id] = post.post.number
        proof = Proof(pen.record, me.idurl)
        for supplier in self.circuit.targets(self.active):
            self._publisher(supplier).add(post, proof)
        return post

    async def pushed(self, peer: NodeId, batch: PostBatch) -> None:
        """
        A supplier tells of new posts.
        """
        if peer != self.active:
            raise NotFound("this node does not listen to you")
        taken = await self.reader.take(batch)
        self.consumed += taken.new
        if taken.missing or batch.more:
            self._alarm.set(SOON)

    def contact_lost(self, peer: NodeId) -> None:
        """
        The session with a peer has ended.
        """
        if peer == self.active:
            self._failed = peer
            self.machine.feed(Input.LOST)

    def roster_changed(self) -> None:
        """
        There is a newer roster.
        """
        if self._means.book.own_role(self.circle) is None and self.connected:
            self.machine.feed(Input.AGAIN)

    # --- actions ---

    def find_suppliers(self) -> None:
        self._tasks.spawn("find suppliers", self._find())

    def subscribe(self) -> None:
        self._tasks.spawn("subscribe", self._subscribe())

    def report_connected(self) -> None:
        self._failed, self.problem, self.synchronized = None, "", False
        self._publish("group-connected")
        self._look()

    def report_disconnected(self) -> None:
        self.log.info("{group} is disconnected: {reason}", group=self.key_id, reason=self.problem)
        self._publish("group-disconnected")

    def release(self) -> None:
        self.active = None
        self._alarm.off()

    def end(self) -> None:
        self._alarm.off()
        self._publish("group-disconnected")

    # ---

    async def _find(self) -> None:
        outcome = Input.NOBODY
        try:
            if self._means.book.own_role(self.circle) is None:
                await self._means.couriers.refresh(self.circle)
            found = await self.circuit.look()
            if self._means.book.own_role(self.circle) is None:
                raise Refused("this node is not a member of the group")
            outcome = Input.FOUND if found else Input.NOBODY
        except BitDustError as error:
            self.problem = str(error)
        finally:
            self.machine.feed(outcome)

    async def _subscribe(self) -> None:
        outcome = Input.NOBODY
        try:
            outcome = await self._listen()
        finally:
            self.machine.feed(outcome)

    async def _listen(self) -> Input:
        for supplier in self.circuit.candidates(self._failed):
            try:
                answer = await self._exchange.listen(supplier)
                if self._is_behind_itself(answer.heads):
                    # an older copy of this data folder: what it has said since comes first
                    await self._exchange.compare(supplier)
                    if self._exchange.holds(supplier, (self._means.me.node_id, self._means.shelf.log)):
                        raise Unavailable("own posts of before are looked for")
            except BitDustError as error:
                self.circuit.down(supplier)
                self.problem = str(error)
                continue
            self.circuit.up(supplier)
            self.active = supplier
            return Input.LISTENING
        return Input.NOBODY

    def _is_behind_itself(self, heads: Sequence[Head]) -> bool:
        """True if a supplier has own posts that this data folder does not know."""
        me, log = self._means.me.node_id, self._means.shelf.log
        own = [head.last for head in heads if head.log == log and head.author.hex() == me]
        return max(own, default=0) > self.reader.last(me, log)

    def _look(self) -> None:
        """A round, unless one runs already."""
        if not self._comparing and self.connected:
            self._comparing = True
            self._tasks.spawn("compare", self._round())

    async def _round(self) -> None:
        active = self.active
        failed = False
        try:
            assert active is not None
            self.consumed += await self._exchange.compare(active, listen=True)
            if not self.synchronized and active == self.active:
                self.synchronized = True
                await self._means.shelf.settle(self.circle, self._means.me.node_id)
                self._publish("group-synchronized")
            self.circuit.tend(active)
        except (Conflict, Refused) as error:
            # the supplier works, but not all posts are to its liking
            self.log.warn("{group} and its supplier differ: {reason}", group=self.key_id, reason=str(error))
        except BitDustError as error:
            self.log.info("the supplier of {group} is lost: {reason}", group=self.key_id, reason=str(error))
            failed = True
        finally:
            self._comparing = False
            if failed and active == self.active and active is not None:
                self.circuit.down(active)
                self.contact_lost(active)
            elif self.connected:
                self._alarm.set(ROUND)

    def _publisher(self, supplier: NodeId) -> Publisher:
        publisher = self._publishers.get(supplier)
        if publisher is None:
            publisher = Publisher(self.circle, supplier, self._means.router, self._tasks, self._stored, self._not_taken)
            self._publishers[supplier] = publisher
        return publisher

    async def _stored(self, posts: list[SignedPost]) -> None:
        await self._note_stored([post.message_id for post in posts if post.message_id in self._unstored])

    async def _given(self, theirs: Heads) -> None:
        """A supplier that did not take a post when it was written may have got it by a comparison."""
        head = theirs.get((self._means.me.node_id, self._means.shelf.log))
        last = head.last if head is not None else 0
        await self._note_stored([name for name, number in self._unstored.items() if number <= last])

    async def _note_stored(self, names: list[str]) -> None:
        if not names:
            return
        try:
            await self._means.shelf.history.advance(talk_of(self.circle), self._means.me.node_id, names, "stored")
        except BitDustError as error:
            # no fault of the supplier: the next comparison notes it
            self.log.warn("that posts are stored can not be noted now: {error}", error=error)
            return
        for name in names:
            self._unstored.pop(name, None)

    def _not_taken(self, supplier: NodeId) -> None:
        if supplier == self.active:
            self._alarm.set(1.0)
        else:
            self.circuit.behind(supplier)

    async def _newer_roster(self) -> None:
        if self.active is not None:
            try:
                await self._means.couriers.fetch(self.circle, self.active)
            except BitDustError as error:
                self.log.info("the newest roster of {group} did not come: {reason}", group=self.key_id, reason=error)

    def _publish(self, event: str) -> None:
        self._means.events.publish(
            event,
            {
                "group_key_id": self.key_id,
                "member_id": self._means.me.global_id,
                "queue_id": self.queue_id or "",
            },
        )

    def _moved(self, machine: Machine, step: Step) -> None:
        self._tell(self.circle, step)
