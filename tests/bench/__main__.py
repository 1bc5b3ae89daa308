"""
`python -m tests.bench [--quick] [--suppliers 4,7]`: prints the table that stands in docs/benchmarks.md.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from tests.bench import catalog, faces, failures, repair, small, upkeep
from tests.bench.client import Peer, peers, wait_for
from tests.bench.job import Cost, Job
from tests.bench.primitives import Primitives, measure

SCHEMES = {2: (1, 2), 4: (2, 4), 7: (4, 7), 13: (9, 13)}
CORES = os.cpu_count() or 1
#: The number of suppliers with which idleness and answers are measured too.
FULL = 4
#: Files of the catalog that is measured; `python -m tests.bench.catalog` takes a million.
FILES = 100_000
#: How often each transfer is measured; the table shows the one in the middle.
ROUNDS = 5
#: Seconds for which a node is left alone to see what it does then.
IDLE = 30


def main() -> int:
    """
    Measure the primitives, then the job on a devnet for each number of suppliers.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="files up to 100 MB only")
    parser.add_argument("--suppliers", default="4,7", help="numbers of suppliers, e.g. 4,7,13")
    options = parser.parse_args()
    numbers = [int(number) for number in options.suppliers.split(",")]
    sizes = [1, 10, 100] if options.quick else [1, 10, 100, 1000]
    with tempfile.TemporaryDirectory(prefix="bitdust-bench-") as place:
        _print_primitives(measure([SCHEMES[number] for number in numbers], Path(place)))
        for number in numbers:
            _network(Path(place) / f"of{number}", number, sizes)
    print("\n### Downloads with failures\n")
    failures.main([number for number in numbers if number > FULL // 2])
    print("\n### Repair\n")
    repair.main([FULL])
    print("\n### Small files, each by a call of its own\n")
    small.main(numbers)
    print("\n### Upkeep\n")
    upkeep.main()
    print("\n### Catalog\n")
    catalog.main(FILES)
    print("\n### Calls of the API\n")
    faces.main()
    return 0


def _network(folder: Path, number: int, sizes: list[int]) -> None:
    devnet = folder / "devnet"
    folder.mkdir()
    _bitdust("devnet", "start", "--dir", str(devnet), "--suppliers", str(number), "--customers", "1")
    try:
        nodes = peers(devnet)
        customer = next(node for node in nodes if node.role == "customer")
        suppliers = [node for node in nodes if node.role == "supplier"]
        wait_for("hired", lambda: _hired(customer) == number)
        job = Job(customer, suppliers, folder)
        k, m = SCHEMES[number]
        print(f"\n### {number} suppliers ({k} of {m})\n")
        print("| what | s | MB/s | floor s | ratio | CPU s customer | CPU s suppliers | peak MB customer |")
        print("|---|---|---|---|---|---|---|---|")
        fresh = _idle(customer) if number == FULL else ""
        for size in sizes:
            _one_size(job, size, k, m, folder)
        _small(job)
        if number == FULL:
            print(f"\nIdle, fresh: {fresh}\nIdle, after all that: {_idle(customer)}")
            _health(job, customer, max(sizes))
    finally:
        _bitdust("devnet", "stop", "--dir", str(devnet))


def _one_size(job: Job, size: int, k: int, m: int, folder: Path) -> None:
    local = job.file(size)
    ups, downs = [], []
    job.settle()
    # at this moment: a virtual machine is a tenth faster or slower ten minutes later
    floor = measure([(k, m)], folder)
    for number in range(ROUNDS):
        local = local.rename(local.with_name(f"{number}-{size}MB.bin"))
        job.settle()
        ups.append(job.up(local))
        job.settle()
        downs.append(job.down(local))
        job.delete(local)
    _row(f"{size} MB up", size, _median(ups), floor.floor_up(size, k, m, CORES))
    _row(f"{size} MB down", size, _median(downs), floor.floor_down(size, k, m, CORES))
    local.unlink()


def _median(costs: list[Cost]) -> Cost:
    return sorted(costs, key=lambda cost: cost.seconds)[len(costs) // 2]


def _small(job: Job) -> None:
    folder = job.small_files(1000)
    up, down, single = job.up(folder), job.down(folder), job.up_one_by_one(folder)
    for what, cost in (("up, as a folder", up), ("down, as a folder", down), ("up, one by one", single)):
        _row(f"1000 files of 4 KB {what}: {1000 / cost.seconds:.0f} files/s", 4.096, cost, None)


def _row(what: str, megabytes: float, cost: Cost, floor: float | None) -> None:
    ratio = f"{floor:.2f} | {cost.seconds / floor:.1f}" if floor else "– | –"
    print(
        f"| {what} | {cost.seconds:.2f} | {megabytes / cost.seconds:.0f} | {ratio} | {cost.customer:.2f} "
        f"| {cost.suppliers:.2f} | {cost.peak:.0f} |",
        flush=True,
    )


def _idle(customer: Peer) -> str:
    before = customer.cpu()
    time.sleep(IDLE)
    return f"{(customer.cpu() - before) / IDLE:.2%} of a core, {customer.memory('VmRSS'):.0f} MB resident."


def _health(job: Job, customer: Peer, size: int) -> None:
    local = job.file(size)
    upload = threading.Thread(target=job.up, args=(local.rename(local.with_name("health.bin")),))
    upload.start()
    took: list[float] = []
    while upload.is_alive():
        begin = time.perf_counter()
        customer.call("GET", "process/health")
        took.append((time.perf_counter() - begin) * 1000)
        time.sleep(0.01)
    took.sort()
    print(
        f"process_health during an upload of {size} MB: p50 {took[len(took) // 2]:.1f} ms, "
        f"p99 {took[int(len(took) * 0.99)]:.1f} ms, worst {took[-1]:.1f} ms of {len(took)} calls."
    )
    told = customer.call("GET", "process/info")["result"]
    assert isinstance(told, dict)
    print(f"The reactor of the customer was never held for longer than {1000 * told['process']['worst_lag']:.0f} ms.")


def _hired(customer: Peer) -> int:
    listed = customer.call("GET", "supplier/list")["result"]
    assert isinstance(listed, list)
    return sum(1 for supplier in listed if supplier["supplier_state"] == "CONNECTED")


def _print_primitives(floor: Primitives) -> None:
    print("| primitive | MB/s |\n|---|---|")
    rows = {"AES-256-GCM": floor.aes, "SHA-256": floor.sha, "TLS 1.3, both ends": floor.tls}
    rows |= {"file to memory": floor.load, "memory to file, processor": floor.store, "memory to disk": floor.write}
    rows |= {"disk to memory": floor.fetch}
    rows |= {f"erasure code, encode {k} of {m}": cost for (k, m), cost in floor.encode.items()}
    rows |= {f"erasure code, decode {k} of {m}": cost for (k, m), cost in floor.decode.items()}
    for name, cost in rows.items():
        print(f"| {name} | {1 / cost:.0f} |")


def _bitdust(*words: str) -> None:
    subprocess.run([sys.executable, "-m", "bitdust_node", *words], check=True, stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    sys.exit(main())
