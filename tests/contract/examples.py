"""
The examples of `docs/api.md`, read from the page and run as they stand there: by `curl`, by two WebSocket clients that
others wrote, and by the command line.
"""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any, ClassVar

import pytest
import websockets.sync.client
from click.testing import CliRunner
from twisted.trial.unittest import SynchronousTestCase

from bitdust_node.api import document
from bitdust_node.api.examples.example import FRESH, Example
from bitdust_node.api.examples.table import EXAMPLES
from bitdust_node.cli.client import running_pid
from bitdust_node.cli.main import bitdust
from tests.contract.contract import DOCS
from tests.contract.live import MARK, Asked, Live, Socket, answer_of, events_until, shell

PAGE = DOCS / "api.md"
#: Calls that wait for something that must happen meanwhile.
WAITING = ("event_listen",)

Call = Callable[[Asked, str], dict[str, Any]]


def examples_of_the_page() -> dict[str, list[str]]:
    """Method -> its code blocks: `curl`, frame, command line; a method on WebSocket only has a frame alone."""
    methods = PAGE.read_text("utf-8").partition(document.MARK)[2]
    parts = re.split(r"^### `(\w+)`$", methods, flags=re.MULTILINE)[1:]
    return {
        name: [f"{language}:{text}" for language, text in re.findall(r"```(sh|json)\n(.*?)\n```", part, re.DOTALL)]
        for name, part in zip(parts[::2], parts[1::2], strict=True)
    }


@pytest.mark.usefixtures("live")
class Examples(SynchronousTestCase):
    """
    Each face runs all examples in their order, on the same network; fresh nodes are started for each.
    """

    live: ClassVar[Live]

    def run_all(self, face: str, block: str, call: Call) -> None:
        shown = examples_of_the_page()
        fresh = self.live.fresh(face)
        wrong = []
        for example in EXAMPLES:
            texts = [text for text in shown.get(example.method, ()) if text.startswith(block)]
            if not texts:
                continue
            asked = fresh if example.node == FRESH else self.live.node(example.node)
            if example.method == "process_restart":
                asked.client.result("event_send", 10, event_id=MARK, data={})
            told = self.waited(asked, example, lambda text=texts[0], asked=asked: call(asked, text.partition(":")[2]))
            if not self.as_said(asked, example, told):
                wrong.append(f"{example.method}: {json.dumps(told)[:300]}")
            if example.method == "process_restart":
                self.live.await_restart(asked)
            if example.method == "network_reconnect":
                # its DHT finds the others in its own time, longer than a call waits for it on a busy machine
                self.live.until(lambda asked=asked: asked.client.call("dht_node_find", 60)["status"] == "OK")
        self.assertEqual(wrong, [], "\n" + "\n".join(wrong))
        self.live.until(lambda: running_pid(fresh.base) is None)

    def waited(self, asked: Asked, example: Example, call: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        if example.method not in WAITING:
            return call()
        done = threading.Event()
        others = threading.Thread(target=events_until, args=(asked, done.is_set))
        others.start()
        try:
            return call()
        finally:
            done.set()
            others.join()

    def as_said(self, asked: Asked, example: Example, told: dict[str, Any]) -> bool:
        text = "OK" if told["status"] == "OK" else told["errors"][0]
        return text in (asked.real(example.answer), asked.real(example.again or example.answer))

    def test_curl(self) -> None:
        def call(asked: Asked, text: str) -> dict[str, Any]:
            out, problem = shell(asked, asked.real(text)).communicate(timeout=60)
            self.assertEqual(problem, "")
            told: dict[str, Any] = json.loads(out)
            self.assertRegex(told["execution"], r"^\d+\.\d{6}$")
            return told

        self.run_all("curl", "sh:curl", call)

    def test_websocket_client(self) -> None:
        sockets: dict[Path, Socket] = {}

        def call(asked: Asked, text: str) -> dict[str, Any]:
            if asked.base not in sockets or "process_" in text:
                sockets[asked.base] = Socket(asked.ws_url)
                self.addCleanup(sockets[asked.base].close)
            told: dict[str, Any] = sockets[asked.base].send(asked.real(text))
            self.assertNotIn("execution", told)
            return told

        self.run_all("websocket-client", "json:", call)

    def test_websockets(self) -> None:
        connections: dict[Path, websockets.sync.client.ClientConnection] = {}
        with ExitStack() as open_ones:

            def call(asked: Asked, text: str) -> dict[str, Any]:
                if asked.base not in connections or "process_" in text:
                    connection = websockets.sync.client.connect(asked.ws_url, max_size=None, close_timeout=1)
                    connections[asked.base] = open_ones.enter_context(connection)
                connections[asked.base].send(asked.real(text))
                for message in connections[asked.base]:
                    told: dict[str, Any] = json.loads(message)
                    if told["type"] == "api_call":
                        return answer_of(told)
                raise AssertionError("no answer")

            self.run_all("websockets", "json:", call)

    def test_command_line(self) -> None:
        def call(asked: Asked, text: str) -> dict[str, Any]:
            words = shlex.split(asked.real(text))
            self.assertEqual(words[:2], ["bitdust", "api"])
            done = CliRunner(env={"HOME": str(asked.home)}).invoke(bitdust, words[1:])
            told: dict[str, Any] = json.loads(done.stdout)
            self.assertEqual(done.exit_code, 0 if told["status"] == "OK" else 1)
            return told

        self.run_all("command-line", "sh:bitdust", call)

    def test_command_line_without_a_form_on_http(self) -> None:
        home = str(self.live.node("alice").home)
        done = CliRunner(env={"HOME": home}).invoke(bitdust, ["api", "enable_model_listener", "model_name=service"])
        self.assertEqual((done.exit_code, done.stdout), (1, "enable_model_listener() is on WebSocket only\n"))

    def test_command_line_as_a_process(self) -> None:
        asked = self.live.node("alice")
        done = subprocess.run(
            [sys.executable, "-m", "bitdust_node", "api", "process_health"],
            capture_output=True,
            text=True,
            check=True,
            env=asked.environment,
        )
        self.assertEqual(json.loads(done.stdout)["status"], "OK")
