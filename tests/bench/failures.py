"""
`python -m tests.bench.failures [suppliers]`: how much longer a download takes without the m - k suppliers whose pieces
need no decoding: dead (kill -9), or frozen (SIGSTOP: connections live, nothing answers, as when a cable is pulled).
"""

from __future__ import annotations

import os
import signal
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from bitdust_node.pieces.layout import SCHEMES
from tests.bench.client import Peer, peers, wait_for
from tests.bench.job import Job

#: Size of the file in MB; how often each is measured.
SIZE, ROUNDS = 100, 5


def main(numbers: list[int]) -> None:
    """
    Print the table, a row for each number of suppliers and each kind of failure.
    """
    print(f"| {SIZE} MB down | all, s | first without m - k, s | after that, s | ratio first | ratio |")
    print("|---|---|---|---|---|---|")
    for number in numbers:
        for how, sent in (("frozen", signal.SIGSTOP), ("dead", signal.SIGKILL)):
            with tempfile.TemporaryDirectory(prefix="bitdust-bench-") as place:
                _measure(Path(place), number, how, sent)


def _measure(folder: Path, number: int, how: str, sent: signal.Signals) -> None:
    devnet = folder / "devnet"
    _bitdust("devnet", "start", "--dir", str(devnet), "--suppliers", str(number), "--customers", "1")
    try:
        nodes = peers(devnet)
        customer = next(node for node in nodes if node.role == "customer")
        by_name = {node.name: node for node in nodes if node.role == "supplier"}
        wait_for("hired", lambda: len(_hired(customer)) == number)
        job = Job(customer, list(by_name.values()), folder)
        local = job.file(SIZE)
        job.up(local)
        before = statistics.median(job.down(local).seconds for _ in range(ROUNDS))
        k, m = SCHEMES[number]
        lost = [by_name[name].pid for name in _hired(customer)[: m - k]]
        for pid in lost:
            os.kill(pid, sent)
        # whoever is gone has no processor time any more that could be asked for
        job = Job(customer, [], folder)
        first = job.down(local).seconds
        after = statistics.median(job.down(local).seconds for _ in range(ROUNDS))
        for pid in lost if sent is signal.SIGSTOP else []:
            os.kill(pid, signal.SIGCONT)
        print(
            f"| {k} of {m}, {m - k} {how} | {before:.2f} | {first:.2f} | {after:.2f} | {first / before:.2f} "
            f"| {after / before:.2f} |",
            flush=True,
        )
    finally:
        _bitdust("devnet", "stop", "--dir", str(devnet))


def _hired(customer: Peer) -> list[str]:
    """The names of the connected suppliers by position."""
    listed = customer.call("GET", "supplier/list")["result"]
    assert isinstance(listed, list)
    return [
        one["idurl"].rpartition("/")[2].removesuffix(".xml") for one in listed if one["supplier_state"] == "CONNECTED"
    ]


def _bitdust(*words: str) -> None:
    subprocess.run([sys.executable, "-m", "bitdust_node", *words], check=True, stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    main([int(number) for number in sys.argv[1:]] or [4, 7])
