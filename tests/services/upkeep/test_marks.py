from __future__ import annotations

import os

from services.catalog.schema import PieceState
from tests.services.grid import GridCase


class MarksTest(GridCase):
    """A mark says what was found once: nothing is given up for it."""

    def mark_all(self, state: PieceState) -> None:
        catalog = self.customer.catalog
        (item,) = self.run_now(catalog.items(None, None, limit=10))
        (version,) = self.run_now(catalog.versions([item.id]))[item.id]
        for piece in self.run_now(catalog.pieces([version.id]))[version.id]:
            self.run_now(catalog.mark_piece(version.id, piece.number, piece.node_id, state))

    def test_pieces_that_are_there_after_all(self) -> None:
        (self.tmp / "x").write_bytes(data := os.urandom(300_000))
        self.upload(self.tmp / "x", "x")
        for state in ("bad", "lost"):
            self.mark_all(state)
            self.assertEqual(self.download("x", state).read_bytes(), data)
            self.mark_all(state)
            self.until(lambda: not self.run_now(self.customer.catalog.endangered()), seconds=600)
