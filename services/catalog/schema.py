"""
The tables of `catalog.db` and what stands in them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

from bitdust_node.errors import Corrupt
from bitdust_node.pieces.manifest import Manifest
from services.catalog import sums

MIGRATIONS = (
    """
    CREATE TABLE revision (number INTEGER NOT NULL);
    INSERT INTO revision VALUES (0);

    CREATE TABLE items (
        id INTEGER PRIMARY KEY,
        alias TEXT NOT NULL,
        path TEXT NOT NULL,
        path_id TEXT NOT NULL,
        parent TEXT NOT NULL,
        kind TEXT NOT NULL,
        created REAL NOT NULL,
        children INTEGER NOT NULL DEFAULT 0,
        UNIQUE (alias, path),
        UNIQUE (alias, path_id)
    );
    CREATE INDEX items_parent ON items (alias, parent, path);

    CREATE TABLE numbers (parent TEXT PRIMARY KEY, next INTEGER NOT NULL);

    CREATE TABLE versions (
        id BLOB PRIMARY KEY,
        item INTEGER NOT NULL REFERENCES items (id) ON DELETE CASCADE,
        name TEXT NOT NULL,
        created REAL NOT NULL,
        state TEXT NOT NULL,
        kind TEXT NOT NULL,
        size INTEGER NOT NULL,
        k INTEGER NOT NULL,
        m INTEGER NOT NULL,
        missing INTEGER NOT NULL,
        manifest BLOB,
        UNIQUE (item, name)
    );
    CREATE INDEX versions_missing ON versions (missing) WHERE missing > 0;

    CREATE TABLE pieces (
        version BLOB NOT NULL REFERENCES versions (id) ON DELETE CASCADE,
        number INTEGER NOT NULL,
        node_id TEXT NOT NULL,
        idurl TEXT NOT NULL,
        size INTEGER NOT NULL,
        state TEXT NOT NULL,
        PRIMARY KEY (version, number)
    ) WITHOUT ROWID;
    CREATE INDEX pieces_node ON pieces (node_id, version);

    CREATE TABLE tombstones (
        node_id TEXT NOT NULL,
        version BLOB NOT NULL,
        idurl TEXT NOT NULL,
        created REAL NOT NULL,
        PRIMARY KEY (node_id, version)
    ) WITHOUT ROWID;

    CREATE TABLE tasks (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        kind TEXT NOT NULL,
        item INTEGER NOT NULL REFERENCES items (id) ON DELETE CASCADE,
        version TEXT NOT NULL,
        local_path TEXT NOT NULL,
        temporary TEXT NOT NULL,
        created REAL NOT NULL
    );
    CREATE INDEX tasks_item ON tasks (item);
    """,
    """
    CREATE TABLE renewals (
        version BLOB NOT NULL REFERENCES versions (id) ON DELETE CASCADE,
        node_id TEXT NOT NULL,
        idurl TEXT NOT NULL,
        PRIMARY KEY (version, node_id)
    ) WITHOUT ROWID;
    """,
    # clock and log of the newest operation about the item, or about the holders of the version; clock -1: the item is
    # only there for what is in it. said: its kind, if nothing is below it.
    """
    ALTER TABLE items ADD COLUMN clock INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE items ADD COLUMN log BLOB NOT NULL DEFAULT x'0000000000';
    ALTER TABLE items ADD COLUMN said TEXT;
    ALTER TABLE versions ADD COLUMN clock INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE versions ADD COLUMN log BLOB NOT NULL DEFAULT x'0000000000';
    CREATE INDEX versions_bare ON versions (id) WHERE manifest IS NULL AND state = 'ready';

    CREATE TABLE removals (
        alias TEXT NOT NULL,
        path TEXT NOT NULL,
        clock INTEGER NOT NULL,
        log BLOB NOT NULL,
        PRIMARY KEY (alias, path)
    ) WITHOUT ROWID;
    CREATE TABLE dropped (version BLOB PRIMARY KEY) WITHOUT ROWID;

    CREATE TABLE journal (
        log BLOB NOT NULL,
        clock INTEGER NOT NULL,
        number INTEGER NOT NULL,
        previous BLOB NOT NULL
    );
    INSERT INTO journal VALUES (randomblob(5), 0, 0, zeroblob(32));
    CREATE TABLE covered (
        log BLOB PRIMARY KEY,
        number INTEGER NOT NULL,
        digest BLOB NOT NULL,
        operation INTEGER NOT NULL
    ) WITHOUT ROWID;
    CREATE TABLE operations (number INTEGER PRIMARY KEY AUTOINCREMENT, body BLOB NOT NULL);
    CREATE TABLE logs (log BLOB PRIMARY KEY, number INTEGER NOT NULL, digest BLOB NOT NULL) WITHOUT ROWID;
    CREATE TABLE sealed (
        id BLOB PRIMARY KEY,
        kind INTEGER NOT NULL,
        number INTEGER NOT NULL,
        manifest BLOB NOT NULL,
        data BLOB NOT NULL
    );
    CREATE TABLE keys_told (number INTEGER NOT NULL, digest BLOB NOT NULL);
    INSERT INTO keys_told VALUES (0, zeroblob(32));
    CREATE TABLE keys_read (id BLOB PRIMARY KEY) WITHOUT ROWID;
    CREATE TABLE copies (
        id BLOB NOT NULL,
        node_id TEXT NOT NULL,
        idurl TEXT NOT NULL,
        PRIMARY KEY (id, node_id)
    ) WITHOUT ROWID;
    """,
    # pack: where the bytes of a version are that has no pieces of its own; empty while that is not known. live: of a
    # pack, the bytes that are still needed.
    """
    ALTER TABLE versions ADD COLUMN pack BLOB;
    ALTER TABLE versions ADD COLUMN live INTEGER NOT NULL DEFAULT 0;
    DROP INDEX versions_bare;
    CREATE INDEX versions_bare ON versions (id) WHERE manifest IS NULL AND state = 'ready' AND pack IS NULL;
    CREATE INDEX versions_pack ON versions (pack) WHERE pack IS NOT NULL;
    CREATE INDEX packs ON versions (id) WHERE kind = 'pack';
    CREATE INDEX packs_wasted ON versions (id) WHERE kind = 'pack' AND state = 'ready' AND live * 2 < size;

    CREATE TABLE entries (
        pack BLOB NOT NULL REFERENCES versions (id) ON DELETE CASCADE,
        entry BLOB NOT NULL,
        start INTEGER NOT NULL,
        length INTEGER NOT NULL,
        PRIMARY KEY (pack, entry)
    ) WITHOUT ROWID;
    CREATE INDEX entries_entry ON entries (entry);
    """,
    # where versions are since which rename, also such as nobody has told of yet
    """
    CREATE TABLE moves (
        version BLOB PRIMARY KEY,
        alias TEXT NOT NULL,
        path TEXT NOT NULL,
        path_id TEXT NOT NULL,
        clock INTEGER NOT NULL,
        log BLOB NOT NULL
    ) WITHOUT ROWID;
    """,
    # day: since when, in days since 1970; 0 while that is not noted yet
    """
    ALTER TABLE dropped ADD COLUMN day INTEGER NOT NULL DEFAULT 0;
    """,
    # logs that somebody else says again, and up to which number
    "CREATE TABLE outdated (log BLOB PRIMARY KEY, number INTEGER NOT NULL) WITHOUT ROWID;",
    # spare: how many more pieces can be lost before it can not be read
    """
    ALTER TABLE versions ADD COLUMN spare INTEGER AS (m - k - missing) VIRTUAL;
    DROP INDEX versions_missing;
    CREATE INDEX versions_endangered ON versions (spare, id) WHERE missing > 0 AND state = 'ready';
    """,
    sums.MIGRATION,
    # at most one row. part, after: of a catalog that is told again, what is to be told next. clock, log: the stamp of
    # what is older than stamps are. last: number of the last operation.
    """
    CREATE TABLE retelling (
        part INTEGER NOT NULL,
        after BLOB NOT NULL,
        clock INTEGER NOT NULL,
        log BLOB NOT NULL,
        last INTEGER NOT NULL
    );
    """,
    "CREATE INDEX versions_uploading ON versions (id) WHERE state = 'uploading';",
)

#: What is known of a piece: `sent` names who gets it, `stored` that he acknowledged it, `leaving` that he has it but is
#: dismissed, `bad` that he gave another, `lost` that he has it no more.
PieceState = Literal["sent", "stored", "leaving", "bad", "lost"]


@dataclass(frozen=True)
class Item:
    """
    A file or folder of the catalog.

    alias: of the key whose catalog it is in. path: virtual path. path_id: its numeric form. kind: `file` or `dir`.
    """

    id: int
    alias: str
    path: str
    path_id: str
    kind: str
    created: float
    children: int

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2]


@dataclass(frozen=True)
class Version:
    """
    One state of an item.

    id: what suppliers know it by. name: what users know it by, e.g. `F20261121035410PM`. state: `uploading` or `ready`.
    kind: `file`, `folder` or `pack`. size: bytes of plaintext, -1 while that is unknown. missing: pieces without a
    holder. pack: where its bytes are, if it has no pieces of its own; empty while that is not known.
    """

    id: bytes
    item: int
    name: str
    created: float
    state: str
    kind: str
    size: int
    k: int
    m: int
    missing: int
    manifest: bytes | None
    pack: bytes | None = None

    def check(self, manifest: Manifest) -> None:
        """
        Raises `Corrupt` if a manifest is not that of this version, or speaks of other pieces: a writer of a share could
        sign one that does not match what he has told.
        """
        if manifest.version != self.id:
            raise Corrupt("the manifest belongs to another version")
        if (manifest.k, manifest.m) != (self.k, self.m):
            raise Corrupt(
                f"the manifest is that of {manifest.k} of {manifest.m} pieces, the version has {self.k} of {self.m}"
            )


@dataclass(frozen=True)
class Endangered:
    """
    A version that lacks pieces. spare: how many more can be lost before it can not be read; negative if it can not be
    read now. can_grow: its manifest is known, and somebody of those who were asked about holds nothing of it.
    """

    spare: int
    id: bytes
    can_grow: bool


@dataclass(frozen=True)
class Place:
    """
    Where an entry is in a pack: `length` bytes from byte `start` on, its head among them.
    """

    entry: bytes
    start: int
    length: int


class Piece(NamedTuple):
    """
    Piece `number` of a version, and the supplier who holds it, or shall.
    """

    version: bytes
    number: int
    node_id: str
    idurl: str
    size: int
    state: PieceState


@dataclass(frozen=True)
class Task:
    """
    A transfer that was asked for and is not done: it is begun again after a restart.
    """

    id: int
    kind: Literal["upload", "download"]
    item: int
    version: str
    local_path: str
    temporary: str
    created: float


@dataclass(frozen=True)
class Tombstone:
    """
    A supplier who has yet to be told that a version is deleted.
    """

    node_id: str
    version: bytes
    idurl: str
