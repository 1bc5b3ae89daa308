"""
A supplier that is fed without end and tells of each piece that it acknowledges; to be killed. Run by test_kill.py.

    python -m tests.services.supplier.child FOLDER SEED
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred

from automats.registry import Automats
from bitdust_node.events import Events
from bitdust_node.threads import ThreadWorkers
from bitdust_node.wire.command import Nothing
from bitdust_node.wire.storage import LeaseQuestion, PieceCommit, PieceDelete, PieceName
from services.supplying.keeping import Keeping
from services.supplying.store import LocalFolder
from tests.keys import test_document, test_key
from tests.services.supplier.customer import make_version

LANES = 8


class Bytes:
    """A stream that brings bytes which are here already."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    async def read(self) -> bytes:
        chunk, self._data = self._data[:65536], self._data[65536:]
        return chunk

    def finish(self) -> None: ...

    def reset(self, reason: str) -> None: ...


async def lane(keeping: Keeping, lane: int, seed: int) -> None:
    customer = test_document(1)
    for number in range(100_000):
        length = (number % 5) * 200_000 + 10
        made = make_version(test_key(1), length, seed=seed * 10_000_000 + lane * 1_000_000 + number)
        for index in (0, 3):
            name = PieceName(made.version, index)
            stream: Any = Bytes(made.pieces[index])
            await keeping._puts.take(customer.node_id, name, stream)
            await keeping.commit(customer.node_id, PieceCommit(made.version, index, made.packed))
            print("stored", made.version.hex(), index, made.manifest.roots[index].hex(), flush=True)
        if number % 3 == 2:
            print("deleting", made.version.hex(), flush=True)
            await keeping.delete(customer.node_id, PieceDelete([made.version]))
            print("deleted", made.version.hex(), flush=True)


async def main(folder: Path, seed: int) -> None:
    clock: Any = reactor
    workers = ThreadWorkers(clock, 4)
    (folder / "pieces").mkdir(exist_ok=True)
    keeping = Keeping(
        LocalFolder(folder / "pieces", margin=0),
        folder / "ledger.db",
        lambda node_id: test_document(1),
        lambda: 1 << 40,
        lambda: 14,
        workers,
        Events(clock),
        clock,
        Automats(),
    )
    await keeping.start()
    customer = test_document(1).node_id
    await keeping.leases.request(customer, LeaseQuestion(1 << 40, 0, 4))
    await keeping.lease_info(customer, Nothing())
    for number in range(LANES):
        Deferred.fromCoroutine(lane(keeping, number, seed)).addErrback(print)


if __name__ == "__main__":
    Deferred.fromCoroutine(main(Path(sys.argv[1]), int(sys.argv[2]))).addErrback(print)
    reactor.run()  # type: ignore[attr-defined]
