from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from bitdust_node.errors import BitDustError
from bitdust_node.pieces.object_file import open_object
from bitdust_node.wire.command import Nothing
from bitdust_node.wire.storage import LEASE_CANCEL, PIECE_DELETE, PIECE_PUT, PieceDelete, PieceGet, PieceName
from tests.services.supplier.customer import MEGABYTE, Grid, Made, make_grid, make_version


class Walk(TestCase):
    """Customers do everything at once and in any order; afterwards books, space and disk say the same."""

    def test_many_orders(self) -> None:
        for seed in range(12):
            self.walk(random.Random(seed))

    def walk(self, rnd: random.Random) -> None:
        grid = make_grid(self, customers=2, donated=6 * MEGABYTE)
        versions = {c: [make_version(grid.key(c), rnd.choice((5, 90_000)), seed=n) for n in range(3)] for c in (1, 2)}
        going: list[Deferred[Any]] = []

        for _ in range(60):
            customer = rnd.choice((1, 2))
            act = self.act(grid, rnd, customer, rnd.choice(versions[customer]), rnd.choice((0, 3)))
            step = Deferred.fromCoroutine(act)
            step.addErrback(lambda failure: failure.trap(BitDustError))
            going.append(step)
            grid.clock.pump(rnd.choice((0, 1, 3, 10)))
        for _ in range(200):
            grid.clock.advance(30)
        self.assertTrue(all(step.called for step in going))
        self.assert_sound(grid)
        grid.run(grid.close())
        grid.run(grid.open())
        self.assert_sound(grid)

    def act(self, grid: Grid, rnd: random.Random, customer: int, made: Made, index: int) -> Any:
        """One thing that the customer does, good or bad."""
        acts: list[Callable[[], Any]] = [
            lambda: grid.lease(rnd.choice((100_000, 2 * MEGABYTE, 5 * MEGABYTE)), customer),
            lambda: grid.store_piece(made, index, customer=customer),
            lambda: grid.store_piece(made, index, customer=customer),
            lambda: grid.put(made, index, customer=customer),
            lambda: grid.commit(made, index, customer=customer),
            lambda: grid.store_piece(made, index, piece=b"wrong", customer=customer),
            lambda: self.broken_put(grid, rnd, customer, PieceName(made.version, index)),
            lambda: grid.ask(PIECE_DELETE, PieceDelete([made.version]), customer),
            lambda: grid.get(PieceGet(made.version, index), customer),
            lambda: grid.ask(LEASE_CANCEL, Nothing(), customer) if rnd.random() < 0.2 else grid.lease(),
            grid.keeping.leases.patrol,
        ]
        return rnd.choice(acts)()

    async def broken_put(self, grid: Grid, rnd: random.Random, customer: int, name: PieceName) -> None:
        stream = await grid.nodes[customer].router.open_stream(grid.supplier, PIECE_PUT, name)
        await stream.write(bytes(rnd.choice((10, 70_000))))
        if rnd.random() < 0.5:
            stream.reset("changed my mind")

    def assert_sound(self, grid: Grid) -> None:
        space, ledger = grid.keeping.space, grid.keeping.ledger
        used = grid.run(ledger.used())
        self.assertEqual({c: a.used for c, a in space.accounts.items() if a.used}, used)
        self.assertEqual(sum(account.reserved for account in space.accounts.values()), 0)
        self.assertEqual(space.used, sum(used.values()))
        self.assertLessEqual(space.claimed, space.donated)
        self.assertEqual((len(grid.keeping.transfers), len(grid.keeping._puts)), (0, 0))
        small = dict(grid.run(ledger._database.read(lambda c: c.execute("SELECT * FROM small").fetchall())))
        objects = grid.booked()
        self.assertEqual(set(grid.files()) | set(small), objects)
        for data in small.values():
            open_object(data)
        for name in grid.files():
            grid.store.leaves(name)
