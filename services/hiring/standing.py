"""
What this node has seen of its suppliers: how long each was there, and how it stood its audits. In `state.db`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace

from bitdust_node.database import StateDb

MIGRATIONS = (
    """
    CREATE TABLE standing (
        node_id TEXT PRIMARY KEY,
        up REAL NOT NULL,
        down REAL NOT NULL,
        away REAL NOT NULL,
        back REAL NOT NULL,
        passed INTEGER NOT NULL,
        failed INTEGER NOT NULL,
        silent INTEGER NOT NULL
    );
    """,
)

#: When so many seconds or audits are counted, all of them are halved: what was long ago counts less.
MEMORY, AUDITS = 30 * 86400.0, 1000
#: So many audits that were stood weigh as much as one that was not.
FAILURE_WEIGHT = 20
#: Seconds that a supplier must be there before its absence is forgotten.
SETTLED = 600.0


@dataclass(frozen=True)
class Record:
    """
    up, down: seconds for which it was connected or not, while this node was able to tell. away: seconds of the absence
    that is not forgotten yet. back: seconds since it came back from that. passed, failed, silent: audits that it stood,
    did not stand, and did not answer.
    """

    node_id: str
    up: float = 0.0
    down: float = 0.0
    away: float = 0.0
    back: float = 0.0
    passed: int = 0
    failed: int = 0
    silent: int = 0

    @property
    def uptime(self) -> float:
        """
        The part of the time for which it was there, 0 .. 1; 1 when nothing is known.
        """
        return self.up / (self.up + self.down) if self.up + self.down else 1.0

    @property
    def score(self) -> float:
        """
        0 .. 1: uptime, times the part of the audits that it stood, of which failures count most.
        """
        answered = self.passed + self.silent + FAILURE_WEIGHT * self.failed
        return self.uptime * ((self.passed + 1) / (answered + 1))

    def after(self, seconds: float, present: bool) -> Record:
        """
        The record when so much time has passed.
        """
        up, down = (self.up + seconds, self.down) if present else (self.up, self.down + seconds)
        if up + down > MEMORY:
            up, down = up / 2, down / 2
        if not present:
            return replace(self, up=up, down=down, away=self.away + seconds, back=0.0)
        back = self.back + seconds if self.away else 0.0
        if back >= SETTLED:
            return replace(self, up=up, down=down, away=0.0, back=0.0)
        return replace(self, up=up, down=down, back=back)

    def audited(self, passed: int = 0, failed: int = 0, silent: int = 0) -> Record:
        """
        The record after audits.
        """
        counts = (self.passed + passed, self.failed + failed, self.silent + silent)
        if sum(counts) > AUDITS:
            counts = (counts[0] // 2, counts[1] // 2, counts[2] // 2)
        return replace(self, passed=counts[0], failed=counts[1], silent=counts[2])


class Standing:
    """
    One record for each supplier that was ever hired.
    """

    def __init__(self, state_db: StateDb) -> None:
        self._db = state_db
        self._records: dict[str, Record] = {}

    async def load(self) -> None:
        await self._db.prepare("standing", MIGRATIONS)
        query = "SELECT node_id, up, down, away, back, passed, failed, silent FROM standing"
        records = await self._db.read(lambda c: [Record(*row) for row in c.execute(query)])
        self._records = {record.node_id: record for record in records}

    def of(self, node_id: str) -> Record:
        """
        What is known of a node; an empty record for a stranger.
        """
        return self._records.get(node_id, Record(node_id))

    async def pass_time(self, seconds: float, present: Collection[str], absent: Collection[str]) -> None:
        """
        For so long these suppliers were there, and these were not.
        """
        await self._put(
            [
                *(self.of(node_id).after(seconds, True) for node_id in present),
                *(self.of(node_id).after(seconds, False) for node_id in absent),
            ]
        )

    async def note_audit(self, node_id: str, *, passed: int = 0, failed: int = 0, silent: int = 0) -> None:
        await self._put([self.of(node_id).audited(passed, failed, silent)])

    async def forget_absence(self, node_id: str) -> None:
        """
        A supplier begins afresh, as it was just hired.
        """
        await self._put([replace(self.of(node_id), away=0.0, back=0.0)])

    async def _put(self, records: Iterable[Record]) -> None:
        changed = {record.node_id: record for record in records}
        self._records.update(changed)
        rows = [
            (one.node_id, one.up, one.down, one.away, one.back, one.passed, one.failed, one.silent)
            for one in changed.values()
        ]
        await self._db.run(lambda c: c.executemany("INSERT OR REPLACE INTO standing VALUES (?,?,?,?,?,?,?,?)", rows))
