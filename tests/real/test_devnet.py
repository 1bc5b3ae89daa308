"""
A small private network of real processes: the main job, accidents, and nothing left behind.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any, ClassVar

from twisted.trial.unittest import SynchronousTestCase

from bitdust_node.cli.devnet.devnet import Devnet
from bitdust_node.cli.devnet.nodes import load_nodes
from bitdust_node.cli.trees import differences
from bitdust_node.errors import BitDustError
from tests.real.commands import ENVIRONMENT, bitdust, processes_of


class DevnetTest(SynchronousTestCase):
    """
    One network for all tests of the class: two suppliers of which one may be lost, one customer.
    """

    network: ClassVar[Devnet]
    folder: ClassVar[Path]

    def setUp(self) -> None:
        self.folder = Path(self.mktemp()).absolute()
        self.addCleanup(self.sweep)

    def sweep(self) -> None:
        for pid in processes_of(self.folder):
            os.kill(pid, signal.SIGKILL)

    def make(self, **options: Any) -> Devnet:
        options = {"suppliers": 2, "customers": 1, "seeds": 1, "key_size": 1024, **options}
        return Devnet(self.folder / "network", needed_space="64 MB", donated_space="256 MB", **options)

    def tree(self) -> Path:
        root = self.folder / "tree"
        (root / "empty folder").mkdir(parents=True)
        (root / "sub").mkdir()
        (root / "пусто").write_bytes(b"")
        (root / "sub/large").write_bytes(random.Random(1).randbytes(3_000_001))
        (root / "sub/script").write_text("#!/bin/sh\n")
        (root / "sub/script").chmod(0o755)
        (root / "link").symlink_to("sub/large")
        return root


class MainJobTest(DevnetTest):
    def test_the_main_job(self) -> None:
        network = self.make()
        network.start()
        self.addCleanup(network.stop)
        alice, base = network.node("alice"), Path(network.node("alice").base)
        network.await_hired(alice)
        tree = self.tree()

        done = bitdust(base, "file", "upload", str(tree), "docs/tree", "--wait")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("docs/tree", bitdust(base, "file", "list").stdout)
        self.assertEqual(bitdust(base, "supplier", "list").stdout.count("CONNECTED"), 4)

        network.kill("supplier-1")
        done = bitdust(base, "file", "download", "docs/tree", str(self.folder / "restored"), "--wait")
        self.assertEqual(done.returncode, 0, done.stderr)
        restored = next((self.folder / "restored").rglob("tree"))
        self.assertEqual(differences(tree, restored), [])

        network.kill("alice")
        network.revive("alice")
        network.revive("supplier-1")
        network.await_hired(alice)
        done = bitdust(base, "file", "download", "docs/tree", str(self.folder / "again"), "--wait")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(differences(tree, next((self.folder / "again").rglob("tree"))), [])

        done = bitdust(base, "file", "delete", "docs/tree")
        self.assertEqual(done.returncode, 0, done.stderr)
        network.stop()
        self.assertEqual(processes_of(self.folder), [])


class NothingLeftTest(DevnetTest):
    def test_status_and_stop(self) -> None:
        network = self.make(suppliers=0, customers=0)
        network.start()
        base, folder = self.folder / "unused", str(network.folder)
        self.assertEqual(len(processes_of(self.folder)), 2)
        self.assertEqual(bitdust(base, "devnet", "status", "--dir", folder).stdout.count("answers"), 2)
        again = bitdust(base, "devnet", "start", "--dir", folder)
        self.assertEqual(again.returncode, 1)
        self.assertIn("already running", again.stderr)
        self.assertEqual(len(processes_of(self.folder)), 2)
        # another process than the one that started them ends them; ours only has to take note of it
        with subprocess.Popen(
            [sys.executable, "-m", "bitdust_node", "devnet", "stop", "--dir", folder], env=ENVIRONMENT
        ) as stopping:
            self.assertEqual(stopping.wait(60), 0)
        network.stop()
        self.assertEqual(processes_of(self.folder), [])
        self.assertEqual([node.pid for node in load_nodes(network.folder)], [0, 0])

    def test_interrupted(self) -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            folder = self.folder / number.name
            with subprocess.Popen(
                [sys.executable, "-m", "bitdust_node", "devnet", "start", "--dir", str(folder), "--suppliers", "2"],
                env=ENVIRONMENT,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
            ) as starting:
                while starting.poll() is None and sum(node.running for node in load_nodes(folder)) < 2:
                    pass
                starting.send_signal(number)
                _, said = starting.communicate(timeout=60)
            self.assertEqual((starting.returncode, said.strip()), (1, b"interrupted, all nodes are stopped"))
            self.assertEqual(processes_of(folder), [])

    def test_a_node_that_does_not_start(self) -> None:
        network = self.make(suppliers=0, customers=0)
        network.nodes = network._plan()
        (Path(network.nodes[0].base) / "metadata").write_text("not a folder")
        with self.assertRaises(BitDustError):
            network.start()
        self.assertEqual(processes_of(self.folder), [])
