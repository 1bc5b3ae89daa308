"""
How fast suppliers have sent what was read from them: seconds to the first byte, and bytes a second. In `state.db`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from statistics import median

from twisted.logger import Logger

from bitdust_node.clock import Clock
from bitdust_node.database import StateDb
from bitdust_node.errors import BitDustError

MIGRATIONS = (
    """
    CREATE TABLE speeds (
        node_id TEXT PRIMARY KEY,
        latency REAL NOT NULL,
        rate REAL NOT NULL,
        seen REAL NOT NULL
    );
    """,
    "ALTER TABLE speeds ADD COLUMN silent REAL NOT NULL DEFAULT 0",
)

#: What the newest measure weighs beside all before it.
WEIGHT = 0.3
#: Bytes, or seconds of waiting for them, that say something about the rate; fewer bytes come in one piece.
TELLING, TELLING_TIME = 256 * 1024, 1.0
#: Seconds that are not measured any more finely: below, it is the own reactor that is measured.
FINEST = 0.001
#: Suppliers that were not read from for so many seconds are forgotten.
MEMORY = 30 * 86400.0


@dataclass(frozen=True)
class Speed:
    """
    latency: seconds from the question to the first byte. rate: bytes a second while they were waited for. 0: not known.
    seen: time of the last measure, unix seconds. silent: time when it let wait in vain, 0 if something came since.
    """

    latency: float = 0.0
    rate: float = 0.0
    seen: float = 0.0
    silent: float = 0.0

    def seconds(self, size: int) -> float:
        """
        How long so many bytes take.
        """
        return self.latency + (size / self.rate if self.rate else 0.0)


class Speeds:
    """
    One measure, weighted exponentially, for each supplier that was read from. Kept in memory; `save` writes it.
    """

    log = Logger()

    def __init__(self, state_db: StateDb, clock: Clock) -> None:
        self._db, self._clock = state_db, clock
        self._speeds: dict[str, Speed] = {}
        self._changed: set[str] = set()

    async def load(self) -> None:
        await self._db.prepare("speeds", MIGRATIONS)
        oldest = self._clock.seconds() - MEMORY
        await self._db.run(lambda c: c.execute("DELETE FROM speeds WHERE seen < ?", (oldest,)))
        query = "SELECT node_id, latency, rate, seen, silent FROM speeds"
        rows = await self._db.read(lambda c: c.execute(query).fetchall())
        self._speeds = {node_id: Speed(*rest) for node_id, *rest in rows}

    async def save(self) -> None:
        """
        Write what has changed. A failure is logged only: measures are not worth the end of anything.
        """
        changed, self._changed = self._changed, set()
        speeds = [(node_id, one) for node_id in changed if (one := self._speeds.get(node_id))]
        rows = [(node_id, one.latency, one.rate, one.seen, one.silent) for node_id, one in speeds]
        if not rows:
            return
        try:
            await self._db.run(lambda c: c.executemany("INSERT OR REPLACE INTO speeds VALUES (?,?,?,?,?)", rows))
        except BitDustError as error:
            self._changed |= changed
            self.log.warn("the speeds of suppliers can not be written: {error}", error=error)

    def of(self, node_id: str) -> Speed | None:
        """
        What was measured; None for a supplier that was not read from yet.
        """
        return self._speeds.get(node_id)

    def usual_latency(self) -> float:
        """
        The median of what was measured; 0 when nothing was.
        """
        measured = [speed.latency for speed in self._speeds.values() if speed.latency]
        return median(measured) if measured else 0.0

    def note(self, node_id: str, latency: float, size: int, waited: float, *, beaten: bool = False) -> None:
        """
        After so many seconds came the first byte of `size`, all of which were waited for as long as `waited`. beaten:
        so long that somebody else was faster, which always says something.
        """
        old = self._speeds.get(node_id, Speed())
        latency = max(FINEST, latency)
        new = Speed(_mean(old.latency, latency), old.rate, self._clock.seconds())
        if size >= TELLING or waited >= TELLING_TIME or beaten:
            # the mean of the seconds that a byte takes: one slow transfer tells more than one fast one
            each = max(FINEST, waited) / size
            new = replace(new, rate=1 / _mean(1 / old.rate if old.rate else 0.0, each))
        self._put(node_id, new)

    def note_silence(self, node_id: str, seconds: float) -> None:
        """
        Nothing came for so long. Says something only of a supplier that was thought to be faster, and nothing of how
        fast it is when it answers.
        """
        old = self._speeds.get(node_id, Speed())
        if seconds > old.latency:
            now = self._clock.seconds()
            self._put(node_id, replace(old, seen=now, silent=now))

    def _put(self, node_id: str, speed: Speed) -> None:
        self._speeds[node_id] = speed
        self._changed.add(node_id)


def _mean(old: float, new: float) -> float:
    return old + WEIGHT * (new - old) if old else new
