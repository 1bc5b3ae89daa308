"""
The world of the chaos: suppliers and customers on one memory network under one virtual clock, driven from outside.
"""

from __future__ import annotations

import gc
import random
import secrets
import sys
from collections import deque
from collections.abc import Awaitable, Callable
from itertools import combinations
from pathlib import Path
from typing import Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.logger import LogEvent, formatEvent, globalLogPublisher
from twisted.python.failure import Failure

from bitdust_node.errors import Full
from bitdust_node.identity.document import Document
from bitdust_node.waiting import started
from tests.chaos.process import Process
from tests.clock import Clock
from transports.memory import MemoryNetwork

T = TypeVar("T")

SUPPLIERS, CUSTOMERS = 8, 2
#: Seconds from one node to another.
LATENCY = 0.002
#: When the world begins; unix seconds.
BEGIN = 1_800_000_000.0


class World:
    """
    suppliers, customers: all processes, running or not. dice: what decides everything; made from the seed.
    """

    def __init__(self, seed: int, folder: Path) -> None:
        self.dice = random.Random(seed)
        self.folder = folder
        self.clock = Clock(BEGIN)
        self.network = MemoryNetwork(self.clock, latency=LATENCY)
        published: dict[str, Document] = {}

        def make(number: int, name: str, options: dict[str, object]) -> Process:
            return Process(number, self.network, published, folder / name, options, self.dice)

        self.customers = [
            make(
                1 + at,
                f"customer-{at}",
                {
                    "services/customer/suppliers-number": "4",
                    "services/customer/needed-space": "64 MB",
                    # shorter than the longest pauses, so that the dead are replaced sometimes
                    "services/employer/replacement-grace-hours": "0.15",
                },
            )
            for at in range(CUSTOMERS)
        ]
        self.suppliers = [
            make(1 + CUSTOMERS + at, f"supplier-{at}", {"services/supplier/donated-space": "1 GB"})
            for at in range(SUPPLIERS)
        ]
        self.processes = [*self.suppliers, *self.customers]
        for customer in self.customers:
            customer.any_lookup.users = [supplier.node.me.idurl for supplier in self.suppliers]
        self._cut: set[frozenset[str]] = set()
        self._acts: list[Deferred[Any]] = []
        #: What went wrong in acts that nobody waited for.
        self.errors: list[Failure] = []
        #: The last lines of the logs of all.
        self.said: deque[str] = deque(maxlen=60)

    def open(self) -> None:
        globalLogPublisher.addObserver(self._watch_log)
        # the names of versions decide about orders, and a run must be repeatable
        self._token_bytes, names = secrets.token_bytes, random.Random(self.dice.random())
        secrets.token_bytes = lambda nbytes=None: names.randbytes(nbytes or 32)
        for process in self.processes:
            self.run(process.begin())

    def close(self) -> None:
        """
        End all, then the memory of the dead: their last words are nobody's business.
        """
        globalLogPublisher.removeObserver(self._watch_log)
        secrets.token_bytes = self._token_bytes
        self.heal()
        for process in self.processes:
            if process.alive:
                self.run(process.end())
        hook, sys.unraisablehook = sys.unraisablehook, lambda _: None
        try:
            for process in self.processes:
                process.graves.clear()
            self._acts.clear()
            gc.collect()
        finally:
            sys.unraisablehook = hook

    def _watch_log(self, event: LogEvent) -> None:
        """What a process logs as a failure is a defect, unless it was made to fail."""
        self.said.append(f"{self.clock.seconds() - BEGIN:.1f} s {formatEvent(event)}")
        if "log_failure" in event and not event["log_failure"].check(Full):
            self.errors.append(event["log_failure"])

    # time

    def pass_time(self, seconds: float) -> None:
        self.clock.advance(seconds)

    def run(self, awaitable: Awaitable[T], seconds: float = 900.0, step: float = 0.05) -> T:
        """
        The result of an awaitable, with the clock moving on meanwhile.
        """
        results: list[Any] = []
        work = started(awaitable)
        work.addBoth(results.append)
        left = seconds
        while not results and left > 0:
            self.clock.advance(step)
            left -= step
        if not results:
            work.addErrback(lambda _: None)
            raise AssertionError(f"nothing came of it in {seconds} s")
        if isinstance(results[0], Failure):
            results[0].raiseException()
        return results[0]  # type: ignore[no-any-return]

    def until(self, condition: Callable[[], str], seconds: float, step: float = 1.0) -> None:
        """
        Move on until nothing is left of what `condition` tells.
        """
        left = seconds
        while told := condition():
            if left <= 0:
                raise AssertionError(f"after {seconds:g} s: {told}")
            self.clock.advance(step)
            left -= step

    def act(self, awaitable: Awaitable[object]) -> Deferred[Any]:
        """
        Begin something that need not end: its process may be killed.
        """
        work = started(awaitable)
        work.addErrback(self.errors.append)
        self._acts.append(work)
        return work

    # links

    def part(self, a: Process, b: Process) -> None:
        """Nothing passes between two nodes any more; what is under way is lost."""
        self._cut.add(frozenset((a.node.name, b.node.name)))
        names = [process.node.name for process in self.processes]
        self.network.part(*(pair for pair in combinations(names, 2) if frozenset(pair) not in self._cut))

    def hang_up(self, a: Process, b: Process) -> None:
        """Cut the connections between two nodes; they may connect again."""
        self._abort(frozenset((a.node.name, b.node.name)))

    def heal(self) -> None:
        """All links are there again. What was lost on a connection does not come back: it ends."""
        self.network.heal()
        for link in self._cut:
            self._abort(link)
        self._cut.clear()

    def _abort(self, link: frozenset[str]) -> None:
        for pair in list(self.network._pairs):
            if {pair[0].name, pair[1].name} == link:
                for pipe in pair:
                    pipe.abort()

    # whom

    @property
    def suppliers_by_id(self) -> dict[str, Process]:
        return {process.node.node_id: process for process in self.suppliers}

    def alive(self, processes: list[Process]) -> list[Process]:
        return [process for process in processes if process.alive]
