"""
Where pieces of a peer stand in the books: under his own name, or under that of a share that he is a member of.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from hashlib import sha256

from bitdust_node.errors import NotFound, Refused
from bitdust_node.identity.names import NodeId
from bitdust_node.membership.roster import Circle, Role

#: What a node may do in a share or group; raises `NotFound` for who is no member, as for one that does not exist.
RoleOf = Callable[[Circle, NodeId], Awaitable[Role]]


@dataclass(frozen=True)
class Deposit:
    """
    key: what the books and the store know it by. payer: whose lease it fills.
    """

    key: NodeId
    payer: NodeId

    @classmethod
    def own(cls, customer: NodeId) -> Deposit:
        """
        What a customer keeps for himself.
        """
        return cls(customer, customer)

    @classmethod
    def of_circle(cls, circle: Circle) -> Deposit:
        """
        What belongs to a share: a hash names it, so that the pieces of two shares, or of a share and its owner, never
        have one name.
        """
        return cls(NodeId(sha256(circle.canonical).hexdigest()), NodeId(circle.owner))


class Deposits:
    """
    Decides which deposit a question is about, and whether this peer may ask it.
    """

    def __init__(self, role_of: RoleOf | None = None) -> None:
        self._role_of = role_of

    async def readable(self, peer: NodeId, circle: Circle | None) -> Deposit:
        """
        Raises `NotFound` for who is no member.
        """
        if circle is None:
            return Deposit.own(peer)
        await self._role(peer, circle)
        return Deposit.of_circle(circle)

    async def writable(self, peer: NodeId, circle: Circle | None) -> Deposit:
        """
        Raises `NotFound` for who is no member, `Refused` for readers.
        """
        if circle is None:
            return Deposit.own(peer)
        if not (await self._role(peer, circle)).writes:
            raise Refused("readers of a share do not write to it")
        return Deposit.of_circle(circle)

    async def _role(self, peer: NodeId, circle: Circle) -> Role:
        if self._role_of is None:
            raise NotFound("there is no such share or group")
        return await self._role_of(circle, peer)
