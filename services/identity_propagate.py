"""
service_identity_propagate: keeps the published identity of this node true.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from twisted.logger import Logger

from bitdust_node.clock import Clock
from bitdust_node.config.config import Config
from bitdust_node.errors import BitDustError
from bitdust_node.identity import contacts
from bitdust_node.identity.addresses import Addresses
from bitdust_node.identity.me import Me
from bitdust_node.identity.registrar import OPTIONS, Registrar
from bitdust_node.identity.resolver import Resolver
from bitdust_node.service import Service
from bitdust_node.tasks import Tasks

#: Seconds that further changes are waited for before they are published together.
SETTLE = 2.0


class IdentityPropagate(Service):
    """
    Compares what the identity servers hold with what is true: at start, from time to time, and when ports, switches
    of transports or the own address change.
    """

    log = Logger()
    name: ClassVar[str] = "identity_propagate"
    depends: ClassVar[tuple[str, ...]] = ("gateway", "tcp_connections")
    needs_identity: ClassVar[bool] = True

    def __init__(
        self, me: Me, registrar: Registrar, resolver: Resolver, addresses: Addresses, config: Config, clock: Clock
    ) -> None:
        self._me, self._registrar, self._resolver = me, registrar, resolver
        self._addresses, self._config, self._clock = addresses, config, clock
        self._tasks = Tasks("identity_propagate")
        self._undo: list[Callable[[], None]] = []
        self._pending: Any = None

    async def start(self) -> None:
        await self._resolver.start()
        self._tasks = Tasks("identity_propagate")
        interval = max(1, self._config.number(f"{OPTIONS}/health-check-interval-seconds"))
        # Not waited for: the node works with the document that it has while the servers are away.
        self._tasks.every(interval, "check the published identity", self._check, self._clock, at_once=True)
        self._undo = [self._addresses.on_change(self._changed)]
        self._undo += [self._config.watch(option, self._changed) for option in contacts.OPTIONS]

    async def stop(self) -> None:
        for undo in self._undo:
            undo()
        self._undo = []
        if self._pending is not None and self._pending.active():
            self._pending.cancel()
        await self._tasks.stop()

    async def reconnect(self) -> None:
        self._changed()

    def network_configuration(self) -> dict[str, Any] | None:
        document = self._me.document
        return {"sources": list(document.sources), "contacts": list(document.contacts), "revision": document.revision}

    def _changed(self, *_: object) -> None:
        if self._pending is None or not self._pending.active():
            self._pending = self._clock.callLater(SETTLE, self._publish)

    def _publish(self) -> None:
        self._tasks.spawn("publish the identity", self._check())

    async def _check(self) -> None:
        try:
            await self._registrar.check()
        except BitDustError as error:
            self.log.warn("the own identity could not be published: {reason}", reason=str(error))
