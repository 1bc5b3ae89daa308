"""
The rosters of the shares and groups of customers: by them a supplier decides who may do what there.
"""

from __future__ import annotations

import sqlite3
from collections import OrderedDict
from pathlib import Path
from weakref import WeakValueDictionary

from twisted.internet.defer import DeferredLock
from twisted.logger import Logger

from bitdust_node.clock import Clock
from bitdust_node.database import Database
from bitdust_node.errors import BitDustError, Conflict, Full, NotFound, Refused
from bitdust_node.identity.names import NodeId
from bitdust_node.identity.resolver import Resolver
from bitdust_node.keys.rsa import PublicKey
from bitdust_node.membership.roster import Circle, Role, Roster, SignedRoster, check_next, prevails
from bitdust_node.router.bucket import Buckets
from bitdust_node.router.router import Router
from bitdust_node.threads import Workers
from bitdust_node.wire.members import ROSTER_GET, ROSTER_PUT, RosterAnswer, RosterGet, RosterKept, RosterPut
from services.supplying.leases import Leases
from services.supplying.space import Space

MIGRATIONS = (
    """
    CREATE TABLE rosters (
        owner TEXT NOT NULL,
        alias TEXT NOT NULL,
        number INTEGER NOT NULL,
        roster BLOB NOT NULL,
        PRIMARY KEY (owner, alias, number)
    );
    """,
)
#: Rosters that are kept of one share or group, and shares and groups of one customer.
KEPT, CIRCLES_LIMIT = 100, 1000
NONE = "there is no such share or group"
#: Newest rosters that are held in memory.
HELD = 1000
#: Rosters a second that one peer may bring, and at once.
RATE, BURST = 5.0, 100.0


class Rosters:
    """
    Takes rosters from anybody, as their signatures say what they are worth, if their owner is a customer. Gives them to
    members. Whoever may not know that a share or group exists hears the same as if it did not.
    """

    log = Logger()

    def __init__(
        self, path: Path, leases: Leases, space: Space, resolver: Resolver, workers: Workers, clock: Clock
    ) -> None:
        self._database = Database(path, MIGRATIONS, workers, full_sync=True)
        self._leases, self._space, self._resolver = leases, space, resolver
        self._workers, self._clock = workers, clock
        self._newest: OrderedDict[Circle, SignedRoster] = OrderedDict()
        self._pace = Buckets(RATE, BURST)
        # one change of a circle at a time: what is newest must not change between the check and the write; the others
        # do not wait until the identity of its author is found
        self._turns: WeakValueDictionary[Circle, DeferredLock] = WeakValueDictionary()

    async def start(self) -> None:
        """
        Count what is there into the leases; what a kill has left of customers whose lease was ended goes.
        """
        query = "SELECT owner, SUM(LENGTH(roster)) FROM rosters GROUP BY owner"
        for owner, size in await self._database.read(lambda c: c.execute(query).fetchall()):
            self._space.found(NodeId(owner), size)
            if not self._leases.known(NodeId(owner)):
                await self.forget(NodeId(owner))

    async def stop(self) -> None:
        await self._database.close()

    def serve(self, router: Router) -> None:
        router.serve(ROSTER_PUT, self.put)
        router.serve(ROSTER_GET, self.get)

    def withdraw(self, router: Router) -> None:
        router.withdraw(ROSTER_PUT)
        router.withdraw(ROSTER_GET)

    async def newest(self, circle: Circle) -> SignedRoster | None:
        """
        The newest roster of a share or group of somebody who is a customer now, or None.
        """
        if not self._leases.in_force(NodeId(circle.owner)):
            return None
        known = self._newest.get(circle)
        if known is None:
            query = "SELECT roster FROM rosters WHERE owner = ? AND alias = ? ORDER BY number DESC LIMIT 1"
            names = (circle.owner, circle.alias)
            row = await self._database.read(lambda c: c.execute(query, names).fetchone())
            if row is None:
                return None
            known = self._remember(SignedRoster.parse(row[0]))
        self._newest.move_to_end(circle)
        return known

    async def of_member(self, circle: Circle, peer: NodeId) -> Roster:
        """
        The newest roster, if the peer is on it; else `NotFound`.
        """
        known = await self.newest(circle)
        if known is None:
            raise NotFound(NONE)
        known.roster.role(peer)
        return known.roster

    async def above(self, circle: Circle, number: int) -> SignedRoster | None:
        """
        The first roster above a number that is still kept.
        """
        query = "SELECT roster FROM rosters WHERE owner = ? AND alias = ? AND number > ? ORDER BY number LIMIT 1"
        names = (circle.owner, circle.alias, number)
        row = await self._database.read(lambda c: c.execute(query, names).fetchone())
        return SignedRoster.parse(row[0]) if row else None

    async def role_of(self, circle: Circle, peer: NodeId) -> Role:
        """
        What a peer may do in a share or group; `NotFound` also if there is no such thing.
        """
        return (await self.of_member(circle, peer)).role(peer)

    async def put(self, peer: NodeId, question: RosterPut) -> RosterKept:
        """
        Keep a roster if it may follow the newest one; `Conflict` if one in between is missing. Who is not on the newest
        one hears the same whatever is wrong, and whether there is such a share or group or not.
        """
        if not self._pace.take(peer, self._clock.seconds()):
            raise Full("too many rosters in a short time")
        new = SignedRoster.parse(question.roster)
        circle = new.roster.circle
        if not self._leases.in_force(NodeId(circle.owner)):
            raise NotFound(NONE)
        before = await self.newest(circle)
        turn = self._turns.setdefault(circle, DeferredLock())
        try:
            known: SignedRoster = await turn.run(self._put, new)
        except BitDustError as error:
            if not _belongs(peer, circle, before):
                self.log.info("a roster of {who} is not taken: {reason}", who=peer[:12], reason=str(error))
                raise NotFound(NONE) from None
            raise
        if not _belongs(peer, circle, known):
            raise NotFound(NONE)
        return RosterKept(known.roster.number)

    async def get(self, peer: NodeId, question: RosterGet) -> RosterAnswer:
        """
        A roster for a member of the newest one.
        """
        newest = await self.newest(question.circle)
        if newest is None:
            raise NotFound(NONE)
        if peer != question.circle.owner:
            newest.roster.role(peer)
        number = newest.roster.number
        found = newest if question.after in (-1, number - 1) else await self.above(question.circle, question.after)
        return RosterAnswer(found.packed if found is not None else b"", number)

    async def forget(self, owner: NodeId) -> None:
        """
        The owner is no customer any more.
        """
        query = "DELETE FROM rosters WHERE owner = ? RETURNING LENGTH(roster)"
        rows = await self._database.run(lambda c: c.execute(query, (owner,)).fetchall())
        for circle in [circle for circle in self._newest if circle.owner == owner]:
            del self._newest[circle]
        freed = sum(row[0] for row in rows)
        if freed:
            self._space.freed(owner, freed)

    async def end(self, circle: Circle) -> None:
        """
        The owner has ended a share.
        """
        query = "DELETE FROM rosters WHERE owner = ? AND alias = ? RETURNING LENGTH(roster)"
        names = (circle.owner, circle.alias)
        rows = await self._database.run(lambda c: c.execute(query, names).fetchall())
        self._newest.pop(circle, None)
        freed = sum(row[0] for row in rows)
        if freed:
            self._space.freed(NodeId(circle.owner), freed)

    async def _put(self, new: SignedRoster) -> SignedRoster:
        circle = new.roster.circle
        known = await self.newest(circle)
        if known is not None and not prevails(new, known):
            return known
        await self._check(new, known)
        owner = NodeId(circle.owner)
        space = self._space.reservation(owner)
        space.need(len(new.packed))
        try:
            dropped = await self._database.run(lambda c: _write(c, new))
        except BitDustError:
            space.release()
            raise
        space.keep()
        if dropped:
            self._space.freed(owner, dropped)
        self._remember(new)
        self.log.info("roster {number} of {alias}", number=new.roster.number, alias=circle.alias)
        return new

    async def _check(self, new: SignedRoster, known: SignedRoster | None) -> None:
        try:
            check_next(new, known)
            author = await self._author(new, known)
        except Conflict:
            raise
        except Refused as error:
            # who has no right here must not learn what there is
            self.log.warn("a roster is refused: {reason}", reason=str(error))
            raise NotFound(NONE) from None
        await self._workers.run(new.verify, author)

    async def _author(self, new: SignedRoster, known: SignedRoster | None) -> PublicKey:
        author = new.roster.author
        cached = self._resolver.cached(author)
        if cached is not None:
            return cached.public
        member = (known or new).roster.member(author)
        if member is None:
            raise Refused("the author is no member")
        found = await self._resolver.resolve(member.idurl)
        if found.node_id != author:
            raise Refused("the author has another identity")
        return found.public

    def _remember(self, signed: SignedRoster) -> SignedRoster:
        self._newest[signed.roster.circle] = signed
        self._newest.move_to_end(signed.roster.circle)
        if len(self._newest) > HELD:
            self._newest.popitem(last=False)
        return signed


def _belongs(peer: NodeId, circle: Circle, known: SignedRoster | None) -> bool:
    return peer == circle.owner or (known is not None and known.roster.member(peer) is not None)


def _write(c: sqlite3.Connection, new: SignedRoster) -> int:
    """In a transaction: keep a roster, and drop what it replaces and what is too old; how many bytes went."""
    circle, number = new.roster.circle, new.roster.number
    names = (circle.owner, circle.alias)
    query = "SELECT COUNT(DISTINCT alias), MAX(alias = ?) FROM rosters WHERE owner = ?"
    circles, present = c.execute(query, (circle.alias, circle.owner)).fetchone()
    if circles >= CIRCLES_LIMIT and not present:
        raise Full(f"a customer has at most {CIRCLES_LIMIT} shares and groups")
    query = (
        "DELETE FROM rosters WHERE owner = ? AND alias = ? AND (number >= ? OR number <= ?) RETURNING LENGTH(roster)"
    )
    dropped = sum(int(row[0]) for row in c.execute(query, (*names, number, number - KEPT)).fetchall())
    c.execute("INSERT INTO rosters VALUES (?, ?, ?, ?)", (*names, number, new.packed))
    return dropped
