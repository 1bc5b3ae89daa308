from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from bitdust_node.errors import Conflict, Corrupt, Full, Invalid, NotFound, NotServed, Refused
from bitdust_node.pieces.hashtree import check_blocks, check_leaves
from bitdust_node.pieces.layout import PIECE_BLOCK
from bitdust_node.wire.command import Nothing
from bitdust_node.wire.storage import (
    LEASE_CANCEL,
    LEASE_INFO,
    MANIFEST_GET,
    MANIFEST_LIST,
    PIECE_DELETE,
    PIECE_LIST,
    PIECE_PUT,
    ManifestListQuestion,
    PieceDelete,
    PieceGet,
    PieceListQuestion,
    PieceName,
    VersionName,
)
from tests.services.supplier.customer import MEGABYTE, Grid, make_grid, make_version


class Keep(TestCase):
    def setUp(self) -> None:
        self.grid = self.make_grid()
        self.made = make_version(self.grid.key())

    def make_grid(self) -> Grid:
        return make_grid(self, customers=2)

    def test_piece_comes_back(self) -> None:
        grid, made = self.grid, self.made
        grid.run(grid.lease())
        stored = grid.run(grid.store_piece(made, 3))
        self.assertEqual((stored.root, stored.size), (made.manifest.roots[3], len(made.pieces[3])))
        leaves, blocks = grid.run(grid.get(PieceGet(made.version, 3, leaves=True)))
        check_leaves(leaves, made.manifest.roots[3])
        check_blocks([blocks], PIECE_BLOCK, leaves)
        self.assertEqual(blocks, made.pieces[3])
        self.assertEqual(grid.run(grid.ask(MANIFEST_GET, VersionName(made.version))).manifest, made.packed)

    def test_parts_of_a_piece(self) -> None:
        grid, made = self.grid, self.made
        grid.run(grid.lease())
        grid.run(grid.store_piece(made))
        for first, count in ((0, 1), (1, 1), (1, -1), (2, 50), (0, 0), (3, -1)):
            _, blocks = grid.run(grid.get(PieceGet(made.version, 0, first, count)))
            end = None if count < 0 else (first + count) * PIECE_BLOCK
            self.assertEqual(blocks, made.pieces[0][first * PIECE_BLOCK : end])
        grid.fails(Invalid, grid.get(PieceGet(made.version, 0, 4, 1)))

    def test_commit_may_come_first_and_twice(self) -> None:
        grid, made = self.grid, self.made
        grid.run(grid.lease())

        async def early() -> None:
            stream = await grid.nodes[1].router.open_stream(grid.supplier, PIECE_PUT, PieceName(made.version, 0))
            await stream.write(made.pieces[0][:1000])
            commits = [Deferred.fromCoroutine(grid.commit(made)) for _ in range(2)]
            await stream.write(made.pieces[0][1000:])
            stream.finish()
            answers = [await commit for commit in commits]
            self.assertEqual(answers[0], answers[1])

        grid.run(early())
        self.assertEqual(grid.run(grid.commit(made)).root, made.manifest.roots[0])
        self.assertEqual(grid.run(grid.store_piece(made)).root, made.manifest.roots[0])
        self.assertEqual(len(grid.files()), 1)
        self.assertEqual(grid.keeping.space.account(grid.nodes[1].node_id).used, len(made.pieces[0]))
        self.assertEqual(grid.keeping.space.account(grid.nodes[1].node_id).reserved, 0)

    def test_second_put_replaces_the_first(self) -> None:
        grid, made = self.grid, self.made
        grid.run(grid.lease())
        grid.run(grid.put(made, piece=b"rubbish" * 1000))
        grid.run(grid.store_piece(made))
        _, blocks = grid.run(grid.get(PieceGet(made.version, 0)))
        self.assertEqual(blocks, made.pieces[0])
        self.assertEqual(len(grid.files()), 1)

    def test_many_sizes(self) -> None:
        grid = self.grid
        grid.run(grid.lease(90 * MEGABYTE))
        for seed, length in enumerate((0, 1, 131056, 131057, 5_000_000)):
            made = make_version(grid.key(), length, seed=seed)
            grid.run(grid.store_piece(made, 2))
            leaves, blocks = grid.run(grid.get(PieceGet(made.version, 2, leaves=True)))
            self.assertEqual(blocks, made.pieces[2])
            check_leaves(leaves, made.manifest.roots[2])

    def test_lists_go_on_behind_the_cursor(self) -> None:
        grid = self.grid
        grid.run(grid.lease())
        versions = [make_version(grid.key(), 100, seed=seed) for seed in range(7)]
        for made in versions:
            for index in (0, 2):
                grid.run(grid.store_piece(made, index))
        found, after = [], b""
        while True:
            answer = grid.run(grid.ask(PIECE_LIST, PieceListQuestion(after, 3)))
            found += [(item.version, item.index) for item in answer.pieces]
            if len(answer.pieces) < 3:
                break
            after = answer.pieces[-1].cursor
        self.assertEqual(found, sorted((made.version, index) for made in versions for index in (0, 2)))
        names = grid.run(grid.ask(MANIFEST_LIST, ManifestListQuestion(b"", 4))).versions
        names += grid.run(grid.ask(MANIFEST_LIST, ManifestListQuestion(names[-1], 4))).versions
        self.assertEqual(names, sorted(made.version for made in versions))

    def test_deletion(self) -> None:
        grid, made = self.grid, self.made
        grid.run(grid.lease())
        grid.run(grid.store_piece(made))
        other = make_version(grid.key(), 100_000, seed=1)
        grid.run(grid.store_piece(other))
        answer = grid.run(grid.ask(PIECE_DELETE, PieceDelete([made.version, b"unknown" + bytes(9)])))
        self.assertEqual((answer.deleted, answer.freed), (1, len(made.pieces[0])))
        grid.fails(NotFound, grid.get(PieceGet(made.version, 0)))
        grid.fails(NotFound, grid.ask(MANIFEST_GET, VersionName(made.version)))
        self.assertEqual(len(grid.files()), 1)
        self.assertEqual(grid.run(grid.ask(LEASE_INFO, Nothing())).used, len(other.pieces[0]))
        # and it may come again
        grid.run(grid.store_piece(made))
        self.assertEqual(len(grid.files()), 2)

    def test_small_pieces_lie_in_the_ledger(self) -> None:
        grid = self.grid
        grid.run(grid.lease())
        for seed, length in enumerate((0, 1, 32 * 1024 - 16, 32 * 1024 - 15)):
            made = make_version(grid.key(), length, seed=seed)
            grid.run(grid.store_piece(made))
            self.assertEqual(len(grid.files()), int(seed == 3))
            leaves, blocks = grid.run(grid.get(PieceGet(made.version, 0, leaves=True)))
            self.assertEqual(blocks, made.pieces[0])
            check_leaves(leaves, made.manifest.roots[0])
            self.assertEqual(grid.run(grid.get(PieceGet(made.version, 0, 1, 1)))[1], b"")
        grid.run(grid.keeping.ledger._database.run(lambda c: c.execute("UPDATE small SET data = zeroblob(500)")))
        grid.fails(Corrupt, grid.get(PieceGet(make_version(grid.key(), 1, seed=1).version, 0)))
        versions = [make_version(grid.key(), 1, seed=seed).version for seed in range(4)]
        self.assertEqual(grid.run(grid.ask(PIECE_DELETE, PieceDelete(versions))).deleted, 4)
        self.assertEqual(grid.files(), [])
        self.assertEqual(grid.run(grid.ask(LEASE_INFO, Nothing())).used, 0)

    def test_wrong_pieces_are_not_stored(self) -> None:
        grid, made = self.grid, self.made
        grid.run(grid.lease())
        wrong = bytearray(made.pieces[0])
        wrong[1000] ^= 1
        grid.fails(Corrupt, grid.store_piece(made, piece=bytes(wrong)))
        grid.fails(Corrupt, grid.store_piece(made, piece=made.pieces[0][:-1]))
        grid.fails(Corrupt, grid.store_piece(made, piece=made.pieces[0] + b"x"))
        grid.fails(Corrupt, grid.store_piece(made, piece=made.pieces[1]))
        self.assertEqual(grid.files(), [])
        self.assertEqual(grid.keeping.space.account(grid.nodes[1].node_id).reserved, 0)
        grid.run(grid.store_piece(made))

    def test_another_piece_under_a_stored_name_is_a_conflict(self) -> None:
        grid, made = self.grid, self.made
        grid.run(grid.lease())
        grid.run(grid.store_piece(made))
        other = make_version(grid.key(), 300_000, k=1, m=2)
        self.assertEqual(other.version, made.version)
        grid.fails(Conflict, grid.store_piece(other))
        grid.fails(Conflict, grid.commit(other))
        self.assertEqual(grid.run(grid.get(PieceGet(made.version, 0)))[1], made.pieces[0])

    def test_without_a_lease_nothing_is_taken(self) -> None:
        grid, made = self.grid, self.made
        grid.fails(Refused, grid.store_piece(made))
        self.assertEqual(grid.files(), [])

    def test_cut_connection_leaves_nothing(self) -> None:
        grid, made = self.grid, self.made
        grid.run(grid.lease())

        async def half() -> None:
            stream = await grid.nodes[1].router.open_stream(grid.supplier, PIECE_PUT, PieceName(made.version, 0))
            await stream.write(made.pieces[0][:100_000])

        grid.run(half())
        grid.nodes[1].die()
        grid.clock.pump(50)
        self.assertEqual(grid.files(), [])
        self.assertEqual(grid.keeping.space.account(grid.nodes[1].node_id).reserved, 0)
        self.assertEqual(len(grid.keeping.transfers), 0)

    def test_stalled_and_forgotten_pieces_are_given_up(self) -> None:
        grid, made = self.grid, self.made
        grid.run(grid.lease())

        async def stall() -> None:
            stream = await grid.nodes[1].router.open_stream(grid.supplier, PIECE_PUT, PieceName(made.version, 0))
            await stream.write(made.pieces[0][:100_000])

        grid.run(stall())
        grid.run(grid.put(made, 1))
        grid.clock.pump(20)
        self.assertEqual(len(grid.keeping.transfers), 1)
        for _ in range(80):
            grid.clock.advance(30)
        self.assertEqual(len(grid.keeping.transfers), 0)
        self.assertEqual(grid.files(), [])
        self.assertEqual(grid.keeping.space.account(grid.nodes[1].node_id).reserved, 0)

    def test_withdrawn_service_is_unavailable(self) -> None:
        grid = self.grid
        grid.keeping.withdraw(grid.nodes[0].router)
        grid.fails(NotServed, grid.lease())


class LeaseLife(TestCase):
    def test_space_is_shared_out(self) -> None:
        grid = make_grid(self, customers=3, donated=10 * MEGABYTE)
        answer = grid.run(grid.lease(6 * MEGABYTE, 1))
        self.assertEqual(answer.granted, 6 * MEGABYTE)
        self.assertEqual(answer.expires, int(grid.clock.seconds()) + 14 * 86400)
        grid.fails(Full, grid.lease(6 * MEGABYTE, 2))
        grid.run(grid.lease(4 * MEGABYTE, 2))
        grid.fails(Full, grid.lease(1, 3))
        grid.fails(Full, grid.lease(7 * MEGABYTE, 1))
        self.assertEqual(grid.run(grid.ask(LEASE_INFO, Nothing())).granted, 6 * MEGABYTE)
        grid.run(grid.lease(2 * MEGABYTE, 1))
        grid.run(grid.lease(3 * MEGABYTE, 3))
        self.assertEqual(grid.keeping.space.claimed, 9 * MEGABYTE)
        accepted, denied = "new-customer-accepted", "new-customer-denied"
        known, kept = "existing-customer-accepted", "existing-customer-denied"
        self.assertEqual(grid.seen(), [accepted, denied, accepted, denied, kept, known, accepted])

    def test_event_tells_the_agreement(self) -> None:
        grid = make_grid(self)
        grid.run(grid.lease())
        data = next(event.data for event in grid.nodes[0].events_seen if event.event_id == "new-customer-accepted")
        customer = grid.nodes[1].me
        self.assertEqual(
            data,
            {
                "idurl": customer.idurl,
                "allocated_bytes": 10 * MEGABYTE,
                "ecc_map": "ecc/4x4",
                "position": 0,
                "key_id": f"customer${customer.global_id}",
                "family_snapshot": [],
                "contract": {
                    "started": int(grid.clock.seconds()),
                    "complete_after": int(grid.clock.seconds()) + 14 * 86400,
                    "allocated_bytes": 10 * MEGABYTE,
                    "ecc_position": 0,
                    "ecc_map": "ecc/4x4",
                },
            },
        )

    def test_restart_keeps_leases_and_pieces(self) -> None:
        grid = make_grid(self, customers=2)
        made = make_version(grid.key())
        grid.run(grid.lease())
        grid.run(grid.store_piece(made))
        grid.run(grid.close())
        grid.run(grid.open())
        account = grid.keeping.space.account(grid.nodes[1].node_id)
        self.assertEqual((account.granted, account.used), (10 * MEGABYTE, len(made.pieces[0])))
        self.assertEqual(grid.run(grid.get(PieceGet(made.version, 0)))[1], made.pieces[0])
        self.assertEqual([str(lease.machine.state) for lease in grid.keeping.leases], ["ACTIVE"])
        self.assertEqual(grid.keeping.orphans, 0)

    def test_less_donated_deletes_nothing_and_takes_nothing(self) -> None:
        grid = make_grid(self, customers=2)
        made = make_version(grid.key())
        grid.run(grid.lease())
        grid.run(grid.store_piece(made))
        grid.donated = 1000
        grid.run(grid.lease())  # what was promised is promised again
        grid.fails(Full, grid.lease(11 * MEGABYTE))
        grid.fails(Full, grid.store_piece(made, 1))
        grid.fails(Full, grid.lease(10, 2))
        self.assertEqual(grid.run(grid.get(PieceGet(made.version, 0)))[1], made.pieces[0])

    def test_silent_customer_loses_his_place_but_no_piece(self) -> None:
        grid = make_grid(self, customers=2, donated=10 * MEGABYTE)
        made = make_version(grid.key())
        grid.run(grid.lease())
        grid.run(grid.store_piece(made))
        grid.clock.advance(13 * 86400)
        self.assertEqual(grid.run(grid.keeping.leases.patrol()), 0)
        grid.clock.advance(2 * 86400)
        self.assertEqual(grid.run(grid.keeping.leases.patrol()), 1)
        self.assertIn("existing-customer-terminated", grid.seen())
        self.assertEqual(grid.keeping.space.claimed, len(made.pieces[0]))
        grid.run(grid.lease(9 * MEGABYTE, 2))
        # he still gets what is his, but may store nothing new
        self.assertEqual(grid.run(grid.get(PieceGet(made.version, 0)))[1], made.pieces[0])
        grid.fails(Refused, grid.store_piece(made, 1))
        grid.fails(Full, grid.lease())
        # that survives a restart, and a smaller lease brings him back
        grid.run(grid.close())
        grid.run(grid.open())
        grid.fails(Refused, grid.store_piece(made, 1))
        grid.run(grid.lease(MEGABYTE // 2))
        grid.run(grid.store_piece(made, 1))

    def test_idle_days_of_zero_keep_everybody(self) -> None:
        grid = make_grid(self)
        grid.idle_days = 0
        grid.run(grid.lease())
        grid.clock.advance(40 * 86400)
        self.assertEqual(grid.run(grid.keeping.leases.patrol()), 0)

    def test_cancelled_lease_takes_its_pieces_along(self) -> None:
        grid = make_grid(self, customers=2)
        made, other = make_version(grid.key(1)), make_version(grid.key(2))
        for customer, version in ((1, made), (2, other)):
            grid.run(grid.lease(customer=customer))
            grid.run(grid.store_piece(version, customer=customer))
        grid.run(grid.put(made, 1))
        grid.run(grid.ask(LEASE_CANCEL, Nothing()))
        self.assertEqual(len(grid.files()), 1)
        self.assertEqual(len(grid.keeping.leases), 1)
        self.assertNotIn(grid.nodes[1].node_id, grid.keeping.space.accounts)
        grid.fails(NotFound, grid.ask(LEASE_CANCEL, Nothing()))
        self.assertEqual(grid.run(grid.get(PieceGet(other.version, 0), 2))[1], other.pieces[0])
