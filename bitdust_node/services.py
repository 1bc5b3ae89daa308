"""
All services of the node: which are on, what each waits for, and what happens to the others when one changes.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Any, Protocol

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from automats.registry import Automats
from automats.service import Input, State
from bitdust_node.assembly import Assembly
from bitdust_node.clock import Clock, DelayedCall
from bitdust_node.config.switches import switch_path
from bitdust_node.errors import Conflict, Invalid, NotFound, TimedOut
from bitdust_node.events import Events
from bitdust_node.service import Service
from bitdust_node.service_life import DOWN, SETTLED, ServiceLife
from bitdust_node.service_names import DEPENDS
from bitdust_node.tasks import Tasks
from bitdust_node.waiting import within

#: Seconds after which services that failed to start are tried again.
RETRY = 60.0


class Switches(Protocol):
    """What services need of the options."""

    def get(self, path: str) -> Any:
        """The value of an option."""

    def set(self, path: str, value: Any) -> Any:
        """Change an option."""

    def watch(self, prefix: str, callback: Callable[[str, Any, Any], None]) -> Callable[[], None]:
        """Call back with path, old and new value when an option below the prefix changes."""


class Owner(Protocol):
    """Whoever knows if the node has an identity."""

    @property
    def has_identity(self) -> bool: ...

    def on_change(self, callback: Callable[[], object]) -> Callable[[], None]:
        """Call back when the identity was created, changed or erased; returns the function that ends it."""


class Services:
    """
    Starts and stops services by the options and by what they depend on.

    A wanted service is started as soon as everything in its `depends` is ON and nothing in its `soft` is still on its
    way; each service that comes up gives those above it another chance. Stopping goes from above to below. One that
    fails stays OFF and is tried again a minute later, or when its option or something below changes.
    """

    log = Logger()

    def __init__(
        self, plugins: Mapping[str, type], config: Switches, events: Events, clock: Clock, automats: Automats, me: Owner
    ) -> None:
        self._plugins = dict(plugins)
        self._config, self._events, self._clock, self._me = config, events, clock, me
        self._tasks = Tasks("services")
        self._waiting: list[Deferred[None]] = []
        self._undo: list[Callable[[], None]] = []
        self._soon: DelayedCall | None = None
        self._open = False
        self._lives = {
            name: ServiceLife(name, self._plugins.get(name), self, clock, automats)
            for name in sorted(set(DEPENDS) | set(plugins))
        }
        self._check_circles()

    def make(self, assembly: Assembly) -> None:
        """
        Make the instances of all plugins. One that can not be made is logged and counts as not installed.
        """
        for name, plugin in self._plugins.items():
            try:
                self._lives[name].service = assembly.make(plugin)
            except Exception as error:  # noqa: BLE001 - a border: plugins may be anybody's code
                self._lives[name].failure = str(error)
                self.log.failure("service {name} can not be made: {error}", Failure(), name=name, error=error)

    def __iter__(self) -> Iterator[ServiceLife]:
        """All services by name, also those that are not installed."""
        return iter(self._lives.values())

    def life(self, name: str) -> ServiceLife:
        """
        The life of a service by any spelling: `service_keys_storage`, `keys_storage` or `keys-storage`.
        """
        short = name.strip().lower().replace("-", "_").removeprefix("service_")
        try:
            return self._lives[short]
        except KeyError:
            raise NotFound(f"service {name[:100]} was not found") from None

    def state(self, name: str) -> str:
        """
        The state of a service as clients see it.
        """
        return str(self.life(name).state)

    def is_on(self, name: str) -> bool:
        """
        True if the service is ON; false for unknown names.
        """
        life = self._lives.get(name.removeprefix("service_"))
        return life is not None and life.state is State.ON

    def instance(self, name: str) -> Service | None:
        """
        The service itself, whatever its state, or None if there is no such plugin.
        """
        return self.life(name).service

    def enabled(self, name: str) -> bool:
        """
        True if the option of the service says so.
        """
        try:
            return bool(self._config.get(switch_path(name)))
        except NotFound:
            return False

    def above(self, name: str) -> list[ServiceLife]:
        """
        The services that depend on this one directly.
        """
        return [life for life in self._lives.values() if name in life.depends]

    async def start_all(self) -> None:
        """
        Begin, and wait until each service is ON or can not be.
        """
        self._open = True
        self._undo = [self._config.watch("services", self._switched), self._me.on_change(self._identity_changed)]
        self._tasks.every(RETRY, "start what failed before", self.refresh, self._clock)
        await self.refresh()

    async def stop_all(self) -> None:
        """
        Stop all, those above first; then all are CLOSED.
        """
        self._open = False
        for undo in self._undo:
            undo()
        self._undo = []
        await self._tasks.stop()
        for life in self._lives.values():
            life.feed(Input.STOP)
        await self.settled()
        for life in self._lives.values():
            life.feed(Input.CLOSE)

    async def refresh(self) -> None:
        """
        Bring every service to what options and identity ask for, also those that failed, and wait for it.
        """
        for life in self._lives.values():
            self._forgive(life)
        self._consider_all()
        await self.settled()

    async def settled(self) -> None:
        """
        Wait until no service is on its way up or down.
        """
        while not self._at_rest:
            waiting: Deferred[None] = Deferred()
            self._waiting.append(waiting)
            try:
                await waiting
            finally:
                if waiting in self._waiting:
                    self._waiting.remove(waiting)

    def switch(self, name: str, on: bool) -> None:
        """
        Flip the option of a service, which starts or stops it. Returns before that is done.
        """
        life = self.life(name)
        if on and life.state is State.ON:
            raise Conflict(f"{life.full_name} is already started")
        if self.enabled(life.name) == on:
            raise Conflict(f"{life.full_name} is already {'enabled' if on else 'disabled'}")
        self._config.set(switch_path(life.name), on)

    async def restart(self, name: str, wait_timeout: float) -> tuple[str, str]:
        """
        Stop a service and those above it and start them again; the options stay as they are.

        Answers with how both halves ended: stopped; started, failed, depends_off or not_installed. `TimedOut` if
        other services do not come to rest before.
        """
        life = self.life(name)
        if life.available and not self.enabled(life.name):
            raise Invalid(f"{life.full_name} is not enabled")
        try:
            await within(self._clock, wait_timeout, self.settled(), "waiting for other services")
        except TimedOut:
            raise TimedOut("timeout") from None
        self._forgive(life)
        life.feed(Input.STOP)
        self._consider_soon()
        await self.settled()
        return "stopped", life.outcome

    def came_up(self, life: ServiceLife) -> None:
        """
        A service is ON: publish it and give those above another chance.
        """
        self.log.info("{name} is on", name=life.full_name)
        self._events.publish("service-started", {"name": life.full_name})
        for above in self.above(life.name):
            self._forgive(above)
        self._consider_soon()

    def came_down(self, life: ServiceLife) -> None:
        """
        A service is OFF: publish it if it was ON, let those below go on, and see whether it is wanted again.
        """
        if life.was_on:
            self.log.info("{name} is off", name=life.full_name)
            self._events.publish("service-stopped", {"name": life.full_name})
        for below in life.depends:
            if below in self._lives:
                self._free(self._lives[below])
        self._consider_soon()

    @property
    def has_identity(self) -> bool:
        """True if the node has an identity."""
        return self._me.has_identity

    def _consider(self, life: ServiceLife) -> None:
        if not self._open:
            return
        if not life.available:
            life.feed(Input.STOP if life.state not in DOWN else Input.ABSENT)
        elif not self.enabled(life.name):
            life.feed(Input.STOP if life.state not in DOWN else Input.DISABLED)
        elif life.state in DOWN and life.failure is None:
            life.feed(Input.START if self._may_start(life) else Input.BLOCKED)

    def _may_start(self, life: ServiceLife) -> bool:
        return all(self.is_on(name) for name in life.depends) and not any(
            name in self._lives and self._on_its_way(self._lives[name]) for name in life.soft
        )

    def _on_its_way(self, life: ServiceLife) -> bool:
        """
        True if a service is not ON yet but will be, as far as can be known.
        """
        if not (life.available and self.enabled(life.name) and life.failure is None) or life.state is State.ON:
            return False
        below = [self._lives[name] for name in life.depends if name in self._lives]
        return len(below) == len(life.depends) and all(
            other.state is State.ON or self._on_its_way(other) for other in below
        )

    def _free(self, life: ServiceLife) -> None:
        if life.state is State.INFLUENCE and all(above.state in DOWN for above in self.above(life.name)):
            life.feed(Input.FREE)

    def _forgive(self, life: ServiceLife) -> None:
        if life.service is not None:
            life.failure = None

    def _consider_all(self) -> None:
        if self._soon is not None and self._soon.active():
            self._soon.cancel()
        self._soon = None
        for life in self._lives.values():
            self._consider(life)
        if self._at_rest:
            waiting, self._waiting = self._waiting, []
            for one in waiting:
                one.callback(None)

    def _identity_changed(self) -> Awaitable[None] | None:
        if self._me.has_identity:
            self._consider_soon()
            return None
        # whoever erases it waits until all that needs it has stopped
        return self.refresh()

    def _switched(self, path: str, old: Any, new: Any) -> None:
        for life in self._lives.values():
            if path == switch_path(life.name):
                self._forgive(life)
                self._consider_soon()

    def _consider_soon(self) -> None:
        # later, because the machine that reports may have more inputs waiting
        if self._soon is None:
            self._soon = self._clock.callLater(0, self._consider_all)

    @property
    def _at_rest(self) -> bool:
        return self._soon is None and all(life.state in SETTLED for life in self._lives.values())

    def _check_circles(self) -> None:
        done: set[str] = set()

        def visit(name: str, path: tuple[str, ...]) -> None:
            if name in path:
                raise Invalid(f"services depend on each other in a circle: {' -> '.join((*path, name))}")
            if name in done or name not in self._lives:
                return
            for below in (*self._lives[name].depends, *self._lives[name].soft):
                visit(below, (*path, name))
            done.add(name)

        for name in self._lives:
            visit(name, ())
