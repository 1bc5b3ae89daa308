"""
Audits as a supplier sees them: random blocks of a piece, each with the proof that it belongs to it.
"""

from __future__ import annotations

from bitdust_node.clock import Clock
from bitdust_node.errors import Corrupt, Invalid, NotFound
from bitdust_node.identity.names import NodeId
from bitdust_node.pieces.hashtree import HASH_BYTES, path
from bitdust_node.pieces.layout import PIECE_BLOCK
from bitdust_node.pieces.object_file import open_object
from bitdust_node.router.transport import Stream
from bitdust_node.threads import Workers
from bitdust_node.wire.storage import PieceAudit
from services.supplying.deposits import Deposits
from services.supplying.leases import Leases
from services.supplying.ledger import Ledger, PieceRow
from services.supplying.store import PieceStore
from services.supplying.transfers import Transfers, watched


class Proofs:
    """
    Answers audits of the owners of pieces.
    """

    def __init__(
        self,
        store: PieceStore,
        ledger: Ledger,
        leases: Leases,
        deposits: Deposits,
        transfers: Transfers,
        workers: Workers,
        clock: Clock,
    ) -> None:
        self._store, self._ledger, self._leases, self._transfers = store, ledger, leases, transfers
        self._deposits, self._workers, self._clock = deposits, workers, clock

    async def send(self, customer: NodeId, question: PieceAudit, stream: Stream) -> None:
        """
        For each block that is asked for: the hashes beside its way to the root, then the block. Finishes the stream.
        """
        with self._transfers.one(customer):
            deposit = await self._deposits.readable(customer, question.circle)
            self._leases.touch(deposit.payer)
            row = await self._ledger.piece(deposit.key, question.version, question.index)
            if row is None:
                raise NotFound("there is no such piece")
            with watched(self._clock, stream):
                try:
                    proof = await self._workers.run(self._proof, row, question.blocks)
                except NotFound:
                    raise Corrupt("the piece is in the books of the supplier, but not on its disk") from None
                await stream.write(proof)
            stream.finish()

    def _proof(self, row: PieceRow, blocks: list[int]) -> bytes:
        """In a worker: at most 8 blocks, half a MiB."""
        if row.data is not None:
            packed, data = open_object(row.data)
        else:
            packed, data = self._store.leaves(row.object), None
        leaves = [packed[at : at + HASH_BYTES] for at in range(0, len(packed), HASH_BYTES)]
        proof = []
        for number in blocks:
            if number >= len(leaves):
                raise Invalid(f"the piece has {len(leaves)} blocks, block {number} is not among them")
            start = number * PIECE_BLOCK
            length = min(PIECE_BLOCK, row.size - start)
            block = self._store.read(row.object, start, length) if data is None else data[start : start + length]
            if len(block) != length:
                raise Corrupt("the piece was cut off on the disk of the supplier")
            proof += [*path(leaves, number), block]
        return b"".join(proof)
