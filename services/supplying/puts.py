"""
Pieces that come: received into a temporary file, checked against the manifest, made durable, noted in the books.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from twisted.internet.defer import Deferred

from automats.registry import Automats
from bitdust_node.clock import Clock
from bitdust_node.errors import BitDustError, Conflict, Full, Invalid, NotFound
from bitdust_node.identity.document import Document
from bitdust_node.identity.names import NodeId
from bitdust_node.pieces.layout import PIECE_BLOCK
from bitdust_node.pieces.manifest import Manifest, SignedManifest
from bitdust_node.router.transport import Stream
from bitdust_node.tasks import Tasks
from bitdust_node.threads import Workers
from bitdust_node.wire.storage import PieceCommit, PieceName, PieceStored
from services.supplying.deposits import Deposit, Deposits
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
    deposit: NodeId
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
        deposits: Deposits,
        space: Space,
        removal: Removal,
        transfers: Transfers,
        workers: Workers,
        clock: Clock,
        automats: Automats,
        tasks: Tasks,
    ) -> None:
        self._ledger, self._leases, self._space, self._transfers = ledger, leases, space, transfers
        self._store, self._deposits = store, deposits
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
        deposit = await self._deposits.writable(customer, question.circle)
        key = _Key(deposit.key, question.version, question.index)
        self._failures.pop(key, None)
        try:
            await self._take(key, customer, deposit, stream)
        except BitDustError as error:
            self._failures[key] = error
            if len(self._failures) > FAILURES_LIMIT:
                del self._failures[next(iter(self._failures))]
            raise

    async def commit(
        self, deposit: Deposit, question: PieceCommit, document_of: Callable[[NodeId], Document | None]
    ) -> PieceStored:
        """
        The piece is whole, says the customer: answer when it is safely stored.
        """
        # a thirtieth of a millisecond: to hand it to a worker would cost three times as much
        manifest = _verified(question, deposit, document_of)
        _check(manifest, question)
        key = _Key(deposit.key, question.version, question.index)
        while key in self._coming:
            waiting: Deferred[None] = Deferred()
            self._coming[key].append(waiting)
            await waiting
        put = self._of(deposit.key).get(key)
        if put is None:
            return await self._without_stream(key, manifest)
        return await put.commit(manifest, question.manifest)

    async def drop(self, deposit: Deposit, versions: list[bytes]) -> None:
        """
        The customer deletes these versions: what is still coming of them is given up.
        """
        wanted = set(versions)
        for key in [key for key in self._of(deposit.key) if key.version in wanted]:
            await self._replace(key)

    async def drop_all(self, deposit: Deposit) -> None:
        """
        The customer has left.
        """
        for key in list(self._of(deposit.key)):
            await self._replace(key)

    async def stop(self) -> None:
        """
        Give up what is not stored yet, and wait for what is being stored.
        """
        for key in [key for each in self._puts.values() for key in each]:
            await self._replace(key)

    async def _take(self, key: _Key, customer: NodeId, deposit: Deposit, stream: Stream) -> None:
        self._leases.check(deposit.payer)
        with self._transfers.one(customer):
            put = await self._begin(key, deposit)
            await put.receive(stream)

    async def _begin(self, key: _Key, deposit: Deposit) -> Put:
        waiting = self._coming.setdefault(key, [])
        try:
            await self._replace(key)
            if len(self._of(key.deposit)) >= WAITING_LIMIT:
                raise Full(f"{WAITING_LIMIT} pieces wait for their commit already")
            writer = self._store.writer(key.deposit, key.version, key.number)
            reservation = self._space.reservation(deposit.payer)
            put = Put(self._desk, deposit, key.version, key.number, writer, reservation)
            self._puts.setdefault(key.deposit, {})[key] = put
            put.ended.addBoth(lambda _: self._forget(key, put))
        finally:
            if self._coming.get(key) is waiting:
                del self._coming[key]
                for commit in waiting:
                    commit.callback(None)
        return put

    async def _replace(self, key: _Key) -> None:
        while (old := self._of(key.deposit).get(key)) is not None:
            old.replace()
            await old.finished()

    def _forget(self, key: _Key, put: Put) -> None:
        mine = self._of(key.deposit)
        if mine.get(key) is put:
            del mine[key]
        if not mine:
            self._puts.pop(key.deposit, None)

    def _of(self, deposit: NodeId) -> dict[_Key, Put]:
        return self._puts.get(deposit, {})

    async def _without_stream(self, key: _Key, manifest: Manifest) -> PieceStored:
        row = await self._ledger.piece(*key)
        if row is None:
            raise self._failures.pop(key, NotFound("there is no such piece: send it first"))
        if await self._ledger.damage.has(*key):
            raise NotFound("the piece is here, but has been damaged: send it again")
        if row.root != manifest.roots[key.number]:
            raise Conflict("another piece is stored under this version and index")
        return PieceStored(row.root, row.size)


def _verified(question: PieceCommit, deposit: Deposit, document_of: Callable[[NodeId], Document | None]) -> Manifest:
    """
    The manifest, signed by who it names: the customer himself, or any member of the share. When a member brings that of
    another one, whose identity is not known here, nobody but its readers can check it: they always do.
    """
    signed = SignedManifest.parse(question.manifest)
    shared = deposit.key != deposit.payer
    document = document_of(NodeId(signed.manifest.owner) if shared else deposit.payer)
    if document is not None:
        return signed.verify(document.public)
    if shared:
        return signed.manifest
    raise NotFound("the identity of the customer is not known")


def _check(manifest: Manifest, question: PieceCommit) -> None:
    if manifest.version != question.version:
        raise Invalid("the manifest is that of another version")
    if question.index >= manifest.m:
        raise Invalid(f"piece {question.index} does not exist in a version of {manifest.m}")
    if manifest.block != PIECE_BLOCK:
        raise Invalid(f"only blocks of {PIECE_BLOCK} bytes are kept, not of {manifest.block}")
