"""
The address book: whom the user calls a friend, and by which name.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from twisted.internet.defer import DeferredLock

from bitdust_node.clock import Clock
from bitdust_node.database import StateDb
from bitdust_node.errors import Full, Invalid, NotFound
from bitdust_node.events import Events
from bitdust_node.identity.document import Document
from bitdust_node.identity.names import Locator, NodeId, global_id_of
from bitdust_node.identity.resolver import Resolver
from services.people.contact_list import ContactList

MIGRATIONS = (
    """
    CREATE TABLE friends (
        node_id TEXT PRIMARY KEY, idurl TEXT NOT NULL, alias TEXT NOT NULL, added REAL NOT NULL
    ) WITHOUT ROWID;
    """,
)
FRIENDS_LIMIT = 10_000
ALIAS_LIMIT = 100


@dataclass(frozen=True)
class Friend:
    """
    idurl: when the friend was added; the identity may have moved since. alias: how the user calls him, or "".
    added: unix seconds.
    """

    node_id: NodeId
    idurl: str
    alias: str
    added: float


class Friends:
    """
    All friends, in memory once `load` was awaited, and in `state.db`. They are kept by node id: people stay the same
    when their identities move.
    """

    def __init__(
        self, state_db: StateDb, resolver: Resolver, contact_list: ContactList, events: Events, clock: Clock
    ) -> None:
        self._db, self._resolver, self._events, self._clock = state_db, resolver, events, clock
        self._contact_list = contact_list
        self._friends: dict[NodeId, Friend] = {}
        self._loaded = False
        self._lock = DeferredLock()
        self._observers: tuple[Callable[[Friend, bool], object], ...] = ()

    def __iter__(self) -> Iterator[Friend]:
        """Oldest first."""
        return iter(sorted(self._friends.values(), key=lambda friend: (friend.added, friend.idurl)))

    def __len__(self) -> int:
        return len(self._friends)

    def __contains__(self, node_id: object) -> bool:
        return node_id in self._friends

    async def load(self) -> None:
        """
        Read them; done once.
        """
        if not self._loaded:
            await self._lock.run(self._load)

    def idurl(self, friend: Friend) -> str:
        """
        Where the identity of a friend is published now, as far as it is known.
        """
        document = self._resolver.cached(friend.node_id)
        return document.idurl if document else friend.idurl

    def named(self, text: str) -> Friend | None:
        """
        The friend of this alias, IDURL or global id, or None; of two with one alias the older one.
        """
        text = text.strip()
        found = next((friend for friend in self if friend.alias and friend.alias == text), None)
        if found is not None:
            return found
        try:
            idurl = Locator.parse(text).idurl
        except Invalid:
            return None
        known = self._resolver.find(idurl)
        if known is not None:
            return self._friends.get(known.node_id)
        return next((friend for friend in self if friend.idurl == idurl), None)

    async def add(self, document: Document, alias: str) -> bool:
        """
        Take somebody into the book; True if he was not in it. An alias that is given replaces the one before.
        """
        await self.load()
        alias = check_alias(alias)
        known = self._friends.get(document.node_id)
        if known is None and len(self._friends) >= FRIENDS_LIMIT:
            raise Full(f"{FRIENDS_LIMIT} friends are in the list already")
        friend = Friend(document.node_id, document.idurl, alias, self._clock.seconds())
        if known is not None:
            friend = replace(known, idurl=document.idurl, alias=alias or known.alias)
        if friend != known:
            row = (friend.node_id, friend.idurl, friend.alias, friend.added)
            await self._db.run(lambda c: c.execute("INSERT OR REPLACE INTO friends VALUES (?, ?, ?, ?)", row))
            self._friends[friend.node_id] = friend
            self._tell(friend, True)
        if known is None:
            self._events.publish("friend-added", self._names(friend) | {"alias": friend.alias})
        return known is None

    async def remove(self, text: str) -> Friend:
        """
        Strike somebody out; raises `NotFound`.
        """
        await self.load()
        friend = self.named(text)
        if friend is None:
            raise NotFound("friend was not found")
        await self._db.run(lambda c: c.execute("DELETE FROM friends WHERE node_id = ?", (friend.node_id,)))
        self._friends.pop(friend.node_id, None)
        self._tell(friend, False)
        self._events.publish("friend-removed", self._names(friend))
        return friend

    def observe(self, callback: Callable[[Friend, bool], object]) -> Callable[[], None]:
        """
        Call back with each friend that is added or changed (True) or removed; returns the function that ends it.
        """
        self._observers = (*self._observers, callback)

        def undo() -> None:
            self._observers = tuple(other for other in self._observers if other is not callback)

        return undo

    def moved(self, node_id: NodeId, old: str, new: str) -> None:
        """
        Publish that a friend came or went; states are those of automats/contact.py.
        """
        friend = self._friends.get(node_id)
        if friend is None or "CONNECTED" not in (old, new):
            return
        event_id = "friend-connected" if new == "CONNECTED" else "friend-disconnected"
        self._events.publish(event_id, self._names(friend) | {"old_state": old, "new_state": new})

    def _names(self, friend: Friend) -> dict[str, str]:
        idurl = self.idurl(friend)
        return {"idurl": idurl, "global_id": global_id_of(idurl)}

    def _tell(self, friend: Friend, kept: bool) -> None:
        self._list()
        for callback in self._observers:
            callback(friend, kept)

    def _list(self) -> None:
        self._contact_list.put("friends", [friend.idurl for friend in self._friends.values()])

    async def _load(self) -> None:
        if self._loaded:
            return
        await self._db.prepare("friends", MIGRATIONS)
        rows = await self._db.read(_read)
        self._friends = {friend.node_id: friend for friend in rows}
        self._loaded = True
        self._list()


def check_alias(alias: str) -> str:
    """
    The alias without white space around it; raises `Invalid` for what is not one short line.
    """
    alias = alias.strip()
    if len(alias) > ALIAS_LIMIT or not alias.isprintable():
        raise Invalid(f"an alias is one line of at most {ALIAS_LIMIT} characters")
    return alias


def _read(connection: sqlite3.Connection) -> list[Friend]:
    return [
        Friend(NodeId(node_id), idurl, alias, added)
        for node_id, idurl, alias, added in connection.execute("SELECT node_id, idurl, alias, added FROM friends")
    ]
