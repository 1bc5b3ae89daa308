"""
The command line on a small private network: people, keys, files, suppliers, by the commands that people type.
"""

from __future__ import annotations

import json
import os
import random
import signal
from pathlib import Path
from pstats import Stats

from click.testing import Result
from twisted.trial.unittest import SynchronousTestCase

from bitdust_node.cli.client import running_pid
from bitdust_node.cli.devnet.devnet import Devnet
from bitdust_node.cli.trees import differences
from tests.bitdust_node.cli.runner import run
from tests.real.commands import bitdust, prepare, processes_of


class CommandLineTest(SynchronousTestCase):
    """
    One network for one long day of alice and bob: starting it is what takes time.
    """

    def setUp(self) -> None:
        self.folder = Path(self.mktemp()).absolute()
        self.addCleanup(self.sweep)

    def sweep(self) -> None:
        for pid in processes_of(self.folder):
            os.kill(pid, signal.SIGKILL)

    def test_a_day(self) -> None:
        self.network = Devnet(
            self.folder / "network", 2, 2, 1, needed_space="64 MB", donated_space="256 MB", key_size=1024
        )
        self.network.start()
        self.addCleanup(self.network.stop)
        self.alice, self.bob = self.network.node("alice"), self.network.node("bob")
        self.network.await_hired(self.alice)
        self.peers()
        self.files()
        self.keys()
        self.friends()
        self.a_seed()
        self.back_up_and_erase()

    def as_alice(self, *words: str, code: int = 0) -> Result:
        done = run(Path(self.alice.base), *words, HOME=str(self.folder))
        self.assertEqual(done.exit_code, code, (words, done.output))
        return done

    def peers(self) -> None:
        self.assertEqual(self.as_alice("sup", "ls").output.count("CONNECTED CONNECTED"), 2)
        self.assertIn("OK: ", self.as_alice("sup", "ping").output)
        self.assertIn("was not found", self.as_alice("sup", "fire", "9", code=1).stderr)
        self.assertIn("OK: ", self.as_alice("ping", self.bob.global_id, "--timeout", "10").output)
        self.assertIn("    donated: 256.0 MB\n", self.as_alice("space").output)
        self.assertEqual(json.loads(self.as_alice("--json", "storage").output)["donated"]["used"], 0)
        self.assertIn("p2p_connector_state: CONNECTED\n", self.as_alice("network").output)
        self.assertIn("OK: ", self.as_alice("rejoin").output)
        keeper = Path(self.network.node("supplier-1").base)
        self.assertIn(self.alice.global_id, run(keeper, "customer").output)
        self.assertIn("OK: ", run(keeper, "cus", "ping").output)

    def files(self) -> None:
        source = self.folder / "source"
        source.mkdir()
        (source / "file").write_bytes(random.Random(2).randbytes(300_001))
        self.assertEqual(self.as_alice("dir", "mk", "docs").output.count("OK"), 1)
        self.as_alice("file", "up", str(source), "docs/source", "--wait")
        listed = self.as_alice("f", "ls").output
        self.assertRegex(listed, r"(?m)^dir \S+ \S+ docs/source 1 ")
        self.assertEqual(self.as_alice("fs", "running").output, "")
        self.assertEqual(json.loads(self.as_alice("--json", "file", "progress", "up").output)["uploads"]["running"], [])
        self.as_alice("file", "down", "docs/source", str(self.folder / "back"), "--wait")
        (back,) = (self.folder / "back").rglob("source")
        self.assertEqual(differences(source, back), [])
        self.assertIn("OK: ", self.as_alice("file", "refresh").output)
        self.as_alice("file", "cancel", "docs/source", code=1)
        self.as_alice("file", "abort", "download", "docs/source")
        self.assertIn("was not found", self.as_alice("file", "down", "no/such", code=1).stderr)
        self.as_alice("file", "rm", "docs/source")
        self.as_alice("folder", "rm", "docs")
        self.assertEqual(self.as_alice("file").output, "")

    def keys(self) -> None:
        self.assertIn("size: 1024\n", self.as_alice("key", "gen", "mine", "1024", "--label", "a key").output)
        self.assertIn("-----BEGIN PRIVATE KEY-----", self.as_alice("key", "get", "mine").output)
        saved = self.folder / "mine.key"
        self.as_alice("key", "bk", "mine", str(saved))
        self.assertTrue(saved.read_text().startswith("http://127.0.0.1:"))
        self.assertEqual(saved.stat().st_mode & 0o777, 0o600)
        own = f"mine${self.alice.global_id}"
        self.as_alice("key", "transfer", own, self.bob.global_id)
        at_bob = run(Path(self.bob.base), "key").output
        self.assertRegex(at_bob, r"(?m)^mine\$alice\S+ 1024 public ")
        # only one half is there, and that is shown
        self.assertIn("public half:\nssh-rsa", run(Path(self.bob.base), "key", "get", own).output)
        self.assertIn("only the public half", run(Path(self.bob.base), "key", "bk", own, str(saved) + "2").stderr)
        self.as_alice("key", "rm", "mine")
        self.assertIn("not registered", self.as_alice("key", "rm", "mine", code=1).stderr)

    def friends(self) -> None:
        self.assertEqual(self.as_alice("friends").output, "")
        self.as_alice("buddy", "add", self.bob.global_id, "bobby")
        self.assertRegex(self.as_alice("friend", "ls").output, rf"^{self.bob.global_id} bobby \S+ http://")
        self.as_alice("friend", "rm", self.bob.global_id)
        self.assertEqual(self.as_alice("friend").output, "")

    def a_seed(self) -> None:
        """A DHT node of its own beside the node."""
        done = bitdust(Path(self.alice.base), "dhtseed", "daemon")
        self.assertEqual(done.returncode, 0, done.stderr)
        seed = Path(self.alice.base) / "dhtseed"
        # the command waits for the API only
        self.network.until(lambda: "service_entangled_dht ON" in run(seed, "service").output, "the DHT of the seed")
        self.assertEqual(run(seed, "get", "services/entangled-dht/known-nodes").output,
                         self.as_alice("get", "services/entangled-dht/known-nodes").output)  # fmt: skip
        self.assertIn("another BitDust process was found", bitdust(Path(self.alice.base), "dhtseed").stdout)
        self.assertIn("finished successfully", self.as_alice("dhtseed", "stop").output)

    def back_up_and_erase(self) -> None:
        """What is done on the files of a stopped node."""
        self.as_alice("identity", "create", "other", code=1)
        self.assertIn("finished successfully", self.as_alice("shutdown").output)
        self.assertIsNone(running_pid(Path(self.alice.base)))
        self.as_alice("id", "save")
        self.assertTrue((self.folder / f"master${self.alice.global_id}.key").exists())
        self.as_alice("identity", "create", "other", code=1)
        self.as_alice("identity", "erase")
        done = bitdust(Path(self.alice.base), "identity", "create", "alice2", "1024")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertTrue(done.stdout.startswith("new identity created: alice2@127.0.0.1_"))
        self.assertEqual(self.as_alice("id").output, done.stdout.split()[3] + "\n")


class WishesTest(SynchronousTestCase):
    """What is said before the command reaches the node that it starts, also one in the background."""

    def test_logs_and_profile(self) -> None:
        base = Path(self.mktemp()).absolute() / "node"
        prepare(base)
        self.addCleanup(lambda: [os.kill(pid, signal.SIGKILL) for pid in processes_of(base)])
        copy = base.parent / "copy.log"
        done = bitdust(base, "-q", "-n", "-o", str(copy), "-d", "3", "-v", "--cpu-profile", "daemon")
        self.assertEqual((done.returncode, done.stdout), (0, ""), done.stderr)
        self.assertEqual(run(base, "get", "debug").output, "logs/debug-level (positive integer): 3\n")
        self.assertEqual(bitdust(base, "stop").returncode, 0)
        self.assertIn("the API listens on", copy.read_text())
        self.assertFalse((base / "logs/node.log").exists())
        self.assertFalse((base / "logs/event.log").exists())
        self.assertGreater(Stats(str(base / "logs/cpu.profile")).total_calls, 1000)  # type: ignore[attr-defined]

    def test_a_log_that_can_not_be_written(self) -> None:
        base = Path(self.mktemp()).absolute()
        done = bitdust(base, "-o", "/no/such/folder/log", "start")
        self.assertEqual((done.returncode, len(done.stderr.splitlines())), (1, 1))
        self.assertIn("the log can not be written to /no/such/folder/log", done.stderr)
