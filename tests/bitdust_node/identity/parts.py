"""
The parts of one node that deal with its identity, and an identity server, for tests on loopback.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IListeningPort
from twisted.trial.unittest import TestCase

from automats.registry import Automats
from bitdust_node.config.config import Config
from bitdust_node.database import StateDb
from bitdust_node.events import Event, Events
from bitdust_node.identity.addresses import Addresses
from bitdust_node.identity.contacts import ContactsSource
from bitdust_node.identity.me import Me
from bitdust_node.identity.registrar import Registrar
from bitdust_node.identity.resolver import Resolver
from bitdust_node.identity.servers import IdentityServers, Server
from bitdust_node.keys.ring import KeyRing
from bitdust_node.network import Network
from bitdust_node.paths import DataFolder
from bitdust_node.threads import InlineWorkers
from services.identities.site import IdentitySite
from services.identities.store import IdentityStore

CLOCK: Any = reactor


class Parts:
    """
    One node's parts over a data folder; made again over the same folder they are the node after a restart.
    """

    def __init__(self, case: TestCase, base: Path | None = None, **options: Any) -> None:
        self.base = base or Path(case.mktemp()).absolute()
        self.folder = DataFolder(self.base)
        self.workers = InlineWorkers()
        self.events = Events(CLOCK)
        self.heard: list[Event] = []
        self.events.subscribe(self.heard.append)
        self.config = Config(None, {"personal/private-key-size": 1024, **options})
        self.ring = KeyRing(self.folder, self.events, self.workers, CLOCK)
        self.me = Me(self.folder, self.ring, self.events, self.workers, CLOCK)
        self.addresses = Addresses()
        self.contacts = ContactsSource(self.config, self.addresses)
        self.automats = Automats()
        self.servers = IdentityServers(Network(reactor), CLOCK)
        self.registrar = Registrar(
            self.me, self.ring, self.servers, self.addresses, self.contacts, self.config, CLOCK, self.automats
        )
        self.state_db = StateDb(self.folder.state_db, self.workers)
        self.resolver = Resolver(self.state_db, self.servers, self.me, CLOCK)
        case.addCleanup(self.stop)

    async def _stop(self) -> None:
        await self.resolver.close()
        await self.state_db.close()

    def stop(self) -> Any:
        return Deferred.fromCoroutine(self._stop())

    def ids(self) -> list[str]:
        return [event.event_id for event in self.heard]


class RunningServer:
    """
    An identity server on a free port of 127.0.0.1.
    """

    def __init__(self, case: TestCase, **limits: int) -> None:
        self.store = IdentityStore(Path(case.mktemp()).absolute(), **limits)
        self.store.open()
        self.own: tuple[str, int] | None = None
        self.site = IdentitySite(self.store, lambda: self.own, InlineWorkers(), CLOCK)
        self.listening: IListeningPort = Network(reactor).listen_tcp(0, self.site, "127.0.0.1")
        case.addCleanup(self.close)

    @property
    def server(self) -> Server:
        address: Any = self.listening.getHost()
        return Server("127.0.0.1", address.port)

    def close(self) -> Any:
        self.site.close_all()
        return self.listening.stopListening()
