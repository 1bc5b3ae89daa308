"""
How the donated space is shared out: what is promised, what is filled, what is on its way.

Kept in memory and counted on the reactor alone, so that two transfers never take the same byte; the ledger holds what
outlives the process.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from bitdust_node.errors import Full
from bitdust_node.identity.names import NodeId


@dataclass
class Account:
    """
    Bytes of one customer. granted: promised, 0 without a lease in force. used: of stored pieces. reserved: on the way.
    """

    granted: int = 0
    used: int = 0
    reserved: int = 0

    @property
    def claimed(self) -> int:
        """What can not be given to others."""
        return max(self.granted, self.used + self.reserved)

    @property
    def left(self) -> int:
        return max(0, self.granted - self.used - self.reserved)


class Space:
    """
    donated: bytes for all customers together; asked each time, since the option may change.
    """

    def __init__(self, donated: Callable[[], int]) -> None:
        self._donated = donated
        self._accounts: dict[NodeId, Account] = {}
        self._filled = 0

    @property
    def donated(self) -> int:
        return self._donated()

    @property
    def accounts(self) -> Mapping[NodeId, Account]:
        return self._accounts

    @property
    def used(self) -> int:
        """Bytes stored for everybody, and on their way."""
        return self._filled

    @property
    def claimed(self) -> int:
        """Bytes that are promised or filled."""
        return sum(account.claimed for account in self._accounts.values())

    def account(self, customer: NodeId) -> Account:
        """
        Of a customer without one, an empty account that is not kept.
        """
        return self._accounts.get(customer, Account())

    def load(self, customer: NodeId, granted: int, used: int) -> None:
        """
        What the ledger says at the start.
        """
        self._filled += used - self.account(customer).used
        self._accounts[customer] = Account(granted, used)

    def found(self, customer: NodeId, size: int) -> None:
        """
        Bytes that are stored elsewhere than in the ledger, as their own book says at the start.
        """
        self._move(customer, used=size)

    def missing(self, customer: NodeId, needed: int) -> int:
        """
        Bytes that others would have to leave before so many could be promised; 0 if `grant` succeeds.
        """
        account = self.account(customer)
        if needed <= account.granted:
            return 0
        others = self.claimed - account.claimed
        return max(0, others + max(needed, account.used + account.reserved) - self.donated)

    def grant(self, customer: NodeId, needed: int) -> int:
        """
        Promise so many bytes in total and answer what was promised before. `Full` when they are not there; what a
        customer has already is always promised again, also when less is donated now.
        """
        account = self.account(customer)
        if self.missing(customer, needed):
            left = max(0, self.donated - self.claimed + account.claimed)
            raise Full(f"{needed} bytes are wanted, {left} of the donated {self.donated} are left")
        before = account.granted
        self._accounts[customer] = account
        account.granted = needed
        return before

    def set_granted(self, customer: NodeId, granted: int) -> None:
        """
        Take a promise back, or put an old one in its place again.
        """
        account = self.account(customer)
        account.granted = granted
        if account == Account():
            self._accounts.pop(customer, None)

    def reservation(self, customer: NodeId) -> Reservation:
        return Reservation(self, customer)

    def freed(self, customer: NodeId, size: int) -> None:
        """
        Stored bytes are gone.
        """
        self._move(customer, used=-size)

    def take(self, customer: NodeId, size: int) -> None:
        """
        Reserve bytes; `Full` when the lease or the donated space has no room for them.
        """
        account = self.account(customer)
        if size > account.left:
            raise Full(f"the lease of {account.granted} bytes has {account.left} left")
        if self._filled + size > self.donated:
            raise Full("the supplier donates less space now than it did: nothing new is taken")
        self._move(customer, reserved=size)

    def give_back(self, customer: NodeId, size: int) -> None:
        """
        Bytes that were reserved do not come.
        """
        self._move(customer, reserved=-size)

    def keep(self, customer: NodeId, size: int) -> None:
        """
        Bytes that were reserved are stored now.
        """
        self._move(customer, reserved=-size, used=size)

    def _move(self, customer: NodeId, used: int = 0, reserved: int = 0) -> None:
        account = self._accounts.setdefault(customer, Account())
        account.used += used
        account.reserved += reserved
        self._filled += used + reserved
        if account == Account():
            del self._accounts[customer]


class Reservation:
    """
    The bytes of one transfer. They are taken as they come: how many there will be is not known before the end.
    """

    def __init__(self, space: Space, customer: NodeId) -> None:
        self._space, self._customer = space, customer
        self.held = 0

    def need(self, total: int) -> None:
        """
        Hold `total` bytes; `Full` when there is no room.
        """
        missing = total - self.held
        if missing > 0:
            self._space.take(self._customer, missing)
            self.held = total

    def keep(self) -> None:
        """
        All that is held is stored.
        """
        held, self.held = self.held, 0
        self._space.keep(self._customer, held)

    def release(self) -> None:
        """
        Nothing of it is stored; harmless when repeated, and after `keep`.
        """
        held, self.held = self.held, 0
        if held:
            self._space.give_back(self._customer, held)
