"""
What lies on the disks, read beside the processes: the catalogs of customers, the ledgers and stores of suppliers.
"""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from bitdust_node.pieces.layout import PIECE_BLOCK
from bitdust_node.pieces.object_file import object_name, small_object


class Place(Protocol):
    """
    The data folder of a node.
    """

    @property
    def name(self) -> str: ...

    @property
    def base(self) -> Path: ...


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
    One version of a catalog. holders: node id and state by number of the piece. Of a file in a pack, id, missing and
    holders are those of the pack; packs are versions too, of kind `pack`, without a path.
    """

    id: bytes
    name: str
    path: str
    path_id: str
    state: str
    k: int
    m: int
    missing: int
    kind: str
    holders: dict[int, tuple[str, str]]


@contextmanager
def reading(path: Path) -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(path, timeout=30, isolation_level=None)
    try:
        yield connection
    finally:
        connection.close()


def kept_by(supplier: Place) -> list[Kept]:
    path = supplier.base / "ledger.db"
    if not path.exists():
        return []
    with reading(path) as c:
        rows = c.execute("SELECT customer, version, idx, size, root FROM pieces ORDER BY version, idx").fetchall()
    return [Kept(supplier.name, *row) for row in rows]


def versions_of(customer: Place) -> list[Stored]:
    path = customer.base / "catalog.db"
    if not path.exists():
        return []
    with reading(path) as c:
        rows = c.execute(
            "SELECT coalesce(p.id, v.id), v.name, path, path_id, v.state, coalesce(p.k, v.k), coalesce(p.m, v.m),"
            " coalesce(p.missing, v.missing), v.kind FROM versions v JOIN items ON items.id = v.item"
            " LEFT JOIN versions p ON p.id = v.pack ORDER BY path_id, v.created, v.name"
        ).fetchall()
        holders: dict[bytes, dict[int, tuple[str, str]]] = {}
        for version, number, node_id, state in c.execute("SELECT version, number, node_id, state FROM pieces"):
            holders.setdefault(version, {})[number] = node_id, state
    return [Stored(*row, holders.get(row[0], {})) for row in rows]


def files_of(customer: Place) -> list[Stored]:
    """
    The versions of items that can be read back.
    """
    return [version for version in versions_of(customer) if version.state == "ready" and version.kind != "pack"]


def tombstones_of(customer: Place) -> int:
    with reading(customer.base / "catalog.db") as c:
        return int(c.execute("SELECT count(*) FROM tombstones").fetchone()[0])


def path_ids_of(customer: Place) -> set[str]:
    with reading(customer.base / "catalog.db") as c:
        return {row[0] for row in c.execute("SELECT path_id FROM items")}


def object_path(supplier: Place, piece: Kept) -> Path:
    name = object_name(piece.customer, piece.version, piece.index)  # type: ignore[arg-type]
    return supplier.base / "pieces" / name[:2] / name


def intact(supplier: Place, piece: Kept) -> bool:
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


Pieces = set[tuple[str, bytes, int]]


def good_pieces(suppliers: Mapping[str, Place], stays: Callable[[Kept], bool] = lambda kept: True) -> Pieces:
    """
    Node id, version and number of the pieces that suppliers (by node id) can give back.
    """
    return {
        (node_id, piece.version, piece.index)
        for node_id, supplier in suppliers.items()
        for piece in kept_by(supplier)
        if stays(piece) and intact(supplier, piece)
    }


def tolerable(suppliers: Mapping[str, Place], customers: Iterable[Place], stays: Callable[[Kept], bool]) -> bool:
    """
    True if every version can still be read when only the pieces that `stays` names are left of those that are intact.
    """
    good = good_pieces(suppliers, stays)
    return all(
        len(readable(version, good)) >= version.k
        for customer in customers
        for version in versions_of(customer)
        if version.state == "ready"
    )


def readable(version: Stored, good: Pieces) -> list[str]:
    """
    The node ids of those that can give back a piece of a version, as far as its owner counts on them.
    """
    return [
        node_id
        for number, (node_id, state) in sorted(version.holders.items())
        if state in ("stored", "leaving") and (node_id, version.id, number) in good
    ]


def harm(supplier: Place, piece: Kept, dice: random.Random) -> None:
    """
    Spoil the object of a piece: cut it off, turn one bit, or write anything else.
    """
    path = object_path(supplier, piece)
    if path.exists():
        path.write_bytes(_harmed(bytearray(path.read_bytes()), dice))
        return
    with reading(supplier.base / "ledger.db") as c:
        row = c.execute("SELECT data FROM small WHERE object = ?", (path.name,)).fetchone()
        if row is not None:
            data = _harmed(bytearray(row[0]), dice)
            c.execute("UPDATE small SET data = ? WHERE object = ?", (data, path.name))


def _harmed(data: bytearray, dice: random.Random) -> bytes:
    kind = dice.randrange(3)
    if kind == 0 or not data:
        return bytes(data[: dice.randrange(len(data) + 1)])
    if kind == 1:
        data[dice.randrange(len(data))] ^= 1 << dice.randrange(8)
        return bytes(data)
    return dice.randbytes(len(data))
