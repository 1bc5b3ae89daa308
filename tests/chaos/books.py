"""
What lies on the disks, read beside the processes: the catalogs of customers, the ledgers and stores of suppliers.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from bitdust_node.pieces.layout import PIECE_BLOCK
from bitdust_node.pieces.object_file import object_name, small_object
from tests.chaos.process import Process


@dataclass(frozen=True)
class Kept:
    """
    One piece at a supplier, as its ledger says.
    """

    supplier: str
    customer: str
    version: bytes
    index: int
    size: int
    root: bytes


@dataclass(frozen=True)
class Stored:
    """
    One version of a catalog. holders: node id and state by number of the piece.
    """

    id: bytes
    name: str
    path: str
    path_id: str
    state: str
    k: int
    m: int
    missing: int
    holders: dict[int, tuple[str, str]]


@contextmanager
def reading(path: Path) -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        yield connection
    finally:
        connection.close()


def kept_by(supplier: Process) -> list[Kept]:
    path = supplier.base / "ledger.db"
    if not path.exists():
        return []
    with reading(path) as c:
        rows = c.execute("SELECT customer, version, idx, size, root FROM pieces ORDER BY version, idx").fetchall()
    return [Kept(supplier.name, *row) for row in rows]


def versions_of(customer: Process) -> list[Stored]:
    path = customer.base / "catalog.db"
    if not path.exists():
        return []
    with reading(path) as c:
        rows = c.execute(
            "SELECT versions.id, name, path, path_id, state, k, m, missing FROM versions"
            " JOIN items ON items.id = versions.item ORDER BY path_id, versions.created, name"
        ).fetchall()
        holders: dict[bytes, dict[int, tuple[str, str]]] = {}
        for version, number, node_id, state in c.execute("SELECT version, number, node_id, state FROM pieces"):
            holders.setdefault(version, {})[number] = node_id, state
    return [Stored(*row, holders.get(row[0], {})) for row in rows]


def tombstones_of(customer: Process) -> int:
    with reading(customer.base / "catalog.db") as c:
        return int(c.execute("SELECT count(*) FROM tombstones").fetchone()[0])


def path_ids_of(customer: Process) -> set[str]:
    with reading(customer.base / "catalog.db") as c:
        return {row[0] for row in c.execute("SELECT path_id FROM items")}


def object_path(supplier: Process, piece: Kept) -> Path:
    name = object_name(piece.customer, piece.version, piece.index)  # type: ignore[arg-type]
    return supplier.folder.pieces / name[:2] / name


def intact(supplier: Process, piece: Kept) -> bool:
    """
    True if the supplier can give back what it has acknowledged.
    """
    data = b""
    with suppress(FileNotFoundError):
        data = object_path(supplier, piece).read_bytes()
    if not data:
        name = object_name(piece.customer, piece.version, piece.index)  # type: ignore[arg-type]
        with reading(supplier.base / "ledger.db") as c:
            row = c.execute("SELECT data FROM small WHERE object = ?", (name,)).fetchone()
        data = row[0] if row else b""
    footer, made = small_object(
        piece.customer,  # type: ignore[arg-type]
        piece.version,
        piece.index,
        PIECE_BLOCK,
        data[: piece.size],
    )
    return data == made and footer.root == piece.root
