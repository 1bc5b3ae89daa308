"""
One piece on its way in: blocks from one supplier, buffered a little ahead of whoever decodes them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from struct import Struct

from twisted.internet.defer import CancelledError, Deferred

from bitdust_node.errors import BitDustError, Corrupt, Unavailable
from bitdust_node.pieces.blocks import Buffer
from bitdust_node.pieces.hashtree import HASH_BYTES, check_leaves
from bitdust_node.pieces.manifest import Manifest
from bitdust_node.progress import Progress
from bitdust_node.router.transport import Stream
from bitdust_node.tasks import Tasks
from services.data_motion import Holder
from services.transfer.means import Means

_COUNT = Struct(">I")
#: Seconds without a byte from a supplier that others wait for, before another one is asked too: so many times as long
#: as it ever let wait, within the first and the last of these limits; no less than the second one if nobody else sends,
#: which may be due to the own line.
PATIENCE, PATIENCE_LEAST, PATIENCE_ALONE, PATIENCE_MOST = 6, 0.15, 0.5, 1.0
#: More leaves than this are hashed in a worker.
LEAVES_HERE = 256
#: Bytes of the chunks that are worth to be left where they are.
SMALLEST = 1024


class PieceReader:
    """
    Reads piece `number` from block `first` on, to the one before `end` or to its own end (None).

    leaves: the hashes of all its blocks, if they were asked for and match the manifest.
    error: why it gave up, or None; `Corrupt` means that the supplier has not what it should have.
    changed: called when something came that somebody may wait for.
    """

    def __init__(
        self,
        means: Means,
        manifest: Manifest,
        holder: Holder,
        number: int,
        first: int,
        end: int | None,
        checked: bool,
        ahead: int,
        changed: Callable[[], None],
    ) -> None:
        self.holder, self.number = holder, number
        self.error: BitDustError | None = None
        self.leaves: list[bytes] = []
        self._means, self._clock, self._manifest = means, means.clock, manifest
        self.moved = self._clock.seconds()
        #: Seconds since then for which this process itself was busy, so that nothing could come.
        self.excused = 0.0
        # what the stream had waited for the own limit of bytes a second by then
        self._limited = 0.0
        self.hedged = False
        # seconds without a byte after which it counts as stalled: before the first one, and the longest wait since
        self._patience = means.ranking.patience(holder.node_id)
        self._longest = 0.0
        self._first, self._checked, self._ahead, self._changed = first, checked, ahead, changed
        layout = manifest.layout
        if end is None or end >= layout.segments(manifest.length):
            self._count, self._left = -1, layout.piece_bytes(manifest.length) - first * manifest.block
        else:
            self._count, self._left = end - first, (end - first) * manifest.block
        #: Bytes of blocks that will come and that came.
        self.total, self.progress = self._left, Progress(self._clock)
        self._chunks: deque[Buffer] = deque()
        self._have = 0
        # bytes to come that are to be passed over, and all that were to be since the last that were taken
        self._skip = self._skipped = 0
        self._needed = 0
        self._room: Deferred[None] | None = None
        self._stream: Stream | None = None
        self._tasks = Tasks(f"piece {number} from {holder.idurl}")
        # to measure the supplier: seconds until the first byte and waited for those after it, bytes that came
        self._asked = self.moved
        self._latency: float | None = None
        self._waited, self._came = 0.0, 0

    def start(self) -> None:
        self._tasks.spawn("read", self._read())

    def has(self, size: int) -> bool:
        """
        True if that many bytes are there; else `changed` is called when they are.
        """
        self._pass_over()
        self._needed = self._skip + size
        return self._have >= self._needed

    @property
    def began(self) -> bool:
        """
        True when the first byte has come.
        """
        return self._latency is not None

    def stalls_at(self, others: bool) -> float:
        """
        The time when nothing has come for longer than is usual. others: somebody else has sent meanwhile.
        """
        patience = self._patience
        if self.began:
            least = PATIENCE_LEAST if others else PATIENCE_ALONE
            patience = min(PATIENCE_MOST, max(least, PATIENCE * self._longest))
        held = self._stream.limited - self._limited if self._stream is not None else 0.0
        return self.moved + self.excused + held + patience

    def skip(self, size: int) -> int:
        """
        Pass over the next `size` bytes, also those that have still to come. Answers how many were passed over, or are
        to be, since the last `take`.
        """
        self._skip += size
        self._skipped += size
        self._pass_over()
        return self._skipped

    def take(self, size: int) -> list[Buffer]:
        """
        The next `size` bytes, which are there, in the chunks in which they came.
        """
        parts: list[Buffer] = []
        left = size
        while left:
            chunk = self._chunks.popleft()
            if len(chunk) > left:
                view = memoryview(chunk)
                self._chunks.appendleft(view[left:])
                chunk = view[:left]
            parts.append(chunk)
            left -= len(chunk)
        self._have -= size
        self._needed = self._skipped = 0
        # whoever had no chance to send while nobody took anything is not slow
        self._note_move()
        if self._room is not None and self._have < self._ahead:
            room, self._room = self._room, None
            room.callback(None)
        if len(parts) * SMALLEST > size:
            # so many objects would cost more than the bytes
            parts = [b"".join(parts)]
        return parts

    def _note_move(self) -> None:
        self.moved, self.excused = self._clock.seconds(), 0.0
        self._limited = self._stream.limited if self._stream is not None else 0.0

    def _pass_over(self) -> None:
        if self._skip and self._have:
            skipped, needed, size = self._skipped, self._needed, min(self._skip, self._have)
            self.take(size)
            self._skip, self._skipped, self._needed = self._skip - size, skipped, max(0, needed - size)

    async def stop(self, reason: str) -> None:
        """
        Break it off.
        """
        if self._stream is not None and self._left:
            self._stream.reset(reason)
        await self._tasks.stop()

    async def _read(self) -> None:
        try:
            await self._open()
            while self._left:
                await self._next()
        except BitDustError as error:
            self.error = error
        except CancelledError:
            raise
        finally:
            self._measure()
            if self.error is not None:
                self._changed()

    async def _open(self) -> None:
        manifest = self._manifest
        self._stream = stream = await self._means.motion.get(
            self.holder, manifest.version, self.number, manifest.k, self._first, self._checked, self._count
        )
        self._limited = stream.limited
        stream.finish()
        stream.bytes_total = self._left
        if not self._checked:
            return
        (count,) = _COUNT.unpack(await stream.read_exactly(_COUNT.size))
        if count != manifest.layout.segments(manifest.length):
            raise Corrupt(f"piece {self.number} has {count} blocks at {self.holder.idurl}, as its list of hashes says")
        hashes = await stream.read_exactly(count * HASH_BYTES)
        leaves = [hashes[at : at + HASH_BYTES] for at in range(0, len(hashes), HASH_BYTES)]
        if count > LEAVES_HERE:
            await self._means.workers.run(check_leaves, leaves, manifest.roots[self.number])
        else:
            check_leaves(leaves, manifest.roots[self.number])
        self.leaves = leaves
        stream.bytes_total += _COUNT.size + len(hashes)

    async def _next(self) -> None:
        if self._stream is None:
            return
        self._asked = self._clock.seconds() if self._came else self._asked
        data = await self._stream.read()
        if not data:
            raise Corrupt(f"piece {self.number} ends too early at {self.holder.idurl}: {self._left} bytes are missing")
        if len(data) > self._left:
            raise Corrupt(f"piece {self.number} is too long at {self.holder.idurl}")
        self._left -= len(data)
        self._chunks.append(data)
        before, self._have = self._have, self._have + len(data)
        self._note_move()
        waited = self.moved - self._asked
        if self._latency is None:
            self._latency = waited
        else:
            self._waited += waited
            self._longest = max(self._longest, waited)
        self._came += len(data)
        self.progress.reached(self._came)
        if before < self._needed <= self._have:
            self._changed()
        self._pass_over()
        if self._have >= self._ahead and self._left:
            self._room = Deferred()
            await self._room

    def _measure(self) -> None:
        """Tell what is known of the speed of the supplier now; hashes before the blocks would spoil the measure."""
        if self._checked:
            return
        speeds, waiting = self._means.ranking.speeds, self._clock.seconds() - self._asked
        if self._latency is not None:
            # one that was broken off in the middle may have been waited for in vain
            self._waited += waiting if self._left and self._room is None else 0.0
            speeds.note(self.holder.node_id, self._latency, self._came, self._waited, beaten=self.hedged)
            if self.hedged and self._left and self._room is None and waiting >= PATIENCE_LEAST:
                speeds.note_silence(self.holder.node_id, waiting)
        elif self.hedged or isinstance(self.error, Unavailable):
            speeds.note_silence(self.holder.node_id, waiting)
