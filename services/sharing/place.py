"""
The place of a share: who may write to its catalog, and what is sealed under which secret.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Awaitable, Callable
from hashlib import sha256

import msgspec

from bitdust_node.database import StateDb
from bitdust_node.errors import Refused
from bitdust_node.identity.document import Document
from bitdust_node.identity.me import Me
from bitdust_node.identity.names import NodeId, global_id_of
from bitdust_node.identity.resolver import Resolver
from bitdust_node.keys.rsa import PublicKey
from bitdust_node.membership.roster import Circle, Roster, SignedRoster
from bitdust_node.membership.signet import CircleSignet
from bitdust_node.pieces.signet import Signet
from services.catalog.batches import Batch
from services.catalog.operations import unpack
from services.catalog.place import NAMES, Place
from services.membership.book import Book
from services.sharing.chronicle import Chronicle

#: What the members of a share ever were, and who began which log of its catalog.
MIGRATIONS = (
    """
    CREATE TABLE writers (node_id TEXT PRIMARY KEY, idurl TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE authors (log BLOB PRIMARY KEY, node_id TEXT NOT NULL) WITHOUT ROWID;
    """,
)
_LOGS_OF = "SELECT log FROM authors WHERE node_id = ?"
#: Rosters that suppliers keep of one share.
ROSTERS = 100
STRANGER = "it was written by somebody who is no member of the share"


class SharePlace(Place):
    """
    idurl: of the owner.

    What a member has written stays good when he is removed: suppliers take nothing more of him from then on.
    """

    def __init__(self, circle: Circle, idurl: str, book: Book, me: Me, resolver: Resolver, state_db: StateDb) -> None:
        super().__init__(me)
        self.circle: Circle = circle
        self._idurl, self._book, self._resolver, self._db = idurl, book, resolver, state_db
        self._writers: dict[str, str] = {}
        #: Who did what.
        self.chronicle = Chronicle(state_db)

    async def open(self) -> None:
        """
        Read who may have written something.
        """
        await self._db.prepare("share", MIGRATIONS)
        await self.chronicle.open()
        self._writers = dict(await self._db.read(lambda c: c.execute("SELECT node_id, idurl FROM writers").fetchall()))
        await self.note_members()

    async def note_members(self) -> None:
        """
        Remember those who may write now.
        """
        signed = self._book.newest(self.circle)
        if signed is not None:
            await self._note_writers(signed.roster)

    async def note_earlier(self, before: Callable[[SignedRoster], Awaitable[SignedRoster | None]]) -> bool:
        """
        Remember those who might write since this was done last, also if they are no members any more: what they wrote
        stays. True if there are some.

        before: finds the roster before another one; what it raises is raised here.
        """
        signed, noted = self._book.newest(self.circle), await self.chronicle.noted()
        rosters: list[Roster] = []
        while signed is not None and signed.roster.number > noted and len(rosters) < ROSTERS:
            rosters.append(signed.roster)
            signed = await before(signed) if signed.roster.number > noted + 1 else None
        known = len(self._writers)
        for roster in reversed(rosters):
            await self._note_writers(roster)
            await self.chronicle.note_roster(roster)
        return len(self._writers) > known

    async def _note_writers(self, roster: Roster) -> None:
        members = roster.members
        new = {
            one.node_id: one.idurl for one in members if one.role.writes and self._writers.get(one.node_id) != one.idurl
        }
        if new:
            rows = list(new.items())
            await self._db.run(lambda c: c.executemany("INSERT OR REPLACE INTO writers VALUES (?, ?)", rows))
            self._writers |= new

    @property
    def owner_idurl(self) -> str:
        document = self._resolver.cached(self.circle.owner)
        return document.idurl if document is not None else self._idurl

    @property
    def owner_id(self) -> str:
        return global_id_of(self.owner_idurl)

    @property
    def writes(self) -> bool:
        role = self._book.own_role(self.circle)
        return role is not None and role.writes

    @property
    def signet(self) -> Signet:
        return CircleSignet(self.circle, self._me.key, self._epoch, self._secrets, self._public)

    def names_secret(self) -> bytes:
        # members must find what others wrote before they were members; that suppliers could tell objects from
        # versions by it is no loss
        return sha256(NAMES + self.circle.canonical).digest()

    async def author(self, node_id: str) -> Document:
        idurl = self._writers.get(node_id)
        if idurl is None:
            raise Refused(STRANGER)
        document = self._resolver.cached(node_id) or await self._resolver.resolve(idurl)
        if document.node_id != node_id:
            raise Refused(STRANGER)
        return document

    async def take(self, node_id: str, batch: Batch) -> Batch:
        def claim(c: sqlite3.Connection) -> str:
            c.execute("INSERT OR IGNORE INTO authors VALUES (?, ?)", (batch.log, node_id))
            return str(c.execute("SELECT node_id FROM authors WHERE log = ?", (batch.log,)).fetchone()[0])

        if await self._db.run(claim) != node_id:
            raise Refused("it is in the log of another member")
        for body in batch.operations:
            alias = getattr(unpack(body), "alias", self.circle.alias)
            if alias != self.circle.alias:
                raise Refused(f"an operation of the share is about {alias[:100]}")
        await self.chronicle.note_batch(node_id, batch)
        # a writer who could say that he says again what somebody else tells would silence him for good
        own = await self._db.read(lambda c: {bytes(row[0]) for row in c.execute(_LOGS_OF, (node_id,))})
        return msgspec.structs.replace(batch, covers=[one for one in batch.covers if one.log in own])

    def _epoch(self) -> tuple[int, bytes]:
        if not self.writes:
            raise Refused("this node may not write to the share")
        roster, secret = self._book.current(self.circle)
        return roster.epoch, secret

    def _secrets(self, epoch: int) -> list[bytes]:
        return self._book.secrets(self.circle, epoch)

    def _public(self, node_id: str) -> PublicKey | None:
        if node_id not in self._writers:
            raise Refused(STRANGER)
        document = self._resolver.cached(NodeId(node_id))
        return document.public if document is not None else None
