"""
Attacks on a supplier by its own customers and by strangers (rules 3, 6, 7, 8, 14, 15 and 16 of the security page).
"""

from __future__ import annotations

import msgspec
from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from bitdust_node.errors import BitDustError, Conflict, Corrupt, Full, Invalid, NotFound
from bitdust_node.pieces.object_file import object_name
from bitdust_node.wire.command import Nothing
from bitdust_node.wire.storage import (
    LEASE_CANCEL,
    MANIFEST_GET,
    MANIFEST_LIST,
    PIECE_COMMIT,
    PIECE_DELETE,
    PIECE_LIST,
    ManifestListQuestion,
    PieceCommit,
    PieceDelete,
    PieceGet,
    PieceListQuestion,
    VersionName,
)
from tests.services.supplier.customer import MEGABYTE, make_grid, make_version


class Strangers(TestCase):
    """Customer 1 has stored something; customer 2, with a lease of his own, wants it, or wants it away."""

    def setUp(self) -> None:
        self.grid = make_grid(self, customers=2)
        self.made = make_version(self.grid.key(1))
        for customer in (1, 2):
            self.grid.run(self.grid.lease(customer=customer))
        self.grid.run(self.grid.store_piece(self.made))
        self.addCleanup(self.unharmed)

    def unharmed(self) -> None:
        _, blocks = self.grid.run(self.grid.get(PieceGet(self.made.version, 0)))
        self.assertEqual(blocks, self.made.pieces[0])

    def test_foreign_and_unknown_give_the_same_answer(self) -> None:
        grid, unknown = self.grid, bytes(16)
        for version in (self.made.version, unknown):
            errors = [
                grid.fails(NotFound, grid.get(PieceGet(version, 0), 2)),
                grid.fails(NotFound, grid.get(PieceGet(version, 0, leaves=True), 2)),
                grid.fails(NotFound, grid.ask(MANIFEST_GET, VersionName(version), 2)),
            ]
            texts = {str(error) for error in errors}
            self.assertEqual(texts, {"there is no such piece", "there is no such version"})

    def test_lists_show_only_the_own(self) -> None:
        grid = self.grid
        self.assertEqual(grid.run(grid.ask(PIECE_LIST, PieceListQuestion(), 2)).pieces, [])
        self.assertEqual(grid.run(grid.ask(MANIFEST_LIST, ManifestListQuestion(), 2)).versions, [])

    def test_foreign_deletion_deletes_nothing(self) -> None:
        grid = self.grid
        answer = grid.run(grid.ask(PIECE_DELETE, PieceDelete([self.made.version]), 2))
        self.assertEqual((answer.deleted, answer.freed), (0, 0))

    def test_foreign_lease_is_not_ended(self) -> None:
        grid = self.grid
        grid.run(grid.ask(LEASE_CANCEL, Nothing(), 2))
        self.assertEqual(len(grid.keeping.leases), 1)

    def test_same_version_of_two_customers_are_two_pieces(self) -> None:
        grid = self.grid
        mine = make_version(grid.key(2))
        self.assertEqual(mine.version, self.made.version)
        grid.run(grid.store_piece(mine, customer=2))
        self.assertEqual(len(grid.files()), 2)
        grid.run(grid.ask(PIECE_DELETE, PieceDelete([mine.version]), 2))

    def test_manifest_of_somebody_else_is_not_taken(self) -> None:
        grid = self.grid
        grid.run(grid.put(self.made, customer=2))
        grid.fails(Corrupt, grid.commit(self.made, customer=2))

    def test_manifest_signed_by_somebody_else_is_not_taken(self) -> None:
        grid = self.grid
        forged = make_version(grid.key(1), seed=1)
        packed = forged.manifest.sign(grid.key(2))
        grid.run(grid.put(forged))
        grid.fails(Corrupt, grid.ask(PIECE_COMMIT, PieceCommit(forged.version, 0, packed)))

    def test_manifest_of_another_version_is_not_taken(self) -> None:
        grid = self.grid
        other = make_version(grid.key(1), seed=1)
        grid.run(grid.put(other))
        grid.fails(Invalid, grid.ask(PIECE_COMMIT, PieceCommit(other.version, 0, self.made.packed)))

    def test_stored_manifest_is_not_replaced(self) -> None:
        grid = self.grid
        changed = msgspec.structs.replace(self.made.manifest, backup_id="0/other").sign(grid.key(1))
        grid.run(grid.put(self.made, 1))
        grid.run(grid.ask(PIECE_COMMIT, PieceCommit(self.made.version, 1, changed)))
        stored = grid.run(grid.ask(MANIFEST_GET, VersionName(self.made.version))).manifest
        self.assertEqual(stored, self.made.packed)

    def test_names_on_the_disk_are_hashes(self) -> None:
        self.assertEqual(self.grid.files(), [object_name(self.grid.nodes[1].node_id, self.made.version, 0)])


class Greed(TestCase):
    def test_endless_piece_ends_at_the_lease(self) -> None:
        grid = make_grid(self)
        grid.run(grid.lease(3 * MEGABYTE))
        made = make_version(grid.key())
        with self.assertRaises(self.failureException):  # it never ends well
            grid.run(grid.store_piece(made, piece=bytes(20 * MEGABYTE)))
        grid.clock.pump(20)
        self.assertEqual(grid.files(), [])
        self.assertEqual(grid.keeping.space.used, 0)
        grid.run(grid.store_piece(made))

    def test_two_streams_do_not_take_the_same_byte(self) -> None:
        grid = make_grid(self, donated=3 * MEGABYTE)
        grid.run(grid.lease(3 * MEGABYTE))
        for seed in range(4):
            made = make_version(grid.key(), 10, seed=seed)
            grid.run(grid.put(made, piece=bytes(MEGABYTE)))
            grid.clock.pump(10)
        self.assertEqual(grid.keeping.space.used, 3 * MEGABYTE)
        grid.fails(Full, grid.commit(made))

    def test_lease_without_bounds_is_refused(self) -> None:
        grid = make_grid(self)
        for needed in (grid.donated + 1, 1 << 60):
            grid.fails(Full, grid.lease(needed))
        grid.fails(BitDustError, grid.lease(-1))
        self.assertEqual(len(grid.keeping.leases), 0)
        self.assertEqual(dict(grid.keeping.space.accounts), {})

    def test_changed_manifest_while_committing_is_refused(self) -> None:
        grid = make_grid(self)
        grid.run(grid.lease())
        made = make_version(grid.key())
        other = msgspec.structs.replace(made.manifest, backup_id="0/other").sign(grid.key())

        async def both() -> None:
            await grid.put(made)
            first = Deferred.fromCoroutine(grid.commit(made))
            second = grid.ask(PIECE_COMMIT, PieceCommit(made.version, 0, other))
            await first
            try:
                await second
            except Conflict:
                return

        grid.run(both())
        self.assertEqual(grid.run(grid.ask(MANIFEST_GET, VersionName(made.version))).manifest, made.packed)
