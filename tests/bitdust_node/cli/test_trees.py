"""
Comparing trees, sizes as text, and tables in pipes.
"""

from __future__ import annotations

import io
from contextlib import redirect_stdout
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from bitdust_node.cli.devnet.nodes import DevnetNode, load_nodes, save_nodes
from bitdust_node.cli.devnet.ports import free_ports
from bitdust_node.cli.devnet.roles import LAST_SERVICE, SERVICES, suppliers_number, switches
from bitdust_node.cli.output import Output, size_text
from bitdust_node.cli.trees import differences, tree_bytes, tree_files
from bitdust_node.errors import Invalid


class TreesTest(SynchronousTestCase):
    def make(self) -> Path:
        root = Path(self.mktemp())
        (root / "empty").mkdir(parents=True)
        (root / "sub").mkdir()
        (root / "sub/файл").write_bytes(b"abc")
        (root / "none").write_bytes(b"")
        (root / "link").symlink_to("sub")
        (root / "none").chmod(0o640)
        return root

    def test_same(self) -> None:
        one, other = self.make(), self.make()
        self.assertEqual(differences(one, other), [])
        self.assertEqual((tree_bytes(one), tree_files(one)), (3, 2))
        self.assertEqual(differences(one / "sub/файл", other / "sub/файл"), [])

    def test_each_difference_is_seen(self) -> None:
        one, other = self.make(), self.make()
        (other / "empty").rmdir()
        (other / "sub/файл").write_bytes(b"abd")
        (other / "none").chmod(0o600)
        (other / "link").unlink()
        (other / "link").symlink_to("empty")
        (other / "more").write_bytes(b"")
        self.assertEqual(
            differences(one, other),
            [
                "empty: missing",
                "more: was not there before",
                "link: leads somewhere else",
                "none: mode 600 instead of 640",
                "sub/файл: other bytes",
            ],
        )
        (other / "sub/файл").write_bytes(b"abcd")
        (other / "link").unlink()
        (other / "link").mkdir()
        found = differences(one, other)
        self.assertIn("sub/файл: 4 bytes instead of 3", found)
        self.assertIn("link: of another kind", found)


class OutputTest(SynchronousTestCase):
    def shown(self, as_json: bool, rows: list[dict[str, object]]) -> str:
        text = io.StringIO()
        with redirect_stdout(text):
            Output(as_json).table(rows, [("a", "a"), ("b", "b.c")])
        return text.getvalue()

    def test_plain_lines(self) -> None:
        self.assertEqual(self.shown(False, [{"a": True, "b": {"c": 1}}, {"a": "x\ny\x1b[1m"}]), "true 1\nx�y�[1m ?\n")
        self.assertEqual(self.shown(True, [{"a": 1}]), '[\n  {\n    "a": 1\n  }\n]\n')

    def test_sizes(self) -> None:
        self.assertEqual(
            [size_text(n) for n in (0, 1023, 1536, 5 * 2**30)], ["0 bytes", "1023 bytes", "1.5 KB", "5.0 GB"]
        )


class DevnetPlanTest(SynchronousTestCase):
    def test_file(self) -> None:
        folder = Path(self.mktemp())
        folder.mkdir()
        self.assertEqual(load_nodes(folder), [])
        nodes = [DevnetNode("alice", "customer", str(folder / "alice"), 1, 2, 3, "alice@x")]
        save_nodes(folder, nodes)
        self.assertEqual(load_nodes(folder), nodes)
        self.assertEqual((folder / "devnet.json").stat().st_mode & 0o777, 0o600)
        for text in ("x", "[]", '{"nodes": [{}]}', '{"nodes": 7}'):
            (folder / "devnet.json").write_text(text)
            with self.assertRaises(Invalid):
                load_nodes(folder)

    def test_a_foreign_process_is_not_ours(self) -> None:
        self.assertFalse(DevnetNode("a", "seed", "/no/such/folder", 1, 2, pid=1).running)
        self.assertFalse(DevnetNode("a", "seed", "/", 1, 2, pid=0).running)

    def test_roles(self) -> None:
        self.assertEqual([suppliers_number(n) for n in (0, 2, 3, 4, 6, 7, 64, 100)], [2, 2, 2, 4, 4, 7, 64, 64])
        for role, services in SERVICES.items():
            self.assertIn(LAST_SERVICE[role], services)
            self.assertEqual(sum(bool(on) for on in switches(role).values()), len(services))

    def test_ports(self) -> None:
        ports = free_ports(50)
        self.assertEqual(len(set(ports)), 50)
