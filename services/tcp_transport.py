"""
service_tcp_transport: the transport over TCP, attached to the router.
"""

from __future__ import annotations

from typing import Any, ClassVar

from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger

from automats.machine import Machine
from automats.registry import Automats
from automats.transport import TRANSPORT, Input, State
from bitdust_node.assembly import Assembly
from bitdust_node.clock import Clock
from bitdust_node.config.config import Config
from bitdust_node.errors import Unavailable
from bitdust_node.events import Events
from bitdust_node.plugins import plugins
from bitdust_node.router.router import Router
from bitdust_node.router.transport import PacketTransport
from bitdust_node.service import Service
from bitdust_node.tasks import Tasks

OPTIONS = "services/tcp-transport"
PORT = "services/tcp-connections/tcp-port"
INTERFACE = "services/network/interface"


class TcpTransportService(Service):
    """
    Owner of a machine of automats/transport.py.
    """

    log = Logger()
    name: ClassVar[str] = "tcp_transport"
    depends: ClassVar[tuple[str, ...]] = ("tcp_connections", "gateway")
    needs_identity: ClassVar[bool] = True

    def __init__(
        self, parts: Assembly, router: Router, config: Config, events: Events, automats: Automats, clock: Clock
    ) -> None:
        self._parts = parts
        self._router = router
        self._config = config
        self._events = events
        self._tasks = Tasks(self.name)
        self._transport: PacketTransport | None = None
        self._waiting: list[Deferred[None]] = []
        self._error = ""
        self._undo: list[Any] = []
        self._machine = Machine(TRANSPORT, self, clock=clock, id="transport tcp", automats=automats)

    async def start(self) -> None:
        self._tasks = Tasks(self.name)
        await self._until(Input.START)
        if self._machine.state is State.FAILED:
            raise Unavailable(self._error)
        watched = (PORT, INTERFACE, f"{OPTIONS}/receiving-enabled", f"{OPTIONS}/sending-enabled", f"{OPTIONS}/priority")
        self._undo = [self._config.watch(path, self._changed) for path in watched]

    async def stop(self) -> None:
        for undo in self._undo:
            undo()
        self._undo = []
        await self._tasks.stop()
        if self._machine.state is not State.OFFLINE:
            await self._until(Input.STOP)

    def ready(self) -> str | None:
        return None if self._transport is not None and self._transport.address else "not listening"

    async def reconnect(self) -> None:
        if self._machine.state is State.LISTENING:
            await self._restart()

    def network_configuration(self) -> dict[str, Any]:
        options = ("receiving-enabled", "sending-enabled", "priority")
        return {name.replace("-", "_"): self._config.get(f"{OPTIONS}/{name}") for name in options}

    # --- actions of automats/transport.py ---

    def listen(self) -> None:
        self._tasks.spawn("listen", self._listen())

    def report_listening(self) -> None:
        self._settle()

    def report_failed(self) -> None:
        self._events.publish("gateway-receiving-failed", {"proto": "tcp", "error": self._error})
        self._settle()

    def close(self) -> None:
        # not a task: it ends after them
        Deferred.fromCoroutine(self._close())

    def report_offline(self) -> None:
        self._events.publish("gateway-disconnected", {"proto": "tcp", "result": "stopped"})
        self._settle()

    # ---

    async def _until(self, input: Input) -> None:
        settled: Deferred[None] = Deferred()
        self._waiting.append(settled)
        self._machine.feed(input)
        await settled

    def _settle(self) -> None:
        waiting, self._waiting = self._waiting, []
        for each in waiting:
            each.callback(None)

    async def _listen(self) -> None:
        try:
            if self._transport is None:
                self._transport = self._parts.make(plugins("bitdust_node.transports")["tcp"])
                self._events.publish("gateway-transport-initialized", {"proto": "tcp", "rpc_url": ""})
            if self._config.yes(f"{OPTIONS}/receiving-enabled"):
                await self._transport.listen(self._router.deliver)
                options = {"priority": self._config.number(f"{OPTIONS}/priority")}
                event = {"proto": "tcp", "host": self._transport.address, "options": options}
                self._events.publish("gateway-receiving-started", event)
            if self._config.yes(f"{OPTIONS}/sending-enabled"):
                self._router.attach(self._transport, self._config.number(f"{OPTIONS}/priority"))
        except CancelledError:
            self._error = "stopped"
            self._machine.feed(Input.BROKEN)
        except Exception as error:  # noqa: BLE001 - the border: plugins and sockets fail in many ways
            self.log.failure("tcp can not start")
            self._error = str(error)
            self._machine.feed(Input.BROKEN)
        else:
            self._machine.feed(Input.STARTED)

    async def _close(self) -> None:
        if self._transport is not None:
            self._router.detach(self._transport)
            await self._transport.close()
        self._machine.feed(Input.STOPPED)

    def _changed(self, path: str, old: object, new: object) -> None:
        if self._machine.state is State.LISTENING and not self._listens_there(path, new):
            self._tasks.spawn("listen anew", self._restart())

    def _listens_there(self, path: str, value: object) -> bool:
        """The transport itself writes the port that it has found."""
        address = self._transport.address if self._transport is not None else None
        return path == PORT and address is not None and address.rpartition(":")[2] == str(value)

    async def _restart(self) -> None:
        await self._until(Input.STOP)
        await self._until(Input.START)
