"""
`python -m tests.bench.catalog [files]`: a catalog of a million files, as the node itself reads and changes it.
"""

from __future__ import annotations

import resource
import sqlite3
import sys
import tempfile
import time
from collections.abc import Awaitable
from pathlib import Path
from typing import Any

from twisted.internet.task import Clock as TwistedClock

from bitdust_node.paths import DataFolder
from bitdust_node.threads import InlineWorkers
from bitdust_node.waiting import started
from services.catalog.catalog import Catalog

FILES, EACH = 1_000_000, 1000


def now(awaitable: Awaitable[Any]) -> Any:
    """The result of what needs no reactor."""
    results: list[Any] = []
    started(awaitable).addCallback(results.append)
    return results[0]


def main(files: int) -> None:
    """Fill a catalog, then print what it costs to use it."""
    with tempfile.TemporaryDirectory(prefix="bitdust-bench-") as place:
        folder = DataFolder(Path(place))
        catalog = Catalog(folder, InlineWorkers(), TwistedClock())  # type: ignore[arg-type]
        now(catalog.open())
        now(catalog.create("master", "first", folder=False))
        before = _timed(lambda at: now(catalog.create("master", f"early/{at}", folder=False)), 200)
        _fill(folder.catalog_db, files)
        empty = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        item = now(catalog.find("master", "folder-7"))
        listing = _timed(lambda _: len(now(catalog.items("master", item, recursive=False, limit=EACH))), 20)
        after = _timed(lambda at: now(catalog.create("master", f"folder-7/new-{at}", folder=False)), 200)
        found = _timed(lambda at: now(catalog.find("master", f"folder-{at}/file-{at}")), 200)
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        size = folder.catalog_db.stat().st_size / 1e6
        print(f"| {files:,} files in the catalog | |")
        print("|---|---|")
        print(f"| list a folder of {EACH:,} | {1000 * listing:.1f} ms |")
        print(f"| find one | {1000 * found:.2f} ms |")
        print(f"| add one, with an empty catalog | {1000 * before:.2f} ms |")
        print(f"| add one, with all of these | {1000 * after:.2f} ms |")
        print(f"| memory that using it takes | {memory - empty:.1f} MB |")
        print(f"| on the disk | {size:.0f} MB |")
        now(catalog.close())


def _timed(call: Any, times: int) -> float:
    begin = time.perf_counter()
    for at in range(times):
        call(at)
    return (time.perf_counter() - begin) / times


def _fill(path: Path, files: int) -> None:
    """Rows as the catalog writes them, without the way there."""
    c = sqlite3.connect(path, isolation_level=None)
    c.execute("PRAGMA synchronous=OFF")
    c.execute("BEGIN")
    log = c.execute("SELECT log FROM journal").fetchone()[0]
    names = "alias, path, path_id, parent, kind, created, children, clock, log"
    put = f"INSERT INTO items ({names}) VALUES ('master', ?, ?, ?, ?, 1, ?, 1, ?)"
    for folder in range(files // EACH):
        c.execute(put, (f"folder-{folder}", str(1000 + folder), "", "dir", EACH, log))
        c.execute("INSERT INTO numbers VALUES (?, ?)", (f"master:{1000 + folder}", EACH))
        c.executemany(
            put,
            [
                (f"folder-{folder}/file-{at}", f"{1000 + folder}/{at}", str(1000 + folder), "file", 0, log)
                for at in range(EACH)
            ],
        )
    c.execute("COMMIT")
    c.close()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else FILES)
