from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from twisted.trial.unittest import TestCase

from bitdust_node.pieces.hashtree import root
from bitdust_node.pieces.object_file import object_name, open_object
from bitdust_node.wire.storage import PieceListQuestion
from tests.keys import test_document, test_key
from tests.services.supplier.customer import make_grid

ROOT = Path(__file__).parents[3]


class Killed(TestCase):
    """kill -9 in the midst of everything: what was acknowledged is there, what was not is nowhere."""

    def test_acknowledged_pieces_survive(self) -> None:
        grid = make_grid(self)
        grid.run(grid.close())
        test_key(1)
        stored: dict[tuple[bytes, int], bytes] = {}
        maybe: set[bytes] = set()
        for round in range(3):
            self.feed_and_kill(grid.folder, round, 40 + 37 * round, stored, maybe)
        grid.run(grid.open())
        customer = test_document(1).node_id
        found = {}
        after = b""
        while items := grid.run(grid.keeping.pieces(customer, PieceListQuestion(after))).pieces:
            found.update({(item.version, item.index): item.root for item in items})
            after = items[-1].cursor
        for piece, expected in stored.items():
            if piece[0] not in maybe:
                self.assertEqual(found.get(piece), expected)
        self.assertGreater(len(stored), 100)
        for (version, index), expected in found.items():
            row = grid.run(grid.keeping.ledger.piece(customer, version, index))
            leaves = open_object(row.data)[0] if row.data else grid.store.leaves(object_name(customer, version, index))
            self.assertEqual(root([leaves[at : at + 32] for at in range(0, len(leaves), 32)]), expected)
            self.assertIsNotNone(grid.run(grid.keeping.ledger.manifest(customer, version)))
        # no temporary file is left; at most what was between its place and the books at the three kills
        self.assertTrue(all(len(name) == 64 for name in grid.files()))
        self.assertLessEqual(len(grid.files()) - len(found), 3 * 8)
        self.assertEqual(grid.run(grid.keeping.ledger.removals(1)), [])

    def feed_and_kill(
        self, folder: Path, seed: int, acknowledged: int, stored: dict[tuple[bytes, int], bytes], maybe: set[bytes]
    ) -> None:
        """Let a child store pieces until so many are acknowledged, and kill it."""
        command = [sys.executable, "-m", "tests.services.supplier.child", str(folder.absolute()), str(seed)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as child:
            assert child.stdout is not None
            lines = 0
            for line in child.stdout:
                if not line.endswith("\n"):
                    break  # it was killed in the middle of a word
                word, version, *rest = line.split()
                if word == "stored":
                    stored[bytes.fromhex(version), int(rest[0])] = bytes.fromhex(rest[1])
                    lines += 1
                elif word == "deleting":
                    maybe.add(bytes.fromhex(version))
                else:
                    self.assertEqual(word, "deleted", line)
                    for index in (0, 3):
                        stored.pop((bytes.fromhex(version), index), None)
                if lines == acknowledged:
                    child.kill()
