"""
The random steps: work that customers do, and accidents that happen to them and to their suppliers.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from bitdust_node.errors import BitDustError
from services.backup_db import BackupDb
from services.backups import Backups
from services.employer import Employer
from services.restores import Restores
from services.supplier import Supplier
from tests.chaos.books import Kept, Pieces, files_of, good_pieces, harm, kept_by, tolerable, versions_of
from tests.chaos.process import Process
from tests.chaos.promises import Promises
from tests.chaos.world import World

#: Paths of the catalogs. What begins with "tree" is uploaded as a folder.
FILES = ("a", "b", "docs/c", "docs/d", "docs/deep/e")
TREES = ("tree-1", "tree-2")
#: Paths that come only by renaming, beside those above.
RENAMED = ("docs/renamed", "else", "else/f", "else/deep/g", "tree-3")
#: More files that are small.
SMALL = tuple(f"small/{at}" for at in range(12))
#: Bytes of a source, and how often.
SIZES = ((0, 1), (1, 1), (5_000, 4), (131_056, 1), (300_000, 3), (1_500_000, 2))
NUMBERS = ("2", "4", "7")
#: Seconds between two steps, and how often.
PAUSES = ((0.003, 3), (0.05, 3), (0.5, 3), (5.0, 3), (60.0, 1), (700.0, 0.2))


class Steps:
    """
    promises: what each customer was told.
    """

    def __init__(self, world: World) -> None:
        self.world, self.dice = world, world.dice
        self.promises = {customer.name: Promises(customer) for customer in world.customers}
        for customer in world.customers:
            customer.hear = self.promises[customer.name].hear
        self._sources = world.folder / "sources"
        self._sources.mkdir(parents=True)
        self._made = 0
        self._deleting: set[int] = set()
        self._rejected: set[str] = set()
        #: Whose disk was full since the last quiet point.
        self.choked: set[str] = set()
        self._all: tuple[tuple[Callable[[], str], float], ...] = (
            (self.upload, 12),
            (self.upload_many, 4),
            (self.download, 5),
            (self.delete, 2),
            (self.rename, 2),
            (self.cancel, 0.5),
            (self.kill_supplier, 3),
            (self.kill_customer, 2),
            (self.restart, 1),
            (self.revive, 5),
            (self.part, 2),
            (self.hang_up, 2),
            (self.heal, 2),
            (self.corrupt, 3),
            (self.lose_disk, 0.7),
            (self.fill_disk, 1),
            (self.empty_disk, 1),
            (self.replace, 1.5),
            (self.change_number, 0.7),
            (self.reject, 0.3),
            (self.donate_less, 0.7),
            (self.bad_weather, 1),
        )

    def one(self) -> str:
        """Do one step and let some time pass; what it was."""
        acts, weights = zip(*self._all, strict=True)
        told = self.dice.choices(acts, weights)[0]()
        pauses, weights = zip(*PAUSES, strict=True)
        self.world.pass_time(self.dice.choices(pauses, weights)[0] * (0.5 + self.dice.random()))
        return told

    # work

    def upload(self) -> str:
        customer = self._customer()
        remote = self.dice.choice((*FILES, *FILES, *TREES))
        return self._upload(customer, remote, self._source(remote))

    def upload_many(self) -> str:
        """Small files at once: they travel together."""
        customer = self._customer()
        number = self.dice.randrange(2, 12)
        for _ in range(number):
            remote = self.dice.choice((*FILES, *SMALL))
            source = self._sources / str(self._number())
            source.write_bytes(self.dice.randbytes(self.dice.choice((0, 100, 4_000, 60_000))))
            self._upload(customer, remote, source)
        return f"{customer.name} uploads {number} small files"

    def _upload(self, customer: Process, remote: str, source: Path) -> str:
        self.promises[customer.name].sources[remote].append(source)

        async def go() -> None:
            try:
                await customer.get(BackupDb).file_create(remote, as_folder=remote in TREES, exist_ok=True)
                await customer.get(Backups).file_upload_start(str(source), remote)
            except BitDustError:
                return  # deleted meanwhile, or the catalog is being closed

        if customer.alive:
            self.world.act(go())
        return f"{customer.name} uploads {remote}"

    def download(self) -> str:
        customer = self._customer()
        promises = self.promises[customer.name]
        choice = [one for one in versions_of(customer) if (one.path_id, one.name) in promises.reported]
        if not choice or not customer.alive:
            return "nothing to download"
        version = self.dice.choice(choice)
        target = self.world.folder / "came" / str(self._number())

        async def go() -> None:
            try:
                answer = await customer.get(Restores).file_download_start(
                    f"{version.path}#{version.name}", str(target), wait_result=True
                )
            except BitDustError:
                return  # pruned, deleted, or too few suppliers are there
            promises.check(version, Path(answer.result["local_path"]))
            shutil.rmtree(target)

        self.world.act(go())
        return f"{customer.name} downloads {version.path} {version.name}"

    def delete(self) -> str:
        customer = self._customer()
        promises = self.promises[customer.name]
        remote = self.dice.choice((*FILES, *TREES, *SMALL[:6], "docs", "docs/deep", "small"))
        if not customer.alive or id(customer.clock) in self._deleting:
            return "no deletion"
        self._deleting.add(life := id(customer.clock))
        below = {
            version.path_id
            for version in versions_of(customer)
            if version.path == remote or version.path.startswith(f"{remote}/")
        }

        async def go() -> None:
            try:
                item = await customer.catalog.find("master", remote)
                if item is not None:
                    promises.doubtful |= {*below, item.path_id}
                    answer = await customer.get(BackupDb).file_delete(remote)
                    promises.delete(answer.result["path_id"].rpartition(":")[2])
            except BitDustError:
                return
            finally:
                self._deleting.discard(life)

        self.world.act(go())
        return f"{customer.name} deletes {remote}"

    def rename(self) -> str:
        """A transaction of the catalog, waited for: whoever knows of it knows where everything is now."""
        customer = self._customer()
        promises = self.promises[customer.name]
        there = sorted({version.path for version in files_of(customer)} | {"docs", "docs/deep"})
        old, new = self.dice.choice(there), self.dice.choice((*FILES, *RENAMED))
        if not customer.alive or id(customer.clock) in self._deleting:
            return "no rename"

        async def go() -> tuple[str, str] | None:
            try:
                item = await customer.catalog.find("master", old)
                if item is None:
                    return None
                answer = await customer.get(BackupDb).file_rename(old, new)
            except BitDustError:
                return None  # something is there already, or the disk is full
            return item.path_id, answer.result["path_id"].rpartition(":")[2]

        if (ids := self.world.run(go())) is None:
            return f"{customer.name} renames {old} to {new} in vain"
        promises.rename(old, new, *ids)
        return f"{customer.name} renames {old} to {new}"

    def cancel(self) -> str:
        customer = self._customer()
        if customer.alive:
            for upload in list(customer.running.uploads.values())[:1]:
                upload.cancel()
        return f"{customer.name} cancels an upload"

    def replace(self) -> str:
        customer = self._customer()
        position = self.dice.randrange(4)

        async def go() -> None:
            try:
                await customer.get(Employer).supplier_change(position=position)
            except BitDustError:
                return

        if customer.alive:
            self.world.act(go())
        return f"{customer.name} replaces supplier {position}"

    def change_number(self) -> str:
        customer = self._customer()
        number = self.dice.choice(NUMBERS)
        customer.set("services/customer/suppliers-number", number)
        return f"{customer.name} wants {number} suppliers"

    # accidents

    def kill_supplier(self) -> str:
        return self._kill(self.dice.choice(self.world.suppliers))

    def kill_customer(self) -> str:
        return self._kill(self._customer())

    def restart(self) -> str:
        process = self.dice.choice(self.world.processes)
        if process.alive:
            self.world.run(process.end())
            self.world.run(process.begin())
        return f"{process.name} restarts"

    def revive(self) -> str:
        dead = [process for process in self.world.processes if not process.alive]
        if not dead:
            return "nobody to revive"
        process = self.dice.choice(dead)
        self.world.run(process.begin())
        return f"{process.name} is started"

    def part(self) -> str:
        a, b = self._customer(), self.dice.choice(self.world.suppliers)
        self.world.part(a, b)
        return f"no way from {a.name} to {b.name}"

    def hang_up(self) -> str:
        a, b = self._customer(), self.dice.choice(self.world.suppliers)
        self.world.hang_up(a, b)
        return f"{a.name} and {b.name} are cut"

    def bad_weather(self) -> str:
        self.world.network.loss = self.dice.choice((0.0001, 0.001, 0.01))
        return f"one of {1 / self.world.network.loss:.0f} packets ends its connection"

    def heal(self) -> str:
        self.world.heal()
        self.world.network.loss = 0.0
        return "all links are there"

    def fill_disk(self) -> str:
        process = self.dice.choice((*self.world.suppliers, *self.world.customers))
        process.full = True
        process.mind_the_disk()
        self.choked.add(process.name)
        return f"the disk of {process.name} is full"

    def donate_less(self) -> str:
        supplier = self.dice.choice(self.world.suppliers)
        supplier.set("services/supplier/donated-space", self.dice.choice(("1 MB", "20 MB")))
        return f"{supplier.name} donates less"

    def empty_disk(self) -> str:
        for process in self.world.processes:
            process.full = False
            process.mind_the_disk()
        for supplier in self.world.suppliers:
            supplier.set("services/supplier/donated-space", "1 GB")
        return "all disks have room"

    def corrupt(self) -> str:
        supplier = self.dice.choice(self.world.suppliers)
        pieces = kept_by(supplier)
        if not pieces:
            return f"{supplier.name} keeps nothing"
        piece = self.dice.choice(pieces)
        if not self._tolerable(lambda kept: kept != piece):
            return f"a piece of {supplier.name} is needed"
        for promises in self.promises.values():
            promises.harmed(piece)
        harm(supplier, piece, self.dice)
        return f"{supplier.name} has a wrong piece {piece.index} of {piece.version.hex()[:8]}"

    def lose_disk(self) -> str:
        supplier = self.dice.choice(self.world.suppliers)
        if not self._tolerable(lambda kept: kept.supplier != supplier.name):
            return f"{supplier.name} is needed"
        for promises in self.promises.values():
            for piece in kept_by(supplier):
                promises.harmed(piece)
        if supplier.alive:
            supplier.kill()
        with_ledger = self.dice.random() < 0.5
        shutil.rmtree(supplier.folder.pieces, ignore_errors=True)
        supplier.folder.pieces.mkdir()
        for path in supplier.base.glob("ledger.db*") if with_ledger else ():
            path.unlink()
        return f"{supplier.name} loses its pieces{' and its ledger' if with_ledger else ''}"

    def reject(self) -> str:
        supplier, customer = self.dice.choice(self.world.suppliers), self._customer()
        if not supplier.alive or customer.name in self._rejected:
            # more than one would leave too few suppliers, as it holds for days
            return f"{supplier.name} rejects nobody"
        if not self._tolerable(lambda kept: kept.supplier != supplier.name):
            return f"{supplier.name} is needed"

        self._rejected.add(customer.name)

        async def go() -> None:
            try:
                await supplier.get(Supplier).customer_reject(customer.node.me.global_id)
            except BitDustError:
                return  # not a customer

        self.world.act(go())
        return f"{supplier.name} rejects {customer.name}"

    def good(self) -> Pieces:
        """
        The pieces that suppliers can give back.
        """
        return good_pieces(self.world.suppliers_by_id)

    def _tolerable(self, stays: Callable[[Kept], bool]) -> bool:
        return tolerable(self.world.suppliers_by_id, self.world.customers, stays)

    def _kill(self, process: Process) -> str:
        if process.alive:
            process.kill()
        return f"{process.name} is killed"

    def _customer(self) -> Process:
        return self.dice.choice(self.world.customers)

    def _number(self) -> int:
        self._made += 1
        return self._made

    def _source(self, remote: str) -> Path:
        path = self._sources / str(self._number())
        if remote not in TREES:
            path.write_bytes(self._bytes())
            return path
        (path / "sub").mkdir(parents=True)
        for at in range(self.dice.randrange(5)):
            (path / self.dice.choice((".", "sub")) / f"f{at}").write_bytes(self._bytes())
        os.symlink("sub", path / "link")
        return path

    def _bytes(self) -> bytes:
        sizes, weights = zip(*SIZES, strict=True)
        return self.dice.randbytes(self.dice.choices(sizes, weights)[0])
