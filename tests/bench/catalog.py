"""
`python -m tests.bench.catalog [files]`: a catalog of a million files, each with a version of four pieces, as the node
itself reads and changes it. With a million it takes some minutes and 3 GB of the disk.
"""

from __future__ import annotations

import gc
import os
import resource
import sqlite3
import sys
import tempfile
import time
from collections.abc import Awaitable
from multiprocessing import Process
from pathlib import Path
from typing import Any

from twisted.internet.task import Clock as TwistedClock

from bitdust_node.api.text import quick
from bitdust_node.paths import DataFolder
from bitdust_node.threads import InlineWorkers
from bitdust_node.waiting import started
from services.catalog.catalog import Catalog
from services.catalog.listing import describe_item

FILES, EACH = 1_000_000, 1000
#: Items that a list looks up at once, and pieces that are compared at once.
LISTED, EXPECTED = 200, 5000

VERSIONS = "id, item, name, created, state, kind, size, k, m, missing, manifest, clock, log"
READY = "?, ?, 'F20261121035410PM', 1.0, 'ready', 'file', 100000, 2, 4, 0, ?, 1, ?"


def now(awaitable: Awaitable[Any]) -> Any:
    """The result of what needs no reactor."""
    results: list[Any] = []
    started(awaitable).addCallback(results.append)
    return results[0]


def main(files: int) -> None:
    """Fill a catalog, then print what it costs to use it."""
    with tempfile.TemporaryDirectory(prefix="bitdust-bench-") as place:
        folder = DataFolder(Path(place))
        catalog = Catalog(folder, InlineWorkers(), TwistedClock())
        now(catalog.open())
        now(catalog.create("master", "first", folder=False))
        before = _timed(lambda at: now(catalog.create("master", f"early/{at}", folder=False)), 200)
        now(catalog.close())
        # a process of its own, so that its memory does not count
        filling = Process(target=_fill, args=(folder.catalog_db, files))
        filling.start()
        filling.join()
        catalog = Catalog(folder, InlineWorkers(), TwistedClock())
        now(catalog.open())
        print(f"| {files:,} files in the catalog | processor ms | ms |")
        print("|---|---|---|")
        empty = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        folders = files // EACH
        _row(f"list a folder of {EACH:,}, with its text", _timed(lambda at: _list(catalog, at % folders), 20))
        _row(
            f"items of a folder of {EACH:,} alone",
            _timed(lambda at: now(catalog.items("master", _folder(catalog, at % folders), limit=EACH)), 20),
        )
        found = _timed(lambda at: now(catalog.find("master", f"folder-{at % folders}/file-{at}")), 200)
        _row("find one", found, digits=2)
        _row("add one, with an empty catalog", before)
        after = _timed(lambda at: now(catalog.create("master", f"folder-{at % folders}/new-{at}", folder=False)), 200)
        _row("add one, with all of these", after)
        _row("sums and space in use", _timed(lambda _: (now(catalog.totals(True)), now(catalog.stored_bytes())), 20))
        _row("look for versions of another coding", _timed(lambda _: now(catalog.coded_otherwise(4, b"")), 20))
        _row("all that a supplier should have, in pages", _timed(lambda _: _compare(catalog), 1), digits=0)
        _row("write the whole log anew, in batches", _timed(lambda _: _tell(catalog), 1), digits=0)
        leave = _timed(lambda _: now(catalog.departures.leave(f"{3:064x}")), 1)
        _row("replace a supplier, in transactions of 250 pieces", leave, digits=0)
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(f"| memory that all of it takes, at most: {memory - empty:.0f} MB | | |")
        print(f"| on the disk: {folder.catalog_db.stat().st_size / 1e6:.0f} MB | | |")
        now(catalog.close())


def _row(what: str, took: tuple[float, float], digits: int = 1) -> None:
    print(f"| {what} | {1000 * took[0]:.{digits}f} | {1000 * took[1]:.{digits}f} |", flush=True)


def _timed(call: Any, times: int) -> tuple[float, float]:
    """Processor time and time of one call, in seconds."""
    gc.collect()
    begin, processor = time.perf_counter(), time.process_time()
    for at in range(times):
        call(at)
    return (time.process_time() - processor) / times, (time.perf_counter() - begin) / times


def _folder(catalog: Catalog, number: int) -> Any:
    return now(catalog.find("master", f"folder-{number}"))


def _list(catalog: Catalog, number: int) -> int:
    """What `files_list` does, page by page."""
    folder, last, length = _folder(catalog, number), None, 0
    reachable = {f"{node:064x}" for node in range(4)}
    while True:
        page = now(catalog.items("master", folder, after=last, limit=LISTED))
        versions, pieces = now(catalog.views.of([item.id for item in page]))
        told = [
            describe_item("master$me@host", "me@host", item, versions[item.id], pieces, {}, reachable) for item in page
        ]
        length += len(quick(told))
        if len(page) < LISTED:
            return length
        last = page[-1]


def _compare(catalog: Catalog) -> int:
    after, found = (b"", -1), 0
    while page := now(catalog.stored_at(f"{1:064x}", after, EXPECTED)):
        after, found = page[-1], found + len(page)
    return found


def _tell(catalog: Catalog) -> None:
    now(catalog.journal.compact())
    while (pending := now(catalog.journal.pending())) is not None:
        now(catalog.journal.told(pending, bytes(32), lambda c: None))


def _fill(path: Path, files: int) -> None:
    """Rows as the catalog writes them, without the way there."""
    c = sqlite3.connect(path, isolation_level=None)
    for pragma in ("journal_mode=OFF", "synchronous=OFF", "cache_size=-200000"):
        c.execute(f"PRAGMA {pragma}")
    c.execute("BEGIN")
    log = c.execute("SELECT log FROM journal").fetchone()[0]
    manifest = os.urandom(900)
    held = [(n, f"{n:064x}", f"http://supplier-{n}.example:8084/supplier-{n}.xml") for n in range(4)]
    names = "alias, path, path_id, parent, kind, created, children, clock, log"
    put = f"INSERT INTO items ({names}) VALUES ('master', ?, ?, ?, ?, 1, ?, 1, ?)"
    for folder in range(files // EACH):
        c.execute(put, (f"folder-{folder}", str(1000 + folder), "", "dir", EACH, log))
        c.execute("INSERT INTO numbers VALUES (?, ?)", (f"master:{1000 + folder}", EACH))
        for at in range(EACH):
            row = (f"folder-{folder}/file-{at}", f"{1000 + folder}/{at}", str(1000 + folder), "file", 0, log)
            item, version = c.execute(put, row).lastrowid, os.urandom(16)
            c.execute(f"INSERT INTO versions ({VERSIONS}) VALUES ({READY})", (version, item, manifest, log))
    # in their order on the disk: in that of the files it would take an hour
    pieces = "SELECT id, ?, ?, ?, 50016, 'stored' FROM versions ORDER BY id"
    for one in held:
        c.execute(f"INSERT INTO pieces {pieces}", one)
    c.execute("COMMIT")
    c.close()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else FILES)
