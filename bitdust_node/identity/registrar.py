"""
Publishes the own identity: for the first time, and again when it changes.
"""

from __future__ import annotations

from collections.abc import Sequence

from twisted.internet.defer import DeferredLock
from twisted.logger import Logger

from automats.registry import Automats
from bitdust_node.clock import Clock
from bitdust_node.config.config import Config
from bitdust_node.errors import Conflict, Invalid, Unavailable
from bitdust_node.identity.addresses import Addresses
from bitdust_node.identity.contacts import ContactsSource
from bitdust_node.identity.document import Document
from bitdust_node.identity.me import Me
from bitdust_node.identity.names import check_username
from bitdust_node.identity.registration import PARALLEL, Registration
from bitdust_node.identity.servers import IdentityServers, Server, parse_servers
from bitdust_node.identity.stamp import signed_now
from bitdust_node.keys.ring import KeyRing
from bitdust_node.waiting import all_of

OPTIONS = "services/identity-propagate"
#: Servers asked at most in one registration.
SERVERS_LIMIT = 50


class Registrar:
    """
    Creates the identity and keeps what the servers hold of it up to date; one of these at a time.
    """

    log = Logger()

    def __init__(
        self,
        me: Me,
        ring: KeyRing,
        servers: IdentityServers,
        addresses: Addresses,
        contacts: ContactsSource,
        config: Config,
        clock: Clock,
        automats: Automats,
    ) -> None:
        self._me, self._ring, self._servers = me, ring, servers
        self._addresses, self._contacts, self._config = addresses, contacts, config
        self._clock, self._automats = clock, automats
        self._lock = DeferredLock()

    async def create(self, username: str, preferred: Sequence[str] = (), bits: int | None = None) -> Document:
        """
        Register a new identity.

        preferred: servers to take before those of the options. bits: size of the key, else that of the option; a key
        that is there already is used as it is. Raises `Conflict` if there is an identity, or the name is taken.
        """
        username = check_username(username.strip().lower())
        if self._me.has_identity:
            raise Conflict("local identity already exist")
        if self._lock.locked:
            raise Conflict("a registration is under way")
        servers = self._known(preferred)
        if not servers:
            raise Invalid(f"no identity servers are known: set {OPTIONS}/known-servers or give preferred_servers")
        most = self._config.number(f"{OPTIONS}/max-servers")
        least = min(self._config.number(f"{OPTIONS}/min-servers"), len(servers), most)
        registration = Registration(
            username,
            servers,
            bits or self._config.number("personal/private-key-size"),
            least,
            most,
            me=self._me,
            ring=self._ring,
            client=self._servers,
            addresses=self._addresses,
            contacts=self._contacts,
            clock=self._clock,
            automats=self._automats,
        )
        document: Document = await self._lock.run(registration.run)
        return document

    async def check(self) -> Document:
        """
        Make the servers hold what is true now: a new revision if the contacts changed, else the present one where it
        is missing or old. Answers with the document; raises `Unavailable` if no server took a new one.
        """
        document: Document = await self._lock.run(self._check)
        return document

    async def republish(self) -> Document:
        """
        Publish a new revision, whether anything changed or not.
        """
        document: Document = await self._lock.run(self._republish)
        return document

    async def _check(self) -> Document:
        held = await self._fetch()
        document = self._me.document
        contacts = self._contacts.contacts()
        newest = max((other.revision for other in held.values() if other), default=0)
        # No contacts means that the own address is not known yet, which is no reason to become unreachable.
        if newest > document.revision or (contacts and contacts != document.contacts):
            return await self._publish(contacts or document.contacts, max(newest, document.revision) + 1)
        behind = [source for source, other in held.items() if other != document]
        for source, error in zip(behind, await self._upload(behind, document), strict=True):
            if error is not None:
                self.log.warn("{source} does not hold the own identity: {error}", source=source, error=str(error))
        return document

    async def _republish(self) -> Document:
        held = await self._fetch()
        newest = max((other.revision for other in held.values() if other), default=0)
        contacts = self._contacts.contacts() or self._me.document.contacts
        return await self._publish(contacts, max(newest, self._me.document.revision) + 1)

    async def _publish(self, contacts: Sequence[str], revision: int) -> Document:
        document = signed_now(self._me.key, self._me.document.sources, contacts, revision, self._clock)
        errors = await self._upload(document.sources, document)
        if all(error is not None for error in errors):
            raise Unavailable(f"no identity server took the new revision: {errors[0]}")
        await self._me.adopt(document)
        self.log.info("identity revision {revision} is published", revision=revision)
        return document

    async def _fetch(self) -> dict[str, Document | None]:
        """
        What each source holds of us now, None if it has nothing of ours; sources that do not answer are left out.
        """
        document = self._me.document
        for source in document.sources:
            await self._observe(Server.of_idurl(source))
        found = await all_of([self._servers.fetch(source) for source in document.sources], PARALLEL)
        held: dict[str, Document | None] = {}
        for source, other in zip(document.sources, found, strict=True):
            if isinstance(other, Exception):
                self.log.warn("own identity source {source}: {error}", source=source, error=str(other))
            else:
                held[source] = other if other and other.node_id == document.node_id else None
        return held

    async def _observe(self, server: Server) -> None:
        try:
            host = await self._servers.ping(server)
        except Unavailable:
            return
        if host:
            self._addresses.observed(f"identity server {server}", host)

    async def _upload(self, sources: Sequence[str], document: Document) -> list[Exception | None]:
        return await all_of([self._servers.upload(source, document) for source in sources], PARALLEL)

    def _known(self, preferred: Sequence[str]) -> list[Server]:
        options = (f"{OPTIONS}/preferred-servers", f"{OPTIONS}/known-servers")
        texts = [*preferred, *(word for option in options for word in self._config.words(option))]
        return parse_servers(texts)[:SERVERS_LIMIT]
