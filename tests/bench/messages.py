"""
`python -m tests.bench.messages`: private messages a second between two nodes, how long one takes, and what a supplier
needs for each that it keeps. Real processes on loopback; the clients are threads of this process.
"""

from __future__ import annotations

import http.client
import json
import os
import signal
import sys
import tempfile
import threading
import time
from pathlib import Path
from urllib.parse import urlsplit

from bitdust_node.cli.devnet.devnet import Devnet
from tests.bench.client import Peer, peers, wait_for

#: Clients that send at the same time, messages of the fast run, and of those that are sent one after the other.
CLIENTS, MESSAGES, SINGLE = 32, 4000, 300
#: Messages that are left in mailboxes, and characters of each.
QUEUED, LENGTH = 500, 200


class Client:
    """One connection that stays."""

    def __init__(self, peer: Peer) -> None:
        url = urlsplit(peer.api_url)
        self._connection = http.client.HTTPConnection(url.hostname or "127.0.0.1", url.port, timeout=120)
        self._secret = peer.secret

    def call(self, verb: str, path: str, **arguments: object) -> object:
        """The result of one call."""
        body = None if verb == "GET" else json.dumps(arguments)
        self._connection.request(verb, path, body, {"api_secret": self._secret})
        envelope = json.loads(self._connection.getresponse().read())
        if envelope["status"] != "OK":
            raise RuntimeError(str(envelope["errors"]))
        return envelope.get("result")


def main() -> int:
    folder = Path(tempfile.mkdtemp(prefix="bench-messages-"))
    network = Devnet(folder / "network", 2, 2, 1, needed_space="64 MB", donated_space="1 GB")
    network.start()
    try:
        network.await_hired(network.node("alice"))
        network.await_hired(network.node("bob"))
        nodes = {peer.name: peer for peer in peers(network.folder)}
        alice, bob = nodes["alice"], nodes["bob"]
        to = network.node("bob").global_id
        wait_for("messages", lambda: _sent(alice, to))
        print("| what | messages/s | p50 ms | p99 ms | CPU ms sender | CPU ms receiver |\n|---|---|---|---|---|---|")
        for clients, count in ((1, SINGLE), (8, MESSAGES // 2), (CLIENTS, MESSAGES)):
            _run(alice, bob, to, clients, count)
        _kept(network, alice, nodes, to)
    finally:
        network.stop()
    return 0


def _sent(alice: Peer, to: str) -> bool:
    try:
        result = Client(alice).call("POST", "/message/send/v1", recipient_id=to, data={"text": "hello"})
    except RuntimeError:
        return False
    assert isinstance(result, dict)
    return bool(result["state"] == "delivered")


def _run(alice: Peer, bob: Peer, to: str, clients: int, count: int) -> None:
    waits: list[float] = []
    before = alice.cpu(), bob.cpu()

    def send() -> None:
        client = Client(alice)
        for number in range(count // clients):
            begun = time.perf_counter()
            client.call("POST", "/message/send/v1", recipient_id=to, data={"text": "x" * LENGTH, "number": number})
            waits.append(time.perf_counter() - begun)

    threads = [threading.Thread(target=send) for _ in range(clients)]
    begun = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds, sent = time.perf_counter() - begun, len(waits)
    waits.sort()
    cost = [1000 * (now - then) / sent for now, then in zip((alice.cpu(), bob.cpu()), before, strict=True)]
    p50, p99 = 1000 * waits[sent // 2], 1000 * waits[sent * 99 // 100]
    print(
        f"| {clients} clients | {sent / seconds:.0f} | {p50:.1f} | {p99:.1f} | {cost[0]:.2f} | {cost[1]:.2f} |",
        flush=True,
    )


def _kept(network: Devnet, alice: Peer, nodes: dict[str, Peer], to: str) -> None:
    """What a supplier needs for messages that wait."""
    os.kill(nodes["bob"].pid, signal.SIGKILL)
    keeper = nodes["supplier-1"]
    mailboxes = Path(network.node("supplier-1").base) / "mailboxes.db"
    memory, disk = keeper.memory("VmRSS"), _size(mailboxes)
    begun = time.perf_counter()
    threads = [threading.Thread(target=_leave, args=(alice, to, QUEUED // CLIENTS)) for _ in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds, count = time.perf_counter() - begun, QUEUED // CLIENTS * CLIENTS
    print(
        f"\n{count} messages of {LENGTH} characters left in mailboxes: {count / seconds:.0f}/s;"
        f" each takes {(_size(mailboxes) - disk) / count:.0f} bytes on the disk of a supplier (write-ahead log too)"
        f" and {1e6 * (keeper.memory('VmRSS') - memory) / count:.0f} bytes of its memory."
    )


def _leave(alice: Peer, to: str, count: int) -> None:
    client = Client(alice)
    for _ in range(count):
        client.call("POST", "/message/send/v1", recipient_id=to, data={"text": "x" * LENGTH})


def _size(path: Path) -> int:
    return sum(one.stat().st_size for one in path.parent.glob(f"{path.name}*"))


if __name__ == "__main__":
    sys.exit(main())
