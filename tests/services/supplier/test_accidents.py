from __future__ import annotations

import errno
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from bitdust_node.errors import Closed, Failed, Full, NotFound
from bitdust_node.identity.names import NodeId
from bitdust_node.wire.command import Nothing
from bitdust_node.wire.storage import LEASE_CANCEL, PIECE_DELETE, PIECE_PUT, PieceDelete, PieceGet, PieceName
from services.supplying.keeping import AGAIN
from services.supplying.store import LocalFolder
from services.supplying.transfers import Transfers
from tests.services.full import full
from tests.services.supplier.customer import MEGABYTE, make_grid, make_version


class FaultyWriter:
    """Does what a real writer does, until the step of the store's choice."""

    def __init__(self, store: FaultyFolder, inner: Any) -> None:
        self._store, self._inner = store, inner

    def __getattr__(self, name: str) -> Any:
        def call(*args: Any) -> Any:
            if name == self._store.step:
                self._inner.discard()
                raise self._store.error
            return getattr(self._inner, name)(*args)

        return call


class FaultyFolder(LocalFolder):
    """A folder on a disk that breaks."""

    step = ""
    error: Exception = Full("the disk of the supplier has no room left")

    def writer(self, *args: Any) -> Any:
        return FaultyWriter(self, super().writer(*args))


class Broken(TestCase):
    def setUp(self) -> None:
        self.folder = Path(self.mktemp())
        self.folder.mkdir()
        self.store = FaultyFolder(self.folder, margin=0)
        self.grid = make_grid(self, store=self.store)
        self.grid.run(self.grid.lease())
        self.made = make_version(self.grid.key())

    def unharmed(self) -> None:
        """Nothing is left, nothing is reserved, and the next piece is stored."""
        grid, made = self.grid, self.made
        grid.clock.pump(20)
        self.assertEqual([path for path in self.folder.glob("*/*") if not path.name.isalnum()], [])
        self.assertEqual(grid.keeping.space.account(grid.nodes[1].node_id).reserved, 0)
        self.assertEqual(len(grid.keeping.transfers), 0)
        self.store.step = ""
        grid.run(grid.store_piece(made))
        self.assertEqual(grid.run(grid.get(PieceGet(made.version, 0)))[1], made.pieces[0])

    def test_disk_full_at_each_step(self) -> None:
        for step in ("write", "finish", "commit"):
            self.store.step = step
            self.grid.fails(Full, self.grid.store_piece(self.made, 1))
        self.unharmed()

    def test_disk_broken_at_each_step(self) -> None:
        self.store.error = OSError(errno.EIO, "Input/output error")
        for step in ("write", "finish", "commit"):
            self.store.step = step
            self.grid.fails(Failed, self.grid.store_piece(self.made, 1))
        self.flushLoggedErrors(OSError)
        self.unharmed()

    def test_books_that_can_not_be_written_undo_the_piece(self) -> None:
        grid = self.grid
        with full(grid.keeping.ledger._database):
            grid.fails(Full, grid.store_piece(self.made, 1))
        self.assertEqual(list(self.folder.glob("*/*")), [])
        self.unharmed()

    def test_what_neither_the_store_nor_the_books_take_back_is_removed_later(self) -> None:
        grid, delete = self.grid, self.store.delete
        kept = make_version(grid.key(), seed=1)

        def broken(*names: str) -> None:
            raise OSError(errno.EIO, "Input/output error")

        self.store.delete = broken  # type: ignore[method-assign]
        with full(grid.keeping.ledger._database):
            for made in (self.made, kept):
                grid.fails(Full, grid.store_piece(made, 1))
        self.assertEqual(len(list(self.folder.glob("*/*"))), 2)
        # one of them comes again meanwhile, and is not to go
        grid.run(grid.store_piece(kept, 1))
        grid.clock.advance(AGAIN)
        grid.clock.pump(10)
        self.store.delete = delete  # type: ignore[method-assign]
        grid.clock.advance(AGAIN)
        grid.clock.pump(10)
        self.assertEqual(len(list(self.folder.glob("*/*"))), 1)
        self.assertEqual(grid.run(grid.get(PieceGet(kept.version, 1)))[1], kept.pieces[1])
        self.unharmed()

    def test_stop_in_the_middle_leaves_nothing(self) -> None:
        grid, made = self.grid, self.made

        async def half() -> None:
            stream = await grid.nodes[1].router.open_stream(grid.supplier, PIECE_PUT, PieceName(made.version, 0))
            await stream.write(made.pieces[0][:100_000])

        grid.run(half())
        grid.clock.pump(10)
        grid.run(grid.put(made, 1))
        grid.clock.pump(10)
        grid.run(grid.close())
        self.assertEqual(list(self.folder.glob("*/*")), [])
        grid.run(grid.open())
        self.unharmed()

    def test_full_lease_harms_nothing_else(self) -> None:
        grid = self.grid
        grid.run(grid.lease(200_000))
        grid.run(grid.store_piece(self.made))
        grid.fails(Full, grid.store_piece(self.made, 1))
        grid.run(grid.lease())
        self.unharmed()

    def test_pieces_that_come_together_share_what_is_left(self) -> None:
        """Ten small pieces at once fit into a lease that has room for them and hardly more."""
        grid = self.grid
        versions = [make_version(grid.key(), 100_000, seed=seed) for seed in range(10)]
        grid.run(grid.lease(sum(len(made.pieces[0]) for made in versions)))

        async def all_at_once() -> None:
            for waiting in [Deferred.fromCoroutine(grid.store_piece(made)) for made in versions]:
                await waiting

        grid.run(all_at_once())
        self.assertEqual(grid.keeping.space.account(grid.nodes[1].node_id).left, 0)
        grid.fails(Full, grid.store_piece(make_version(grid.key(), 1, seed=99)))

    def test_orphans_are_counted_and_left(self) -> None:
        grid = self.grid
        grid.run(grid.store_piece(self.made))
        grid.run(grid.close())
        grid.run(grid.open())
        grid.clock.pump(10)
        self.assertEqual(grid.keeping.orphans, 0)
        grid.run(grid.close())
        (grid.folder / "ledger.db").rename(grid.folder / "lost.db")
        for rest in grid.folder.glob("ledger.db-*"):
            rest.unlink()
        grid.run(grid.open())
        grid.clock.pump(10)
        self.assertEqual(grid.keeping.orphans, 1)
        self.assertEqual(len(list(self.folder.glob("*/*"))), 1)
        self.flushLoggedErrors()

    def test_removal_is_finished_after_a_crash(self) -> None:
        grid, made = self.grid, self.made
        grid.run(grid.store_piece(made))
        grid.run(grid.keeping.ledger.remove(grid.nodes[1].node_id, [made.version]))
        self.assertEqual(len(list(self.folder.glob("*/*"))), 1)
        grid.run(grid.close())
        grid.run(grid.open())
        self.assertEqual(list(self.folder.glob("*/*")), [])
        self.assertEqual(grid.run(grid.keeping.ledger.removals(1)), [])

    def test_what_could_not_be_removed_with_its_lease_is_removed_later(self) -> None:
        grid = self.grid
        grid.run(grid.store_piece(self.made))
        ledger = grid.keeping.ledger
        remove = ledger.remove

        async def full(*_: Any) -> Any:
            raise Full("no room left on the disk for ledger.db")

        ledger.remove = full  # type: ignore[method-assign]
        grid.fails(Full, grid.ask(LEASE_CANCEL, Nothing()))
        # the customer takes that for the end
        grid.fails(NotFound, grid.ask(LEASE_CANCEL, Nothing()))
        told: list[NodeId] = []
        grid.keeping.leases.ended.append(told.append)
        ledger.remove = remove  # type: ignore[method-assign]
        grid.clock.advance(AGAIN)
        grid.clock.pump(20)
        self.assertEqual(list(self.folder.glob("*/*")), [])
        self.assertEqual(grid.keeping.space.used, 0)
        self.assertEqual(told, [grid.nodes[1].node_id])
        grid.run(grid.lease())
        self.unharmed()

    def test_objects_whose_list_could_not_be_read_are_removed_later(self) -> None:
        grid = self.grid
        grid.run(grid.store_piece(self.made))
        ledger = grid.keeping.ledger
        listed = ledger.listed_removals

        async def broken(_: Any) -> Any:
            raise Failed("database ledger.db can not be used: disk I/O error")

        ledger.listed_removals = broken  # type: ignore[method-assign]
        grid.fails(Failed, grid.ask(PIECE_DELETE, PieceDelete([self.made.version])))
        ledger.listed_removals = listed  # type: ignore[method-assign]
        grid.clock.advance(AGAIN)
        grid.clock.pump(20)
        self.assertEqual(list(self.folder.glob("*/*")), [])
        self.unharmed()

    def test_lost_and_damaged_objects_are_told(self) -> None:
        grid, made = self.grid, self.made
        grid.run(grid.store_piece(made))
        (path,) = self.folder.glob("*/*")
        whole = path.read_bytes()
        path.write_bytes(whole[:100_000])
        error = grid.fails(Exception, grid.get(PieceGet(made.version, 0)))  # type: ignore[arg-type]
        self.assertIn("cut off", str(error))
        path.unlink()
        grid.fails(NotFound, grid.get(PieceGet(made.version, 0)))

    def test_version_deleted_while_it_comes(self) -> None:
        grid, made = self.grid, self.made

        async def half() -> None:
            stream = await grid.nodes[1].router.open_stream(grid.supplier, PIECE_PUT, PieceName(made.version, 0))
            await stream.write(made.pieces[0][:1000])

        grid.run(half())
        commit = Deferred.fromCoroutine(grid.commit(made))
        grid.clock.pump(20)
        grid.run(grid.ask(PIECE_DELETE, PieceDelete([made.version])))
        self.failureResultOf(commit, Closed)
        self.unharmed()


class Limits(TestCase):
    def test_too_many_transfers_at_once(self) -> None:
        grid = make_grid(self, customers=2)
        grid.keeping.transfers.__init__(3, 5)  # type: ignore[misc]
        for customer in (1, 2):
            grid.run(grid.lease(MEGABYTE, customer))
        streams = []

        async def begin(customer: int, seed: int) -> None:
            name = PieceName(bytes([seed]) * 16, 0)
            stream = await grid.nodes[customer].router.open_stream(grid.supplier, PIECE_PUT, name)
            await stream.write(b"data")
            streams.append(stream)

        for seed in range(4):
            grid.run(begin(1, seed))
        grid.clock.pump(10)
        self.assertEqual(len(grid.keeping.transfers), 3)
        grid.fails(Full, streams[3].read())
        for seed in range(3):
            grid.run(begin(2, seed))
        grid.clock.pump(10)
        self.assertEqual(len(grid.keeping.transfers), 5)
        grid.fails(Full, streams[6].read())
        for stream in streams:
            stream.reset("enough")
        grid.clock.pump(10)
        self.assertEqual(len(grid.keeping.transfers), 0)

    def test_slots_are_given_back_after_errors(self) -> None:
        transfers = Transfers(1, 1)
        for _ in range(3):
            with self.assertRaises(KeyError), transfers.one("a"):  # type: ignore[arg-type]
                raise KeyError
        self.assertEqual(len(transfers), 0)
