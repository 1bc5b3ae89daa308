"""
service_identity_server: publishes identity documents, its own and those of others.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IListeningPort
from twisted.logger import Logger

from bitdust_node.clock import Clock
from bitdust_node.config.config import Config
from bitdust_node.errors import Invalid, Unavailable
from bitdust_node.identity.names import check_host, check_port
from bitdust_node.network import Network
from bitdust_node.paths import DataFolder
from bitdust_node.service import Service
from bitdust_node.tasks import Tasks
from bitdust_node.threads import Workers
from services.identities.site import IdentitySite
from services.identities.store import IdentityStore

OPTIONS = "services/identity-server"
PORT = f"{OPTIONS}/web-port"


class IdentityServer(Service):
    """
    One HTTP port; see docs/identity.md. Works on a node without an identity of its own.
    """

    log = Logger()
    name: ClassVar[str] = "identity_server"
    depends: ClassVar[tuple[str, ...]] = ("tcp_connections",)
    needs_identity: ClassVar[bool] = False

    def __init__(self, config: Config, folder: DataFolder, network: Network, workers: Workers, clock: Clock) -> None:
        self._config, self._network, self._workers, self._clock = config, network, workers, clock
        self._store = IdentityStore(folder.base / "identities")
        self._site: IdentitySite | None = None
        self._listening: IListeningPort | None = None
        self._tasks = Tasks(self.name)
        self._unwatch: Callable[[], None] | None = None

    @property
    def port(self) -> int:
        """The TCP port it listens on, 0 when it does not."""
        if self._listening is None:
            return 0
        address: Any = self._listening.getHost()
        return int(address.port)

    async def start(self) -> None:
        self.own()
        self._tasks = Tasks(self.name)
        await self._workers.run(self._store.open)
        self._site = IdentitySite(self._store, self.own, self._workers, self._clock)
        self._listen(self._site)
        self._unwatch = self._config.watch(PORT, self._moved)

    async def stop(self) -> None:
        if self._unwatch is not None:
            self._unwatch()
            self._unwatch = None
        await self._tasks.stop()
        await self._close()
        if self._site is not None:
            self._site.close_all()

    def _listen(self, site: IdentitySite) -> None:
        port, interface = self._config.number(PORT), self._config.text("services/network/interface")
        try:
            self._listening = self._network.listen_tcp(port, site, interface)
        except (OSError, CannotListenError) as error:
            # once documents are kept here, their addresses name the port
            if self._store.count:
                raise Unavailable(f"port {port} of the identity server can not be used: {error}") from error
            self._listening = self._network.listen_tcp(0, site, interface)
            self.log.warn("port {wanted} is taken, {free} is used", wanted=port, free=self.port)
            self._config.set(PORT, self.port)

    async def _close(self) -> None:
        listening, self._listening = self._listening, None
        if listening is not None:
            closed = listening.stopListening()
            if closed is not None:
                await closed

    def _moved(self, path: str, old: object, new: object) -> None:
        if new != self.port and self._site is not None:
            self._tasks.spawn("listen on another port", self._reopen(self._site))

    async def _reopen(self, site: IdentitySite) -> None:
        await self._close()
        self._listen(site)

    def network_configuration(self) -> dict[str, Any] | None:
        return {"port": self.port, "host": self._config.text(f"{OPTIONS}/host"), "identities": self._store.count}

    def own(self) -> tuple[str, int] | None:
        """
        Public host and port by the options, None if they leave it open. A host may bring the port that the world
        sees, when that is not the one it listens on: `id.example.com:80`.
        """
        text = self._config.text(f"{OPTIONS}/host").strip().lower()
        if not text:
            return None
        host, _, port = text.partition(":")
        if not host:
            raise Invalid(f"option {OPTIONS}/host is not a host name")
        return check_host(host), check_port(port) if port else self.port or self._config.number(PORT)
