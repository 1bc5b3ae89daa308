"""
What a run has of the kernel, if it may: wires between nodes that are cut, and small disks that are filled.
"""

from __future__ import annotations

import errno
import os
import random
import shutil
import subprocess
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from bitdust_node.cli.client import ApiClient
from bitdust_node.cli.devnet.devnet import Devnet
from bitdust_node.cli.devnet.nodes import DevnetNode
from tests.chaos.apart import mount
from tests.chaos.wires import Space, Wires

MB = 1024 * 1024
#: Bytes of a small disk, and how much of it is left when it is filled.
SMALL_DISK, LEFT = 400 * MB, (0, 0, 64 * 1024, 2 * MB)
#: Seconds for which nothing else happens.
LASTING = (5, 15, 45)
#: Part of the cuts that are of one direction only.
ONE_WAY = 0.25


class SmallDisk:
    """
    A filesystem of its own, at a folder. image: the file that has its blocks; None for one in memory.
    """

    def __init__(self, place: Path, image: Path | None) -> None:
        self.place = place
        self._ballast = place / "ballast"
        place.mkdir(parents=True, mode=0o700)
        if image is None:
            mount("-t", "tmpfs", "-o", f"size={SMALL_DISK},mode=700", "tmpfs", str(place))
        else:
            with image.open("wb") as file:
                file.truncate(SMALL_DISK)
            subprocess.run(["mkfs.ext4", "-q", "-F", "-m", "0", str(image)], check=True, capture_output=True)
            mount("-o", "loop", str(image), str(place))

    @property
    def full(self) -> bool:
        return self._ballast.exists()

    def fill(self, left: int) -> None:
        """Take all that is free, until the system says that there is no more, and give so many bytes back."""
        file = os.open(self._ballast, os.O_WRONLY | os.O_CREAT, 0o600)
        try:
            size, step = os.fstat(file).st_size, 64 * MB
            while step >= 4096:
                try:
                    os.posix_fallocate(file, size, step)
                    size += step
                except OSError as error:
                    if error.errno != errno.ENOSPC:
                        raise
                    step //= 2
            os.ftruncate(file, max(0, size - left))
        finally:
            os.close(file)

    def empty(self) -> None:
        self._ballast.unlink(missing_ok=True)

    def save(self, folder: Path) -> None:
        """Copy what is there: it ends with the run."""
        self.empty()
        shutil.copytree(self.place, folder, symlinks=True, dirs_exist_ok=True)

    def close(self) -> None:
        subprocess.run(["umount", str(self.place)], check=False, capture_output=True)


class _WireClient(ApiClient):
    """Asks a node from within its namespace: its API listens there only."""

    def __init__(self, base: Path, space: Space) -> None:
        super().__init__(base)
        self._space = space

    def request(self, verb: str, path: str, body: dict[str, Any] | None = None, timeout: float | None = None) -> Any:
        with self._space.inside():
            return super().request(verb, path, body, timeout)


class _WireNode(DevnetNode):
    space: Space

    @property
    def client(self) -> ApiClient:
        return _WireClient(Path(self.base), self.space)


class WireNet(Devnet):
    """
    A devnet whose nodes have a namespace each.
    """

    wires: Wires

    def host_of(self, name: str) -> str:
        return self.wires.address(name)

    def _plan(self) -> list[DevnetNode]:
        nodes: list[DevnetNode] = []
        for node in super()._plan():
            wired = _WireNode(node.name, node.role, node.base, node.api_port, node.ws_port)
            wired.space = self.wires.space(node.name)
            nodes.append(wired)
        return nodes

    def _launch(self, node: DevnetNode) -> None:
        with self.wires.space(node.name).inside():
            super()._launch(node)


class Machine:
    """
    network: the folder in which each node has one. small: names of nodes that have a disk of their own.
    """

    def __init__(self, network: Path, small: list[str]) -> None:
        self.wires = Wires()
        self.disks: dict[str, SmallDisk] = {}
        self._network = network
        network.mkdir(parents=True, mode=0o700)
        for number, name in enumerate(small):
            # one after the other in memory and in blocks: both say differently that they are full
            image = network / f"{name}.ext4" if number % 2 and _blocks(network) else None
            self.disks[name] = SmallDisk(network / name, image)

    @property
    def full(self) -> set[str]:
        return {name for name, disk in self.disks.items() if disk.full}

    def cut(self, names: list[str], dice: random.Random) -> str:
        one, other = dice.sample(names, 2)
        both = dice.random() >= ONE_WAY
        for pair in ((one, other), (other, one)) if both else ((one, other),):
            self.wires.cut(*pair)
        return f"{one} and {other} are cut apart" if both else f"{other} does not hear {one}"

    def last(self, dice: random.Random) -> str:
        """What is cut or full stays so for longer than nodes wait for each other."""
        if not self.wires.cuts and not self.full:
            return "all is well"
        seconds = dice.choice(LASTING)
        time.sleep(seconds)
        return f"cuts and full disks last {seconds} s"

    def heal(self, dice: random.Random) -> str:
        """One node reaches, and is reached by, all."""
        if not self.wires.cuts:
            return "nothing is cut"
        name = dice.choice(sorted(self.wires.cuts))[0]
        for pair in [pair for pair in self.wires.cuts if name in pair]:
            self.wires.heal(*pair)
        return f"the wires of {name} are mended"

    def fill(self, dice: random.Random) -> str:
        name, left = dice.choice(sorted(self.disks)), dice.choice(LEFT)
        self.disks[name].fill(left)
        return f"the disk of {name} is full{f' but for {left} bytes' if left else ''}"

    def empty(self, dice: random.Random) -> str:
        full = sorted(self.full)
        if not full:
            return "no disk is full"
        name = dice.choice(full)
        self.disks[name].empty()
        return f"the disk of {name} has room"

    def mend(self) -> None:
        """All is well again."""
        for pair in list(self.wires.cuts):
            self.wires.heal(*pair)
        for disk in self.disks.values():
            disk.empty()

    def save(self) -> None:
        for name, disk in self.disks.items():
            disk.save(self._network.with_name("disks") / name)

    def close(self) -> None:
        for disk in self.disks.values():
            disk.close()
        self.wires.close()


def needs() -> None:
    """
    What a machine is made of: raises OSError or CalledProcessError where that can not be had.
    """
    wires = Wires()
    wires.address("one")
    wires.address("other")
    wires.cut("one", "other")
    wires.close()
    with tempfile.TemporaryDirectory() as folder:
        disk = SmallDisk(Path(folder) / "disk", None)
        disk.close()


def _blocks(folder: Path) -> bool:
    """Whether a file can be a disk."""
    image, place = folder / "trial.ext4", folder / "trial"
    try:
        with suppress(OSError, subprocess.CalledProcessError):
            SmallDisk(place, image).close()
            return True
        return False
    finally:
        image.unlink(missing_ok=True)
        place.rmdir()
