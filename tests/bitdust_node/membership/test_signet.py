"""
The signet of a share: members open what members wrote, nobody else does.
"""

from __future__ import annotations

from collections.abc import Sequence

from twisted.trial.unittest import SynchronousTestCase

from bitdust_node.errors import Corrupt, Refused, Unavailable
from bitdust_node.keys.rsa import PublicKey
from bitdust_node.membership.roster import Circle
from bitdust_node.membership.signet import CircleSignet
from bitdust_node.pieces.layout import PIECE_BLOCK
from bitdust_node.pieces.manifest import Manifest
from bitdust_node.pieces.signet import Signet
from tests.keys import test_key

OWNER, MEMBER, STRANGER = test_key(1), test_key(2), test_key(3)
CIRCLE = Circle.of(OWNER.public.node_id, "share_" + "1" * 32)
VERSION, KEY = bytes(range(16)), bytes(range(32))


class CircleSignetTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.secrets: dict[int, list[bytes]] = {1: [b"a" * 32], 2: [b"wrong one".ljust(32), b"b" * 32]}
        self.epoch = (1, b"a" * 32)
        self.known: dict[str, PublicKey | None] = {key.public.node_id: key.public for key in (OWNER, MEMBER)}

    def signet(self, key: object = MEMBER) -> CircleSignet:
        return CircleSignet(CIRCLE, key, lambda: self.epoch, self.of, self.author)  # type: ignore[arg-type]

    def of(self, epoch: int) -> Sequence[bytes]:
        return self.secrets.get(epoch, [])

    def author(self, node_id: str) -> PublicKey | None:
        if node_id not in self.known:
            raise Refused("it was written by somebody who is no member")
        return self.known[node_id]

    def manifest(self, signet: Signet, version: bytes = VERSION) -> Manifest:
        wrapped = signet.wrap(VERSION, KEY)
        return Manifest(1, version, signet.owner, 1, 1, PIECE_BLOCK, 0, [bytes(32)], wrapped, b"", "share", 1)

    def test_what_one_member_wrote_another_opens(self) -> None:
        for epoch in ((1, b"a" * 32), (2, b"b" * 32)):
            self.epoch = epoch
            packed = self.signet(MEMBER).sign(self.manifest(self.signet(MEMBER)))
            read = self.signet(OWNER).check(packed)
            self.assertEqual(self.signet(OWNER).unwrap(read), KEY)
            self.assertEqual(read.owner, MEMBER.public.node_id)

    def test_without_the_secret_of_the_epoch(self) -> None:
        manifest = self.manifest(self.signet())
        self.secrets = {}
        with self.assertRaises(Refused):
            self.signet(OWNER).unwrap(manifest)
        self.secrets = {1: [b"c" * 32]}
        with self.assertRaises(Corrupt):
            self.signet(OWNER).unwrap(manifest)

    def test_a_key_is_bound_to_its_version(self) -> None:
        with self.assertRaises(Corrupt):
            self.signet().unwrap(self.manifest(self.signet(), version=bytes(16)))

    def test_who_signed(self) -> None:
        with self.assertRaises(Refused):
            self.signet().check(self.signet(STRANGER).sign(self.manifest(self.signet(STRANGER))))
        forged = self.manifest(self.signet(MEMBER)).sign(STRANGER)
        with self.assertRaises(Corrupt):
            self.signet().check(forged)
        packed = self.signet(MEMBER).sign(self.manifest(self.signet(MEMBER)))
        self.known[MEMBER.public.node_id] = None
        with self.assertRaises(Unavailable):
            self.signet().check(packed)
