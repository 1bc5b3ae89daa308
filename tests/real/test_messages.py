"""
Private messages between real processes, by the commands that people type: to one who is there, and to one who was
killed and comes back when the sender is gone.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

from bitdust_node.cli.devnet.devnet import Devnet
from bitdust_node.cli.devnet.nodes import DevnetNode
from tests.bitdust_node.cli.runner import run
from tests.real.accidents import AccidentCase
from tests.real.commands import ENVIRONMENT


class MessageTest(AccidentCase):
    """Alice and Bob, and two suppliers."""

    def setUp(self) -> None:
        self.folder = Path(self.mktemp()).absolute()
        self.addCleanup(self.sweep)
        self.network = Devnet(
            self.folder / "network", 2, 2, 1, needed_space="64 MB", donated_space="256 MB", key_size=1024
        )
        self.network.start()
        self.addCleanup(self.network.stop)
        self.people = [self.network.node(name) for name in ("alice", "bob")]
        for node in self.people:
            self.network.await_hired(node)
            self.network.await_service(node, "message_history")
        for node in self.network.of_role("supplier"):
            self.network.await_service(node, "joint_postman")

    def of(self, node: DevnetNode, method: str, **arguments: Any) -> Any:
        return node.client.result(method, 60, **arguments)

    def texts(self, node: DevnetNode, other: DevnetNode) -> list[str]:
        told = self.of(node, "message_history", recipient_id=other.global_id)
        return [one["doc"]["payload"]["data"]["message"] for one in reversed(told)]

    def command(self, node: DevnetNode, *words: str) -> str:
        done = run(Path(node.base), *words, HOME=str(self.folder))
        self.assertEqual(done.exit_code, 0, done.output)
        return done.output

    def test_messages_outlive_both_processes(self) -> None:
        alice, bob = self.people
        listening = self.listen(bob)
        self.of(bob, "friend_add", trusted_user_id=alice.global_id, alias="ally")
        self.assertIn("it was read", self.command(alice, "message", "send", bob.global_id, "hello", "Bob"))
        assert listening.stdout is not None
        self.assertIn(f"{alice.global_id}: hello Bob", listening.stdout.readline())
        self.assertIn("OK: ", self.command(bob, "message", "send", "ally", "hello Alice"))
        self.until(lambda: self.texts(alice, bob) == ["hello Bob", "hello Alice"], "the answer")
        self.until(lambda: bool(self.of(alice, "suppliers_dht_lookup", id=bob.global_id)["suppliers"]), "the suppliers")
        listening.kill()
        listening.wait()
        self.network.kill("bob")
        for text in ("one", "two"):
            told = self.of(alice, "message_send", recipient_id=bob.global_id, data={"message": text})
            self.assertEqual((told["consumed"], told["state"]), (False, "stored"))
        self.network.kill("alice")
        self.network.revive("bob")
        expected = ["hello Bob", "hello Alice", "one", "two"]
        self.until(lambda: self.texts(bob, alice) == expected, "mail from one who is gone")
        self.network.revive("alice")

        def states() -> set[str]:
            told = self.of(alice, "message_history", recipient_id=bob.global_id)
            return {one["doc"]["state"] for one in told if one["doc"]["direction"] == "out"}

        self.until(lambda: states() <= {"delivered", "read"}, "receipts")
        self.assertEqual(self.texts(alice, bob), expected)
        self.assertIn("hello Alice", self.command(bob, "message", "history", "ally", "--search", "hello"))

    def listen(self, node: DevnetNode) -> subprocess.Popen[str]:
        """A person at a terminal, who is registered when this returns."""
        words = [sys.executable, "-m", "bitdust_node", "--appdir", node.base, "message", "listen"]
        listening = subprocess.Popen(words, stdout=subprocess.PIPE, text=True, env=ENVIRONMENT)
        self.addCleanup(self.end, listening)
        self.until(lambda: bool(self.of(node, "process_info")["message"]["consumers"]), "somebody to listen")
        return listening

    def end(self, process: subprocess.Popen[str]) -> None:
        process.kill()
        process.communicate()
