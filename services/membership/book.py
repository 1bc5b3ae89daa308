"""
The book of rosters: who belongs to the shares and groups of this node, and the secrets that it shares with them.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from typing import Any, TypeVar
from weakref import WeakValueDictionary

from twisted.internet.defer import DeferredLock
from twisted.logger import Logger

from bitdust_node.clock import Clock
from bitdust_node.database import StateDb
from bitdust_node.errors import BitDustError, Conflict, Full, NotFound, Refused
from bitdust_node.identity.document import Document
from bitdust_node.identity.me import Me
from bitdust_node.identity.names import NodeId
from bitdust_node.identity.resolver import Resolver
from bitdust_node.keys.ring import KeyRing
from bitdust_node.keys.rsa import PublicKey
from bitdust_node.membership.changes import Changed, first_roster, with_member, without_member
from bitdust_node.membership.epochs import open_past, unwrap
from bitdust_node.membership.roster import Circle, Role, Roster, SignedRoster, check_next, prevails
from bitdust_node.threads import Workers
from bitdust_node.waiting import all_of
from services.membership.rows import MIGRATIONS, Page, forget, keep, load, numbered

T = TypeVar("T")

#: Shares and groups that one node can belong to.
CIRCLES_LIMIT = 5000
#: Secrets that are kept of one epoch: two may have begun it at once, an admin who begins it ever anew is not followed.
SECRETS_LIMIT = 16
#: Identities that are looked up at once.
AT_ONCE = 10
NOT_MEMBER = "this node is not a member"


class Book:
    """
    All rosters in memory, once `open` was awaited, and in `state.db`. Makes the next ones; `Couriers` carry them.
    """

    log = Logger()

    def __init__(
        self, state_db: StateDb, me: Me, resolver: Resolver, ring: KeyRing, workers: Workers, clock: Clock
    ) -> None:
        self._db, self._me, self._resolver, self._ring = state_db, me, resolver, ring
        self._workers, self._clock = workers, clock
        self._pages: dict[Circle, Page] = {}
        #: Those that are forgotten here, and may still be in the table.
        self._left: set[Circle] = set()
        self._opened = False
        self._opening = DeferredLock()
        # one change of a circle at a time, else two of this node would follow the same roster; the others do not wait
        # until the identity of an author somewhere is found
        self._turns: WeakValueDictionary[Circle, DeferredLock] = WeakValueDictionary()
        self._observers: tuple[Callable[[Circle], object], ...] = ()

    async def open(self) -> None:
        """
        Read what is there; done once.
        """
        await self._opening.run(self._open)

    # --- read ---

    def circles(self) -> list[Circle]:
        """
        All shares and groups that this node knows a roster of.
        """
        return list(self._pages)

    def newest(self, circle: Circle) -> SignedRoster | None:
        """
        The newest roster, or None.
        """
        page = self._pages.get(circle)
        return page.newest if page is not None else None

    def roster(self, circle: Circle) -> Roster:
        """
        The newest roster; raises `NotFound`.
        """
        return self._page(circle).newest.roster

    def own_role(self, circle: Circle) -> Role | None:
        """
        What this node may do there; None if it is no member, or nothing is known.
        """
        page = self._pages.get(circle)
        member = page.newest.roster.member(self._me.node_id) if page is not None else None
        return member.role if member is not None else None

    def secrets(self, circle: Circle, epoch: int) -> list[bytes]:
        """
        The secrets of an epoch, most likely one first; none if this node was not to have it.
        """
        page = self._pages.get(circle)
        return list(reversed(page.secrets.get(epoch, []))) if page is not None else []

    def current(self, circle: Circle) -> tuple[Roster, bytes]:
        """
        The newest roster and the secret of its epoch; raises `NotFound` or `Refused`.
        """
        page = self._page(circle)
        roster = page.newest.roster
        found = page.secrets.get(roster.epoch)
        if roster.member(self._me.node_id) is None or not found:
            raise Refused(NOT_MEMBER)
        return roster, found[-1]

    async def numbered(self, circle: Circle, number: int) -> SignedRoster | None:
        """
        An earlier roster, if it is still there.
        """
        page = self._pages.get(circle)
        if page is None or page.newest.roster.number <= number:
            return page.newest if page is not None and page.newest.roster.number == number else None
        return await self._db.read(lambda c: numbered(c, circle, number))

    def observe(self, callback: Callable[[Circle], object]) -> Callable[[], None]:
        """
        Call back with each share and group that has a newer roster; returns the function that ends it.
        """
        self._observers = (*self._observers, callback)

        def undo() -> None:
            self._observers = tuple(other for other in self._observers if other is not callback)

        return undo

    # --- write ---

    async def create(self, circle: Circle, open_past: bool = True) -> SignedRoster:
        """
        The first roster of a new share or group of this node. open_past: whoever is taken in later may read what was
        before.
        """
        return await self._in_turn(circle, self._create, circle, open_past)

    async def admit(self, circle: Circle, document: Document, role: Role) -> SignedRoster | None:
        """
        Take somebody in, or give him another role; None if he has it already. `Refused` unless this node may.
        """
        return await self._in_turn(circle, self._admit, circle, document, role)

    async def remove(self, circle: Circle, node_id: NodeId) -> SignedRoster:
        """
        Remove a member: what comes after is not for him. `NotFound` if he is none, `Refused` unless this node may.
        """
        return await self._in_turn(circle, self._remove, circle, node_id)

    async def accept(self, signed: SignedRoster) -> bool:
        """
        Take a roster that came from somewhere; False if it is not newer. Raises `Conflict` if one in between is
        missing, `Corrupt` or `Refused` for a forged one, `NotFound` for what this node has nothing to do with.
        """
        return await self._in_turn(signed.roster.circle, self._accept, signed)

    async def forget(self, circle: Circle) -> None:
        """
        Forget a share or group, its secrets too. If that can not be written, `tidy` does it.
        """
        await self._in_turn(circle, self._forget, circle)

    async def tidy(self) -> None:
        """
        Forget for good what could only be forgotten until the next start so far.
        """
        for circle in list(self._left):
            await self._in_turn(circle, self._forget_left, circle)

    # ---

    async def _in_turn(self, circle: Circle, change: Callable[..., Coroutine[Any, Any, T]], *arguments: object) -> T:
        turn = self._turns.setdefault(circle, DeferredLock())
        changed: T = await turn.run(change, *arguments)
        return changed

    async def _forget(self, circle: Circle) -> None:
        self._pages.pop(circle, None)
        self._left.add(circle)
        await self._forget_left(circle)

    async def _forget_left(self, circle: Circle) -> None:
        if circle in self._left:
            await self._db.run(lambda c: forget(c, circle))
            self._left.discard(circle)

    async def _open(self) -> None:
        if not self._opened:
            await self._db.prepare("membership", MIGRATIONS)
            self._pages = await self._db.read(load)
            self._opened = True

    def _page(self, circle: Circle) -> Page:
        page = self._pages.get(circle)
        if page is None:
            raise NotFound("the members are not known yet")
        return page

    async def _create(self, circle: Circle, open_past: bool) -> SignedRoster:
        if circle in self._pages:
            raise Conflict(f"{circle.alias} exists already")
        now = int(self._clock.seconds())
        changed = await self._workers.run(first_roster, circle, self._me.document, now)
        return await self._sign(changed, open_past)

    async def _admit(self, circle: Circle, document: Document, role: Role) -> SignedRoster | None:
        page = self._changeable(circle)
        present = page.newest.roster.member(document.node_id)
        if present is not None and present.role is role:
            return None
        if present is not None and present.role is Role.ADMIN and self._me.node_id != circle.owner:
            raise Refused("only the owner changes admins")
        with_past = _is_open(page)
        # only a new epoch is wrapped anew for all
        anew = present is None and not with_past
        readers = await self._readers(page.newest.roster) if anew else {}
        changed = await self._workers.run(
            with_member,
            page.newest,
            self._me.node_id,
            document,
            role,
            page.current,
            readers,
            int(self._clock.seconds()),
            with_past=with_past,
        )
        return await self._sign(changed, page.open_past)

    async def _remove(self, circle: Circle, node_id: NodeId) -> SignedRoster:
        page = self._changeable(circle)
        readers = await self._readers(page.newest.roster, but=node_id)
        changed = await self._workers.run(
            without_member,
            page.newest,
            self._me.node_id,
            node_id,
            page.current,
            readers,
            int(self._clock.seconds()),
            with_past=_is_open(page),
        )
        return await self._sign(changed, page.open_past)

    def _changeable(self, circle: Circle) -> Page:
        page = self._page(circle)
        if self._me.node_id != circle.owner and self.own_role(circle) is not Role.ADMIN:
            raise Refused("only the owner and admins change the members")
        return page

    async def _readers(self, roster: Roster, but: str = "") -> dict[str, PublicKey]:
        members = [member for member in roster.members if member.node_id != but]
        known = {one.node_id: self._resolver.cached(one.node_id) for one in members}
        sought = [one for one in members if known[one.node_id] is None]
        found = await all_of((self._resolver.resolve(one.idurl) for one in sought), limit=AT_ONCE)
        for member, document in zip(sought, found, strict=True):
            if isinstance(document, Exception):
                raise document
            known[member.node_id] = document
        return {node_id: document.public for node_id, document in known.items() if document is not None}

    async def _sign(self, changed: Changed, open_past: bool) -> SignedRoster:
        signed = await self._workers.run(changed.roster.sign, self._me.key)
        await self._keep(signed, {changed.roster.epoch: changed.secret}, open_past)
        return signed

    async def _accept(self, signed: SignedRoster) -> bool:
        roster = signed.roster
        page = self._pages.get(roster.circle)
        known = page.newest if page is not None else None
        if known is not None and not prevails(signed, known):
            return False
        if page is None:
            if self._ring.of(roster.circle.owner, roster.circle.alias) is None:
                raise NotFound("nobody has given this node the key of that share or group")
            if len(self._pages) >= CIRCLES_LIMIT:
                raise Full(f"this node belongs to {CIRCLES_LIMIT} shares and groups already")
        check_next(signed, known)
        await self._workers.run(signed.verify, await self._author(roster, known))
        secrets = await self._workers.run(_secrets, self._me, roster)
        await self._keep(signed, secrets, page.open_past if page is not None else True)
        return True

    async def _author(self, roster: Roster, known: SignedRoster | None) -> PublicKey:
        cached = self._resolver.cached(roster.author)
        if cached is not None:
            return cached.public
        member = (known.roster if known is not None else roster).member(roster.author) or roster.member(roster.author)
        if member is None:
            raise Refused("the author of the roster is no member")
        found = await self._resolver.resolve(member.idurl)
        if found.node_id != roster.author:
            raise Refused("the author of the roster has another identity")
        return found.public

    async def _keep(self, signed: SignedRoster, secrets: dict[int, bytes], open_past: bool) -> None:
        circle = signed.roster.circle
        await self._forget_left(circle)
        page = self._pages.get(circle)
        secrets = _wanted(secrets, page.secrets if page is not None else {})
        await self._db.run(lambda c: keep(c, signed, secrets, open_past))
        if page is None:
            page = self._pages[circle] = Page(signed, {}, open_past)
        page.newest = signed
        for epoch, secret in secrets.items():
            same = page.secrets.setdefault(epoch, [])
            if secret not in same:
                same.append(secret)
        self.log.info("roster {number} of {alias}", number=signed.roster.number, alias=circle.alias)
        for callback in self._observers:
            callback(circle)


def _secrets(me: Me, roster: Roster) -> dict[int, bytes]:
    """The secrets that a roster brings to this node."""
    if roster.member(me.node_id) is None:
        return {}
    secret = unwrap(roster, me.key)
    try:
        past = open_past(roster, secret)
    except BitDustError:
        # what was before is lost, what comes is not
        past = {}
    return past | {roster.epoch: secret}


def _wanted(secrets: Mapping[int, bytes], known: Mapping[int, list[bytes]]) -> dict[int, bytes]:
    """Those of the secrets that there is room for."""
    return {
        epoch: secret
        for epoch, secret in secrets.items()
        if secret in known.get(epoch, ()) or len(known.get(epoch, ())) < SECRETS_LIMIT
    }


def _is_open(page: Page) -> bool:
    """Whether new members read what was before: as the owner chose, which others see by what rosters bring."""
    roster = page.newest.roster
    return page.open_past and (roster.epoch == 1 or bool(roster.past))
