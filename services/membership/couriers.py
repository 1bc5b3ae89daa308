"""
Rosters on their way: to the suppliers of the owner, to other members, and from them.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from twisted.logger import Logger

from bitdust_node.clock import Clock
from bitdust_node.errors import BitDustError, Conflict, Full, NotFound
from bitdust_node.identity.me import Me
from bitdust_node.identity.names import NodeId
from bitdust_node.membership.roster import Circle, Role, SignedRoster
from bitdust_node.router.bucket import Buckets
from bitdust_node.router.router import Router
from bitdust_node.tasks import Tasks
from bitdust_node.waiting import all_of
from bitdust_node.wire.command import Nothing
from bitdust_node.wire.members import ROSTER_GET, ROSTER_NEWS, ROSTER_PUT, RosterGet, RosterPut
from services.membership.book import Book
from services.membership.keepers import Keepers

#: Seconds that a supplier or member has to answer, and after which a roster that not all have taken is sent again.
ANSWER_TIME, AGAIN = 10.0, 30.0
#: Rosters that are followed back to the last one of the owner.
CHAIN = 100
#: Suppliers and members that are told at once.
AT_ONCE = 10
#: Rosters a second that one peer may bring, and at once.
RATE, BURST = 2.0, 50.0


class Couriers:
    """
    `start` and `stop` count: services that need rosters share one.
    """

    log = Logger()

    def __init__(self, book: Book, keepers: Keepers, router: Router, me: Me, clock: Clock) -> None:
        self._book, self._keepers, self._router, self._me, self._clock = book, keepers, router, me, clock
        self._tasks = Tasks("rosters")
        self._users = 0
        self._pace = Buckets(RATE, BURST)
        #: What some supplier has not yet.
        self._unfinished: set[Circle] = set()
        #: Newer rosters of these are being fetched.
        self._following: set[Circle] = set()

    async def start(self) -> None:
        """
        Take news of other members, and bring the own rosters to suppliers that lack them.
        """
        await self._book.open()
        self._users += 1
        if self._users > 1:
            return
        self._tasks = Tasks("rosters")
        self._router.serve(ROSTER_NEWS, self._news)
        me = self._me.node_id
        self._unfinished = {
            circle for circle in self._book.circles() if circle.owner == me or self._book.roster(circle).author == me
        }
        self._tasks.every(AGAIN, "spread rosters", self._repeat, self._clock)

    async def stop(self) -> None:
        self._users -= 1
        if self._users == 0:
            self._router.withdraw(ROSTER_NEWS)
            await self._tasks.stop()

    async def keepers(self, circle: Circle) -> list[NodeId]:
        """
        The suppliers of the owner by their positions.
        """
        known = self._book.newest(circle)
        owner = known.roster.member(circle.owner) if known is not None else None
        return await self._keepers.of(NodeId(circle.owner), owner.idurl if owner is not None else "")

    async def spread(self, circle: Circle) -> int:
        """
        Bring the newest roster to all suppliers of the owner, and to members that are connected; how many suppliers
        have it. Those that do not get it later.
        """
        signed = self._book.newest(circle)
        if signed is None:
            return 0
        self._unfinished.add(circle)
        online = self._router.contacts.is_online
        members = [m.node_id for m in signed.roster.members if m.node_id != self._me.node_id]
        self._tasks.spawn(
            "tell members of a roster",
            all_of((self.tell(NodeId(node), signed) for node in members if online(NodeId(node))), limit=AT_ONCE),
        )
        found = await self.keepers(circle)
        results = await all_of((self.push(circle, supplier) for supplier in found), limit=AT_ONCE)
        taken = sum(isinstance(result, int) for result in results)
        if found and taken == len(found) and self._book.newest(circle) is signed:
            self._unfinished.discard(circle)
        return taken

    async def tell(self, peer: NodeId, signed: SignedRoster) -> None:
        """
        Bring a roster to a member.
        """
        await self._router.request(peer, ROSTER_NEWS, RosterPut(signed.packed), ANSWER_TIME)

    async def push(self, circle: Circle, supplier: NodeId) -> int:
        """
        Bring the newest roster to a supplier, with those before it that it lacks; the number that it has then.
        """
        newest = self._book.newest(circle)
        if newest is None:
            raise NotFound("the members are not known yet")
        try:
            return await self._put(supplier, newest)
        except (Conflict, NotFound):
            # it lacks some in between; whom it does not know as a member it tells no more than that there is nothing
            number = 0
            for signed in await self._chain(newest, self._earlier):
                number = await self._put(supplier, signed)
            return number

    async def fetch(self, circle: Circle, supplier: NodeId) -> bool:
        """
        Ask a supplier for the newest roster, and for those before it that are needed to believe it; True if it was
        newer.
        """
        newest, number = await self._get(circle, supplier, -1)
        known = self._book.newest(circle)
        if newest is None or (known is not None and known.roster.number > number):
            return False
        try:
            return await self._book.accept(newest)
        except Conflict:

            async def earlier(circle: Circle, number: int) -> SignedRoster | None:
                return (await self._get(circle, supplier, number - 1))[0]

            changed = False
            for signed in await self._chain(newest, earlier):
                changed = await self._book.accept(signed) or changed
            return changed

    async def refresh(self, circle: Circle) -> None:
        """
        Ask one supplier after the other for a newer roster until one answers. Raises what the last one said.
        """
        failure: BitDustError = NotFound("the suppliers of the owner are not known")
        for supplier in await self.keepers(circle):
            try:
                await self.fetch(circle, supplier)
                return
            except BitDustError as error:
                failure = error
        raise failure

    async def agree(self, circle: Circle, supplier: NodeId) -> None:
        """
        Let this node and a supplier know the same newest roster, also if it was hired after the last change. Raises
        `NotFound` if it says that this node is no member.
        """
        known = self._book.newest(circle)
        number = known.roster.number if known is not None else 0
        try:
            answer = await self._router.request(supplier, ROSTER_GET, RosterGet(circle, number), ANSWER_TIME)
        except NotFound:
            await self._introduce(circle, supplier)
            return
        if answer.newest > number:
            await self.fetch(circle, supplier)
        elif answer.newest < number:
            await self.push(circle, supplier)

    async def before(self, signed: SignedRoster) -> SignedRoster | None:
        """
        The roster that another one names as the one before it, from here or from a supplier; None if nobody has it.
        Raises what kept a supplier from answering.
        """
        circle, number = signed.roster.circle, signed.roster.number - 1
        if number == 0:
            return None
        # its digest was signed with the other one: nothing else needs to be checked
        found = await self._earlier(circle, number)
        if found is not None and found.digest == signed.roster.previous:
            return found
        failure: BitDustError | None = None
        for supplier in await self.keepers(circle):
            try:
                found, _ = await self._get(circle, supplier, number - 1)
            except BitDustError as error:
                failure = error
                continue
            if found is not None and found.digest == signed.roster.previous:
                return found
        if failure is not None:
            raise failure
        return None

    async def _introduce(self, circle: Circle, supplier: NodeId) -> None:
        """To one that knows nothing of it the owner brings earlier rosters too: they say who may have written what."""
        newest = self._book.newest(circle)
        if newest is not None and circle.owner == self._me.node_id:
            for number in range(max(1, newest.roster.number - CHAIN), newest.roster.number):
                signed = await self._earlier(circle, number)
                try:
                    if signed is not None:
                        await self._put(supplier, signed)
                except Conflict:
                    # an admin's, and the one before it is not known here
                    continue
        await self.push(circle, supplier)

    async def _put(self, supplier: NodeId, signed: SignedRoster) -> int:
        kept = await self._router.request(supplier, ROSTER_PUT, RosterPut(signed.packed), ANSWER_TIME)
        return kept.number

    async def _get(self, circle: Circle, supplier: NodeId, after: int) -> tuple[SignedRoster | None, int]:
        answer = await self._router.request(supplier, ROSTER_GET, RosterGet(circle, after), ANSWER_TIME)
        if not answer.roster:
            return None, answer.newest
        signed = SignedRoster.parse(answer.roster)
        if signed.roster.circle != circle:
            raise Conflict("the supplier gave the roster of another share or group")
        return signed, answer.newest

    async def _earlier(self, circle: Circle, number: int) -> SignedRoster | None:
        return await self._book.numbered(circle, number)

    async def _chain(
        self, newest: SignedRoster, earlier: Callable[[Circle, int], Awaitable[SignedRoster | None]]
    ) -> list[SignedRoster]:
        """The rosters from the last one that the owner signed, whom everybody believes at once, to the newest."""
        chain = [newest]
        while chain[-1].roster.author != chain[-1].roster.circle.owner and len(chain) < CHAIN:
            before = await earlier(newest.roster.circle, chain[-1].roster.number - 1)
            if before is None or before.roster.number != chain[-1].roster.number - 1:
                break
            chain.append(before)
        return chain[::-1]

    async def _news(self, peer: NodeId, question: RosterPut) -> Nothing:
        if not self._pace.take(peer, self._clock.seconds()):
            raise Full("too many rosters in a short time")
        signed = SignedRoster.parse(question.roster)
        circle = signed.roster.circle
        # whatever becomes of it: who brings it does not learn by the answer what this node belongs to
        try:
            await self._book.accept(signed)
        except Conflict:
            # those in between are with the suppliers
            if circle not in self._following:
                self._following.add(circle)
                self._tasks.spawn("fetch rosters", self._follow(circle))
        except BitDustError as error:
            self.log.info("a roster of {who} is not taken: {reason}", who=peer[:12], reason=str(error))
        return Nothing()

    async def _follow(self, circle: Circle) -> None:
        try:
            await self.refresh(circle)
        except BitDustError as error:
            # who takes part compares with a supplier anyway
            self.log.info("newer rosters of {alias} did not come: {reason}", alias=circle.alias, reason=str(error))
        finally:
            self._following.discard(circle)

    async def _repeat(self) -> None:
        for circle in list(self._unfinished):
            if self._book.own_role(circle) is Role.ADMIN:
                await self.spread(circle)
            else:
                self._unfinished.discard(circle)
        await self._book.tidy()
