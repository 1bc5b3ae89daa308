"""
The main job against a private network: one file up, one file down, with what it cost everybody.
"""

from __future__ import annotations

import filecmp
import os
import shutil
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.bench.client import Peer, wait_for

MB = 1_000_000
#: All nodes together take less than this part of a core when they have nothing to do, looked at for so many seconds.
CALM, CALM_TIME = 0.05, 1.0


@dataclass(frozen=True)
class Cost:
    """
    What one transfer took: seconds of the clock, CPU seconds of the customer and of all suppliers, the customer's
    peak of resident memory in MB.
    """

    seconds: float
    customer: float
    suppliers: float
    peak: float


class Job:
    """
    Moves files of a customer to its suppliers and back, and measures.
    """

    def __init__(self, customer: Peer, suppliers: list[Peer], folder: Path) -> None:
        self._customer, self._suppliers, self._folder = customer, suppliers, folder

    def file(self, megabytes: float) -> Path:
        """Make a file of random bytes."""
        path = self._folder / f"{megabytes:g}MB.bin"
        with path.open("wb") as file:
            for _ in range(int(megabytes)):
                file.write(os.urandom(MB))
        return path

    def small_files(self, count: int, size: int = 4096) -> Path:
        """Make a folder of small files of random bytes."""
        folder = self._folder / f"{count}x{size}"
        folder.mkdir()
        for number in range(count):
            (folder / f"{number:05d}").write_bytes(os.urandom(size))
        return folder

    def up(self, local: Path) -> Cost:
        """Upload a file or folder under its own name and wait until it is stored."""
        self._customer.call("POST", "file/create", remote_path=local.name, as_folder=local.is_dir())
        return self.cost(
            lambda: self._customer.call(
                "POST", "file/upload/start", local_path=str(local), remote_path=local.name, wait_result=True
            )
        )

    def up_one_by_one(self, folder: Path, together: int = 4) -> Cost:
        """Upload each file of a folder as a file of its own, `together` at a time."""
        left = sorted(folder.iterdir(), reverse=True)

        def work() -> None:
            while left:
                try:
                    local = left.pop()
                except IndexError:
                    return
                remote = f"one-by-one/{local.name}"
                self._customer.call("POST", "file/create", remote_path=remote)
                self._customer.call(
                    "POST", "file/upload/start", local_path=str(local), remote_path=remote, wait_result=True
                )

        def all_of_them() -> None:
            threads = [threading.Thread(target=work) for _ in range(together)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()

        return self.cost(all_of_them)

    def down(self, local: Path) -> Cost:
        """Download what `up` stored, and raise ValueError unless it is the same."""
        destination = self._folder / "down"
        shutil.rmtree(destination, ignore_errors=True)
        destination.mkdir()
        cost = self.cost(
            lambda: self._customer.call(
                "POST",
                "file/download/start",
                remote_path=local.name,
                destination_path=str(destination),
                wait_result=True,
            )
        )
        if not _same(local, destination / local.name):
            raise ValueError(f"{local.name} did not come back as it went")
        shutil.rmtree(destination)
        return cost

    def delete(self, local: Path) -> None:
        """Make room at the suppliers: forget what `up` stored."""
        self._customer.call("POST", "file/delete", remote_path=local.name)

    def settle(self) -> None:
        """
        Wait until nobody is busy with what was before: records of the catalog on their way, and files of the bench
        itself, of which the system has not written all.
        """
        os.sync()
        wait_for("calm", self._calm)

    def _calm(self) -> bool:
        nodes = [self._customer, *self._suppliers]
        before = sum(node.cpu() for node in nodes)
        time.sleep(CALM_TIME)
        return sum(node.cpu() for node in nodes) - before < CALM * CALM_TIME

    def cost(self, action: Callable[[], object]) -> Cost:
        """Do something that the customer and the suppliers work at, and measure it."""
        self._customer.forget_peak()
        customer, suppliers = self._customer.cpu(), sum(peer.cpu() for peer in self._suppliers)
        begin = time.perf_counter()
        action()
        seconds = time.perf_counter() - begin
        return Cost(
            seconds,
            self._customer.cpu() - customer,
            sum(peer.cpu() for peer in self._suppliers) - suppliers,
            self._customer.memory(),
        )


def _same(one: Path, other: Path) -> bool:
    if one.is_file():
        return filecmp.cmp(one, other, shallow=False)
    names = sorted(path.name for path in one.iterdir())
    _, different, broken = filecmp.cmpfiles(one, other, names, shallow=False)
    return not different and not broken
