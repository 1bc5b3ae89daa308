"""
A whole run: steps, and quiet points at which all that was promised is asked for.
"""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from bitdust_node.identity.recovered import Recovered
from services.catalog.vault import Vault
from services.customer import Customer
from services.restores import Restores
from tests.chaos.books import Stored, files_of, kept_by, readable, tombstones_of, versions_of
from tests.chaos.process import Process
from tests.chaos.steps import Steps
from tests.chaos.world import BEGIN, World

#: Virtual seconds in which everything must have come to rest.
REST = 6 * 3600.0
#: Seconds after which suppliers have the newest of the catalog, and part of the quiet points with a recovery.
VAULT, RECOVERIES = 60.0, 0.2


class Play:
    """
    say: is told every step.
    """

    def __init__(self, seed: int, folder: Path, say: Callable[[str], object] = lambda text: None) -> None:
        self.world = World(seed, folder)
        self.steps = Steps(self.world)
        self.say = say
        self.checked = 0
        self._rounds = 0

    def run(self, steps: int, every: int) -> None:
        """
        Take that many steps, with a quiet point after every so many; raises `AssertionError` for a broken promise.
        """
        self.world.open()
        for number in range(1, steps + 1):
            told = self.steps.one()
            self.say(f"{number:5} {self.world.clock.seconds() - BEGIN:10.1f} s  {told}")
            self._raise_errors()
            if number % every == 0 or number == steps:
                self.quiet()
                self.say(f"{number:5} {self.world.clock.seconds() - BEGIN:10.1f} s  quiet, {self.checked} checked")

    def quiet(self) -> None:
        """
        Let everything recover, and ask for all that was promised.
        """
        world, steps = self.world, self.steps
        steps.heal()
        steps.empty_disk()
        for process in world.processes:
            if process.alive and process.name in steps.choked:
                # what a full disk kept it from clearing away it clears away at its start
                world.run(process.end())
            if not process.alive:
                world.run(process.begin())
        steps.choked.clear()
        world.pass_time(60)
        world.until(self._unrest, REST, 10.0)
        self._raise_errors()
        for customer in world.customers:
            for version in steps.promises[customer.name].settle():
                if version.state == "ready" and version.kind != "pack":
                    self._read(customer, version)
        world.until(self._unrest, REST, 10.0)
        self._no_garbage()
        self._no_lies()
        if world.dice.random() < RECOVERIES:
            self._recover(world.dice.choice(world.customers))
        self._read_from_few()

    def _read(self, customer: Process, version: Stored) -> Path:
        """Download one version and compare; its source."""
        world = self.world
        self.checked += 1
        target = world.folder / "came" / f"quiet-{self.checked}"
        answer = world.run(
            customer.get(Restores).file_download_start(f"{version.path}#{version.name}", str(target), wait_result=True)
        )
        source = self.steps.promises[customer.name].check(version, Path(answer.result["local_path"]))
        shutil.rmtree(target)
        return source

    def _recover(self, customer: Process) -> None:
        """The machine of a customer is gone, and all on it but the key."""
        world = self.world
        world.pass_time(VAULT)
        before = Counter(one.path for one in files_of(customer))
        customer.kill()
        shutil.rmtree(customer.base)
        customer.make()
        world.run(customer.get(Recovered).note(customer.node.node_id))
        world.run(customer.begin())
        world.pass_time(60)
        world.until(self._unrest, REST, 10.0)
        self._raise_errors()
        promises = self.steps.promises[customer.name]
        # numbers of items, and counters in the names of versions, may be others now
        promises.begin_again()
        promises.settle()
        versions = files_of(customer)
        after = Counter(one.path for one in versions)
        assert after == before, f"{customer.name} recovered {after}, had {before}"
        for version in versions:
            promises.reported[version.path_id, version.name] = self._read(customer, version)
        self.say(f"      {customer.name} recovered")

    def _read_from_few(self) -> None:
        """Any k of m bring a version back: let all die but k that are chosen at random."""
        world, dice = self.world, self.world.dice
        customer = dice.choice(world.customers)
        good = self.steps.good()
        choice = files_of(customer)
        if not choice:
            return
        version = dice.choice(choice)
        chosen = dice.sample(readable(version, good), version.k)
        for supplier in world.suppliers:
            if supplier.node.node_id not in chosen:
                supplier.kill()
        self._read(customer, version)
        for supplier in world.suppliers:
            if not supplier.alive:
                world.run(supplier.begin())

    def _no_lies(self) -> None:
        """A piece that was found wrong and counts again is whole again."""
        good = self.steps.good()
        for customer in self.world.customers:
            promises = self.steps.promises[customer.name]
            for version in versions_of(customer):
                for number, (node_id, state) in version.holders.items():
                    blamed = promises.blamed.get((version.path_id, version.name, number))
                    if state == "stored" and blamed and (node_id, version.id, number) not in good:
                        raise AssertionError(
                            f"{customer.name}: piece {number} of {version.path} {version.name} was found wrong at"
                            f" {blamed}, made anew, and is still wrong"
                        )
            promises.blamed.clear()

    def _unrest(self) -> str:
        """What is still going on; empty when nothing is."""
        for customer in self.world.customers:
            service = customer.get(Customer)
            wanted = service.wanted.suppliers
            if len(service.connected()) != wanted:
                return f"{customer.name} has {len(service.connected())} of {wanted} suppliers"
            if customer.running.uploads or customer.running.downloads:
                return f"{customer.name} has transfers"
            if left := tombstones_of(customer):
                return f"{customer.name} has {left} tombstones"
            hired = {link.node_id for link in service.links.values()}
            for version in versions_of(customer):
                if version.state != "ready":
                    return f"{customer.name} has an unfinished version of {version.path}"
                holding = {node_id for node_id, state in version.holders.values() if state == "stored"}
                if version.missing and hired - holding:
                    return f"{customer.name} lacks pieces of {version.path} {version.name}: {version.holders}"
        return ""

    def _no_garbage(self) -> None:
        """Suppliers keep what their customers count on and nothing else."""
        wanted = {
            (node_id, version.id, number)
            for customer in self.world.customers
            for version in versions_of(customer)
            for number, (node_id, _) in version.holders.items()
        }
        for supplier in self.world.suppliers:
            for piece in kept_by(supplier):
                if any(customer.get(Vault).name_of(piece.version) for customer in self.world.customers):
                    continue
                key = supplier.node.node_id, piece.version, piece.index
                assert key in wanted, f"{supplier.name} keeps piece {piece.index} of {piece.version.hex()} for nobody"

    def _raise_errors(self) -> None:
        for error in self.world.errors:
            self.world.errors.clear()
            raise AssertionError(error.getTraceback())
