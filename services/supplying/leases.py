"""
The leases of all customers: asked for, renewed, fallen silent, cancelled.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from typing import Any

from twisted.internet.defer import DeferredLock

from automats.lease import LEASE, Input, State
from automats.machine import Machine
from automats.registry import Automats
from bitdust_node.clock import Clock
from bitdust_node.errors import BitDustError, Full, NotFound, Refused
from bitdust_node.events import Events
from bitdust_node.identity.names import NodeId, global_id_of
from bitdust_node.pieces.layout import ecc_map
from bitdust_node.waiting import shielded
from bitdust_node.wire.storage import LeaseAnswer, LeaseQuestion, LeaseState
from services.supplying.ledger import LeaseRow, Ledger
from services.supplying.space import Space

DAY = 86400

#: Customers of one supplier; more are refused.
LEASES_LIMIT = 10_000
#: Days of silence after which a lease lapses in any case: times that are told must fit what carries them.
LONGEST_IDLE = 36_500
#: Parts of the idle time after which a silent customer is reminded.
NOTICES = (3 / 4, 15 / 16)


class Lease:
    """
    The lease of one customer; owner of its machine.
    """

    def __init__(self, leases: Leases, customer: NodeId, idurl: str, created: int) -> None:
        self._leases = leases
        self.customer = customer
        self.idurl = idurl
        self.position = 0
        self.suppliers = 1
        self.created = created
        self.seen = created
        #: When it has lapsed, 0 while it has not; notices given since the customer was heard of; bytes removed.
        self.lapsed_at = self.noticed = self.removed = 0
        self.machine = Machine(LEASE, self, clock=leases.clock, id=f"lease_{customer[:16]}", automats=leases.automats)

    @property
    def active(self) -> bool:
        return self.machine.state is State.ACTIVE

    @property
    def lapsed(self) -> bool:
        return self.machine.state is State.LAPSED

    @property
    def granted(self) -> int:
        return self._leases.space.account(self.customer).granted

    @property
    def row(self) -> LeaseRow:
        agreed = (self.customer, self.idurl, self.granted, self.position, self.suppliers)
        return LeaseRow(*agreed, self.lapsed, self.seen, self.created, self.lapsed_at, self.noticed)

    def report_new(self) -> None:
        self._leases.events.publish("new-customer-accepted", self._agreement())

    def report_renewed(self) -> None:
        self._leases.events.publish("existing-customer-accepted", self._agreement())

    def report_denied(self) -> None:
        self._leases.events.publish("new-customer-denied", {"idurl": self.idurl})

    def report_not_renewed(self) -> None:
        self._leases.events.publish("existing-customer-denied", {"idurl": self.idurl})

    def release_space(self) -> None:
        self._leases.space.set_granted(self.customer, 0)

    def report_ended(self) -> None:
        data = {"idurl": self.idurl, "ecc_map": ecc_map(self.suppliers)}
        self._leases.events.publish("existing-customer-terminated", data)
        for forget in self._leases.ended:
            forget(self.customer)

    def report_removed(self) -> None:
        data = {"idurl": self.idurl, "bytes": self.removed, "lapsed": self.lapsed_at}
        self._leases.events.publish("customer-pieces-removed", data)

    def forget(self) -> None:
        self._leases.forget(self)

    def contract(self) -> dict[str, Any]:
        """
        What was agreed, as the API shows it.
        """
        return {
            "started": self.created,
            "complete_after": self._leases.expires(self),
            "allocated_bytes": self.granted,
            "ecc_position": self.position,
            "ecc_map": ecc_map(self.suppliers),
        }

    def _agreement(self) -> dict[str, Any]:
        return {
            "idurl": self.idurl,
            "allocated_bytes": self.granted,
            "ecc_map": ecc_map(self.suppliers),
            "position": self.position,
            "key_id": f"customer${global_id_of(self.idurl)}",
            "family_snapshot": [],
            "contract": self.contract(),
        }


class Leases:
    """
    idle_days: days of silence after which a lease lapses. idurl_of: the address of a peer, which its handshake has
    told.
    """

    def __init__(
        self,
        ledger: Ledger,
        space: Space,
        events: Events,
        clock: Clock,
        automats: Automats,
        idle_days: Callable[[], int],
        idurl_of: Callable[[NodeId], str],
    ) -> None:
        self.space, self.events, self.clock, self.automats = space, events, clock, automats
        self._ledger = ledger
        self._idle_days = idle_days
        self._idurl_of = idurl_of
        self._leases: dict[NodeId, Lease] = {}
        #: Called with each customer whose lease was ended, by the other books that keep something for him.
        self.ended: list[Callable[[NodeId], object]] = []
        #: Called with each lease that is about to lapse.
        self.lapsing: list[Callable[[Lease], object]] = []
        # one change at a time: what is promised in memory and what is in the ledger never part
        self._turn = DeferredLock()

    def __iter__(self) -> Iterator[Lease]:
        """Oldest first."""
        return iter(sorted(self._leases.values(), key=lambda lease: (lease.created, lease.customer)))

    def __len__(self) -> int:
        return len(self._leases)

    async def load(self) -> list[NodeId]:
        """
        Take up what the ledger says. Answers who fills space and has no lease, as it was ended.
        """
        used = await self._ledger.used()
        for row in await self._ledger.leases():
            lease = self._add(row.customer, row.idurl, row.created)
            lease.position, lease.suppliers, lease.seen = row.position, row.suppliers, row.seen
            # written by an older program: the grace time begins now
            lease.lapsed_at = row.lapsed_at or (int(self.clock.seconds()) if row.lapsed else 0)
            lease.noticed = row.noticed
            self.space.load(row.customer, 0 if row.lapsed else row.granted, used.pop(row.customer, 0))
            lease.machine.feed(Input.REMEMBER_LAPSED if row.lapsed else Input.REMEMBER)
        for customer, size in used.items():
            self.space.load(customer, 0, size)
        return list(used)

    def close(self) -> None:
        for lease in self._leases.values():
            lease.machine.close()
        self._leases.clear()

    async def request(self, customer: NodeId, question: LeaseQuestion) -> LeaseAnswer:
        """
        Promise the peer so many bytes, in place of what he had before; `Full` when they are not there.
        """
        return await shielded(self._turn.run(self._request, customer, question))

    async def cancel(self, customer: NodeId) -> None:
        """
        End the lease of the peer. His pieces are for others to remove.
        """
        await shielded(self._turn.run(self._cancel, customer))

    async def patrol(self) -> int:
        """
        Note who was heard of, let the leases lapse of those who were not for too long, and remind those whose leases
        will soon; how many lapsed.
        """
        return await shielded(self._turn.run(self._patrol))

    async def expire(self, customer: NodeId, remove: Callable[[], Awaitable[int]]) -> int:
        """
        End a lapsed lease, and remove what is kept under it; how many bytes that were. Nothing happens to a lease that
        was renewed meanwhile, and none is renewed before the removal has ended.
        """
        return await shielded(self._turn.run(self._expire, customer, remove))

    def lapsed_since(self, seconds: float) -> list[Lease]:
        """
        The leases that have lapsed so long ago or longer, the first of them first.
        """
        latest = self.clock.seconds() - seconds
        lapsed = [lease for lease in self._leases.values() if lease.lapsed and lease.lapsed_at <= latest]
        return sorted(lapsed, key=lambda lease: lease.lapsed_at)

    def departed(self) -> list[NodeId]:
        """
        Who fills space and has no lease, not even a lapsed one: not all of it could be removed when that was ended.
        """
        return [one for one, account in self.space.accounts.items() if account.used and one not in self._leases]

    async def clear(self, customer: NodeId, remove: Callable[[NodeId], Awaitable[object]]) -> None:
        """
        Remove what is kept of somebody who has no lease, here and in the other books; none is made before that has
        ended.
        """
        await shielded(self._turn.run(self._clear, customer, remove))

    async def _clear(self, customer: NodeId, remove: Callable[[NodeId], Awaitable[object]]) -> None:
        if customer not in self._leases:
            for forget in self.ended:
                forget(customer)
            await remove(customer)

    async def _expire(self, customer: NodeId, remove: Callable[[], Awaitable[int]]) -> int:
        lease = self._leases.get(customer)
        if lease is None or not lease.lapsed:
            return 0
        # the pieces first: a crash leaves a lapsed lease with fewer of them
        lease.removed = await remove()
        await self._ledger.end_lease(customer)
        lease.machine.feed(Input.EXPIRE)
        return lease.removed

    async def _request(self, customer: NodeId, question: LeaseQuestion) -> LeaseAnswer:
        now = int(self.clock.seconds())
        lease = self._leases.get(customer) or self._add(customer, self._idurl_of(customer), now)
        try:
            if len(self._leases) > LEASES_LIMIT:
                raise Full(f"this supplier has {LEASES_LIMIT} customers already")
            before = self.space.grant(customer, question.needed)
        except Full:
            lease.machine.feed(Input.DENY)
            raise
        lease.idurl, lease.seen = self._idurl_of(customer), now
        lease.position, lease.suppliers = question.position, question.suppliers
        try:
            await self._ledger.save_leases([self._in_force(lease)])
        except BitDustError:
            self.space.set_granted(customer, before)
            lease.machine.feed(Input.DENY)
            raise
        lease.lapsed_at = lease.noticed = 0
        lease.machine.feed(Input.GRANT)
        return LeaseAnswer(question.needed, self.expires(lease))

    async def _cancel(self, customer: NodeId) -> None:
        lease = self._leases.get(customer)
        if lease is None:
            raise NotFound("there is no such lease")
        await self._ledger.end_lease(customer)
        lease.machine.feed(Input.CANCEL)

    def info(self, customer: NodeId) -> LeaseState:
        lease = self._leases.get(customer)
        account = self.space.account(customer)
        return LeaseState(account.granted, account.used, self.expires(lease) if lease else 0)

    def expires(self, lease: Lease) -> int:
        """
        When the lease lapses if the customer stays silent; unix seconds.
        """
        # 0 days: no customer is ever idle
        return lease.seen + min(self._idle_days() or LONGEST_IDLE, LONGEST_IDLE) * DAY

    def touch(self, customer: NodeId) -> None:
        """
        The customer has been heard of.
        """
        lease = self._leases.get(customer)
        if lease is not None:
            lease.seen, lease.noticed = int(self.clock.seconds()), 0

    def check(self, customer: NodeId) -> None:
        """
        `Refused` unless the customer has a lease in force; else it counts as a sign of life.
        """
        lease = self._leases.get(customer)
        if lease is None or not lease.active:
            raise Refused("there is no lease in force: ask for one first")
        self.touch(customer)

    def in_force(self, customer: NodeId) -> bool:
        """
        True if the customer has a lease now. Says nothing of whether he lives.
        """
        lease = self._leases.get(customer)
        return lease is not None and lease.active

    def known(self, customer: NodeId) -> bool:
        """
        True if the customer has a lease, in force or lapsed.
        """
        return customer in self._leases

    async def _patrol(self) -> int:
        now = self.clock.seconds()
        silent = [lease for lease in self._leases.values() if lease.active and self.expires(lease) < now]
        for lease in silent:
            lease.lapsed_at = int(now)
            lease.machine.feed(Input.SILENT)
        for lease in self._leases.values():
            self._remind(lease)
        await self._ledger.save_leases([lease.row for lease in self._leases.values()])
        return len(silent)

    def _remind(self, lease: Lease) -> None:
        silence, limit = self.clock.seconds() - lease.seen, self.expires(lease) - lease.seen
        due = sum(silence >= part * limit for part in NOTICES) if lease.active else 0
        if due > lease.noticed:
            lease.noticed = due
            self.events.publish("customer-lease-lapsing", {"idurl": lease.idurl, "expires": self.expires(lease)})
            for remind in self.lapsing:
                remind(lease)

    def forget(self, lease: Lease) -> None:
        if self._leases.get(lease.customer) is lease:
            del self._leases[lease.customer]

    def _add(self, customer: NodeId, idurl: str, created: int) -> Lease:
        lease = Lease(self, customer, idurl, created)
        self._leases[customer] = lease
        return lease

    def _in_force(self, lease: Lease) -> LeaseRow:
        return replace(lease.row, lapsed=False, lapsed_at=0, noticed=0)
