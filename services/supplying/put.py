"""
One piece on its way in; owner of its machine.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from twisted.internet.defer import CancelledError, Deferred, DeferredLock
from twisted.logger import Logger
from twisted.python.failure import Failure

from automats.machine import Machine
from automats.piece_put import PIECE_PUT, Input
from automats.registry import Automats
from bitdust_node.clock import Clock
from bitdust_node.errors import BitDustError, Closed, Conflict, Corrupt, Failed, TimedOut
from bitdust_node.pieces.layout import PIECE_BLOCK
from bitdust_node.pieces.manifest import Manifest
from bitdust_node.pieces.object_file import Footer, object_name, small_object
from bitdust_node.router.transport import Stream
from bitdust_node.tasks import Tasks
from bitdust_node.threads import Workers
from bitdust_node.waiting import T, shielded
from bitdust_node.wire.storage import PieceStored
from services.supplying.deposits import Deposit
from services.supplying.ledger import Ledger, PieceRow
from services.supplying.removal import Removal
from services.supplying.space import Reservation
from services.supplying.store import PieceStore, PieceWriter
from services.supplying.transfers import watched

#: Bytes that are collected before the disk is troubled.
CHUNK = 1024 * 1024

#: Pieces of at most so many bytes lie in the ledger: a file of their own would cost three waits for the disk, and the
#: ledger waits once for many.
SMALL = 16 * 1024


@dataclass(frozen=True)
class Desk:
    """
    What all incoming pieces of a supplier use.
    """

    store: PieceStore
    ledger: Ledger
    removal: Removal
    workers: Workers
    clock: Clock
    automats: Automats
    tasks: Tasks


class Put:
    """
    `ended` fires when nothing of it is left to do, stored or not.
    """

    log = Logger()

    def __init__(
        self,
        desk: Desk,
        deposit: Deposit,
        version: bytes,
        index: int,
        writer: PieceWriter,
        reservation: Reservation,
    ) -> None:
        self._desk = desk
        self._deposit, self._version, self._index = deposit, version, index
        self._writer, self._reservation = writer, reservation
        self._disk = DeferredLock()
        self._stream: Stream | None = None
        self._footer: Footer | None = None
        self._small: bytes | None = None
        self._manifest: tuple[Manifest, bytes] | None = None
        self._error: BitDustError = Failed("the piece was not stored")
        self._waiting: list[Deferred[PieceStored]] = []
        self._finishing: list[Deferred[None]] = []
        self.ended: Deferred[None] = Deferred()
        name = f"piece_{version.hex()[:8]}_{index}_{deposit.key[:16]}"
        self.machine = Machine(PIECE_PUT, self, clock=desk.clock, id=name, automats=desk.automats)

    async def receive(self, stream: Stream) -> None:
        """
        Write what comes to the temporary file until the customer finishes the stream.
        """
        self._stream = stream
        try:
            with watched(self._desk.clock, stream) as moved:
                await self._receive(stream, moved)
        except BitDustError as error:
            self._break(error)
            raise
        except CancelledError:
            self._break(Closed("the connection was closed before the piece was whole"))
            raise
        except OSError as error:
            self._break(self._disk_error(error))
            raise self._error from error
        finally:
            self._stream = None
        stream.finish()
        self.machine.feed(Input.FINISHED)

    async def commit(self, manifest: Manifest, packed: bytes) -> PieceStored:
        """
        Wait until the piece is stored.
        """
        if self._manifest is not None and self._manifest[1] != packed:
            raise Conflict("another manifest was given for this piece a moment ago")
        waiting: Deferred[PieceStored] = Deferred()
        self._waiting.append(waiting)
        if self._manifest is None:
            self._manifest = manifest, packed
            self.machine.feed(Input.COMMIT)
        return await waiting

    def replace(self) -> None:
        """
        Give up, unless the piece is being stored at this moment.
        """
        self.machine.feed(Input.REPLACED)

    async def finished(self) -> None:
        """
        Wait for the end, whatever it is.
        """
        if not self.ended.called:
            waiting: Deferred[None] = Deferred()
            self._finishing.append(waiting)
            await waiting

    # what the machine decides

    def store(self) -> None:
        self._desk.tasks.spawn("store a piece", self._store())

    def settle(self) -> None:
        assert self._footer is not None
        self._reservation.release()
        self._end()
        for waiting in self._waiting:
            waiting.callback(PieceStored(self._footer.root, self._footer.size))

    def note_replaced(self) -> None:
        self._error = Closed("the piece was begun anew, or its version deleted")
        if self._stream is not None:
            self._stream.reset(str(self._error))

    def note_late(self) -> None:
        self._error = TimedOut("the piece was received, but nobody said that it is whole")

    def discard(self) -> None:
        self._desk.tasks.spawn("remove an unfinished piece", self._discard())

    # its steps

    async def _receive(self, stream: Stream, moved: Callable[[], None]) -> None:
        total, last = 0, False
        while not last:
            chunks: list[bytes] = []
            size = 0
            while size < CHUNK and not last:
                data = await stream.read()
                moved()
                if data:
                    chunks.append(data)
                    size += len(data)
                else:
                    last = True
            total += size
            self._reservation.need(total)
            if last and total <= SMALL:
                place = (self._deposit.key, self._version, self._index, PIECE_BLOCK)
                self._footer, self._small = small_object(*place, b"".join(chunks))
                return
            self._footer = await self._on_disk(partial(self._write, chunks, last))

    def _write(self, chunks: list[bytes], last: bool) -> Footer | None:
        """In a worker; what the piece turned out to be with its last bytes."""
        if chunks:
            self._writer.write(chunks)
        return self._writer.finish() if last else None

    async def _store(self) -> None:
        try:
            await self._store_checked()
        except BitDustError as error:
            self._break(error)
        except OSError as error:
            self._break(self._disk_error(error))
        except BaseException:
            self._break(Failed("the piece was not stored"))
            raise
        else:
            self.machine.feed(Input.STORED)

    async def _store_checked(self) -> None:
        assert self._footer is not None
        assert self._manifest is not None
        footer, (manifest, packed) = self._footer, self._manifest
        if footer.size != manifest.layout.piece_bytes(manifest.length):
            raise Corrupt(f"the piece has {footer.size} bytes, which does not match its manifest")
        if footer.root != manifest.roots[self._index]:
            raise Corrupt("the piece does not match the root in its manifest")
        name = object_name(self._deposit.key, self._version, self._index)
        await self._desk.removal.claim(name)
        try:
            if self._small is None and await self._is_there(footer):
                # in the place of the old file: who sends a piece again may have found that one damaged
                await self._on_disk(self._writer.commit)
                await self._desk.ledger.damage.mended(self._deposit.key, self._version, self._index)
            else:
                await shielded(self._keep(name, footer, packed))
        finally:
            self._desk.removal.release(name)

    async def _is_there(self, footer: Footer) -> bool:
        before = await self._desk.ledger.piece(self._deposit.key, self._version, self._index)
        return before is not None and _same(before.root, footer)

    async def _keep(self, name: str, footer: Footer, packed: bytes) -> None:
        now = int(self._desk.clock.seconds())
        place, payer = (self._deposit.key, self._version, self._index), self._deposit.payer
        row = PieceRow(*place, name, footer.size, footer.root, now, self._small, payer)
        try:
            if row.data is None:
                await self._on_disk(self._writer.commit)
            before = await self._desk.ledger.add(row, packed)
        except BaseException:
            # nobody was told that it is stored, so nobody misses it
            if row.data is None:
                await self._desk.removal.undo(name)
            raise
        if before is None:
            self._reservation.keep()
        else:
            _same(before, footer)

    async def _discard(self) -> None:
        try:
            await self._on_disk(self._writer.discard)
        finally:
            self._reservation.release()
            self._end()
            for waiting in self._waiting:
                waiting.errback(Failure(self._error))

    async def _on_disk(self, function: Callable[[], T]) -> T:
        # shielded and in turn: a file is never closed while a worker still writes to it
        return await shielded(self._disk.run(self._desk.workers.run, function))

    def _disk_error(self, error: OSError) -> BitDustError:
        self.log.failure("a piece can not be written")
        return Failed(f"the supplier can not write: {error.strerror}")

    def _break(self, error: BitDustError) -> None:
        if not self.machine.finished:
            self._error = error
            self.machine.feed(Input.BROKEN)

    def _end(self) -> None:
        self.ended.callback(None)
        for waiting in self._finishing:
            waiting.callback(None)


def _same(root: bytes, footer: Footer) -> bool:
    """
    True if the piece that is stored already is this one; `Conflict` if it is another.
    """
    if root != footer.root:
        raise Conflict("another piece is stored under this version and index")
    return True
