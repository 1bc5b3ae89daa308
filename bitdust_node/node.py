"""
One node: everything that runs on one data directory, started in order and stopped in reverse.
"""

from __future__ import annotations

import inspect
import os
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, Protocol, cast

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from automats.machine import Machine
from automats.node import NODE, Input
from automats.registry import Automats
from bitdust_node.api.http import HttpFace
from bitdust_node.api.log import ApiLog
from bitdust_node.api.models import Models, Showing
from bitdust_node.api.parts import EARLY, LATE
from bitdust_node.api.registry import Registry
from bitdust_node.api.secret import Secret
from bitdust_node.api.websocket import WebSocketFace
from bitdust_node.assembly import Assembly
from bitdust_node.clock import Clock
from bitdust_node.config.config import Config
from bitdust_node.counters import Counters, NodeCounts
from bitdust_node.database import StateDb
from bitdust_node.errors import Closed, Conflict
from bitdust_node.events import Events
from bitdust_node.identity.me import Me
from bitdust_node.lock import FolderLock
from bitdust_node.logs import EventLog, NodeLog
from bitdust_node.network import Network
from bitdust_node.pages import LOOK, FreePages
from bitdust_node.paths import DataFolder
from bitdust_node.plugins import plugins
from bitdust_node.process import Process
from bitdust_node.service import Service
from bitdust_node.services import Services
from bitdust_node.tasks import Tasks
from bitdust_node.threads import ThreadWorkers, Workers
from bitdust_node.watchdog import Watchdog

#: Threads for what would hold the reactor: key operations, sealing and coding, disks.
WORKERS = 4
#: Seconds between a wish to stop and the stop: enough to send the answer to whoever wished it.
FAREWELL = 0.2


class Closable(Protocol):
    """A part that holds something open until the node ends."""

    async def close(self) -> None: ...


class Node:
    """
    A node on the data directory `base`; many may live in one process.

    overrides: options to set before anything reads them.
    services: classes of services by name, else those that are installed.
    quit: what to call when a client asks the process to end; None just stops the node.
    logs: write `node.log` and `event.log`.
    """

    log = Logger()

    def __init__(
        self,
        base: Path,
        reactor: Any,
        overrides: Mapping[str, object] | None = None,
        *,
        services: Mapping[str, type] | None = None,
        quit: Callable[[], object] | None = None,
        logs: bool = True,
    ) -> None:
        self.base = base
        #: True when a client asked for a restart: whoever runs the node starts it again.
        self.restart_wanted = False
        #: All parts, by their classes.
        self.parts = Assembly()
        self.automats = Automats()
        self._reactor, self._overrides, self._plugins = reactor, overrides or {}, services
        self._logs = logs
        # not a task: stopping ends the tasks
        self._quit = quit or (lambda: Deferred.fromCoroutine(self.stop()))
        self._tasks = Tasks("node")
        self._open_parts: list[tuple[str, Callable[[], Awaitable[object] | object]]] = []
        self._broken: Exception | None = None
        self._running: list[Deferred[None]] = []
        self._stopped: list[Deferred[None]] = []
        self._machine = Machine(NODE, self, clock=reactor, id="node", automats=self.automats)

    @property
    def state(self) -> str:
        """The state of `automats.node`."""
        return str(self._machine.state)

    @property
    def config(self) -> Config:
        return self.parts.make(Config)

    @property
    def services(self) -> Services:
        return self.parts.make(Services)

    @property
    def registry(self) -> Registry:
        """The methods of the API; callable without any face."""
        return self.parts.make(Registry)

    @property
    def process(self) -> Process:
        return self.parts.make(Process)

    @property
    def worst_lag(self) -> float:
        """Longest time, in seconds, that the reactor was held."""
        return self.process.worst_lag

    async def start(self) -> None:
        """
        Start, and come back when every service is ON or can not be. Long before, the API answers.

        Raises `Conflict` if another process uses the directory, or what else is in the way; then all is closed again.
        """
        running: Deferred[None] = Deferred()
        self._running.append(running)
        self._machine.feed(Input.START)
        await running

    async def stop(self) -> None:
        """
        Stop all in order; what does not end within the time limit is left behind.
        """
        if self._machine.finished:
            return
        stopped: Deferred[None] = Deferred()
        self._stopped.append(stopped)
        self._machine.feed(Input.STOP)
        await stopped

    def request_stop(self) -> None:
        """
        Stop a moment later.
        """
        self._reactor.callLater(FAREWELL, self._quit)

    def request_restart(self) -> None:
        """
        Stop a moment later, to be started again.
        """
        self.restart_wanted = True
        self.request_stop()

    def open(self) -> None:
        self._tasks.spawn("open", self._open())

    def start_services(self) -> None:
        self._tasks.spawn("start the services", self._start_services())

    def report_running(self) -> None:
        self.log.info("the node runs")
        self._tell(self._running, None)

    def close(self) -> None:
        # not a task: closing ends the tasks
        Deferred.fromCoroutine(self._close())

    def report_late(self) -> None:
        self.log.error("the node did not stop in time")

    def report_stopped(self) -> None:
        self._tell(self._running, self._broken or Closed("the node was stopped"))
        self._tell(self._stopped, None)

    async def _open(self) -> None:
        try:
            self._open_folder()
            self._open_core()
            await self._open_api()
            await self._open_services()
        except Exception as error:  # noqa: BLE001 - the border of the start: whoever started us hears it
            self._broken = error
            self._machine.feed(Input.BROKEN)
        else:
            self._machine.feed(Input.OPENED)

    def _open_folder(self) -> None:
        folder = DataFolder(self.base)
        lock = FolderLock(folder.processid)
        self._closing("lock", lock.release)
        log = NodeLog(folder.logs) if self._logs else None
        if log is not None:
            self._closing("log", log.close)
        config = Config(folder.config, self._overrides)
        events = Events(self._reactor)
        if log is not None:
            level = log.set_level
            level(config.number("logs/debug-level"))
            config.watch("logs/debug-level", lambda _path, _old, new: level(int(new)))
            self._closing("event log", EventLog(folder.logs, events).close)
        for part in (folder, config, events):
            self.parts.provide(part)

    def _open_core(self) -> None:
        workers = ThreadWorkers(self._reactor, WORKERS)
        self._closing("workers", workers.stop)
        state_db = StateDb(self.parts.make(DataFolder).state_db, workers)
        self._closing("parts", self._close_parts)
        process = Process(os.getpid(), self._reactor.seconds(), self.request_stop, self.request_restart)
        watchdog = Watchdog(self._reactor, process)
        watchdog.start()
        self._closing("watchdog", watchdog.stop)
        pages = FreePages()
        self._tasks.every(LOOK, "give free pages back", lambda: workers.run(pages.give_back), self._reactor)
        self.parts.provide(self._reactor, Clock)
        self.parts.provide(workers, Workers)
        for part in (self.parts, self.automats, state_db, process, Network(self._reactor)):
            self.parts.provide(part)

    async def _open_api(self) -> None:
        """
        The faces come first, so that clients hear how the rest comes up.
        """
        folder, config = self.parts.make(DataFolder), self.config
        registry = Registry()
        secret = Secret(folder.secret_files, config.yes("interface/api/auth-secret-enabled"))
        for part in (registry, secret, ApiLog(folder, config, self._reactor)):
            self.parts.provide(part)
        for cls in EARLY:
            registry.add(self.parts.make(cls))
        for face in (self.parts.make(HttpFace), self.parts.make(WebSocketFace)):
            await face.start()
            self._closing(type(face).__name__, face.stop)

    async def _open_services(self) -> None:
        """
        The identity, and all services made but none started.
        """
        installed = plugins("bitdust_node.services") if self._plugins is None else dict(self._plugins)
        me = self.parts.make(Me)
        services = Services(installed, self.config, self.parts.make(Events), self._reactor, self.automats, me)
        self.parts.provide(services)
        services.make(self.parts)
        self._closing("services", services.stop_all)
        self.registry.gate = services.is_on
        for cls in LATE:
            self._show(self.parts.make(cls), None)
        for life in services:
            if life.service is not None:
                self._show(life.service, life.name)
        made = [life.service for life in services if isinstance(life.service, Service)]
        self.parts.make(Counters).add([self.parts.make(NodeCounts), *made])

    def _show(self, part: object, service: str | None) -> None:
        """
        Offer to clients what a part has for them: methods and models.
        """
        try:
            self.registry.add(part)
            if isinstance(part, Showing):
                self.parts.make(Models).add(part.models(), service)
        except Conflict as error:
            self.log.error("methods of {part} are left out: {error}", part=type(part).__name__, error=error)

    async def _start_services(self) -> None:
        await self.services.start_all()
        self._machine.feed(Input.UP)

    async def _close(self) -> None:
        await self._tasks.stop()
        while self._open_parts:
            what, close = self._open_parts.pop()
            try:
                closed = close()
                if isinstance(closed, Awaitable):
                    await closed
            except Exception:  # noqa: BLE001 - what follows must be closed too
                self.log.failure("{what} could not be closed", Failure(), what=what)
        self._machine.feed(Input.DOWN)

    async def _close_parts(self) -> None:
        """
        What was made for many to use belongs to nobody else: databases, for one. Newest first.
        """
        for part in reversed(list(self.parts)):
            if _closable(type(part)) and not isinstance(part, Service):
                await cast(Closable, part).close()

    def _closing(self, what: str, close: Callable[[], Awaitable[object] | object]) -> None:
        self._open_parts.append((what, close))

    def _tell(self, waiting: list[Deferred[None]], error: Exception | None) -> None:
        told = list(waiting)
        waiting.clear()
        for one in told:
            if error is None:
                one.callback(None)
            else:
                one.errback(error)


def _closable(part: type) -> bool:
    """True for `async def close(self)`; one with arguments closes something else, a share for one."""
    close = getattr(part, "close", None)
    return inspect.iscoroutinefunction(close) and len(inspect.signature(close).parameters) == 1
