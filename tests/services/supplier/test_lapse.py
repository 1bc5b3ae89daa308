from __future__ import annotations

from typing import Any

from twisted.trial.unittest import TestCase

from bitdust_node.errors import Full, Invalid, NotFound, Refused
from bitdust_node.wire.command import Nothing
from bitdust_node.wire.storage import (
    LEASE_INFO,
    LEASE_NOTICE,
    LEASE_REQUEST,
    LeaseNotice,
    LeaseQuestion,
    PieceGet,
)
from services.supplying.keeping import SHORTEST_GRACE
from services.supplying.leases import LONGEST_IDLE
from tests.services.supplier.customer import MEGABYTE, make_grid, make_version

DAY = 86400


class Lapse(TestCase):
    """Leases that nobody asks for any more, and what is kept under them."""

    def setUp(self) -> None:
        self.grid = make_grid(self, customers=3, donated=10 * MEGABYTE)
        self.grid.idle_days = 2
        self.made = make_version(self.grid.key())
        self.grid.run(self.grid.lease(4 * MEGABYTE))
        self.grid.run(self.grid.store_piece(self.made))
        self.told: list[LeaseNotice] = []

    def listen(self) -> None:
        async def hear(peer: str, notice: LeaseNotice) -> Nothing:
            self.told.append(notice)
            return Nothing()

        self.grid.nodes[1].router.serve(LEASE_NOTICE, hear)

    def days(self, days: float) -> None:
        """Time goes by, a week in each day; and the patrol around."""
        self.grid.clock.advance(days * DAY / 7)
        self.grid.run(self.grid.keeping.leases.patrol())
        self.grid.run(self.grid.keeping.clear_lapsed())
        self.grid.clock.pump(20)

    def events(self, name: str) -> list[Any]:
        return [event.data for event in self.grid.nodes[0].events_seen if event.event_id == name]

    def stored(self) -> bool:
        return self.grid.run(self.grid.get(PieceGet(self.made.version, 0)))[1] == self.made.pieces[0]

    def states(self) -> list[str]:
        return [str(lease.machine.state) for lease in self.grid.keeping.leases]

    def restart(self) -> None:
        self.grid.run(self.grid.close())
        self.grid.run(self.grid.open())

    def test_customer_is_reminded_twice(self) -> None:
        self.listen()
        expires = int(self.grid.clock.seconds()) + 2 * DAY
        self.days(10.4)
        self.assertEqual(self.told, [])
        self.days(0.2)
        self.assertEqual([(one.granted, one.expires) for one in self.told], [(4 * MEGABYTE, expires)])
        self.restart()
        self.days(1)
        self.assertEqual(len(self.told), 1)
        self.days(1.6)
        self.assertEqual(len(self.told), 2)
        self.assertEqual([data["expires"] for data in self.events("customer-lease-lapsing")], [expires] * 2)
        # whoever answers by a sign of life is safe
        self.grid.run(self.grid.ask(LEASE_INFO, Nothing()))
        self.days(2)
        self.assertEqual((self.states(), len(self.told)), (["ACTIVE"], 2))
        self.days(9)
        self.assertEqual(len(self.told), 3)

    def test_customer_who_is_away_is_only_told_of(self) -> None:
        self.grid.nodes[1].die()
        self.days(11)
        self.assertEqual(len(self.events("customer-lease-lapsing")), 1)
        self.days(4)
        self.assertEqual(self.states(), ["LAPSED"])

    def test_grace_is_long_and_then_over(self) -> None:
        self.grid.lapsed_days = 13
        self.days(15)
        self.days(89)
        self.restart()
        self.days(0.5)
        self.assertEqual(self.events("customer-pieces-removed"), [])
        self.days(3)
        self.assertEqual((self.states(), self.grid.files()), ([], []))
        (told,) = self.events("customer-pieces-removed")
        self.assertEqual((told["idurl"], told["bytes"]), (self.grid.nodes[1].me.idurl, len(self.made.pieces[0])))
        self.assertEqual(self.grid.keeping.space.used, 0)
        self.grid.fails(NotFound, self.grid.get(PieceGet(self.made.version, 0)))

    def test_renewed_lease_is_not_removed(self) -> None:
        self.grid.lapsed_days = 13
        self.days(15)
        self.days(80)
        self.grid.run(self.grid.lease(MEGABYTE))
        for _ in range(3):
            self.days(13)
            self.grid.run(self.grid.lease(MEGABYTE))
        self.assertTrue(self.stored())
        # and its grace begins anew
        self.days(15)
        self.days(80)
        self.assertTrue(self.stored())

    def test_without_a_limit_pieces_stay(self) -> None:
        self.days(15)
        self.days(100)
        self.assertTrue(self.stored())

    def test_space_that_is_needed(self) -> None:
        grid = self.grid
        other = make_version(grid.key(2), 300_000, seed=5)
        grid.run(grid.lease(4 * MEGABYTE, 2))
        grid.run(grid.store_piece(other, customer=2))
        self.days(15)
        self.assertEqual(self.states(), ["LAPSED", "LAPSED"])
        # not at once
        grid.fails(Full, grid.lease(10 * MEGABYTE, 3))
        grid.clock.advance(SHORTEST_GRACE)
        # not for more than there would be
        grid.fails(Full, grid.lease(11 * MEGABYTE, 3))
        self.assertEqual(len(grid.files()), 2)
        # no more than is needed
        grid.run(grid.lease(10 * MEGABYTE - 200_000, 3))
        self.assertEqual(len(grid.files()), 1)
        self.assertEqual(len(self.events("customer-pieces-removed")), 1)

    def test_active_leases_never_give_room(self) -> None:
        self.grid.clock.advance(1.8 * DAY)
        self.grid.fails(Full, self.grid.lease(10 * MEGABYTE, 2))
        self.days(0.5)
        self.assertTrue(self.stored())

    def test_own_pieces_are_not_removed_for_a_larger_lease(self) -> None:
        self.days(15)
        self.grid.clock.advance(SHORTEST_GRACE + DAY)
        self.grid.fails(Full, self.grid.lease(11 * MEGABYTE))
        self.assertTrue(self.stored())
        self.grid.run(self.grid.lease(10 * MEGABYTE))
        self.assertTrue(self.stored())

    def test_less_donated_than_leased(self) -> None:
        grid = self.grid
        grid.donated = MEGABYTE
        self.assertTrue(self.stored())
        grid.fails(Full, grid.lease(1000, 2))
        self.days(1)
        self.assertTrue(self.stored())
        grid.run(grid.lease(4 * MEGABYTE))
        self.assertEqual(
            (grid.keeping.space.claimed, grid.keeping.space.missing(grid.nodes[2].node_id, 1)),
            (4194304, 3 * MEGABYTE + 1),
        )
        grid.donated = 5 * MEGABYTE
        grid.run(grid.lease(MEGABYTE, 2))

    def test_sizes_that_are_none(self) -> None:
        for needed in (-1, -(1 << 60), (1 << 60) + 1, 1 << 62):
            self.grid.fails(Invalid, self.grid.ask(LEASE_REQUEST, LeaseQuestion(needed, 0, 4), 2))
        for position, suppliers in ((-1, 4), (256, 4), (0, 0), (0, 257), (0, -1)):
            self.grid.fails(Invalid, self.grid.ask(LEASE_REQUEST, LeaseQuestion(1, position, suppliers), 2))
        self.grid.fails(Full, self.grid.ask(LEASE_REQUEST, LeaseQuestion(1 << 60, 0, 4), 2))
        self.assertEqual(self.states(), ["ACTIVE"])
        self.grid.fails(Refused, self.grid.store_piece(make_version(self.grid.key(2), seed=7), customer=2))

    def test_absurd_and_no_idle_time(self) -> None:
        for days in (0, 10**8, 10**19):
            self.grid.idle_days = days
            expires = self.grid.run(self.grid.lease(4 * MEGABYTE)).expires
            self.assertEqual(expires, int(self.grid.clock.seconds()) + LONGEST_IDLE * DAY)
            self.days(100)
            self.assertEqual((self.states(), self.events("customer-lease-lapsing")), (["ACTIVE"], []))
            self.assertTrue(self.stored())
