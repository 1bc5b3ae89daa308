"""
Pieces that come: received into a temporary file, checked against the manifest, made durable, noted in the books.
"""

from __future__ import annotations

from typing import NamedTuple

from twisted.internet.defer import Deferred

from automats.registry import Automats
from bitdust_node.clock import Clock
from bitdust_node.errors import BitDustError, Conflict, Full, Invalid, NotFound
from bitdust_node.identity.document import Document
from bitdust_node.identity.names import NodeId
from bitdust_node.pieces.layout import PIECE_BLOCK
from bitdust_node.pieces.manifest import Manifest, verify_manifest
from bitdust_node.router.transport import Stream
from bitdust_node.tasks import Tasks
from bitdust_node.threads import Workers
from bitdust_node.wire.storage import PieceCommit, PieceName, PieceStored
from services.supplying.leases import Leases
from services.supplying.ledger import Ledger
from services.supplying.put import Desk, Put
from services.supplying.removal import Removal
from services.supplying.space import Space
from services.supplying.store import PieceStore
from services.supplying.transfers import Transfers

#: Pieces of one customer that are received and wait for their commit.
WAITING_LIMIT = 1024


#: Reasons that are remembered for a commit that comes after its piece has failed.
FAILURES_LIMIT = 1000


class _Key(NamedTuple):
    customer: NodeId
    version: bytes
    number: int


class Puts:
    """
    All pieces that are on their way in.
    """

    def __init__(
        self,
        store: PieceStore,
        ledger: Ledger,
        leases: Leases,
        space: Space,
        removal: Removal,
        transfers: Transfers,
        workers: Workers,
        clock: Clock,
        automats: Automats,
        tasks: Tasks,
    ) -> None:
        self._ledger, self._leases, self._space, self._transfers = ledger, leases, space, transfers
        self._store = store
        self._desk = Desk(store, ledger, removal, workers, clock, automats, tasks)
        self._puts: dict[NodeId, dict[_Key, Put]] = {}
        self._failures: dict[_Key, BitDustError] = {}
        # pieces that begin as soon as an older one of the same name has ended, and the commits that mean them
        self._coming: dict[_Key, list[Deferred[None]]] = {}

    def __len__(self) -> int:
        return sum(map(len, self._puts.values()))

    async def take(self, customer: NodeId, question: PieceName, stream: Stream) -> None:
        """
        Receive one piece; returns when all of it is in the temporary file.
        """
        key = _Key(customer, question.version, question.index)
        self._failures.pop(key, None)
        try:
            await self._take(key, stream)
        except BitDustError as error:
            self._failures[key] = error
            if len(self._failures) > FAILURES_LIMIT:
                del self._failures[next(iter(self._failures))]
            raise

    async def commit(self, customer: NodeId, question: PieceCommit, document: Document | None) -> PieceStored:
        """
        The piece is whole, says the customer: answer when it is safely stored.
        """
        if document is None:
            raise NotFound("the identity of the customer is not known")
        # a thirtieth of a millisecond: to hand it to a worker would cost three times as much
        manifest = verify_manifest(question.manifest, document.public)
        _check(manifest, question)
        key = _Key(customer, question.version, question.index)
        while key in self._coming:
            waiting: Deferred[None] = Deferred()
            self._coming[key].append(waiting)
            await waiting
        put = self._of(customer).get(key)
        if put is None:
            return await self._without_stream(key, manifest)
        return await put.commit(manifest, question.manifest)

    async def drop(self, customer: NodeId, versions: list[bytes]) -> None:
        """
        The customer deletes these versions: what is still coming of them is given up.
        """
        wanted = set(versions)
        for key in [key for key in self._of(customer) if key.version in wanted]:
            await self._replace(key)

    async def drop_all(self, customer: NodeId) -> None:
        """
        The customer has left.
        """
        for key in list(self._of(customer)):
            await self._replace(key)

    async def stop(self) -> None:
        """
        Give up what is not stored yet, and wait for what is being stored.
        """
        for customer in list(self._puts):
            await self.drop_all(customer)

    async def _take(self, key: _Key, stream: Stream) -> None:
        customer = key.customer
        self._leases.check(customer)
        with self._transfers.one(customer):
            put = await self._begin(key)
            await put.receive(stream)

    async def _begin(self, key: _Key) -> Put:
        customer = key.customer
        waiting = self._coming.setdefault(key, [])
        try:
            await self._replace(key)
            if len(self._of(customer)) >= WAITING_LIMIT:
                raise Full(f"{WAITING_LIMIT} pieces wait for their commit already")
            writer = self._store.writer(customer, key.version, key.number)
            put = Put(self._desk, customer, key.version, key.number, writer, self._space.reservation(customer))
            self._puts.setdefault(customer, {})[key] = put
            put.ended.addBoth(lambda _: self._forget(key, put))
        finally:
            if self._coming.get(key) is waiting:
                del self._coming[key]
                for commit in waiting:
                    commit.callback(None)
        return put

    async def _replace(self, key: _Key) -> None:
        while (old := self._of(key.customer).get(key)) is not None:
            old.replace()
            await old.finished()

    def _forget(self, key: _Key, put: Put) -> None:
        mine = self._of(key.customer)
        if mine.get(key) is put:
            del mine[key]
        if not mine:
            self._puts.pop(key.customer, None)

    def _of(self, customer: NodeId) -> dict[_Key, Put]:
        return self._puts.get(customer, {})

    async def _without_stream(self, key: _Key, manifest: Manifest) -> PieceStored:
        row = await self._ledger.piece(*key)
        if row is None:
            raise self._failures.pop(key, NotFound("there is no such piece: send it first"))
        if row.root != manifest.roots[key.number]:
            raise Conflict("another piece is stored under this version and index")
        return PieceStored(row.root, row.size)


def _check(manifest: Manifest, question: PieceCommit) -> None:
    if manifest.version != question.version:
        raise Invalid("the manifest is that of another version")
    if question.index >= manifest.m:
        raise Invalid(f"piece {question.index} does not exist in a version of {manifest.m}")
    if manifest.block != PIECE_BLOCK:
        raise Invalid(f"only blocks of {PIECE_BLOCK} bytes are kept, not of {manifest.block}")
