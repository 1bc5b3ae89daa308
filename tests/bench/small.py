"""
`python -m tests.bench.small [suppliers ...]`: many files of 4 KB, each uploaded by a call of its own.
"""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import websocket

from tests.bench.client import Peer, peers, wait_for

#: Bytes of each file, and how many files with how many calls on their way at a time; 0: nobody waits for any of them.
SIZE = 4096
RUNS = ((200, 1), (1000, 16), (1000, 200), (1000, 0), (10_000, 0))
#: Calls that a client may have on their way.
CALLS = 200


def main(numbers: list[int]) -> None:
    """
    Print the table, a row for each run.
    """
    print("| suppliers | files of 4 KB | on their way | s | files/s | versions at each supplier | CPU s customer |")
    print("|---|---|---|---|---|---|---|")
    for number in numbers:
        with tempfile.TemporaryDirectory(prefix="bitdust-bench-") as place:
            _network(Path(place), number)


def _network(folder: Path, number: int) -> None:
    devnet = folder / "devnet"
    _bitdust("devnet", "start", "--dir", str(devnet), "--suppliers", str(number), "--customers", "1")
    try:
        customer = next(node for node in peers(devnet) if node.role == "customer")
        listed = json.loads((devnet / "devnet.json").read_text())["nodes"]
        node = next(one for one in listed if one["role"] == "customer")
        wait_for("hired", lambda: _hired(customer) == number, 180)
        with closing(websocket.create_connection(f"{node['ws_url']}/?api_secret={customer.secret}")) as connection:
            for files, together in RUNS:
                _run(folder, connection, customer, Path(node["base"]), number, files, together)
    finally:
        _bitdust("devnet", "stop", "--dir", str(devnet))


def _run(
    folder: Path,
    connection: websocket.WebSocket,
    customer: Peer,
    base: Path,
    number: int,
    files: int,
    together: int,
) -> None:
    name = f"small-{files}-{together}"
    (folder / name).mkdir()
    for at in range(files):
        (folder / name / f"{at:05}").write_bytes(os.urandom(SIZE))
    paths = [f"{name}/{at:05}" for at in range(files)]
    _calls(connection, "file_create", ({"remote_path": path} for path in paths), CALLS)
    before, cpu, begun = _versions(base), customer.cpu(), time.perf_counter()
    wait = together > 0
    uploads = ({"local_path": str(folder / path), "remote_path": path, "wait_result": wait} for path in paths)
    _calls(connection, "file_upload_start", uploads, together or CALLS)
    while _count(base, "SELECT count(*) FROM tasks"):
        time.sleep(0.02)
    seconds, cpu = time.perf_counter() - begun, customer.cpu() - cpu
    row = number, files, together or "all", f"{seconds:.2f}", f"{files / seconds:.0f}", _versions(base) - before
    print("|", *(f"{cell} |" for cell in row), f"{cpu:.2f} |", flush=True)


def _calls(connection: websocket.WebSocket, method: str, arguments: Iterator[dict[str, object]], together: int) -> None:
    """Call again and again, with so many calls on their way; raises RuntimeError for an answer that is an error."""
    under_way = 0
    while True:
        while under_way < together and (given := next(arguments, None)) is not None:
            connection.send(json.dumps({"command": "api_call", "method": method, "kwargs": given, "call_id": 0}))
            under_way += 1
        if not under_way:
            return
        told = json.loads(connection.recv())
        if told["type"] == "api_call":
            under_way -= 1
            if told["payload"].get("response", {}).get("status") != "OK":
                raise RuntimeError(f"{method}: {told}")


def _versions(base: Path) -> int:
    """How many versions have pieces: each is a stream, a commit and an answer of every supplier."""
    return _count(base, "SELECT count(DISTINCT version) FROM pieces")


def _count(base: Path, query: str) -> int:
    with closing(sqlite3.connect(base / "catalog.db", timeout=30)) as catalog:
        return int(catalog.execute(query).fetchone()[0])


def _hired(customer: Peer) -> int:
    listed = customer.call("GET", "supplier/list")["result"]
    assert isinstance(listed, list)
    return sum(1 for supplier in listed if supplier["supplier_state"] == "CONNECTED")


def _bitdust(*words: str) -> None:
    subprocess.run([sys.executable, "-m", "bitdust_node", *words], check=True, stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    main([int(number) for number in sys.argv[1:]] or [4, 7, 13])
