"""
One service and its machine: what the rows of `automats.service` do.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import Protocol

from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from automats.machine import Machine
from automats.registry import Automats
from automats.service import SERVICE, Input, State
from bitdust_node.clock import Clock
from bitdust_node.errors import BitDustError
from bitdust_node.service import Service
from bitdust_node.service_names import DEPENDS

#: States of a service that does nothing and asks nothing of others.
DOWN = frozenset({State.OFF, State.DEPENDS_OFF, State.NOT_INSTALLED, State.CLOSED})
#: States that last.
SETTLED = DOWN | {State.ON}

_OUTCOMES = {State.ON: "started", State.DEPENDS_OFF: "depends_off", State.NOT_INSTALLED: "not_installed"}


class Neighbours(Protocol):
    """The other services, as one of them sees them."""

    @property
    def has_identity(self) -> bool: ...

    def above(self, name: str) -> Iterable[ServiceLife]:
        """The services that depend on `name`."""

    def came_up(self, life: ServiceLife) -> None:
        """A service is ON."""

    def came_down(self, life: ServiceLife) -> None:
        """A service is OFF, after it was on or tried to be."""


class ServiceLife:
    """
    What the node knows of one service name.

    plugin: its class, or None if this node does not have it.
    """

    log = Logger()

    def __init__(
        self, name: str, plugin: type | None, neighbours: Neighbours, clock: Clock, automats: Automats | None
    ) -> None:
        self.name = name
        self.full_name = f"service_{name}"
        self.depends: tuple[str, ...] = getattr(plugin, "depends", DEPENDS.get(name, ()))
        self.soft: tuple[str, ...] = getattr(plugin, "soft", ())
        self.needs_identity: bool = getattr(plugin, "needs_identity", False)
        #: The service itself; None until it is made, and for names without a plugin.
        self.service: Service | None = None
        #: Why the last start failed, or None.
        self.failure: str | None = None
        #: True from its start to its stop, as clients hear of them: not of a start that failed.
        self.was_on = False
        #: What was said of each kind of failure: the same is said once, however often it is tried again.
        self._said: dict[str, str] = {}
        self._neighbours = neighbours
        self._work: Deferred[bool] | None = None
        self._machine = Machine(SERVICE, self, clock=clock, id=self.full_name, automats=automats)

    @property
    def state(self) -> State:
        return State(self._machine.state)

    @property
    def index(self) -> int:
        """Number of the machine in the list of automats."""
        return self._machine.index

    @property
    def available(self) -> bool:
        """True if it could run: it is installed, and the identity that it needs exists."""
        return self.service is not None and (self._neighbours.has_identity or not self.needs_identity)

    @property
    def ready(self) -> str | None:
        """None if it is ON and useful, else why not."""
        if self.state is not State.ON or self.service is None:
            return self.failure or str(self.state)
        return self.service.ready()

    @property
    def outcome(self) -> str:
        """How the last attempt to start ended: started, failed, depends_off or not_installed."""
        return _OUTCOMES.get(self.state, "failed")

    def feed(self, input: Input) -> None:
        self._machine.feed(input)

    def begin_start(self) -> None:
        self.failure = None
        if self.service is not None:
            self._begin(self.service.start, "start", Input.STARTED, Input.FAILED)

    def cancel_start(self) -> None:
        self._cancel()

    def report_started(self) -> None:
        self.was_on = True
        self._said.clear()
        self._neighbours.came_up(self)

    def report_timeout(self) -> None:
        self.failure = "the start took too long"
        if self._is_new("start", self.failure):
            self.log.warn("{name} did not start in time", name=self.full_name)

    def stop_above(self) -> None:
        busy = [above for above in self._neighbours.above(self.name) if above.state not in DOWN]
        for above in busy:
            above.feed(Input.STOP)
        if not busy:
            self.feed(Input.FREE)

    def begin_stop(self) -> None:
        if self.service is not None:
            self._begin(self.service.stop, "stop", Input.STOPPED, Input.STOPPED)

    def cancel_stop(self) -> None:
        self.log.warn("{name} did not stop in time", name=self.full_name)
        self._cancel()

    def report_stopped(self) -> None:
        self._neighbours.came_down(self)
        self.was_on = False

    def _begin(self, act: Callable[[], Awaitable[None]], what: str, well: Input, badly: Input) -> None:
        work: Deferred[bool] = Deferred.fromCoroutine(self._attempt(act, what))
        self._work = work

        def ended(result: bool | Failure) -> None:
            # what was cancelled may end later, or never; nobody waits for it any more
            if work is self._work:
                self._work = None
                self.feed(well if result is True else badly)

        work.addBoth(ended)

    async def _attempt(self, act: Callable[[], Awaitable[None]], what: str) -> bool:
        try:
            await act()
        except CancelledError:
            return False
        except BitDustError as error:
            if self._note(what, str(error)):
                self.log.warn("{name} could not {what}: {error}", name=self.full_name, what=what, error=error)
            return False
        except Exception as error:  # noqa: BLE001 - a border: services may be anybody's code
            if self._note(what, f"{type(error).__name__}: {error}"):
                self.log.failure("{name} could not {what}", Failure(), name=self.full_name, what=what)
            return False
        return True

    def _note(self, what: str, failure: str) -> bool:
        """True if it was not said before."""
        # a stop that failed is no reason not to start again
        if what == "start":
            self.failure = failure
        return self._is_new(what, failure)

    def _is_new(self, what: str, failure: str) -> bool:
        if self._said.get(what) == failure:
            return False
        self._said[what] = failure
        return True

    def _cancel(self) -> None:
        work, self._work = self._work, None
        if work is not None:
            work.cancel()
