"""
Pieces that belong to a share: members read and write them by their roles, the owner's lease pays.
"""

from __future__ import annotations

from twisted.trial.unittest import TestCase

from bitdust_node.errors import Corrupt, NotFound, Refused
from bitdust_node.membership.roster import Circle, Role
from bitdust_node.wire.command import Nothing
from bitdust_node.wire.storage import (
    LEASE_CANCEL,
    LEASE_INFO,
    MANIFEST_GET,
    MANIFEST_LIST,
    PIECE_DELETE,
    PIECE_LIST,
    ManifestListQuestion,
    PieceDelete,
    PieceGet,
    PieceListQuestion,
    VersionName,
)
from tests.services.supplier.customer import make_grid, make_version

OWNER, WRITER, READER, STRANGER = 1, 2, 3, 4


class ShareTests(TestCase):
    def setUp(self) -> None:
        self.grid = grid = make_grid(self, customers=4)
        self.circle = Circle.of(grid.nodes[OWNER].node_id, "share_" + "a" * 32)
        for number, role in ((OWNER, Role.ADMIN), (WRITER, Role.WRITER), (READER, Role.READER)):
            grid.roles[self.circle, grid.nodes[number].node_id] = role
        grid.run(grid.lease(customer=OWNER))
        self.made = make_version(grid.key(WRITER))

    def store(self, customer: int = WRITER) -> None:
        self.grid.run(self.grid.store_piece(self.made, customer=customer, circle=self.circle))

    def get(self, customer: int, circle: Circle | None) -> bytes:
        question = PieceGet(self.made.version, 0, circle=circle)
        blocks: bytes = self.grid.run(self.grid.get(question, customer))[1]
        return blocks

    def test_a_member_stores_and_all_members_read(self) -> None:
        self.store()
        for customer in (OWNER, WRITER, READER):
            self.assertEqual(self.get(customer, self.circle), self.made.pieces[0])
            found = self.grid.run(self.grid.ask(PIECE_LIST, PieceListQuestion(circle=self.circle), customer))
            self.assertEqual([one.version for one in found.pieces], [self.made.version])
            found = self.grid.run(self.grid.ask(MANIFEST_LIST, ManifestListQuestion(circle=self.circle), customer))
            self.assertEqual(found.versions, [self.made.version])
        question = VersionName(self.made.version, self.circle)
        self.assertEqual(self.grid.run(self.grid.ask(MANIFEST_GET, question, READER)).manifest, self.made.packed)

    def test_the_lease_of_the_owner_pays_and_restores_that_after_a_restart(self) -> None:
        self.store()
        used = len(self.made.pieces[0])
        self.assertEqual(self.grid.run(self.grid.ask(LEASE_INFO, Nothing(), OWNER)).used, used)
        self.assertEqual(self.grid.run(self.grid.ask(LEASE_INFO, Nothing(), WRITER)).used, 0)
        self.grid.run(self.grid.close())
        self.grid.run(self.grid.open())
        self.assertEqual(self.grid.run(self.grid.ask(LEASE_INFO, Nothing(), OWNER)).used, used)
        self.assertEqual(self.get(READER, self.circle), self.made.pieces[0])

    def test_strangers_hear_what_they_hear_of_what_is_not_there(self) -> None:
        self.store()
        other = Circle.of(self.circle.owner, "share_" + "b" * 32)
        texts = set()
        for circle in (self.circle, other):
            error = self.grid.fails(NotFound, self.grid.get(PieceGet(self.made.version, 0, circle=circle), STRANGER))
            texts.add(str(error))
            for question in (
                self.grid.ask(PIECE_LIST, PieceListQuestion(circle=circle), STRANGER),
                self.grid.ask(PIECE_DELETE, PieceDelete([self.made.version], circle), STRANGER),
                self.grid.store_piece(make_version(self.grid.key(STRANGER), seed=9), customer=STRANGER, circle=circle),
            ):
                texts.add(str(self.grid.fails(NotFound, question)))
        self.assertEqual(len(texts), 1, texts)

    def test_readers_do_not_write(self) -> None:
        self.store()
        mine = make_version(self.grid.key(READER), seed=3)
        self.grid.fails(Refused, self.grid.store_piece(mine, customer=READER, circle=self.circle))
        self.grid.fails(Refused, self.grid.ask(PIECE_DELETE, PieceDelete([self.made.version], self.circle), READER))
        self.assertEqual(self.get(OWNER, self.circle), self.made.pieces[0])

    def test_a_share_and_its_owner_are_two_places(self) -> None:
        self.store()
        self.grid.fails(NotFound, self.grid.get(PieceGet(self.made.version, 0), OWNER))
        self.assertEqual(self.grid.run(self.grid.ask(PIECE_LIST, PieceListQuestion(), OWNER)).pieces, [])
        self.grid.run(self.grid.ask(PIECE_DELETE, PieceDelete([self.made.version]), OWNER))
        self.assertEqual(self.get(OWNER, self.circle), self.made.pieces[0])
        self.grid.run(self.grid.ask(PIECE_DELETE, PieceDelete([self.made.version], self.circle), WRITER))
        self.grid.fails(NotFound, self.grid.get(PieceGet(self.made.version, 0, circle=self.circle), OWNER))
        self.assertEqual(self.grid.run(self.grid.ask(LEASE_INFO, Nothing(), OWNER)).used, 0)

    def test_a_manifest_of_somebody_else_is_checked_if_he_is_known(self) -> None:
        forged = make_version(self.grid.key(STRANGER))
        self.grid.run(self.grid.put(self.made, customer=WRITER, circle=self.circle))
        tampered = forged.manifest.sign(self.grid.key(WRITER))
        commit = type(forged)(self.made.version, b"", [], forged.manifest, tampered)
        self.grid.fails(Corrupt, self.grid.commit(commit, customer=WRITER, circle=self.circle))

    def test_one_member_brings_the_piece_of_another(self) -> None:
        self.store(customer=OWNER)
        self.assertEqual(self.get(READER, self.circle), self.made.pieces[0])

    def test_the_share_ends_with_the_lease_of_its_owner(self) -> None:
        self.store()
        self.grid.run(self.grid.ask(LEASE_CANCEL, Nothing(), OWNER))
        self.grid.fails(NotFound, self.grid.get(PieceGet(self.made.version, 0, circle=self.circle), WRITER))
        self.grid.fails(Refused, self.grid.store_piece(self.made, customer=WRITER, circle=self.circle))
        self.assertEqual(self.grid.files(), [])
