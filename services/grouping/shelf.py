"""
The posts that this node has, in `messages.db`: a post, how far its log is read, and its place in the history are one
transaction, so that each is shown exactly once.
"""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from bitdust_node.identity.names import NodeId
from bitdust_node.membership.post import LOG_BYTES, Pen, SignedPost, device_name
from bitdust_node.membership.roster import NO_DIGEST, Circle, Roster
from bitdust_node.wire.posts import BATCH_BYTES, BATCH_POSTS, Cursor, Head, Proof
from services.messaging.entries import GROUP, Entry, Talk, pack_data
from services.messaging.history import History, Writing
from services.messaging.schema import MessagesDb
from services.postman.post_rows import (
    DEVICES,
    SCHEMA,
    Outcome,
    above,
    append,
    circle_id,
    heads,
    keep_proofs,
    known_as,
    log_of,
    made_circle,
    proofs_of,
    skip,
    trim,
    with_proofs,
)

MIGRATIONS = (
    SCHEMA
    + """
    CREATE TABLE groups (
        owner TEXT NOT NULL,
        alias TEXT NOT NULL,
        joined INTEGER NOT NULL,
        consumed INTEGER NOT NULL DEFAULT 0,
        PRIMARY KEY (owner, alias)
    ) WITHOUT ROWID;
    CREATE TABLE pen (log BLOB NOT NULL);
    """,
    # number of the last own post that a supplier keeps
    "ALTER TABLE groups ADD COLUMN stored INTEGER NOT NULL DEFAULT 0;",
    DEVICES,
)
#: Bytes of signed posts of one group that a member keeps, to fill gaps of suppliers; the history has what they say.
ROOM = 64 * 1024 * 1024
#: Own posts of an earlier run that are settled at once.
SETTLED = 1000


@dataclass(frozen=True)
class Known:
    """
    A group that was joined once. joined: is it now? consumed: posts that came to the history.
    """

    joined: bool
    consumed: int


@dataclass(frozen=True)
class Reached:
    """How far a log is read. digest, roster: of its last post."""

    last: int = 0
    digest: bytes = NO_DIGEST
    roster: int = 0


@dataclass(frozen=True)
class Arrival:
    """
    A post that was found good. entry: for the history; None if it was not for this node. jump: what is before it in its
    log is gone everywhere.
    """

    post: SignedPost
    entry: Entry | None
    jump: bool = False


class Shelf:
    """
    `open` before use.
    """

    def __init__(self, database: MessagesDb, history: History) -> None:
        self._db, self.history = database, history
        #: Names the logs that this data folder writes.
        self.log = b""

    async def open(self) -> None:
        """
        Prepare the tables; harmless when repeated.
        """
        await self.history.open()
        await self._db.prepare("groups", MIGRATIONS)
        self.log = await self._db.run(_own_log)

    async def known(self) -> dict[Circle, Known]:
        """
        The groups that were joined once and not forgotten.
        """
        query = "SELECT owner, alias, joined, consumed FROM groups"
        rows = await self._db.read(lambda c: c.execute(query).fetchall())
        return {Circle(owner, alias): Known(bool(joined), consumed) for owner, alias, joined, consumed in rows}

    async def note(self, circle: Circle, joined: bool) -> None:
        """
        Remember that a group is joined, or not any more.
        """
        query = (
            "INSERT INTO groups (owner, alias, joined) VALUES (?, ?, ?)"
            " ON CONFLICT (owner, alias) DO UPDATE SET joined = excluded.joined"
        )
        await self._db.run(lambda c: c.execute(query, (circle.owner, circle.alias, joined)))

    async def forget(self, circle: Circle) -> None:
        """
        Forget a group; its history stays.
        """

        def change(c: sqlite3.Connection) -> None:
            c.execute("DELETE FROM groups WHERE owner = ? AND alias = ?", (circle.owner, circle.alias))
            id = circle_id(c, circle)
            if id is not None:
                # the own log is not begun anew under its name: others have it, and would take that for a fraud
                query = "UPDATE post_logs SET first = last + 1 WHERE circle = ? AND log = ?"
                c.execute(query, (id, self.log))
                c.execute("DELETE FROM posts WHERE circle = ?", (id,))
                c.execute("DELETE FROM post_logs WHERE circle = ? AND log <> ?", (id, self.log))
                c.execute("UPDATE post_circles SET bytes = 0 WHERE id = ?", (id,))

        await self._db.run(change)

    async def reached(self, circle: Circle) -> dict[tuple[str, bytes], Reached]:
        """
        How far each log of a group is read.
        """
        query = "SELECT author, log, last, digest, roster FROM post_logs WHERE circle = ?"

        def read(c: sqlite3.Connection) -> dict[tuple[str, bytes], Reached]:
            id = circle_id(c, circle)
            return {(row[0], row[1]): Reached(*row[2:]) for row in c.execute(query, (id,))}

        return await self._db.read(read)

    async def heads(self, circle: Circle) -> list[Head]:
        """
        The logs of a group, with what of them is here.
        """

        def read(c: sqlite3.Connection) -> list[Head]:
            id = circle_id(c, circle)
            return heads(c, id) if id is not None else []

        return await self._db.read(read)

    async def above(self, circle: Circle, cursors: Iterable[Cursor]) -> tuple[list[bytes], list[Proof]]:
        """
        Posts above the cursors, as many as one message takes, with the records of their devices.
        """

        def read(c: sqlite3.Connection) -> tuple[list[bytes], list[Proof]]:
            id = circle_id(c, circle)
            if id is None:
                return [], []
            posts, _ = above(c, id, cursors, BATCH_POSTS, BATCH_BYTES * 3 // 4)
            return with_proofs(c, posts)

        return await self._db.read(read)

    async def proofs(self, devices: Sequence[bytes]) -> dict[bytes, Proof]:
        """
        Those device records that are known here.
        """
        return await self._db.read(lambda c: proofs_of(c, devices))

    async def same(self, post: SignedPost) -> bool:
        """
        False if another post of this number is known.
        """

        def read(c: sqlite3.Connection) -> bool:
            id = circle_id(c, post.post.circle)
            return id is None or known_as(c, id, post) is not Outcome.FORKED

        return await self._db.read(read)

    async def publish(
        self, pen: Pen, idurl: str, roster: Roster, secret: bytes, time: int, data: Mapping[str, Any]
    ) -> SignedPost:
        """
        Write an own post. When this returns it is safe, and stands in the history.
        """
        text = pack_data(data)
        circle = pen.circle
        entry = self.history.entry(talk_of(circle), "", time, NodeId(pen.author), "out", data, "pending")
        proof = Proof(pen.record, idurl)

        def write(writing: Writing) -> SignedPost:
            c = writing.connection
            id = made_circle(c, circle)
            log = log_of(c, id, pen.author, self.log)
            last, digest = (log.last, log.digest) if log is not None else (0, NO_DIGEST)
            post = pen.write(self.log, last + 1, digest, roster.number, roster.epoch, secret, time, text)
            append(c, id, post)
            keep_proofs(c, [(device_name(pen.record), proof)])
            if writing.add(replace(entry, message_id=post.message_id)):
                _count(c, circle, 1)
            return post

        return await self.history.write(write)

    async def settle(self, circle: Circle, author: NodeId) -> None:
        """
        A supplier has all own posts that are here: the history is to say so also of those of an earlier run.
        """
        names = (circle.owner, circle.alias)

        def write(writing: Writing) -> None:
            c = writing.connection
            id = circle_id(c, circle)
            log = log_of(c, id, author, self.log) if id is not None else None
            row = c.execute("SELECT stored FROM groups WHERE owner = ? AND alias = ?", names).fetchone()
            if log is None or row is None:
                return
            query = "SELECT post FROM posts WHERE log = ? AND number > ? ORDER BY number LIMIT ?"
            posts = [SignedPost.parse(post) for (post,) in c.execute(query, (log.id, row[0], SETTLED))]
            if posts:
                writing.advance(talk_of(circle), author, [post.message_id for post in posts], "stored")
                query = "UPDATE groups SET stored = ? WHERE owner = ? AND alias = ?"
                c.execute(query, (posts[-1].post.number, *names))

        await self.history.write(write)

    async def keep(self, circle: Circle, arrivals: Sequence[Arrival], proofs: Mapping[bytes, Proof]) -> list[Outcome]:
        """
        Keep posts that came, with what they say; each is kept once.
        """

        def write(writing: Writing) -> list[Outcome]:
            c = writing.connection
            id = made_circle(c, circle)
            keep_proofs(c, proofs.items())
            outcomes, consumed = [], 0
            for arrival in arrivals:
                if arrival.jump:
                    skip(c, id, arrival.post)
                outcome = append(c, id, arrival.post, arrival.jump)
                outcomes.append(outcome)
                if outcome is Outcome.NEW and arrival.entry is not None:
                    consumed += writing.add(arrival.entry)
            if consumed:
                _count(c, circle, consumed)
            trim(c, id, ROOM)
            return outcomes

        return await self.history.write(write)


def talk_of(circle: Circle) -> Talk:
    """
    The conversation of a group in the history.
    """
    return Talk.of_circle(GROUP, circle.alias, circle.owner)


def _own_log(c: sqlite3.Connection) -> bytes:
    row = c.execute("SELECT log FROM pen").fetchone()
    if row is not None:
        return bytes(row[0])
    log = secrets.token_bytes(LOG_BYTES)
    c.execute("INSERT INTO pen VALUES (?)", (log,))
    return log


def _count(c: sqlite3.Connection, circle: Circle, consumed: int) -> None:
    query = "UPDATE groups SET consumed = consumed + ? WHERE owner = ? AND alias = ?"
    c.execute(query, (consumed, circle.owner, circle.alias))
