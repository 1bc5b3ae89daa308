"""
Pieces that are fetched: read from the disk in workers, one part ahead of what the customer takes.
"""

from __future__ import annotations

import struct
from collections.abc import Callable

from bitdust_node.clock import Clock
from bitdust_node.errors import Corrupt, Invalid, NotFound
from bitdust_node.identity.names import NodeId
from bitdust_node.pieces.hashtree import HASH_BYTES
from bitdust_node.pieces.layout import PIECE_BLOCK
from bitdust_node.pieces.object_file import open_object
from bitdust_node.router.transport import Stream
from bitdust_node.threads import Workers
from bitdust_node.waiting import started
from bitdust_node.wire.storage import PieceGet
from services.supplying.deposits import Deposits
from services.supplying.leases import Leases
from services.supplying.ledger import Ledger, PieceRow
from services.supplying.store import PieceStore
from services.supplying.transfers import Transfers, watched

#: Bytes that are read at once.
PART = 1024 * 1024


class Gets:
    """
    Sends pieces to their owners, also to those whose lease has lapsed.
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

    async def send(self, customer: NodeId, question: PieceGet, stream: Stream) -> None:
        """
        Send what is asked for and finish the stream.
        """
        with self._transfers.one(customer):
            deposit = await self._deposits.readable(customer, question.circle)
            self._leases.touch(deposit.payer)
            row = await self._ledger.piece(deposit.key, question.version, question.index)
            if row is None:
                raise NotFound("there is no such piece")
            start, end = _range(row, question)
            stream.bytes_total = end - start
            with watched(self._clock, stream) as moved:
                leaves, blocks = open_object(row.data) if row.data is not None else (b"", b"")
                if question.leaves:
                    if row.data is None:
                        leaves = await self._workers.run(self._store.leaves, row.object)
                    stream.bytes_total += 4 + len(leaves)
                    await stream.write(struct.pack(">I", len(leaves) // HASH_BYTES) + leaves)
                    moved()
                if row.data is None:
                    await self._send_blocks(row.object, start, end, stream, moved)
                elif start < end:
                    await stream.write(blocks[start:end])
            stream.finish()

    async def _send_blocks(self, name: str, start: int, end: int, stream: Stream, moved: Callable[[], None]) -> None:
        if start == end:
            return
        part = await self._read(name, start, end)
        while True:
            start += len(part)
            if start == end:
                await stream.write(part)
                return
            ahead = started(self._read(name, start, end))
            try:
                await stream.write(part)
            except BaseException:
                ahead.addErrback(lambda _: None)
                ahead.cancel()
                raise
            moved()
            part = await ahead

    async def _read(self, name: str, start: int, end: int) -> bytes:
        length = min(PART, end - start)
        part = await self._workers.run(self._store.read, name, start, length)
        if len(part) != length:
            raise Corrupt("the piece was cut off on the disk of the supplier")
        return part


def _range(row: PieceRow, question: PieceGet) -> tuple[int, int]:
    blocks = -(-row.size // PIECE_BLOCK)
    if question.first > blocks:
        raise Invalid(f"the piece has {blocks} blocks, block {question.first} is not among them")
    last = blocks if question.count < 0 else question.first + question.count
    return min(row.size, question.first * PIECE_BLOCK), min(row.size, last * PIECE_BLOCK)
