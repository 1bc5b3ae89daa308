"""
The tables of shares and groups in `state.db`: rosters, secrets of epochs, and where their owners keep things.
"""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from dataclasses import dataclass, field

from bitdust_node.identity.names import NodeId
from bitdust_node.membership.roster import Circle, SignedRoster

#: A secret may be there twice for an epoch: the owner and an admin may have begun it at the same time.
MIGRATIONS = (
    """
    CREATE TABLE rosters (
        owner TEXT NOT NULL,
        alias TEXT NOT NULL,
        number INTEGER NOT NULL,
        roster BLOB NOT NULL,
        PRIMARY KEY (owner, alias, number)
    );
    CREATE TABLE epochs (
        id INTEGER PRIMARY KEY,
        owner TEXT NOT NULL,
        alias TEXT NOT NULL,
        epoch INTEGER NOT NULL,
        secret BLOB NOT NULL,
        UNIQUE (owner, alias, epoch, secret)
    );
    CREATE TABLE closed_past (owner TEXT NOT NULL, alias TEXT NOT NULL, PRIMARY KEY (owner, alias)) WITHOUT ROWID;
    CREATE TABLE keepers (
        owner TEXT NOT NULL,
        place INTEGER NOT NULL,
        node_id TEXT NOT NULL,
        idurl TEXT NOT NULL,
        PRIMARY KEY (owner, place)
    ) WITHOUT ROWID;
    """,
)
#: Rosters that are kept of one share or group.
KEPT = 100


@dataclass
class Page:
    """
    What is known of one share or group. secrets: by epoch, the newest last. open_past: whoever is taken in may read
    what was before.
    """

    newest: SignedRoster
    secrets: dict[int, list[bytes]] = field(default_factory=dict)
    open_past: bool = True

    @property
    def current(self) -> dict[int, bytes]:
        """One secret for each epoch."""
        return {epoch: found[-1] for epoch, found in self.secrets.items()}


def load(c: sqlite3.Connection) -> dict[Circle, Page]:
    """
    Everything, at the start.
    """
    pages: dict[Circle, Page] = {}
    query = "SELECT owner, alias, roster, MAX(number) FROM rosters GROUP BY owner, alias"
    for owner, alias, packed, _ in c.execute(query):
        pages[Circle(owner, alias)] = Page(SignedRoster.parse(packed))
    secrets: dict[Circle, dict[int, list[bytes]]] = defaultdict(dict)
    for owner, alias, epoch, secret in c.execute("SELECT owner, alias, epoch, secret FROM epochs ORDER BY id"):
        secrets[Circle(owner, alias)].setdefault(epoch, []).append(bytes(secret))
    closed = {Circle(*row) for row in c.execute("SELECT owner, alias FROM closed_past")}
    for circle, page in pages.items():
        page.secrets, page.open_past = secrets[circle], circle not in closed
    return pages


def keep(c: sqlite3.Connection, signed: SignedRoster, secrets: dict[int, bytes], open_past: bool = True) -> None:
    """
    In a transaction: a roster that is the newest now, and the secrets that came with it.
    """
    roster = signed.roster
    names = (roster.circle.owner, roster.circle.alias)
    query = "DELETE FROM rosters WHERE owner = ? AND alias = ? AND (number >= ? OR number <= ?)"
    c.execute(query, (*names, roster.number, roster.number - KEPT))
    c.execute("INSERT INTO rosters VALUES (?, ?, ?, ?)", (*names, roster.number, signed.packed))
    for epoch, secret in sorted(secrets.items()):
        query = "INSERT OR IGNORE INTO epochs (owner, alias, epoch, secret) VALUES (?, ?, ?, ?)"
        c.execute(query, (*names, epoch, secret))
    if not open_past:
        c.execute("INSERT OR IGNORE INTO closed_past VALUES (?, ?)", names)


def numbered(c: sqlite3.Connection, circle: Circle, number: int) -> SignedRoster | None:
    """
    An earlier roster, if it is still there.
    """
    query = "SELECT roster FROM rosters WHERE owner = ? AND alias = ? AND number = ?"
    row = c.execute(query, (circle.owner, circle.alias, number)).fetchone()
    return SignedRoster.parse(row[0]) if row else None


def forget(c: sqlite3.Connection, circle: Circle) -> None:
    """
    In a transaction: all about one share or group.
    """
    names = (circle.owner, circle.alias)
    c.execute("DELETE FROM rosters WHERE owner = ? AND alias = ?", names)
    c.execute("DELETE FROM epochs WHERE owner = ? AND alias = ?", names)
    c.execute("DELETE FROM closed_past WHERE owner = ? AND alias = ?", names)


@dataclass(frozen=True)
class Keeper:
    """A supplier of somebody."""

    node_id: NodeId
    idurl: str


def keepers(c: sqlite3.Connection, owner: str) -> list[Keeper]:
    """
    The suppliers of somebody as they were known last, by their positions.
    """
    query = "SELECT node_id, idurl FROM keepers WHERE owner = ? ORDER BY place"
    return [Keeper(NodeId(row[0]), row[1]) for row in c.execute(query, (owner,))]


def keep_keepers(c: sqlite3.Connection, owner: str, found: list[Keeper]) -> None:
    """
    In a transaction: the suppliers of somebody, in place of those before.
    """
    c.execute("DELETE FROM keepers WHERE owner = ?", (owner,))
    rows = [(owner, place, one.node_id, one.idurl) for place, one in enumerate(found)]
    c.executemany("INSERT INTO keepers VALUES (?, ?, ?, ?)", rows)
