"""
`python -m tests.bench.repair [suppliers]`: how fast pieces are made anew, from the change of a supplier to the moment
when its successor has stored its piece of a file and the version is whole again.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from bitdust_node.pieces.layout import SCHEMES
from tests.bench.client import Peer, peers, wait_for
from tests.bench.job import Job

#: Size of the file in MB; suppliers that are replaced one after the other.
SIZE, ROUNDS = 300, 3


def main(numbers: list[int]) -> None:
    """
    Print the table, a row for each number of suppliers and each replacement.
    """
    print(f"| one of {SIZE} MB anew | s | MB of the file/s | CPU s customer | CPU s suppliers |")
    print("|---|---|---|---|---|")
    for number in numbers:
        with tempfile.TemporaryDirectory(prefix="bitdust-bench-") as place:
            _measure(Path(place), number)


def _measure(folder: Path, number: int) -> None:
    devnet = folder / "devnet"
    _bitdust("devnet", "start", "--dir", str(devnet), "--suppliers", str(number + 1), "--customers", "1")
    try:
        nodes = peers(devnet)
        customer = next(node for node in nodes if node.role == "customer")
        suppliers = [node for node in nodes if node.role == "supplier"]
        wait_for("hired", lambda: None not in _holders(customer, number))
        job = Job(customer, suppliers, folder)
        local = job.file(SIZE)
        job.up(local)
        k, m = SCHEMES[number]
        for position in range(ROUNDS):
            _replace(job, customer, number, position % number, local.name, f"{k} of {m}, position {position % number}")
    finally:
        _bitdust("devnet", "stop", "--dir", str(devnet))


def _replace(job: Job, customer: Peer, number: int, position: int, path: str, what: str) -> None:
    before = _holders(customer, number)[position]

    def whole() -> bool:
        return _holders(customer, number)[position] not in (None, before) and _whole(customer, path)

    def change() -> None:
        customer.call("POST", "supplier/change", position=position)
        wait_for("whole again", whole, 600)

    cost = job.cost(change)
    print(
        f"| {what} | {cost.seconds:.2f} | {SIZE / cost.seconds:.0f} | {cost.customer:.2f} | {cost.suppliers:.2f} |",
        flush=True,
    )


def _holders(customer: Peer, number: int) -> list[str | None]:
    """The connected supplier at each position."""
    found: Any = customer.call("GET", "supplier/list")["result"]
    by_position = {one["position"]: one["idurl"] for one in found if one["supplier_state"] == "CONNECTED"}
    return [by_position.get(position) for position in range(number)]


def _whole(customer: Peer, path: str) -> bool:
    told: Any = customer.call("GET", "file/info", remote_path=path)["result"]
    return bool(told["versions"]) and told["versions"][0]["delivered"] == "100%"


def _bitdust(*words: str) -> None:
    subprocess.run([sys.executable, "-m", "bitdust_node", *words], check=True, stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    main([int(number) for number in sys.argv[1:]] or [4, 7])
