"""
The books of a supplier against a model: whatever customers ask for, in whatever order, the space in memory, the leases,
the ledger and the folder say the same, before and after a restart.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from twisted.trial.unittest import TestCase

from bitdust_node.errors import BitDustError, Full, NotFound, Refused
from bitdust_node.wire.command import Nothing
from bitdust_node.wire.storage import LEASE_CANCEL, PIECE_DELETE, PieceDelete
from services.supplying.store import LocalFolder
from tests.faults.watching import without_waits
from tests.services.supplier.customer import Grid, Made, make_grid, make_version

DAY = 86400
KILOBYTE = 1000
#: Bytes that are asked for, and donated.
WANTED, DONATED = (KILOBYTE, 10_000, 40_000, 80_000, 200_000), (5_000, 50_000, 120_000, 1_000_000)

CUSTOMERS = st.sampled_from((1, 2))
VERSIONS = st.sampled_from((0, 1, 2))
INDEXES = st.sampled_from((0, 3))


@dataclass
class Customer:
    """
    What a supplier should think of one. lease: None, or whether it is in force. granted: bytes. stored, coming: size by
    version and number of pieces that are stored, and that are there but not committed.
    """

    lease: bool | None = None
    granted: int = 0
    stored: dict[tuple[bytes, int], int] = field(default_factory=dict)
    coming: dict[tuple[bytes, int], int] = field(default_factory=dict)

    @property
    def used(self) -> int:
        return sum(self.stored.values())

    @property
    def reserved(self) -> int:
        return sum(self.coming.values())

    @property
    def claimed(self) -> int:
        return max(self.granted, self.used + self.reserved)


class Books(RuleBasedStateMachine):
    def __init__(self, test: TestCase, grid: Grid, versions: dict[int, list[Made]]) -> None:
        super().__init__()
        self.grid, self.versions = grid, versions
        self.model = {1: Customer(), 2: Customer()}
        folder = Path(test.mktemp())
        (folder / "pieces").mkdir(parents=True)
        grid.folder, grid.store, grid.donated = folder, LocalFolder(folder / "pieces", margin=0), 120_000

    @initialize()
    def begin(self) -> None:
        self.grid.run(self.grid.open())

    def teardown(self) -> None:
        self.grid.run(self.grid.close())

    def outcome(self, work: Any) -> type[BitDustError] | None:
        """The error with which something ends, if any."""
        failed: list[type[BitDustError]] = []

        async def go() -> None:
            try:
                await work
            except BitDustError as error:
                failed.append(type(error))

        self.grid.run(go())
        return failed[0] if failed else None

    def lapsed(self) -> bool:
        """Whether anything is kept that may go when its space is needed."""
        return any(one.lease is False and one.stored for one in self.model.values())

    # what customers do

    @rule(customer=CUSTOMERS, needed=st.sampled_from(WANTED))
    def request(self, customer: int, needed: int) -> None:
        one = self.model[customer]
        others = sum(other.claimed for other in self.model.values() if other is not one)
        room = needed <= one.granted or others + max(needed, one.used + one.reserved) <= self.grid.donated
        failed = self.outcome(self.grid.lease(needed, customer))
        assert failed in ((None,) if room else (Full, None) if self.lapsed() else (Full,)), (failed, room)
        if failed is None:
            one.lease, one.granted = True, needed

    def fits(self, one: Customer, size: int) -> bool:
        filled = sum(other.used + other.reserved for other in self.model.values())
        return size <= one.granted - one.used - one.reserved and filled + size <= self.grid.donated

    @rule(customer=CUSTOMERS, number=VERSIONS, index=INDEXES)
    def put(self, customer: int, number: int, index: int) -> None:
        one, made = self.model[customer], self.versions[customer][number]
        name, size = (made.version, index), len(made.pieces[index])
        if one.lease:
            # what was begun before gives way
            one.coming.pop(name, None)
        expected = Refused if not one.lease else None if self.fits(one, size) else Full
        failed = self.outcome(self.grid.store_piece(made, index, customer=customer))
        # a stream that is refused is reset: who commits may hear of that, or that there is no stream
        ok = (
            failed is expected or (expected is Full and failed is not None) or (expected is Full and name in one.stored)
        )
        assert ok, (failed, expected)
        if expected is None:
            one.stored[name] = size

    @rule(customer=CUSTOMERS, number=VERSIONS, index=INDEXES)
    def put_without_commit(self, customer: int, number: int, index: int) -> None:
        one, made = self.model[customer], self.versions[customer][number]
        if one.lease:
            one.coming.pop((made.version, index), None)
            if self.fits(one, len(made.pieces[index])):
                one.coming[made.version, index] = len(made.pieces[index])
        self.outcome(self.grid.put(made, index, customer=customer))
        self.grid.clock.pump(20)

    @rule(customer=CUSTOMERS, number=VERSIONS, index=INDEXES)
    def put_something_else(self, customer: int, number: int, index: int) -> None:
        one, made = self.model[customer], self.versions[customer][number]
        if one.lease:
            one.coming.pop((made.version, index), None)
        assert (
            self.outcome(self.grid.store_piece(made, index, piece=b"other", customer=customer)) is not None
            or (
                made.version,
                index,
            )
            in one.stored
        )

    @rule(customer=CUSTOMERS, number=VERSIONS)
    def delete(self, customer: int, number: int) -> None:
        one, version = self.model[customer], self.versions[customer][number].version
        assert self.outcome(self.grid.ask(PIECE_DELETE, PieceDelete([version]), customer)) is None
        for pieces in (one.stored, one.coming):
            for name in [name for name in pieces if name[0] == version]:
                del pieces[name]

    @rule(customer=CUSTOMERS)
    def cancel(self, customer: int) -> None:
        failed = self.outcome(self.grid.ask(LEASE_CANCEL, Nothing(), customer))
        assert failed is (NotFound if self.model[customer].lease is None else None), failed
        self.model[customer] = Customer()

    # what happens to the supplier

    @rule(donated=st.sampled_from(DONATED))
    def donate(self, donated: int) -> None:
        self.grid.donated = donated

    @rule(customer=CUSTOMERS)
    def silence(self, customer: int) -> None:
        """Nothing was heard of a customer for a while."""
        for lease in self.grid.keeping.leases:
            if lease.customer == self.grid.nodes[customer].node_id:
                lease.seen -= (self.grid.idle_days + 1) * DAY
        self.grid.run(self.grid.keeping.leases.patrol())
        one = self.model[customer]
        if one.lease:
            one.lease, one.granted = False, 0

    @rule()
    def wait(self) -> None:
        """What nobody commits is given up."""
        self.grid.clock.advance(2000)
        self.grid.clock.pump(20)
        for one in self.model.values():
            one.coming.clear()

    @rule()
    def restart(self) -> None:
        self.grid.run(self.grid.close())
        self.grid.run(self.grid.open())
        for one in self.model.values():
            one.coming.clear()

    @invariant()
    def all_say_the_same(self) -> None:
        grid, space = self.grid, self.grid.keeping.space
        rows = grid.run(
            grid.keeping.ledger._database.read(
                lambda c: c.execute("SELECT customer, version, idx, size, object FROM pieces").fetchall()
            )
        )
        leases = {lease.customer: lease for lease in grid.keeping.leases}
        for customer, one in self.model.items():
            node_id = grid.nodes[customer].node_id
            found = {(row[1], row[2]): row[3] for row in rows if row[0] == node_id}
            if one.lease is False:
                # it may go when others need the space, or after a long time
                assert found.items() <= one.stored.items()
                one.stored = found
            assert found == one.stored
            account = space.account(node_id)
            assert (account.granted, account.used, account.reserved) == (one.granted, one.used, one.reserved)
            assert (leases[node_id].active if node_id in leases else None) is one.lease
        assert space.used == sum(one.used + one.reserved for one in self.model.values())
        assert space.claimed == sum(one.claimed for one in self.model.values())
        small = grid.run(grid.keeping.ledger._database.read(lambda c: c.execute("SELECT object FROM small").fetchall()))
        files = {name for name in grid.files() if len(name) == 64}
        assert files | {row[0] for row in small} == {row[4] for row in rows}
        assert len(files) + len(small) == len(rows)
        assert grid.run(grid.keeping.ledger.removals(9)) == []


class BooksTest(TestCase):
    def test_any_order(self) -> None:
        grid = make_grid(self, customers=2)
        grid.run(grid.close())
        without_waits(self)
        versions = {
            customer: [
                make_version(grid.key(customer), length, seed=n) for n, length in enumerate((5_000, 20_000, 70_000))
            ]
            for customer in (1, 2)
        }
        run_state_machine_as_test(
            lambda: Books(self, grid, versions),
            settings=settings(max_examples=30, stateful_step_count=25, deadline=None),
        )
        grid.run(grid.open())
