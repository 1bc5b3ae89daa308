"""
A live private network for the tests of the contract: real processes, and the names of the documentation.

The documentation tells of `alice@127.0.0.1_8084`, whose node listens on 8180 and 8280, and of files below
`/home/alice`. `Asked.real` puts in what these are here; nothing else of an example is changed.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import websocket

from bitdust_node.api.examples.example import CUSTOMER, SUPPLIER
from bitdust_node.cli.client import ApiClient, option_text, secret_of
from bitdust_node.cli.devnet import roles
from bitdust_node.cli.devnet.devnet import Devnet
from bitdust_node.cli.node import spawn
from bitdust_node.errors import BitDustError
from tests.real.commands import prepare, processes_of

HTTP_PORT, WS_PORT = "interface/api/rest-http-port", "interface/api/web-socket-port"
FRESH_SERVICES = ("network", "tcp_connections", "gateway", "tcp_transport", "identity_propagate", "keys_registry")
FACES = ("curl", "websocket-client", "websockets", "command-line")
#: The event that tells one life of a process from the next.
MARK = "before-the-restart"
#: How long anything of a node may take.
SECONDS = 30


@dataclass
class Asked:
    """
    One node that examples are asked of.

    home: a home folder in which `~/.bitdust` is the node's.
    users: where the folder `/home` of the examples is.
    """

    base: Path
    home: Path
    users: Path
    identity_port: str

    def __post_init__(self) -> None:
        self.home.mkdir(parents=True)
        (self.home / ".bitdust").symlink_to(self.base)

    @property
    def client(self) -> ApiClient:
        return ApiClient(self.base)

    @property
    def secret(self) -> str:
        return secret_of(self.base)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{option_text(self.base, HTTP_PORT)}"

    @property
    def ws_url(self) -> str:
        return f"ws://127.0.0.1:{option_text(self.base, WS_PORT)}/?api_secret={self.secret}"

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, "HOME": str(self.home)}

    def real(self, text: str) -> str:
        """Text of the documentation with the names and ports of this network."""
        for written, meant in (
            ("127.0.0.1_8084", f"127.0.0.1_{self.identity_port}"),
            ("127.0.0.1:8180", f"127.0.0.1:{option_text(self.base, HTTP_PORT)}"),
            ("/home/", f"{self.users}/"),
        ):
            text = text.replace(written, meant)
        return text

    def meant(self, arguments: Any) -> Any:
        """The same for arguments of a call."""
        return json.loads(self.real(json.dumps(arguments)))


class Live:
    """
    Three suppliers, alice and bob; and for each face a fresh node without identity.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.devnet = Devnet(
            folder / "network",
            suppliers=3,
            customers=2,
            seeds=1,
            key_size=1024,
            needed_space="16 MB",
            donated_space="256 MB",
            overrides={"services/customer/suppliers-number": 2},
        )
        self.users = folder / "users"
        (self.users / "alice").mkdir(parents=True)
        (self.users / "alice/report.txt").write_bytes(b"what alice has found out\n" * 1000)
        self._asked: dict[str, Asked] = {}
        self._fresh: list[subprocess.Popen[bytes]] = []

    def start(self) -> None:
        self.devnet.start()
        alice, bob = self.devnet.node("alice"), self.devnet.node("bob")
        self.identity_port = alice.global_id.rsplit("_", 1)[1]
        for name in FACES:
            self._spawn(self.folder / name)
        self.devnet.await_hired(alice)
        self.devnet.await_hired(bob)

    def stop(self) -> None:
        self.devnet.stop()
        for pid in processes_of(self.folder):
            os.kill(pid, signal.SIGKILL)
        for process in self._fresh:
            process.wait()

    def node(self, name: str) -> Asked:
        """A node of the network by its name, or by what examples call it."""
        name = {CUSTOMER: "alice", SUPPLIER: self._supplier_of_bob}.get(name, name)
        if name not in self._asked:
            self._asked[name] = self._ask(name, Path(self.devnet.node(name).base))
        return self._asked[name]

    @property
    def _supplier_of_bob(self) -> str:
        """One name for the whole run, though bob may change his suppliers."""
        if not hasattr(self, "_supplier"):
            listed = self.devnet.node("bob").client.result("suppliers_list", 10)
            self._supplier = str(listed[0]["global_id"]).split("@")[0]
        return self._supplier

    def fresh(self, face: str) -> Asked:
        """A node without identity, that was just started for the examples on one face."""
        base = self.folder / face
        self.until(ApiClient(base).healthy)
        return self._ask(face, base)

    def _spawn(self, base: Path) -> None:
        options = dict.fromkeys(roles.switches(roles.CUSTOMER), False)
        options |= {f"services/{one.replace('_', '-')}/enabled": True for one in FRESH_SERVICES}
        servers = {
            "services/identity-propagate/known-servers": f"127.0.0.1:{self.identity_port}",
            "services/identity-propagate/min-servers": 1,
            "personal/private-key-size": 1024,
        }
        prepare(base, **options, **servers)
        self._fresh.append(spawn(base))

    def until(self, true: Callable[[], bool]) -> None:
        """Wait for something of a real process."""
        self.devnet.until(true, "a node", SECONDS)

    def await_restart(self, asked: Asked) -> None:
        """Wait until a node that was told to restart counts its events from the beginning."""
        self.until(lambda: MARK not in asked.client.result("events_list", 10))

    def _ask(self, name: str, base: Path) -> Asked:
        return Asked(base, self.folder / "homes" / name, self.users, self.identity_port)


class Socket:
    """
    A WebSocket of `websocket-client` that takes the answer out of the pushes around it.
    """

    def __init__(self, url: str) -> None:
        self._connection = websocket.create_connection(url, timeout=60)
        self.number = 0

    def send(self, text: str) -> Any:
        """Send a frame and wait for the answer to its call id."""
        self._connection.send(text)
        call_id = json.loads(text)["call_id"]
        while True:
            told = json.loads(self._connection.recv())
            if told["type"] == "api_call" and told["payload"]["call_id"] == call_id:
                return answer_of(told)

    def call(self, method: str, arguments: dict[str, Any]) -> Any:
        self.number += 1
        return self.send(
            json.dumps({"command": "api_call", "method": method, "kwargs": arguments, "call_id": self.number})
        )

    def close(self) -> None:
        self._connection.close()


def answer_of(told: dict[str, Any]) -> dict[str, Any]:
    """The answer in a message; a call that did not reach its method has only errors."""
    payload = told["payload"]
    return payload["response"] if "response" in payload else {"status": "ERROR", "errors": payload["errors"]}


def events_until(asked: Asked, done: Callable[[], bool]) -> None:
    """Let events happen at a node until somebody has heard them."""
    while not done():
        try:
            asked.client.call("event_send", 10, event_id="something-happened", data={})
        except BitDustError:
            return
        time.sleep(0.02)


def shell(asked: Asked, text: str) -> subprocess.Popen[str]:
    """A command in a shell of the node's user."""
    return subprocess.Popen(
        ["bash", "-c", text], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=asked.environment
    )
