"""
Posts of groups in tables: those that a supplier keeps for everybody, and those that a member has.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum, auto

from bitdust_node.identity.device import DeviceRecord
from bitdust_node.membership.post import SignedPost
from bitdust_node.membership.roster import NO_DIGEST, Circle
from bitdust_node.wire.posts import AUTHOR_LOGS_LIMIT, BATCH_BYTES, LOGS_LIMIT, Cursor, Head, Proof

#: position: in the order in which posts came. first: lowest number of a log that is there, one above the last if none.
SCHEMA = """
    CREATE TABLE post_circles (
        id INTEGER PRIMARY KEY,
        owner TEXT NOT NULL,
        alias TEXT NOT NULL,
        bytes INTEGER NOT NULL DEFAULT 0,
        UNIQUE (owner, alias)
    );
    CREATE TABLE post_logs (
        id INTEGER PRIMARY KEY,
        circle INTEGER NOT NULL REFERENCES post_circles (id),
        author TEXT NOT NULL,
        log BLOB NOT NULL,
        first INTEGER NOT NULL,
        last INTEGER NOT NULL,
        digest BLOB NOT NULL,
        roster INTEGER NOT NULL,
        UNIQUE (circle, author, log)
    );
    CREATE TABLE posts (
        position INTEGER PRIMARY KEY AUTOINCREMENT,
        circle INTEGER NOT NULL,
        log INTEGER NOT NULL REFERENCES post_logs (id),
        number INTEGER NOT NULL,
        post BLOB NOT NULL,
        UNIQUE (log, number)
    );
    CREATE INDEX posts_by_age ON posts (circle, position);
    CREATE TABLE post_proofs (device BLOB PRIMARY KEY, record BLOB NOT NULL, idurl TEXT NOT NULL);
    """
#: Whose device it is; "" in what older programs have written.
DEVICES = """
    ALTER TABLE post_proofs ADD COLUMN author TEXT NOT NULL DEFAULT '';
    CREATE INDEX post_proofs_by_author ON post_proofs (author);
    """
#: Posts of one log that one page looks at.
AHEAD = 64
#: Devices of one author whose records are kept: he can make as many as he likes, and nobody pays for the room.
DEVICES_LIMIT = 100


class Outcome(Enum):
    """What became of a post."""

    NEW = auto()
    KNOWN = auto()
    #: One before it is missing.
    GAP = auto()
    #: Another post of this number is there, or the one before is another one.
    FORKED = auto()
    #: There are too many logs.
    FULL = auto()


@dataclass(frozen=True)
class Log:
    """
    A log as far as it is here. digest, roster: of the last post.
    """

    id: int
    first: int
    last: int
    digest: bytes
    roster: int


def circle_id(c: sqlite3.Connection, circle: Circle) -> int | None:
    """
    The number of a group in the tables, None if there is nothing of it.
    """
    query = "SELECT id FROM post_circles WHERE owner = ? AND alias = ?"
    row = c.execute(query, (circle.owner, circle.alias)).fetchone()
    return int(row[0]) if row else None


def made_circle(c: sqlite3.Connection, circle: Circle) -> int:
    """
    The same, made if it is missing.
    """
    found = circle_id(c, circle)
    if found is None:
        query = "INSERT INTO post_circles (owner, alias) VALUES (?, ?)"
        found = int(c.execute(query, (circle.owner, circle.alias)).lastrowid or 0)
    return found


def log_of(c: sqlite3.Connection, circle: int, author: str, log: bytes) -> Log | None:
    """
    One log, or None.
    """
    query = "SELECT id, first, last, digest, roster FROM post_logs WHERE circle = ? AND author = ? AND log = ?"
    row = c.execute(query, (circle, author, log)).fetchone()
    return Log(*row) if row else None


def heads(c: sqlite3.Connection, circle: int) -> list[Head]:
    """
    All logs of a group.
    """
    query = "SELECT author, log, first, last FROM post_logs WHERE circle = ? ORDER BY author, log"
    return [Head(bytes.fromhex(author), log, first, last) for author, log, first, last in c.execute(query, (circle,))]


def append(c: sqlite3.Connection, circle: int, post: SignedPost, starts: bool = False) -> Outcome:
    """
    In a transaction: keep a post if it is the next one of its log; its signature was checked before.

    starts: what was before it in its log is gone for good; counts only if nothing of the log is here.
    """
    said = post.post
    log = log_of(c, circle, said.author, said.log)
    if log is None:
        if said.number != 1 and not starts:
            return Outcome.GAP
        query = "SELECT COUNT(*), SUM(author = ?) FROM post_logs WHERE circle = ?"
        everybody, own = c.execute(query, (said.author, circle)).fetchone()
        if everybody >= LOGS_LIMIT or (own or 0) >= AUTHOR_LOGS_LIMIT:
            return Outcome.FULL
        log = _begin(c, circle, said.author, said.log, said.number - 1, said.previous)
    if said.number <= log.last:
        return _same(c, log, post)
    if said.number > log.last + 1:
        return Outcome.GAP
    if said.previous != log.digest or said.roster < log.roster:
        return Outcome.FORKED
    query = "INSERT INTO posts (circle, log, number, post) VALUES (?, ?, ?, ?)"
    c.execute(query, (circle, log.id, said.number, post.packed))
    query = "UPDATE post_logs SET last = ?, digest = ?, roster = ? WHERE id = ?"
    c.execute(query, (said.number, post.digest, said.roster, log.id))
    c.execute("UPDATE post_circles SET bytes = bytes + ? WHERE id = ?", (len(post.packed), circle))
    return Outcome.NEW


def known_as(c: sqlite3.Connection, circle: int, post: SignedPost) -> Outcome | None:
    """
    KNOWN or FORKED for a post whose number is here, None if it is not.
    """
    log = log_of(c, circle, post.post.author, post.post.log)
    return _same(c, log, post) if log is not None and post.post.number <= log.last else None


def above(
    c: sqlite3.Connection, circle: int, cursors: Iterable[Cursor], most: int, size: int
) -> tuple[list[bytes], bool]:
    """
    Posts above the cursors in the order in which they came, up to so many and so many bytes, at least one; and whether
    there are more.
    """
    found: list[int] = []
    for cursor in cursors:
        log = log_of(c, circle, cursor.author.hex(), cursor.log)
        if log is not None and log.last > cursor.number:
            query = "SELECT position FROM posts WHERE log = ? AND number > ? ORDER BY number LIMIT ?"
            found.extend(row[0] for row in c.execute(query, (log.id, cursor.number, AHEAD)))
    found.sort()
    posts: list[bytes] = []
    for position in found[:most]:
        (post,) = c.execute("SELECT post FROM posts WHERE position = ?", (position,)).fetchone()
        size -= len(post) + 4
        if posts and size < 0:
            break
        posts.append(bytes(post))
    return posts, len(posts) < len(found)


def trim(c: sqlite3.Connection, circle: int, room: int) -> int:
    """
    In a transaction: drop the oldest posts of a group until it has at most so many bytes; how many bytes went.
    """
    (size,) = c.execute("SELECT bytes FROM post_circles WHERE id = ?", (circle,)).fetchone()
    gone = 0
    while size - gone > room:
        query = "SELECT position, log, number, LENGTH(post) FROM posts WHERE circle = ? ORDER BY position LIMIT 100"
        oldest = c.execute(query, (circle,)).fetchall()
        if not oldest:
            break
        for position, log, number, length in oldest:
            if size - gone <= room:
                break
            c.execute("DELETE FROM posts WHERE position = ?", (position,))
            c.execute("UPDATE post_logs SET first = ? WHERE id = ?", (number + 1, log))
            gone += length
    if gone:
        c.execute("UPDATE post_circles SET bytes = bytes - ? WHERE id = ?", (gone, circle))
    return gone


def skip(c: sqlite3.Connection, circle: int, post: SignedPost) -> None:
    """
    In a transaction: what is between the last post of a log and this one is gone everywhere; go on with this one.
    """
    said = post.post
    log = log_of(c, circle, said.author, said.log)
    if log is None or said.number <= log.last + 1:
        return
    rows = c.execute("DELETE FROM posts WHERE log = ? RETURNING LENGTH(post)", (log.id,)).fetchall()
    c.execute("UPDATE post_circles SET bytes = bytes - ? WHERE id = ?", (sum(row[0] for row in rows), circle))
    query = "UPDATE post_logs SET first = ?, last = ?, digest = ? WHERE id = ?"
    c.execute(query, (said.number, said.number - 1, said.previous, log.id))


def forget(c: sqlite3.Connection, circle: int) -> int:
    """
    In a transaction: all posts and logs of a group; how many bytes they had.
    """
    (size,) = c.execute("SELECT bytes FROM post_circles WHERE id = ?", (circle,)).fetchone()
    c.execute("DELETE FROM posts WHERE circle = ?", (circle,))
    c.execute("DELETE FROM post_logs WHERE circle = ?", (circle,))
    c.execute("DELETE FROM post_circles WHERE id = ?", (circle,))
    return int(size)


def keep_proofs(c: sqlite3.Connection, proofs: Iterable[tuple[bytes, Proof]]) -> None:
    """
    In a transaction: device records by their names, which were checked before. The oldest of an author with too many
    are dropped.
    """
    for device, proof in proofs:
        author = DeviceRecord.parse(proof.record).node_id
        query = "INSERT OR IGNORE INTO post_proofs (device, record, idurl, author) VALUES (?, ?, ?, ?)"
        if c.execute(query, (device, proof.record, proof.idurl, author)).rowcount:
            query = (
                "DELETE FROM post_proofs WHERE author = ?1 AND rowid NOT IN"
                " (SELECT rowid FROM post_proofs WHERE author = ?1 ORDER BY rowid DESC LIMIT ?2)"
            )
            c.execute(query, (author, DEVICES_LIMIT))


def proofs_of(c: sqlite3.Connection, devices: Sequence[bytes]) -> dict[bytes, Proof]:
    """
    Those device records that are here.
    """
    found = {}
    for device in devices:
        row = c.execute("SELECT record, idurl FROM post_proofs WHERE device = ?", (device,)).fetchone()
        if row is not None:
            found[device] = Proof(bytes(row[0]), row[1])
    return found


def with_proofs(c: sqlite3.Connection, posts: Sequence[bytes]) -> tuple[list[bytes], list[Proof]]:
    """
    As many of the posts as fit into one message together with the records of their devices.
    """
    room = BATCH_BYTES
    taken: list[bytes] = []
    proofs: dict[bytes, Proof] = {}
    for packed in posts:
        device = SignedPost.parse(packed).device
        proof = proofs_of(c, [device]).get(device) if device not in proofs else None
        room -= len(packed) + 8 + (proof.size if proof is not None else 0)
        if taken and room < 0:
            break
        taken.append(packed)
        if proof is not None:
            proofs[device] = proof
    return taken, list(proofs.values())


def _same(c: sqlite3.Connection, log: Log, post: SignedPost) -> Outcome:
    row = c.execute("SELECT post FROM posts WHERE log = ? AND number = ?", (log.id, post.post.number)).fetchone()
    same = row is None or SignedPost.parse(row[0]).digest == post.digest
    return Outcome.KNOWN if same else Outcome.FORKED


def _begin(c: sqlite3.Connection, circle: int, author: str, log: bytes, last: int, digest: bytes) -> Log:
    query = "INSERT INTO post_logs (circle, author, log, first, last, digest, roster) VALUES (?, ?, ?, ?, ?, ?, 0)"
    row = c.execute(query, (circle, author, log, last + 1, last, digest if last else NO_DIGEST)).lastrowid
    return Log(int(row or 0), last + 1, last, digest if last else NO_DIGEST, 0)
