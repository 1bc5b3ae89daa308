"""
`python -m tests.bench.faces`: how many calls the API answers by HTTP and WebSocket, beside a bare `twisted.web`
resource and a bare autobahn echo in the same run.
"""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.bench.client import Peer
from tests.real.commands import bitdust, prepare

CONNECTIONS = 16
#: Calls per second of the paced run by HTTP.
PACE = 1000
#: Calls that are on their way on the WebSocket at a time.
PIPELINED = 100


@dataclass(frozen=True)
class Rate:
    """
    calls: answered. seconds: of the clock. cpu: seconds of the server. waits: seconds from each call to its answer,
    sorted; of the paced run, else empty.
    """

    calls: int
    seconds: float
    cpu: float
    waits: list[float] = field(default_factory=list)

    def row(self, what: str, bare: Rate | None) -> str:
        """One row of the table."""
        waits = "–"
        if self.waits:
            waits = f"{1000 * self.waits[len(self.waits) // 2]:.1f} / {1000 * self.waits[self.calls * 99 // 100]:.1f}"
        ratio = f"{self.cpu / self.calls / (bare.cpu / bare.calls):.2f}" if bare else "1"
        return f"| {what} | {self.calls / self.seconds:.0f} | {1e6 * self.cpu / self.calls:.0f} | {ratio} | {waits} |"


@dataclass(frozen=True)
class Server:
    """A process with both ports; `secret` is sent with each call by HTTP and once by WebSocket."""

    pid: int
    http_port: int
    websocket_port: int
    secret: str

    def cpu(self) -> float:
        return Peer("", "", self.pid, "", "").cpu()


def main() -> None:
    """
    Measure a fresh node without identity, and the bare servers.
    """
    with tempfile.TemporaryDirectory(prefix="bitdust-faces-") as place, _node(Path(place) / "node") as node:
        measure(node)


def measure(node: Server, rounds: int = 3, calls: int = 10_000) -> None:
    """
    Print the table: the best of `rounds` for each row, the servers in turn.
    """
    with _bare() as bare:
        rows: dict[str, list[Rate]] = {}
        for _ in range(rounds):
            for name, server in (("bare", bare), ("API", node)):
                rows.setdefault(f"{name} http", []).append(http(server, calls))
                rows.setdefault(f"{name} paced", []).append(http(server, calls // 2, PACE))
                rows.setdefault(f"{name} websocket", []).append(websocket(server, calls * 2))
    best = {name: min(rates, key=lambda rate: rate.cpu / rate.calls) for name, rates in rows.items()}
    print("| what | calls/s | CPU µs of the server a call | ratio | p50 / p99 ms |\n|---|---|---|---|---|")
    for kind, what, base in (
        ("http", f"HTTP, {CONNECTIONS} connections, as fast as it goes", "twisted.web"),
        ("paced", f"HTTP, {CONNECTIONS} connections, {PACE} calls/s", "twisted.web"),
        ("websocket", f"WebSocket, one connection, {PIPELINED} at a time", "autobahn echo"),
    ):
        print(best[f"bare {kind}"].row(f"{what}: bare {base}", None))
        print(best[f"API {kind}"].row(f"{what}: process_health", best[f"bare {kind}"]), flush=True)


def http(server: Server, calls: int, pace: float | None = None) -> Rate:
    """
    `calls` GETs of process_health over CONNECTIONS connections, `pace` a second or each as soon as its connection is
    free.
    """
    request = (
        f"GET /process/health/v1 HTTP/1.1\r\nHost: 127.0.0.1:{server.http_port}\r\nAccept: */*\r\n"
        f"User-Agent: bench\r\napi_secret: {server.secret}\r\n\r\n"
    ).encode()
    selector = selectors.DefaultSelector()
    free = [socket.create_connection(("127.0.0.1", server.http_port)) for _ in range(CONNECTIONS)]
    for one in free:
        one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        selector.register(one, selectors.EVENT_READ)
    asked: dict[socket.socket, float] = {}
    waits: list[float] = []
    sent, cpu, begin = 0, server.cpu(), time.perf_counter()
    while len(waits) < calls:
        now = time.perf_counter() - begin
        due = calls if pace is None else min(calls, int(now * pace) + 1)
        while free and sent < due:
            one = free.pop()
            # a paced call that had to wait for a connection waited from its time on
            asked[one] = now if pace is None else sent / pace
            one.sendall(request)
            sent += 1
        for key, _ in selector.select(None if pace is None or not free else max(0.0, sent / pace - now)):
            one = key.fileobj  # type: ignore[assignment]
            answer = one.recv(65536)
            if not answer.endswith(b"}\n") or b'"OK"' not in answer:
                raise ConnectionError(f"no answer but {answer!r}")
            waits.append(time.perf_counter() - begin - asked.pop(one))
            free.append(one)
    seconds, cpu = time.perf_counter() - begin, server.cpu() - cpu
    for one in free:
        one.close()
    return Rate(calls, seconds, cpu, [] if pace is None else sorted(waits))


def websocket(server: Server, calls: int) -> Rate:
    """
    `calls` of process_health on one connection, PIPELINED on their way at a time.
    """
    with socket.create_connection(("127.0.0.1", server.websocket_port)) as peer:
        peer.sendall(
            f"GET /?api_secret={server.secret} HTTP/1.1\r\nHost: 127.0.0.1:{server.websocket_port}\r\n"
            "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
            "Sec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        frames = [_frame({"command": "api_call", "method": "process_health", "call_id": n}) for n in range(calls)]
        data = b""
        while b"\r\n\r\n" not in data:
            data += peer.recv(65536)
        data = data.partition(b"\r\n\r\n")[2]
        sent = answered = 0
        cpu, begin = server.cpu(), time.perf_counter()
        while answered < calls:
            window = min(calls, answered + PIPELINED)
            if sent < window:
                peer.sendall(b"".join(frames[sent:window]))
                sent = window
            count, used = _frames(data)
            answered += count
            data = data[used:]
            if not count:
                received = peer.recv(65536)
                if not received:
                    raise ConnectionError("the server went away")
                data += received
        return Rate(calls, time.perf_counter() - begin, server.cpu() - cpu)


def _frame(message: object) -> bytes:
    text, mask = json.dumps(message).encode(), os.urandom(4)
    masked = bytes(byte ^ mask[at % 4] for at, byte in enumerate(text))
    head = bytes([0x81, 0x80 | len(text)]) if len(text) < 126 else struct.pack(">BBH", 0x81, 0xFE, len(text))
    return head + mask + masked


def _frames(data: bytes) -> tuple[int, int]:
    """How many whole answers there are, other messages not counted, and how many bytes all of them take."""
    count = at = 0
    while at + 4 <= len(data):
        size, head = data[at + 1], 2
        if size == 126:
            size, head = int.from_bytes(data[at + 2 : at + 4]), 4
        if at + head + size > len(data):
            break
        count += b'"call_id"' in data[at + head : at + head + size]
        at += head + size
    return count, at


@contextlib.contextmanager
def _bare() -> Iterator[Server]:
    with subprocess.Popen([sys.executable, "-m", "tests.bench.bare"], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        first, second = process.stdout.readline().split()
        try:
            yield Server(process.pid, int(first), int(second), "")
        finally:
            process.terminate()


@contextlib.contextmanager
def _node(base: Path) -> Iterator[Server]:
    config = prepare(base)
    bitdust(base, "daemon")
    pid = int((base / "processid").read_text().split()[0])
    ports = [config.number(f"interface/api/{name}-port") for name in ("rest-http", "web-socket")]
    try:
        yield Server(pid, ports[0], ports[1], (base / "apisecret").read_text())
    finally:
        os.kill(pid, signal.SIGTERM)


if __name__ == "__main__":
    main()
