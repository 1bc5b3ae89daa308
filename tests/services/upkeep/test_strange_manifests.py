from __future__ import annotations

import os

import msgspec

from bitdust_node.errors import BitDustError
from bitdust_node.pieces.manifest import SignedManifest
from services.backup_db import BackupDb
from services.catalog.schema import Version
from services.data_motion import Holder
from services.rebuilding import SOON, Rebuilding
from services.transfer.means import Means
from services.transfer.range import read_range
from services.upkeep.audits import Audits
from tests.services.grid import GridCase


class StrangeManifests(GridCase):
    """A writer has signed a manifest of other pieces than the catalog tells of."""

    def setUp(self) -> None:
        super().setUp()
        self.data = {name: os.urandom(300_000) for name in ("odd", "good")}
        for name, data in self.data.items():
            (self.tmp / name).write_bytes(data)
            self.upload(self.tmp / name, name)
            self.until(lambda name=name: self.delivered(name) == "100%")

    def delivered(self, name: str) -> str:
        return str(self.run_now(self.customer.get(BackupDb).file_info(name))["versions"][0]["delivered"])

    def version(self, name: str) -> Version:
        item = self.run_now(self.customer.catalog.find("master", name))
        assert item
        return self.run_now(self.customer.catalog.versions([item.id]))[item.id][0]

    def sign(self, k: int, m: int) -> None:
        version = self.version("odd")
        manifest = SignedManifest.parse(version.manifest or b"").manifest
        odd = msgspec.structs.replace(manifest, k=k, m=m, roots=(manifest.roots * m)[:m])
        packed = self.customer.get(Means).signet.sign(odd)
        query = "UPDATE versions SET manifest = ? WHERE id = ?"
        self.run_now(self.customer.catalog._database.run(lambda c: c.execute(query, (packed, version.id))))

    def test_it_is_refused_and_harms_nothing_else(self) -> None:
        audits = self.customer.get(Audits)
        for k, m in ((2, 3), (2, 5), (1, 2), (10, 20), (1, 4)):
            self.sign(k, m)
            for member in self.suppliers:
                for _ in range(4):
                    # a random piece: that of the other file stands it
                    self.assertIn(
                        self.run_now(audits.audit(Holder(member.node.node_id, member.node.me.idurl))), (True, None)
                    )
            with self.assertRaisesRegex(BitDustError, f"manifest is that of {k} of {m} pieces, the version has 2 of 4"):
                self.download("odd", f"odd-{m}")
            with self.assertRaisesRegex(BitDustError, "pieces, the version has 2 of 4"):
                self.run_now(read_range(self.customer.get(Means), self.version("odd"), 0, 10))
        self.assertEqual((self.delivered("odd"), self.delivered("good")), ("100%", "100%"))
        catalog = self.customer.catalog
        for name in self.data:
            version = self.version(name).id
            piece = self.run_now(catalog.pieces([version]))[version][3]
            self.run_now(catalog.mark_piece(version, 3, piece.node_id, "lost"))
        self.customer.get(Rebuilding).soon()
        self.until(lambda: self.delivered("good") == "100%", seconds=3 * SOON)
        self.assertEqual(self.delivered("odd"), "75%")
        self.assertEqual(self.download("good").read_bytes(), self.data["good"])
