"""
The chaos on real processes: kill -9, cut wires, frozen processes, full and spoiled disks, while customers work.
"""

from __future__ import annotations

import random
import shutil
import signal
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bitdust_node.cli.devnet.devnet import Devnet
from bitdust_node.cli.devnet.nodes import DevnetNode
from bitdust_node.cli.devnet.roles import LAST_SERVICE
from bitdust_node.cli.trees import differences
from bitdust_node.errors import BitDustError
from bitdust_node.identity.document import Document
from tests.chaos.books import (
    Kept,
    files_of,
    good_pieces,
    harm,
    kept_by,
    readable,
    tolerable,
    tombstones_of,
    versions_of,
)
from tests.chaos.machine import LASTING, Machine, WireNet
from tests.chaos.promises import Promises

PATHS = ("a", "b", "docs/c", "docs/d")
#: What is uploaded as a folder.
TREE = "tree"
#: What the last part of a path may become, by what it is.
NAMES = ({"docs", "papers"}, {"tree", "woods"}, {"a", "b", "c", "d", "e"})
SIZES = (0, 5_000, 300_000, 3_000_000, 12_000_000)
#: How many suppliers a customer may want; the option.
NUMBERS, NUMBER = (2, 4, 7), "services/customer/suppliers-number"
#: Part of the quiet points at which a machine is lost, and seconds after which suppliers have all of its catalog.
RECOVERIES, VAULT = 0.2, 8.0
#: Nodes with a small disk of their own.
SMALL = ("supplier-1", "supplier-2", "alice")
#: Seconds in which everything must have come to rest, and for one download.
REST, DOWNLOAD = 240.0, 120.0


@dataclass(frozen=True)
class Disk:
    """The data folder of a process."""

    name: str
    base: Path


class RealPlay:
    """
    suppliers, customers: how many processes. apart: whether this process may have networks and disks of its own
    (`run_apart`); if not, wires are not cut, and disks are not filled. say: is told every step.
    """

    def __init__(
        self,
        seed: int,
        folder: Path,
        suppliers: int = 8,
        customers: int = 2,
        apart: bool = False,
        say: Callable[[str], object] = lambda text: None,
    ) -> None:
        self.dice = random.Random(seed)
        self.say = say
        self.checked = self.taken = 0
        self._folder = folder
        self._sources = folder / "sources"
        self._sources.mkdir(parents=True)
        self.machine = Machine(folder / "network", list(SMALL)) if apart else None
        self.network = (WireNet if apart else Devnet)(
            folder / "network",
            suppliers=suppliers,
            customers=customers,
            seeds=1,
            key_size=1024,
            needed_space="256 MB",
            donated_space="1 GB",
        )
        if self.machine and isinstance(self.network, WireNet):
            self.network.wires = self.machine.wires
        self._suppliers: dict[str, DevnetNode] = {}
        self._disks: dict[str, Disk] = {}
        self._promises: dict[str, Promises] = {}
        self._frozen: set[str] = set()
        self._waiting: list[threading.Thread] = []
        #: What was wrong with downloads beside the other steps.
        self._wrong: list[str] = []
        self._begun = time.monotonic()

    def open(self, suppliers_number: int) -> None:
        """Start all; customers hire so many suppliers."""
        network = self.network
        network.start()
        for node in network.of_role("supplier"):
            xml = node.client.result("identity_get", 30, include_xml_source=True)["xml"]
            node_id = Document.parse(xml.encode()).node_id
            self._suppliers[node_id] = node
            self._disks[node_id] = Disk(node.name, Path(node.base))
        for node in network.of_role("customer"):
            self._promises[node.name] = Promises(Disk(node.name, Path(node.base)))
            self._call(node, "config_set", key=NUMBER, value=str(suppliers_number))
            network.await_hired(node)

    def close(self, save: bool = False) -> None:
        """save: keep what is on disks that end with this process."""
        self._thaw()
        self.network.stop()
        if self.machine:
            if save:
                self.machine.save()
            self.machine.close()

    def run(self, seconds: float, every: int) -> None:
        """
        Steps for so long, a quiet point after every so many; raises `AssertionError` for a broken promise. Goes on
        if there was nothing to compare.
        """
        steps: tuple[Callable[[], str], ...] = (
            *(self.upload,) * 10,
            *(self.download,) * 4,
            *(self.delete,) * 2,
            *(self.rename,) * 2,
            *(self.kill_supplier,) * 3,
            *(self.kill_customer,) * 1,
            *(self.freeze,) * 2,
            *(self.revive,) * 4,
            *(self.spoil,) * 3,
            *(self.give_less,) * 1,
            *(self.lose_pieces,) * 1,
            *(self.replace,) * 1,
            *(self.change_number,) * 1,
        )
        if machine := self.machine:
            names = [node.name for node in self.network.nodes]
            steps += (
                *(lambda: machine.cut(names, self.dice),) * 4,
                *(lambda: machine.heal(self.dice),) * 1,
                *(lambda: machine.fill(self.dice),) * 3,
                *(lambda: machine.empty(self.dice),) * 1,
                *(lambda: machine.last(self.dice),) * (seconds > LASTING[-1]),
            )
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.taken += 1
            try:
                self._tell(self.dice.choice(steps)())
            except sqlite3.OperationalError as error:
                self._tell(f"a catalog or ledger can not be looked at: {error}")  # its disk is full
            time.sleep(self.dice.choice((0.0, 0.02, 0.1, 0.5, 1.0)))
            if self.taken % every == 0:
                self.quiet()
                if self.dice.random() < RECOVERIES:
                    self._recover(self._customer())
        self.quiet()
        if not self.checked:
            self.run(seconds, every)

    # steps

    def upload(self) -> str:
        node = self._customer()
        promises = self._promises[node.name]
        remote = self.dice.choice((*PATHS, TREE))
        source = self._source(remote)
        promises.sources[remote].append(source)
        self._call(node, "file_create", remote_path=remote, as_folder=source.is_dir(), exist_ok=True)

        def go() -> None:
            try:
                told = node.client.result(
                    "file_upload_start", REST, local_path=str(source), remote_path=remote, wait_result=True
                )
            except BitDustError:
                return  # killed, or the item was deleted meanwhile
            path_id, _, name = told["version"].rpartition(":")[2].rpartition("/")
            promises.reported[path_id, name] = source

        self._beside(go)
        return f"{node.name} uploads {remote}"

    def download(self) -> str:
        """In the middle of all this it may fail, but what comes is what was sent."""
        node = self._customer()
        promises = self._promises[node.name]
        known = [one for one in versions_of(promises.customer) if (one.path_id, one.name) in promises.reported]
        if not known:
            return f"{node.name} has nothing to download"
        version = self.dice.choice(known)
        source = promises.reported[version.path_id, version.name]
        target = self._folder / "meanwhile" / str(self.taken)
        what = f"{version.path}#{version.name}"

        def go() -> None:
            try:
                told = node.client.result(
                    "file_download_start", REST, remote_path=what, destination_path=str(target), wait_result=True
                )
            except BitDustError:
                return  # killed, too few suppliers, or the version is gone
            if differences(source, Path(told["local_path"])):
                self._wrong.append(f"{node.name}: {what} came back different")
            shutil.rmtree(target, ignore_errors=True)
            self.checked += 1

        self._beside(go)
        return f"{node.name} downloads {what}"

    def delete(self) -> str:
        node = self._customer()
        promises = self._promises[node.name]
        remote = self.dice.choice(PATHS)
        promises.doubtful |= {version.path_id for version in versions_of(promises.customer) if version.path == remote}
        told = self._call(node, "file_delete", remote_path=remote)
        if told:
            promises.delete(told["path_id"].rpartition(":")[2])
        return f"{node.name} deletes {remote}{'' if told else ' in vain'}"

    def rename(self) -> str:
        """Within its folder: so it keeps its path id, by which uploads that are under way are reported."""
        node = self._customer()
        promises = self._promises[node.name]
        there = {version.path for version in files_of(promises.customer)}
        old = self.dice.choice(sorted(there | {"docs", "papers"}))
        folder, slash, name = old.rpartition("/")
        new = f"{folder}{slash}{self.dice.choice(sorted(next(names for names in NAMES if name in names) - {name}))}"
        told = self._call(node, "file_rename", remote_path=old, new_path=new)
        # if the answer is lost it may have another name all the same
        promises.rename(old, new, "", "")
        return f"{node.name} renames {old} to {new}{'' if told else ' in vain'}"

    def kill_supplier(self) -> str:
        return self._kill(self.dice.choice(list(self._suppliers.values())))

    def kill_customer(self) -> str:
        return self._kill(self._customer())

    def revive(self) -> str:
        dead = [node for node in self._all() if not node.running]
        if not dead:
            return "nobody to revive"
        node = self.dice.choice(dead)
        try:
            self._start(node)
        except BitDustError as error:
            if not self.machine or node.name not in self.machine.full:
                raise
            return f"{node.name} does not start: {str(error)[-200:]}"
        return f"{node.name} is started"

    def freeze(self) -> str:
        """As if all its wires were cut: nothing comes, and nobody says so."""
        node = self.dice.choice(list(self._suppliers.values()))
        node.signal(signal.SIGSTOP)
        self._frozen.add(node.name)
        return f"{node.name} is frozen"

    def spoil(self) -> str:
        disk = self.dice.choice(list(self._disks.values()))
        if self.machine and disk.name in self.machine.full:
            return f"the disk of {disk.name} is full"
        pieces = kept_by(disk)
        if not pieces:
            return f"{disk.name} keeps nothing"
        piece = self.dice.choice(pieces)
        if not self._tolerable(lambda kept: kept != piece):
            return f"a piece of {disk.name} is needed"
        harm(disk, piece, self.dice)
        return f"{disk.name} has a wrong piece {piece.index} of {piece.version.hex()[:8]}"

    def give_less(self) -> str:
        node = self.dice.choice(list(self._suppliers.values()))
        if node.name not in self._frozen:
            self._call(node, "config_set", key="services/supplier/donated-space", value="1 MB")
        return f"{node.name} gives less room"

    def lose_pieces(self) -> str:
        node_id, node = self.dice.choice(list(self._suppliers.items()))
        if not self._tolerable(lambda kept: kept.supplier != node.name):
            return f"{node.name} is needed"
        self._kill(node)
        base, with_ledger = self._disks[node_id].base, self.dice.random() < 0.5
        shutil.rmtree(base / "pieces", ignore_errors=True)
        for path in base.glob("ledger.db*") if with_ledger else ():
            path.unlink()
        return f"{node.name} loses its pieces{' and its ledger' if with_ledger else ''}"

    def replace(self) -> str:
        node = self._customer()
        position = self.dice.randrange(2)
        self._call(node, "supplier_change", position=position)
        return f"{node.name} replaces supplier {position}"

    def change_number(self) -> str:
        node = self._customer()
        number = self.dice.choice([one for one in NUMBERS if one < len(self._suppliers)])
        self._call(node, "config_set", key=NUMBER, value=str(number))
        return f"{node.name} wants {number} suppliers"

    # quiet points

    def quiet(self) -> None:
        """
        Let everything recover, and ask for all that was promised.
        """
        self._thaw()
        if self.machine:
            self.machine.mend()
        for node in self._all():
            if not node.running:
                self._start(node)
        for node in self._all():
            self.network.await_service(node, LAST_SERVICE[node.role])
        for node in self._suppliers.values():
            self._call(node, "config_set", key="services/supplier/donated-space", value="1 GB")
        for thread in self._waiting:
            thread.join(REST)
        self._waiting.clear()
        assert not self._wrong, self._wrong
        self._rest()
        for node in self.network.of_role("customer"):
            self._read_all(node)
        self._tell(f"quiet, {self.checked} downloads compared")

    def _rest(self) -> None:
        end = time.monotonic() + REST
        while unrest := self._unrest():
            if time.monotonic() > end:
                raise AssertionError(f"after {REST:g} s: {unrest}")
            time.sleep(0.2)

    def _read_all(self, node: DevnetNode) -> None:
        """Download all that is in the catalog of a customer, and compare."""
        promises = self._promises[node.name]
        for version in promises.settle():
            # nobody may have waited for what is being coded anew meanwhile: what it will replace is read
            if version.kind != "pack" and version.state == "ready":
                target = self._folder / "came" / f"{node.name}-{version.path_id.replace('/', '-')}-{version.name}"
                told = node.client.result(
                    "file_download_start",
                    DOWNLOAD,
                    remote_path=f"{version.path}#{version.name}",
                    destination_path=str(target),
                    wait_result=True,
                )
                source = promises.check(version, Path(told["local_path"]))
                promises.reported[version.path_id, version.name] = source
                shutil.rmtree(target)
                self.checked += 1

    def _recover(self, node: DevnetNode) -> None:
        """The machine of a customer is gone, and all on it but the key and what its user had set."""
        time.sleep(VAULT)
        promises, base = self._promises[node.name], Path(node.base)
        before = _paths(promises.customer)
        key = self._folder / f"{node.name}-{self.taken}.key"
        node.client.result("identity_backup", 30, destination_filepath=str(key))
        self.network.kill(node.name)
        for path in base.iterdir():
            if path.name not in ("config", "lost+found"):
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        self._start(node)
        node.client.result("identity_recover", REST, private_key_source=key.read_text(), join_network=True)
        promises.begin_again()
        end = time.monotonic() + REST
        while (found := _paths(promises.customer)) != before:
            if time.monotonic() > end:
                raise AssertionError(f"{node.name} recovered {found}, had {before}")
            time.sleep(0.5)
        self._rest()
        self._read_all(node)
        self._tell(f"{node.name} recovered")

    def _unrest(self) -> str:
        good = good_pieces(self._disks)
        for node in self.network.of_role("customer"):
            disk = self._promises[node.name].customer
            hired = self._call(node, "suppliers_list")
            if not hired or any(one["supplier_state"] != "CONNECTED" for one in hired):
                return f"{node.name} is not connected to all suppliers"
            uploads = self._call(node, "files_uploads")
            if uploads is None or uploads["running"] or uploads["pending"]:
                return f"{node.name} has uploads"
            if tombstones_of(disk):
                return f"{node.name} has tombstones"
            for version in versions_of(disk):
                if version.state != "ready" or version.missing:
                    return f"{node.name} lacks pieces of {version.path} {version.name}: {version.holders}"
                if len(readable(version, good)) < version.k:
                    return f"{node.name} can not read {version.path} {version.name}"
        return ""

    # small things

    def _source(self, remote: str) -> Path:
        path = self._sources / str(self.taken)
        if remote != TREE:
            path.write_bytes(self._bytes())
            return path
        (path / "sub").mkdir(parents=True)
        for at in range(self.dice.randrange(5)):
            (path / self.dice.choice((".", "sub")) / f"f{at}").write_bytes(self._bytes())
        (path / "link").symlink_to("sub")
        return path

    def _bytes(self) -> bytes:
        return self.dice.randbytes(self.dice.choice(SIZES))

    def _tolerable(self, stays: Callable[[Kept], bool]) -> bool:
        return tolerable(self._disks, [promises.customer for promises in self._promises.values()], stays)

    def _kill(self, node: DevnetNode) -> str:
        if node.running:
            self.network.kill(node.name)
            self._frozen.discard(node.name)
        return f"{node.name} is killed"

    def _start(self, node: DevnetNode) -> None:
        """Until it answers; of use it may be much later."""
        # nobody waits for the services of a node without an identity
        global_id, node.global_id = node.global_id, ""
        try:
            self.network.revive(node.name)
        finally:
            node.global_id = global_id

    def _thaw(self) -> None:
        for name in self._frozen:
            self.network.node(name).signal(signal.SIGCONT)
        self._frozen.clear()

    def _call(self, node: DevnetNode, method: str, **arguments: object) -> object:
        """The result of a method, None if the node is dead or does not want to."""
        try:
            return node.client.result(method, 20, **arguments)
        except BitDustError:
            return None

    def _beside(self, work: Callable[[], None]) -> None:
        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        self._waiting.append(thread)

    def _customer(self) -> DevnetNode:
        return self.dice.choice(self.network.of_role("customer"))

    def _all(self) -> list[DevnetNode]:
        return self.network.of_role("supplier", "customer")

    def _tell(self, text: str) -> None:
        self.say(f"{self.taken:5} {time.monotonic() - self._begun:8.1f} s  {text}")


def _paths(customer: Disk) -> Counter[str]:
    """How many versions there are of each path."""
    try:
        return Counter(version.path for version in files_of(customer))
    except sqlite3.OperationalError:
        return Counter()  # its tables are just being made
