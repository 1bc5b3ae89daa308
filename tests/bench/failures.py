"""
`python -m tests.bench.failures [suppliers]`: how much longer a download takes without the m - k suppliers whose pieces
need no decoding: dead (kill -9), or frozen (SIGSTOP: connections live, nothing answers, as when a cable is pulled);
before it begins, or in the middle of it.
"""

from __future__ import annotations

import os
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bitdust_node.pieces.layout import SCHEMES
from tests.bench.client import Peer, peers, wait_for
from tests.bench.job import Job

#: Size of the file in MB; how many networks have the accident, as each has but one first download after it; and how
#: often each of them downloads before and later.
SIZE, NETWORKS, ROUNDS = 100, 3, 3
#: What happens, and after which part of the usual time of a download; 0: before it begins.
ACCIDENTS = {
    "frozen": (signal.SIGSTOP, 0.0),
    "dead": (signal.SIGKILL, 0.0),
    "frozen halfway": (signal.SIGSTOP, 0.5),
    "dead halfway": (signal.SIGKILL, 0.5),
}


@dataclass(frozen=True)
class Seconds:
    """
    What downloads of one network took: the middle one before, the one that met the accident, the middle one later.
    """

    before: float
    first: float
    later: float


def main(numbers: list[int]) -> None:
    """
    Print the table, a row for each number of suppliers and each kind of failure.
    """
    print(f"| {SIZE} MB down without m - k | all, s | the one that met it, s | later, s | ratio | worst | later |")
    print("|---|---|---|---|---|---|---|")
    for number in numbers:
        for how, (sent, when) in ACCIDENTS.items():
            _row(number, how, [_network(number, sent, when) for _ in range(NETWORKS)])


def _row(number: int, how: str, measured: list[Seconds]) -> None:
    k, m = SCHEMES[number]
    before = statistics.median(one.before for one in measured)
    first = statistics.median(one.first for one in measured)
    later = statistics.median(one.later for one in measured)
    worst = max(one.first / one.before for one in measured)
    print(
        f"| {k} of {m}, {m - k} {how} | {before:.2f} | {first:.2f} | {later:.2f} | {first / before:.2f} "
        f"| {worst:.2f} | {later / before:.2f} |",
        flush=True,
    )


def _network(number: int, sent: signal.Signals, when: float) -> Seconds:
    with tempfile.TemporaryDirectory(prefix="bitdust-bench-") as place, _devnet(Path(place), number) as nodes:
        customer = next(node for node in nodes if node.role == "customer")
        by_name = {node.name: node for node in nodes if node.role == "supplier"}
        wait_for("hired", lambda: len(_hired(customer)) == number)
        job = Job(customer, list(by_name.values()), Path(place))
        local = job.file(SIZE)
        job.up(local)
        job.settle()
        before = statistics.median(job.down(local).seconds for _ in range(ROUNDS))
        k, m = SCHEMES[number]
        lost = [by_name[name].pid for name in _hired(customer)[: m - k]]
        # whoever is gone has no processor time any more that could be asked for
        job = Job(customer, [], Path(place))
        try:
            first = _met(job, local, lost, sent, when * before)
            later = statistics.median(job.down(local).seconds for _ in range(ROUNDS))
        finally:
            for pid in lost if sent is signal.SIGSTOP else []:
                os.kill(pid, signal.SIGCONT)
        return Seconds(before, first, later)


def _met(job: Job, local: Path, lost: list[int], sent: signal.Signals, delay: float) -> float:
    """Seconds of a download that meets the accident so long after it began."""

    def strike() -> None:
        for pid in lost:
            os.kill(pid, sent)

    if not delay:
        strike()
        return job.down(local).seconds
    accident = threading.Timer(delay, strike)
    accident.start()
    try:
        return job.down(local).seconds
    finally:
        accident.join()


@contextmanager
def _devnet(folder: Path, suppliers: int) -> Iterator[list[Peer]]:
    place = str(folder / "devnet")
    _bitdust("devnet", "start", "--dir", place, "--suppliers", str(suppliers), "--customers", "1")
    try:
        yield peers(folder / "devnet")
    finally:
        _bitdust("devnet", "stop", "--dir", place)


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
