"""
Who is let into a share or group and who has to go: keys, rosters, and the news of them.
"""

from __future__ import annotations

from contextlib import suppress

from bitdust_node.clock import Clock
from bitdust_node.errors import BitDustError, Invalid, NotFound, Refused, Unavailable
from bitdust_node.identity.document import Document
from bitdust_node.identity.me import Me
from bitdust_node.keys.folder import Key
from bitdust_node.membership.roster import Circle, Role
from bitdust_node.waiting import within
from services.membership.book import Book
from services.membership.couriers import Couriers
from services.membership.endings import Endings
from services.people.hand_over import HandOver


class Admission:
    """
    What the owner and admins of a share or group do.
    """

    def __init__(
        self, book: Book, couriers: Couriers, endings: Endings, hand_over: HandOver, me: Me, clock: Clock
    ) -> None:
        self._book, self._couriers, self._endings, self._hand_over = book, couriers, endings, hand_over
        self._me, self._clock = me, clock

    async def begin(self, key: Key, open_past: bool, seconds: float) -> None:
        """
        The first roster of an own share or group; raises `Unavailable` if no supplier takes it in time, and then those
        that have it all the same are told to forget it.
        """
        circle = circle_of(key)
        await self._book.create(circle, open_past)
        try:
            spread = self._couriers.spread(circle)
            taken = await within(self._clock, seconds, spread, "telling the own suppliers")
        except BitDustError:
            taken = 0
        if not taken:
            # one of them may have it all the same, as when only its answer was lost
            await self.undo(key)
            raise Unavailable("no supplier keeps the members of it now")

    async def let_in(self, key: Key, user: Document, role: Role, seconds: float) -> None:
        """
        Give somebody the key and a place on the roster. Raises `Refused` unless this node may.
        """
        circle = await self.ready(key)
        if user.node_id == self._me.node_id:
            raise Invalid("this node is a member already")
        if self._book.own_role(circle) is not Role.ADMIN:
            raise Refused("only the owner and admins change the members")
        await self._hand_over.give(key, user, private=True, label=True, seconds=seconds)
        await self._refreshed(circle)
        signed = await self._book.admit(circle, user, role) or self._book.newest(circle)
        if signed is not None:
            await self._couriers.spread(circle)
            # he can not know any supplier before
            await self._couriers.tell(user.node_id, signed)

    async def put_out(self, key: Key, user: Document) -> None:
        """
        Remove somebody: suppliers serve him no more, and what comes is sealed without him.
        """
        circle = await self.ready(key)
        await self._refreshed(circle)
        signed = await self._book.remove(circle, user.node_id)
        await self._couriers.spread(circle)
        try:
            await self._couriers.tell(user.node_id, signed)
        except BitDustError:
            # he hears it from the suppliers
            return

    async def end(self, key: Key) -> None:
        """
        The owner ends a share or group: his suppliers remove all of it, those that are away when they are back.
        """
        circle = circle_of(key)
        await self._endings.begin(circle, await self._couriers.keepers(circle))
        await self._book.forget(circle)

    async def undo(self, key: Key) -> None:
        """
        What `begin` has made is not wanted: as `end`, as far as the own disk has room for that.
        """
        circle = circle_of(key)
        with suppress(BitDustError):
            await self.end(key)
        if self._book.newest(circle) is not None:
            # at the suppliers its roster stays, which nobody asks for
            with suppress(BitDustError):
                await self._book.forget(circle)

    async def ready(self, key: Key) -> Circle:
        """
        The share or group of a key, with its members known.
        """
        circle = circle_of(key)
        if self._book.newest(circle) is None:
            await self._couriers.refresh(circle)
        return circle

    async def _refreshed(self, circle: Circle) -> None:
        """Others may have changed it: two rosters of one number cost one of them."""
        try:
            await self._couriers.refresh(circle)
        except NotFound:
            # the suppliers do not know it yet, they hear of it now
            return
        except Unavailable:
            return


def circle_of(key: Key) -> Circle:
    """
    The share or group that a key stands for; raises `Invalid`.
    """
    return Circle.of(key.owner_id, key.alias)


def role_of(name: str) -> Role:
    """
    The role that a client names; raises `Invalid`.
    """
    try:
        return Role(name)
    except ValueError:
        raise Invalid(f"a role is one of {', '.join(Role)}") from None
