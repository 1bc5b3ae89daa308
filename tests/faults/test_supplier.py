"""
A supplier is stopped at each of its writes, syncs, renames, removals and commits, by a kill and by power cuts: what it
has acknowledged is there when it is started again, nothing is half there, and it can go on.
"""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from twisted.trial.unittest import TestCase

from bitdust_node.errors import NotFound
from bitdust_node.pieces.hashtree import root
from bitdust_node.pieces.manifest import verify_manifest
from bitdust_node.pieces.object_file import object_name, open_object
from bitdust_node.wire.command import Nothing
from bitdust_node.wire.storage import LEASE_CANCEL, PIECE_DELETE, PieceDelete
from services.supplying.store import LocalFolder
from tests.faults.disk import Committed, Disk, Removed, Renamed, Synced, Wrote
from tests.faults.watching import Watch, without_waits
from tests.services.supplier.customer import MEGABYTE, Made, make_grid, make_version

#: Power cuts after each operation, each with another part of what was not synced.
CUTS = 2
#: Processes that are killed.
KILLS = 10

ROOT = Path(__file__).parents[2]

Pieces = frozenset[tuple[int, bytes, int]]


@dataclass(frozen=True)
class Books:
    """
    What customers were told. pieces: customer, version and number. leases: customer and bytes.
    """

    pieces: Pieces = frozenset()
    leases: frozenset[tuple[int, int]] = frozenset()


@dataclass(frozen=True)
class Act:
    """
    do: what a customer asks for. after: what is so when it was answered. begun, ended: the operations on the disk
    before and with it.
    """

    do: Callable[[], Awaitable[Any]]
    after: Books
    begun: int
    ended: int


class SupplierFaults(TestCase):
    def setUp(self) -> None:
        self.grid = grid = make_grid(self, customers=2)
        grid.run(grid.close())
        self.move(Path(self.mktemp()).absolute())
        self.small, self.other = (make_version(grid.key(1), 5000, seed=n) for n in (1, 2))
        self.large = make_version(grid.key(1), 200_000, seed=3)
        self.foreign = make_version(grid.key(2), 90_000, seed=4)
        # its pieces go past the page cache, in more than one write
        self.huge = make_version(grid.key(1), 5 * MEGABYTE, seed=5)
        self.acts: list[Act] = []
        self.books = Books()

    def move(self, folder: Path) -> None:
        """The supplier begins in an empty folder."""
        (folder / "pieces").mkdir(parents=True)
        self.disk = Disk(folder)
        self.at(folder)

    def at(self, folder: Path) -> None:
        """The supplier is the one of this folder when it is opened."""
        self.grid.folder, self.grid.store = folder, LocalFolder(folder / "pieces", margin=0)

    def do(self, do: Callable[[], Awaitable[Any]], pieces: Pieces, leases: frozenset[tuple[int, int]]) -> None:
        begun = self.disk.done
        self.grid.run(do())
        self.books = Books(pieces, leases)
        self.acts.append(Act(do, self.books, begun, self.disk.done))

    def lease(self, customer: int, needed: int) -> None:
        others = {lease for lease in self.books.leases if lease[0] != customer}
        self.do(lambda: self.grid.lease(needed, customer), self.books.pieces, frozenset({*others, (customer, needed)}))

    def put(self, made: Made, index: int, customer: int = 1) -> None:
        pieces = self.books.pieces | {(customer, made.version, index)}
        self.do(lambda: self.grid.store_piece(made, index, customer=customer), pieces, self.books.leases)

    def delete(self, *versions: Made) -> None:
        names = [made.version for made in versions]
        pieces = frozenset(piece for piece in self.books.pieces if piece[1] not in names)
        self.do(lambda: self.grid.ask(PIECE_DELETE, PieceDelete(names)), pieces, self.books.leases)

    def cancel(self, customer: int) -> None:
        async def go() -> None:
            try:
                await self.grid.ask(LEASE_CANCEL, Nothing(), customer)
            except NotFound:
                return  # it was before the supplier was stopped

        pieces = frozenset(piece for piece in self.books.pieces if piece[0] != customer)
        self.do(go, pieces, frozenset(lease for lease in self.books.leases if lease[0] != customer))

    def live(self) -> None:
        """All that changes the books or the store."""
        watch = Watch(self, self.disk)
        self.grid.run(self.grid.open())
        self.acts.append(Act(self.grid.lease, Books(), 0, self.disk.done))
        self.lease(1, 5 * MEGABYTE)
        self.lease(2, 3 * MEGABYTE)
        self.put(self.small, 0)
        self.put(self.large, 0)
        self.put(self.large, 3)
        self.put(self.foreign, 1, 2)
        self.put(self.large, 0)
        self.put(self.small, 0)
        self.put(self.other, 2)
        self.delete(self.large, self.other)
        self.put(self.large, 1)
        self.put(self.huge, 1)
        self.delete(self.huge)
        self.lease(1, 4 * MEGABYTE)
        self.cancel(2)
        self.delete(self.large)
        self.grid.run(self.grid.close())
        watch.end()

    def test_stopped_anywhere(self) -> None:
        self.live()
        done = self.disk.operations
        for kind, least in ((Wrote, 5), (Synced, 5), (Renamed, 5), (Removed, 4), (Committed, 20)):
            self.assertGreaterEqual(sum(isinstance(one, kind) for one in done), least, kind)
        self.assertGreaterEqual(sum(isinstance(one, Wrote) and len(one.data) >= MEGABYTE for one in done), 2)
        without_waits(self)
        target = self.disk.folder.with_name("again")
        for number in range(self.disk.done + 1):
            for cut in range(1 + CUTS):
                dice = random.Random(f"{number} {cut}") if cut else None
                self.disk.restore(target, number, dice)
                self.begin_again(target, number)

    def test_killed_anywhere(self) -> None:
        """The same with real processes, at some of them."""
        self.live()
        folder = Path(self.mktemp()).absolute()
        folder.mkdir()
        numbers = sorted(random.Random(4).sample(range(1, self.disk.done), KILLS))
        command = [sys.executable, "-m", "tests.faults.child", str(folder), *map(str, numbers)]
        subprocess.run(command, check=True, cwd=ROOT, timeout=120)
        without_waits(self)
        for number in numbers:
            self.begin_again(folder / str(number), number)

    def begin_again(self, target: Path, number: int) -> None:
        before, act = Books(), self.acts[0]
        for act in self.acts:
            if number < act.ended:
                break
            before = act.after
        self.at(target)
        self.grid.run(self.grid.open())
        self.check(before, act.after)
        # whoever was not answered asks again
        if number < act.ended and act is not self.acts[0]:
            self.grid.run(act.do())
            self.check(act.after, act.after)
            self.assertEqual(set(self.grid.files()), self.names())
        self.grid.run(self.grid.close())

    def check(self, before: Books, after: Books) -> None:
        """All is as it was before the act that was stopped, or after it, or in between, but nothing is half there."""
        grid = self.grid
        node_ids = {grid.nodes[customer].node_id: customer for customer in (1, 2)}
        rows = grid.run(grid.keeping.ledger._database.read(lambda c: c.execute("SELECT * FROM pieces").fetchall()))
        found = {(node_ids[row[0]], row[1], row[2]) for row in rows}
        self.assertEqual(before.pieces & after.pieces - found, set())
        self.assertEqual(found - (before.pieces | after.pieces), set())
        leases = {(node_ids[lease.customer], lease.granted) for lease in grid.keeping.leases}
        self.assertLessEqual(before.leases & after.leases, leases)
        self.assertLessEqual(leases, before.leases | after.leases)
        self.assertEqual(len(leases), len({customer for customer, _ in leases}))
        self.assertLessEqual({customer for customer, _, _ in found}, {customer for customer, _ in leases})
        for customer, version, index in found:
            self.assert_whole(customer, version, index)
        self.assert_accounted(rows)

    def assert_whole(self, customer: int, version: bytes, index: int) -> None:
        grid, node_id = self.grid, self.grid.nodes[customer].node_id
        made = next(
            made for made in (self.small, self.other, self.large, self.foreign, self.huge) if made.version == version
        )
        row = grid.run(grid.keeping.ledger.piece(node_id, version, index))
        name = object_name(node_id, version, index)
        leaves = open_object(row.data)[0] if row.data else grid.store.leaves(name)
        self.assertEqual(root([leaves[at : at + 32] for at in range(0, len(leaves), 32)]), row.root)
        data = row.data[: row.size] if row.data else grid.store.read(name, 0, row.size)
        self.assertEqual(data, made.pieces[index])
        packed = grid.run(grid.keeping.ledger.manifest(node_id, version))
        self.assertEqual(verify_manifest(packed, grid.key(customer).public), made.manifest)

    def assert_accounted(self, rows: list[Any]) -> None:
        """The space in memory, the books and the folder say the same."""
        grid, space = self.grid, self.grid.keeping.space
        for customer in (1, 2):
            node_id = grid.nodes[customer].node_id
            self.assertEqual(space.account(node_id).used, sum(row[4] for row in rows if row[0] == node_id))
            self.assertEqual(space.account(node_id).reserved, 0)
        self.assertEqual(grid.run(grid.keeping.ledger.removals(1)), [])
        small = grid.run(grid.keeping.ledger._database.read(lambda c: c.execute("SELECT object FROM small").fetchall()))
        manifests = grid.run(
            grid.keeping.ledger._database.read(
                lambda c: c.execute("SELECT customer, version FROM manifests").fetchall()
            )
        )
        self.assertEqual(set(manifests), {(row[0], row[1]) for row in rows})
        known = {row[3] for row in rows}
        self.assertLessEqual({row[0] for row in small}, known)
        # at most the file of one piece that nobody was told is stored
        strange = set(grid.files()) - known
        self.assertLessEqual(len(strange), 1)
        self.assertTrue(all(len(name) == 64 for name in strange), strange)
        self.assertEqual({row[0] for row in small} | set(grid.files()) - strange, known)

    def names(self) -> set[str]:
        """The objects in the books that have a file."""
        rows = self.grid.run(
            self.grid.keeping.ledger._database.read(
                lambda c: c.execute(
                    "SELECT object FROM pieces WHERE object NOT IN (SELECT object FROM small)"
                ).fetchall()
            )
        )
        return {row[0] for row in rows}
