"""
The operation log of this device: each transaction of the catalog writes down what it did, batch by batch it is signed
by the device key and told to the suppliers, and what other devices have told is merged.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bitdust_node.clock import Clock
from bitdust_node.database import Database
from bitdust_node.errors import Corrupt
from services.catalog.batches import Batch, Covered, Read
from services.catalog.merging import apply, stored
from services.catalog.moving import note_move
from services.catalog.operations import DROP_LIMIT, Drop, Move, Numbers, Operation, Put, Remove, Stamp, pack, unpack
from services.catalog.remembering import forget, note_dropped, note_removal
from services.catalog.retelling import NOT_YET, begin, go_on, going

#: Bytes of operations that make one batch.
BATCH_BYTES = 512 * 1024

NO_DIGEST = bytes(32)


_OUTDATE = "INSERT INTO outdated VALUES (?1, ?2) ON CONFLICT (log) DO UPDATE SET number = max(number, excluded.number)"


@dataclass(frozen=True)
class Pending:
    """
    The batch that is to be told next. last: number of its last operation.
    """

    batch: Batch
    last: int


class Journal:
    """
    The tables `journal`, `operations`, `logs` and `covered` of the catalog.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database, self._clock = database, clock
        self._callbacks: tuple[Callable[[], object], ...] = ()

    def observe(self, callback: Callable[[], object]) -> Callable[[], None]:
        """
        Call back when there may be new operations; returns the function that ends it.
        """
        self._callbacks = (*self._callbacks, callback)

        def undo() -> None:
            self._callbacks = tuple(other for other in self._callbacks if other is not callback)

        return undo

    def tell(self) -> None:
        """
        Something may have been written down.
        """
        for callback in self._callbacks:
            callback()

    async def begin(self) -> None:
        """
        What is long gone is forgotten, and a catalog that is older than its log will be told as a whole.
        """
        now = self._clock.seconds()

        def change(c: sqlite3.Connection) -> None:
            forget(c, now)
            old = "SELECT 1 FROM items WHERE clock = 0 UNION SELECT 1 FROM versions WHERE clock = 0 AND state = 'ready'"
            if c.execute(f"{old} LIMIT 1").fetchone() is not None and not going(c):
                begin(c, _tick(c, now))

        await self._database.run(change)

    async def own(self) -> tuple[bytes, int]:
        """
        The present log of this device, and the number of its last batch.
        """
        row = await self._database.read(lambda c: c.execute("SELECT log, number FROM journal").fetchone())
        return bytes(row[0]), int(row[1])

    async def covered(self) -> dict[bytes, int]:
        """
        Logs, and up to which number, that the own one says again: once that was told.
        """

        def look(c: sqlite3.Connection) -> dict[bytes, int]:
            (first,) = c.execute("SELECT coalesce(min(number), 1 << 60) FROM operations").fetchone()
            rows = c.execute("SELECT log, number FROM covered WHERE operation < ?", (first,))
            return {bytes(log): int(number) for log, number in rows}

        return await self._database.read(look)

    async def outdated(self) -> dict[bytes, int]:
        """
        Logs, and up to which number, that any other log says again.
        """
        query = "SELECT log, number FROM outdated"
        rows = await self._database.read(lambda c: c.execute(query).fetchall())
        return {bytes(log): int(number) for log, number in rows} | await self.covered()

    async def compact(self) -> None:
        """
        Begin a new log that says all that was said so far, by whomever; it is written as `pending` comes to it.
        """
        now = self._clock.seconds()

        def change(c: sqlite3.Connection) -> None:
            _renew(c)
            forget(c, now)
            begin(c, _tick(c, now))
            c.execute("INSERT OR REPLACE INTO covered SELECT log, number, digest, ? FROM logs", (NOT_YET,))

        await self._database.run(change)

    async def renounce(self) -> None:
        """
        Go on under a new log: somebody else has written to the present one, such as a copy of this data folder.
        """
        await self._database.run(_renew)

    async def pending(self) -> Pending | None:
        """
        The operations that nobody was told yet, as far as they fit one batch. Of a catalog that is told again, some
        pages are written first.
        """
        while await self._database.read(_lacks):
            await self._database.run(_go_on)

        def look(c: sqlite3.Connection) -> Pending | None:
            bodies: list[bytes] = []
            size = last = 0
            for number, body in c.execute("SELECT number, body FROM operations ORDER BY number"):
                if bodies and size + len(body) > BATCH_BYTES:
                    break
                bodies.append(bytes(body))
                size, last = size + len(body), int(number)
            if not bodies:
                return None
            log, count, previous = c.execute("SELECT log, number, previous FROM journal").fetchone()
            rows = c.execute("SELECT log, number, digest FROM covered WHERE operation <= ?", (last,)).fetchall()
            covers = [Covered(bytes(row[0]), int(row[1]), bytes(row[2])) for row in rows]
            return Pending(Batch(1, bytes(log), count + 1, bytes(previous), covers, bodies), last)

        return await self._database.read(look)

    async def told(self, pending: Pending, digest: bytes, keep: Callable[[sqlite3.Connection], object]) -> None:
        """
        This batch is signed and kept for the suppliers (by `keep`, in the same transaction).
        """

        def change(c: sqlite3.Connection) -> None:
            c.execute("DELETE FROM operations WHERE number <= ?", (pending.last,))
            c.execute("UPDATE journal SET number = ?, previous = ?", (pending.batch.number, digest))
            keep(c)

        await self._database.run(change)

    async def merge(self, read: Read) -> bool:
        """
        Apply a batch that another device (or this one, in another life) has told; false if it was known already.

        Raises `Corrupt` for a gap or a fork in its log; then nothing of it is applied.
        """
        batch, now = read.batch, self._clock.seconds()
        operations = [unpack(body) for body in batch.operations]

        def change(c: sqlite3.Connection) -> bool:
            known = c.execute("SELECT number, digest FROM logs WHERE log = ?", (batch.log,)).fetchone()
            number, digest = (int(known[0]), bytes(known[1])) if known else (0, NO_DIGEST)
            if batch.number <= number:
                if batch.number == number and read.digest != digest:
                    raise Corrupt(f"batch {number} of catalog log {batch.log.hex()} was written twice")
                return False
            if batch.number > number + 1:
                raise Corrupt(f"catalog log {batch.log.hex()} has a gap: {number + 1} is missing before {batch.number}")
            if batch.previous != digest:
                raise Corrupt(f"catalog log {batch.log.hex()} is forked: {batch.number} does not follow {number}")
            for operation in operations:
                apply(c, operation, now)
            newest = max((one.stamp.clock for one in operations if not isinstance(one, Drop | Numbers)), default=0)
            c.execute("UPDATE journal SET clock = max(clock, ?)", (min(newest, int(now * 1000) + 86_400_000),))
            _advance(c, batch.log, batch.number, read.digest)
            for covered in batch.covers:
                _advance(c, covered.log, covered.number, covered.digest)
                c.execute(_OUTDATE, (covered.log, covered.number))
            c.execute("UPDATE revision SET number = number + 1")
            return True

        return await self._database.run(change)

    async def skip(self, log: bytes, number: int, digest: bytes) -> None:
        """
        What is missing before batch `number + 1` of a log, whose writer names `digest` as that of the one before, is
        lost for ever.
        """
        await self._database.run(lambda c: _advance(c, log, number, digest))

    async def known(self) -> dict[bytes, int]:
        """
        How far each log is merged.
        """
        return await self._database.read(
            lambda c: {bytes(log): int(number) for log, number in c.execute("SELECT log, number FROM logs")}
        )


def note_put(c: sqlite3.Connection, item: int, now: float) -> None:
    """
    In a transaction: write down that an item is there.
    """
    stamp = _tick(c, now)
    row = c.execute(
        "UPDATE items SET clock = ?, log = ? WHERE id = ? RETURNING alias, path, path_id, kind, created",
        (stamp.clock, stamp.log, item),
    ).fetchone()
    if row is not None:
        _write(c, Put(stamp, *row))


def note_removed(c: sqlite3.Connection, alias: str, path: str, now: float) -> None:
    """
    In a transaction: write down that an item and all below it are deleted.
    """
    stamp = _tick(c, now)
    note_removal(c, alias, path, stamp)
    _write(c, Remove(stamp, alias, path))


def note_moves(c: sqlite3.Connection, item: int, now: float) -> bool:
    """
    In a transaction: write down that the versions of an item are where it is now; false if it has none that are stored.
    """
    query = "SELECT id FROM versions WHERE item = ? AND state = 'ready' ORDER BY id"
    versions = [bytes(row[0]) for row in c.execute(query, (item,))]
    if not versions:
        return False
    stamp = _tick(c, now)
    alias, path, path_id = c.execute("SELECT alias, path, path_id FROM items WHERE id = ?", (item,)).fetchone()
    for version in versions:
        note_move(c, version, (alias, path, path_id), stamp)
    for start in range(0, len(versions), DROP_LIMIT):
        _write(c, Move(stamp, alias, path, path_id, versions[start : start + DROP_LIMIT]))
    return True


def note_drops(c: sqlite3.Connection, versions: Sequence[bytes]) -> None:
    """
    In a transaction, before they are deleted: write down that versions are. Nobody has heard of those that were never
    stored.
    """
    ready = [
        version
        for version in versions
        if c.execute("SELECT 1 FROM versions WHERE id = ? AND state = 'ready'", (version,)).fetchone()
    ]
    note_dropped(c, ready)
    for start in range(0, len(ready), DROP_LIMIT):
        _write(c, Drop(ready[start : start + DROP_LIMIT]))


def note_store(c: sqlite3.Connection, version: bytes, now: float) -> None:
    """
    In a transaction: write down that a version is stored, and who holds it.
    """
    operation = stored(c, version, _tick(c, now))
    if operation is not None:
        stamp = operation.stamp
        c.execute("UPDATE versions SET clock = ?, log = ? WHERE id = ?", (stamp.clock, stamp.log, version))
        _write(c, operation)


def _tick(c: sqlite3.Connection, now: float) -> Stamp:
    row = c.execute("UPDATE journal SET clock = max(clock + 1, ?) RETURNING clock, log", (int(now * 1000),)).fetchone()
    return Stamp(int(row[0]), bytes(row[1]))


def _write(c: sqlite3.Connection, operation: Operation) -> int:
    return int(c.execute("INSERT INTO operations (body) VALUES (?)", (pack(operation),)).lastrowid or 0)


def _lacks(c: sqlite3.Connection) -> bool:
    """True if there is more to be told again before the next batch. It never takes all that is written, so that one
    more follows: the one that names the logs which are covered."""
    query = "SELECT coalesce(sum(length(body)), 0) FROM operations"
    return going(c) and c.execute(query).fetchone()[0] <= BATCH_BYTES


def _go_on(c: sqlite3.Connection) -> None:
    # somebody else may have come first
    if _lacks(c):
        go_on(c, lambda operation: _write(c, operation))


def _renew(c: sqlite3.Connection) -> None:
    log, number, previous = c.execute("SELECT log, number, previous FROM journal").fetchone()
    _advance(c, bytes(log), int(number), bytes(previous))
    c.execute("UPDATE journal SET log = randomblob(5), number = 0, previous = ?", (NO_DIGEST,))


def _advance(c: sqlite3.Connection, log: bytes, number: int, digest: bytes) -> None:
    c.execute(
        "INSERT INTO logs VALUES (?, ?, ?) ON CONFLICT (log) DO UPDATE"
        " SET number = excluded.number, digest = excluded.digest WHERE excluded.number > number",
        (log, number, digest),
    )
