"""
From the name of a person to the identity document: memory first, then the disk, then the identity servers.
"""

from __future__ import annotations

import re

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from bitdust_node.clock import Clock
from bitdust_node.database import StateDb
from bitdust_node.errors import BitDustError, Closed, NotFound, Refused, Unavailable
from bitdust_node.identity.cache import IdentityCache, Stored
from bitdust_node.identity.document import Document
from bitdust_node.identity.known import KnownIdentities
from bitdust_node.identity.me import Me
from bitdust_node.identity.names import Locator
from bitdust_node.identity.servers import IdentityServers
from bitdust_node.tasks import Tasks

#: Documents kept in memory.
MEMORY_LIMIT = 5000
#: Different IDURLs fetched at once; more are refused.
FETCHES_LIMIT = 200

_NODE_ID = re.compile(r"[0-9a-f]{64}")


class Resolver:
    """
    The identities of others, and the own one.
    """

    log = Logger()

    def __init__(self, state_db: StateDb, servers: IdentityServers, me: Me, clock: Clock) -> None:
        self._cache = IdentityCache(state_db)
        self._servers, self._me, self._clock = servers, me, clock
        self._known = KnownIdentities(MEMORY_LIMIT)
        self._fetching: dict[str, list[Deferred[Document | None]]] = {}
        self._loading: Deferred[None] | None = None
        self._tasks = Tasks("resolver")

    async def start(self) -> None:
        """
        Read what is on disk; done once. Whoever resolves waits for it too.
        """
        if self._loading is None:
            self._loading = self._tasks.spawn("read the identity cache", self._load())
        if not self._loading.called:
            done: Deferred[None] = Deferred()
            self._loading.addCallback(done.callback)
            await done

    async def close(self) -> None:
        """
        End what is being fetched; the resolver can not be used afterwards.
        """
        await self._tasks.stop()

    def documents(self) -> list[Document]:
        """
        The identities of others in memory, sorted by name.
        """
        return sorted(self._known.all(), key=lambda document: (document.name, document.global_id))

    def cached(self, node_id: str) -> Document | None:
        """
        The document of a node, if it is in memory. The own one is always known.
        """
        if self._me.has_identity and node_id == self._me.node_id:
            return self._me.document
        return self._known.get(node_id)

    def find(self, who: str) -> Document | None:
        """
        The document at an IDURL or global id, if it is in memory. Raises `Invalid` for a text that is neither.
        """
        idurl = Locator.parse(who).idurl
        if self._me.has_identity and idurl in self._me.document.sources:
            return self._me.document
        return self._known.at(idurl)

    async def resolve(self, who: str) -> Document:
        """
        The document of an IDURL, global id, key id or (if it is known) node id.

        Raises `Invalid` for a text that is none of these, `NotFound` when there is nobody of that name, `Conflict`
        when the name now shows another key than before, `Unavailable` when its server can not be reached.
        """
        await self.start()
        if _NODE_ID.fullmatch(who):
            return await self._by_node_id(who)
        idurl = Locator.parse(who).idurl
        known = self.find(idurl)
        if known is not None and self._trusted(known):
            return known
        stored = None if known else self._taken(await self._cache.by_idurl(idurl))
        if stored is not None and self._trusted(stored):
            return stored
        try:
            document = await self._fetch(idurl)
        except Unavailable:
            if known is None and stored is None:
                raise
            return known or stored  # type: ignore[return-value]
        if document is None:
            raise NotFound(f"there is no identity {idurl}")
        if document.idurl != idurl:
            # Its first name is shown to people: it must be his as well.
            await self.confirm(document)
        return document

    def remember(self, document: Document, confirmed: tuple[str, ...] = ()) -> None:
        """
        Keep a document that came from somewhere; an older revision than is known changes nothing.

        confirmed: IDURLs from which it was fetched. Raises `Conflict` when they, or its main IDURL, belong to another.
        """
        if self._me.has_identity and document.node_id == self._me.node_id:
            return
        if self._known.add(document, confirmed):
            sources = [source for source in document.sources if self._known.binding(source) == (document.node_id, True)]
            self._tasks.spawn("store an identity", self._store(document, sources))

    async def confirm(self, document: Document) -> None:
        """
        Make sure that a document whose holder proved his key also holds its main name, and remember it.

        When the server can not be reached it is let through, if nobody else is known by that name; when the server
        shows another key (or none) this raises `Refused`.
        """
        await self.start()
        if self._trusted(document):
            self.remember(document)
            return
        stored = self._taken(await self._cache.by_idurl(document.idurl))
        if stored is not None and stored.node_id == document.node_id:
            self.remember(document)
            return
        try:
            published = await self._fetch(document.idurl)
        except Unavailable:
            self.remember(document)
            return
        if published is None or published.node_id != document.node_id:
            raise Refused(f"{document.global_id} is not the name of this key")
        self.remember(document)

    async def refresh(self, node_id: str) -> Document:
        """
        Ask the servers for a newer revision; answers with the newest document known.
        """
        known = await self._by_node_id(node_id)
        for source in known.sources:
            try:
                document = await self._fetch(source)
            except BitDustError as error:
                self.log.debug("{source} gave nothing: {reason}", source=source, reason=str(error))
                continue
            if document is not None and document.node_id == node_id:
                break
        return self.cached(node_id) or known

    async def _store(self, document: Document, confirmed: list[str]) -> None:
        await self.start()
        await self._cache.store(document, confirmed, self._clock.seconds())

    async def _load(self) -> None:
        await self._cache.prepare()
        for stored in await self._cache.newest(MEMORY_LIMIT):
            self._taken(stored)

    def _taken(self, stored: Stored | None) -> Document | None:
        """
        What was read from the disk, taken into memory.
        """
        if stored is None:
            return None
        try:
            self._known.add(stored.document)
        except BitDustError as error:
            self.log.warn("a stored identity is left out: {reason}", reason=str(error))
            return None
        for idurl in stored.confirmed:
            self._known.bind(idurl, stored.document.node_id)
        return self._known.get(stored.document.node_id)

    async def _by_node_id(self, node_id: str) -> Document:
        await self.start()
        document = self.cached(node_id) or self._taken(await self._cache.by_node_id(node_id))
        if document is None:
            raise NotFound(f"node {node_id[:64]} is not known")
        return document

    async def _fetch(self, idurl: str) -> Document | None:
        """
        The published document, remembered; asked once however many wait for it.
        """
        waiting: Deferred[Document | None] = Deferred()
        if idurl in self._fetching:
            self._fetching[idurl].append(waiting)
            return await waiting
        if len(self._fetching) >= FETCHES_LIMIT:
            raise Unavailable("too many identities are being looked up")
        self._fetching[idurl] = everybody = [waiting]
        ended = self._tasks.spawn("fetch an identity", self._fetch_once(idurl, everybody))
        ended.addCallback(lambda _: self._answer(idurl, everybody, Closed("the lookup of an identity was ended")))
        return await waiting

    async def _fetch_once(self, idurl: str, everybody: list[Deferred[Document | None]]) -> None:
        try:
            document = await self._servers.fetch(idurl)
            if document is not None:
                self.remember(document, (idurl,))
        except BitDustError as error:
            self._answer(idurl, everybody, error)
        else:
            self._answer(idurl, everybody, document)

    def _answer(
        self, idurl: str, everybody: list[Deferred[Document | None]], outcome: Document | BitDustError | None
    ) -> None:
        # Whoever hears it may ask again at once: that is a new question, which only its own answer ends.
        if self._fetching.get(idurl) is everybody:
            del self._fetching[idurl]
        while everybody:
            waiting = everybody.pop(0)
            if isinstance(outcome, BitDustError):
                waiting.errback(outcome)
            else:
                waiting.callback(outcome)

    def _trusted(self, document: Document) -> bool:
        own = self._me.has_identity and document.node_id == self._me.node_id
        return own or self._known.confirmed(document)
