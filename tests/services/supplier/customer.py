"""
A customer and a supplier for tests: real keys, real files, the memory transport, a virtual clock.
"""

from __future__ import annotations

import random
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from bitdust_node.errors import BitDustError, NotFound
from bitdust_node.identity.names import NodeId
from bitdust_node.keys.rsa import PrivateKey
from bitdust_node.membership.roster import Circle, Role
from bitdust_node.pieces.batch import SegmentEncoder
from bitdust_node.pieces.hashtree import root
from bitdust_node.pieces.layout import PIECE_BLOCK
from bitdust_node.pieces.manifest import Manifest
from bitdust_node.wire.storage import (
    LEASE_REQUEST,
    PIECE_COMMIT,
    PIECE_GET,
    PIECE_PUT,
    LeaseQuestion,
    PieceCommit,
    PieceGet,
    PieceName,
    PieceStored,
)
from services.supplying.keeping import Keeping
from services.supplying.store import LocalFolder, PieceStore
from tests.keys import test_key
from tests.network import TestNode, make_nodes

MEGABYTE = 1024 * 1024


@dataclass(frozen=True)
class Made:
    """A version as an upload makes it."""

    version: bytes
    data: bytes
    pieces: list[bytes]
    manifest: Manifest
    packed: bytes


def make_version(owner: PrivateKey, length: int = 300_000, k: int = 2, m: int = 4, seed: int = 0) -> Made:
    """A version of random bytes, the same for the same seed."""
    rnd = random.Random(seed)
    version, key, data = rnd.randbytes(16), rnd.randbytes(32), rnd.randbytes(length)
    batch = SegmentEncoder(key, version, k, m).encode(0, data, True)
    roots = [root(leaves) for leaves in batch.leaves]
    manifest = Manifest(
        1, version, owner.public.node_id, k, m, PIECE_BLOCK, length, roots, b"wrapped", b"meta", f"0/{seed}", 1
    )
    return Made(version, data, [b"".join(blocks) for blocks in batch.pieces], manifest, manifest.sign(owner))


class Grid:
    """
    Node 0 is the supplier, the others are customers.
    """

    def __init__(self, test: TestCase, folder: Path, donated: int, store: PieceStore | None) -> None:
        self.folder = folder
        self.donated = donated
        self.idle_days = 14
        self.scrub_rate = 0
        self.lapsed_days = 0
        #: For what is asked of the store, if that is not like all else.
        self.store_workers: Any = None
        (folder / "pieces").mkdir(parents=True, exist_ok=True)
        self.store: Any = store or LocalFolder(folder / "pieces", margin=0)
        self.test = test
        self.nodes: list[TestNode] = []
        self.keeping: Keeping
        #: Who may do what in which share.
        self.roles: dict[tuple[Circle, NodeId], Role] = {}

    @property
    def supplier(self) -> NodeId:
        return self.nodes[0].node_id

    @property
    def clock(self) -> Any:
        return self.nodes[0].clock

    async def open(self) -> None:
        """Start the supplier, anew after `close`."""
        node = self.nodes[0]
        self.keeping = Keeping(
            self.store,
            self.folder / "ledger.db",
            node.resolver.cached,
            lambda: self.donated,
            lambda: self.idle_days,
            node.workers,
            node.events,
            node.clock,
            node.automats,
            self._role,
            lambda: self.scrub_rate,
            self.store_workers,
            lapsed_days=lambda: self.lapsed_days,
        )
        await self.keeping.start()
        self.keeping.serve(node.router)

    async def close(self) -> None:
        self.keeping.withdraw(self.nodes[0].router)
        await self.keeping.stop()

    async def _role(self, circle: Circle, peer: NodeId) -> Role:
        if (circle, peer) not in self.roles:
            raise NotFound("there is no such share or group")
        return self.roles[circle, peer]

    def run(self, coroutine: Any) -> Any:
        """
        Run a coroutine to its end, moving the virtual clock on as needed.
        """
        done: Deferred[Any] = Deferred.fromCoroutine(coroutine)
        for _ in range(2000):
            if done.called:
                break
            self.clock.pump(5)
        return self.test.successResultOf(done)

    def fails(self, kind: type[BitDustError], coroutine: Any) -> BitDustError:
        """The error with which a coroutine ends."""
        done: Deferred[Any] = Deferred.fromCoroutine(coroutine)
        for _ in range(2000):
            if done.called:
                break
            self.clock.pump(5)
        return self.test.failureResultOf(done, kind).value  # type: ignore[no-any-return]

    def files(self) -> list[str]:
        """Names of all files in the store."""
        return sorted(path.name for path in (self.folder / "pieces").glob("*/*"))

    def booked(self) -> set[str]:
        """Names of all objects in the books."""
        read = self.keeping.ledger._database.read(lambda c: c.execute("SELECT object FROM pieces").fetchall())
        return {name for (name,) in self.run(read)}

    def seen(self) -> list[str]:
        return [event.event_id for event in self.nodes[0].events_seen if "customer" in event.event_id]

    # what a customer does

    def key(self, customer: int = 1) -> PrivateKey:
        return test_key(customer + 1)

    async def ask(self, command: Any, question: Any, customer: int = 1) -> Any:
        return await self.nodes[customer].router.request(self.supplier, command, question)

    async def lease(self, needed: int = 10 * MEGABYTE, customer: int = 1) -> Any:
        return await self.ask(LEASE_REQUEST, LeaseQuestion(needed, 0, 4), customer)

    async def put(
        self, made: Made, index: int = 0, piece: bytes | None = None, customer: int = 1, circle: Circle | None = None
    ) -> None:
        name = PieceName(made.version, index, circle)
        stream = await self.nodes[customer].router.open_stream(self.supplier, PIECE_PUT, name)
        await stream.write(made.pieces[index] if piece is None else piece)
        stream.finish()

    async def commit(self, made: Made, index: int = 0, customer: int = 1, circle: Circle | None = None) -> PieceStored:
        question = PieceCommit(made.version, index, made.packed, circle)
        answer: PieceStored = await self.ask(PIECE_COMMIT, question, customer)
        return answer

    async def store_piece(
        self, made: Made, index: int = 0, piece: bytes | None = None, customer: int = 1, circle: Circle | None = None
    ) -> PieceStored:
        await self.put(made, index, piece, customer, circle)
        return await self.commit(made, index, customer, circle)

    async def get(self, question: PieceGet, customer: int = 1) -> tuple[list[bytes], bytes]:
        """Leaves and blocks."""
        stream = await self.nodes[customer].router.open_stream(self.supplier, PIECE_GET, question)
        leaves: list[bytes] = []
        if question.leaves:
            (count,) = struct.unpack(">I", await stream.read_exactly(4))
            leaves = [await stream.read_exactly(32) for _ in range(count)]
        blocks = bytearray()
        while data := await stream.read():
            blocks += data
        return leaves, bytes(blocks)


def make_grid(
    test: TestCase, customers: int = 1, donated: int = 100 * MEGABYTE, store: PieceStore | None = None
) -> Grid:
    """A supplier that runs, and customers without leases."""
    grid = Grid(test, Path(test.mktemp()), donated, store)
    started: Deferred[list[TestNode]] = Deferred.fromCoroutine(make_nodes(test, 1 + customers))
    grid.nodes = test.successResultOf(started)
    grid.run(grid.open())
    test.addCleanup(lambda: grid.run(grid.close()))
    return grid
