"""
The chat as people have it: two of them at terminals, on real processes.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pexpect
import pyte

from bitdust_node.cli.devnet.devnet import Devnet
from bitdust_node.cli.devnet.nodes import DevnetNode
from tests.real.accidents import AccidentCase
from tests.real.commands import ENVIRONMENT

ROWS, COLUMNS = 24, 80


class Terminal:
    """
    The chat of somebody, and what his screen shows.
    """

    def __init__(self, node: DevnetNode, *words: str) -> None:
        self._screen = pyte.Screen(COLUMNS, ROWS)
        self._stream = pyte.ByteStream(self._screen)
        #: All that was sent to the terminal.
        self.written = b""
        arguments = ["-m", "bitdust_node", "--appdir", node.base, "chat", *words]
        environment = {**ENVIRONMENT, "TERM": "xterm-256color", "LC_ALL": "C.UTF-8", "NO_COLOR": ""}
        self.process = pexpect.spawn(sys.executable, arguments, dimensions=(ROWS, COLUMNS), env=environment)

    @property
    def lines(self) -> list[str]:
        return [line.rstrip() for line in self._screen.display]

    def type(self, text: str) -> None:
        self.process.send(text)

    def resize(self, rows: int, columns: int) -> None:
        self._screen.resize(rows, columns)
        self.process.setwinsize(rows, columns)

    def shows(self, text: str, seconds: float = 60) -> bool:
        """Read until the screen shows a text."""
        end = time.monotonic() + seconds
        while not any(text in line for line in self.lines):
            if time.monotonic() > end:
                return False
            with contextlib.suppress(pexpect.TIMEOUT):
                read = self.process.read_nonblocking(65536, 0.2)
                self.written += read
                self._stream.feed(read)
        return True

    def end(self) -> int | None:
        """Exit code of the chat."""
        self.process.expect(pexpect.EOF, timeout=20)
        self.process.close()
        return self.process.exitstatus


class ChatTest(AccidentCase):
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
            self.network.await_service(node, "shared_data")

    def of(self, node: DevnetNode, method: str, **arguments: Any) -> Any:
        return node.client.result(method, 60, **arguments)

    def see(self, terminal: Terminal, text: str) -> None:
        self.assertTrue(terminal.shows(text), "\n".join([text, *terminal.lines]))

    def chat(self, node: DevnetNode, *words: str) -> Terminal:
        terminal = Terminal(node, *words)
        self.addCleanup(terminal.process.close, force=True)
        return terminal

    def test_a_talk(self) -> None:
        alice, bob = self.people
        self.of(alice, "friend_add", trusted_user_id=bob.global_id, alias="bobby")
        hers, his = self.chat(alice), self.chat(bob, alice.global_id)
        self.see(hers, "bobby")
        hers.type("1\r")
        self.see(hers, "bobby  ● online")
        self.see(his, "alice  ● online")
        # what is typed is not touched by what comes
        his.type("half of")
        self.see(his, "> half of")
        hers.type("hello bob\r")
        self.see(hers, "you: hello bob")
        self.see(his, "alice: hello bob")
        self.see(his, "> half of")
        his.type(" it\r")
        self.see(hers, "bobby: half of it")
        self.see(his, "✓✓")
        self.hostile(hers)
        self.a_file(hers, his)
        self.a_pipe(hers)
        hers.resize(12, 40)
        hers.type("narrow")
        self.see(hers, "> narrow")
        self.see(hers, "into a pipe")
        hers.type("\x15")
        self.network.kill("bob")
        self.see(his, "the node is away")
        his.type("kept")
        self.network.revive("bob")
        self.see(his, "the node is back")
        self.see(his, "> kept")
        his.type("\r")
        self.see(hers, "bobby: kept")
        his.type("\x03")
        hers.type("\x04")
        self.assertEqual((hers.end(), his.end()), (0, 0))

    def hostile(self, hers: Terminal) -> None:
        alice, bob = self.people
        self.of(bob, "message_send", recipient_id=alice.global_id, data={"message": "\x1b]0;owned\x07\x9b31m done"})
        self.see(hers, "bobby: �]0;owned��31m done")
        self.assertNotIn(b"\x1b]0;owned", hers.written)
        self.assertNotIn("\x9b".encode(), hers.written)

    def a_file(self, hers: Terminal, his: Terminal) -> None:
        (self.folder / "my cat.jpg").write_bytes(b"cat" * 1000)
        hers.type(f"/file {self.folder}/my cat.jpg\r")
        self.see(his, "[my cat.jpg, 2.9 KB]  /get 1 fetches it")
        his.type(f"/get 1 {self.folder}/of-bob\r")
        self.see(his, "my cat.jpg is here")
        self.assertEqual((self.folder / "of-bob" / "my cat.jpg").read_bytes(), b"cat" * 1000)
        his.type(f"/get 1 {self.folder}/of-bob\r")
        self.see(his, "exists already")

    def a_pipe(self, hers: Terminal) -> None:
        alice, bob = self.people
        words = [sys.executable, "-m", "bitdust_node", "--appdir", bob.base, "--json", "chat", alice.global_id]
        piped = subprocess.Popen(
            words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=ENVIRONMENT
        )  # fmt: skip
        self.addCleanup(piped.wait)
        self.addCleanup(piped.kill)
        assert piped.stdin is not None
        assert piped.stdout is not None
        piped.stdin.write("from a pipe\n")
        piped.stdin.flush()
        self.see(hers, "bobby: from a pipe")
        hers.type("into a pipe\r")
        told = json.loads(piped.stdout.readline())
        self.assertEqual((told["sender"], told["message"]), (alice.global_id, "into a pipe"))
        piped.stdin.close()
        self.assertEqual(piped.wait(30), 0)
        piped.stdout.close()
