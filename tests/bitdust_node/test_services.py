from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from twisted.internet.defer import Deferred
from twisted.logger import globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from automats.registry import Automats
from bitdust_node.assembly import Assembly
from bitdust_node.errors import Conflict, Failed, Full, Invalid, NotFound, TimedOut
from bitdust_node.events import Events
from bitdust_node.service import Service
from bitdust_node.services import RETRY, Services
from tests.clock import Clock


class Options:
    """Options in memory."""

    def __init__(self, **values: bool) -> None:
        self.values: dict[str, Any] = {f"services/{name.replace('_', '-')}/enabled": on for name, on in values.items()}
        self.watchers: list[Callable[[str, Any, Any], None]] = []

    def get(self, path: str) -> Any:
        if path not in self.values:
            raise NotFound(f"option {path} does not exist")
        return self.values[path]

    def set(self, path: str, value: Any) -> Any:
        old, self.values[path] = self.values.get(path), value
        for watcher in list(self.watchers):
            watcher(path, old, value)
        return old

    def watch(self, prefix: str, callback: Callable[[str, Any, Any], None]) -> Callable[[], None]:
        self.watchers.append(callback)
        return lambda: self.watchers.remove(callback)


class Somebody:
    """An identity that comes and goes."""

    def __init__(self, has_identity: bool = True) -> None:
        self.has_identity = has_identity
        self.callbacks: list[Callable[[], object]] = []

    def on_change(self, callback: Callable[[], object]) -> Callable[[], None]:
        self.callbacks.append(callback)
        return lambda: self.callbacks.remove(callback)

    def become(self, has_identity: bool) -> None:
        self.has_identity = has_identity
        for callback in self.callbacks:
            result = callback()
            if result is not None:
                Deferred.fromCoroutine(result)  # type: ignore[arg-type]


class Noted(Service):
    """Writes down what happens to it; starts and stops at once, unless `hold` is set to wait for."""

    journal: ClassVar[list[str]] = []

    def __init__(self) -> None:
        self.fail: Exception | None = None
        self.hold: Deferred[None] | None = None
        self.hold_stop: Deferred[None] | None = None
        self.ready_text: str | None = None

    async def start(self) -> None:
        self.journal.append(f"+{self.name}")
        if self.hold is not None:
            await self.hold
        if self.fail is not None:
            raise self.fail

    async def stop(self) -> None:
        self.journal.append(f"-{self.name}")
        if self.hold_stop is not None:
            await self.hold_stop

    def ready(self) -> str | None:
        return self.ready_text


def service(name: str, depends: tuple[str, ...] = (), soft: tuple[str, ...] = (), needs_identity: bool = False) -> type:
    members = {"name": name, "depends": depends, "soft": soft, "needs_identity": needs_identity}
    return type(name.title().replace("_", ""), (Noted,), members)


class ServicesTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.events = Events(self.clock)
        self.seen: list[tuple[str, str]] = []
        self.events.subscribe(lambda event: self.seen.append((event.event_id, (event.data or {})["name"])))
        self.journal: list[str] = []
        Noted.journal = self.journal
        self.automats = Automats()
        self.me = Somebody()

    def make(self, *plugins: type, begin: bool = True, **off: bool) -> Services:
        names = {plugin.name: plugin for plugin in plugins}  # type: ignore[attr-defined]
        self.options = Options(**(dict.fromkeys(names, True) | off))
        self.services = Services(names, self.options, self.events, self.clock, self.automats, self.me)
        self.services.make(Assembly())
        if begin:
            self.started = Deferred.fromCoroutine(self.services.start_all())
            self.clock.pump()
        return self.services

    def one(self, name: str) -> Noted:
        found = self.services.instance(name)
        assert isinstance(found, Noted)
        return found

    def states(self, *names: str) -> list[str]:
        return [self.services.state(name) for name in names]

    def stop(self) -> None:
        stopped = Deferred.fromCoroutine(self.services.stop_all())
        self.clock.pump()
        self.successResultOf(stopped)

    def test_starts_from_below_and_stops_from_above(self) -> None:
        self.make(service("gateway", ("network",)), service("network"), service("customer", ("gateway",)))
        self.successResultOf(self.started)
        self.assertEqual(self.states("network", "gateway", "customer"), ["ON"] * 3)
        self.stop()
        self.assertEqual(self.journal, ["+network", "+gateway", "+customer", "-customer", "-gateway", "-network"])
        self.assertEqual(self.states("network", "gateway", "customer", "miner"), ["CLOSED"] * 4)
        self.assertEqual(len(self.automats), 0)
        self.assertEqual(self.seen[0], ("service-started", "service_network"))
        self.assertEqual(self.seen[-1], ("service-stopped", "service_network"))
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_names_without_plugin_are_not_installed(self) -> None:
        self.make(service("network"))
        self.assertEqual(self.services.state("service_blockchain-id"), "NOT_INSTALLED")
        self.assertRaises(NotFound, self.services.state, "nonsense")
        self.assertFalse(self.services.is_on("nonsense"))

    def test_what_depends_on_something_missing_stays_off(self) -> None:
        self.make(service("customer", ("miner",)))
        self.assertEqual(self.states("customer"), ["DEPENDS_OFF"])

    def test_waits_for_identity(self) -> None:
        self.me.has_identity = False
        self.make(
            service("network"), service("gateway", ("network",), needs_identity=True), service("customer", ("gateway",))
        )
        self.assertEqual(self.states("network", "gateway", "customer"), ["ON", "NOT_INSTALLED", "DEPENDS_OFF"])
        self.me.become(True)
        self.clock.pump()
        self.assertEqual(self.states("network", "gateway", "customer"), ["ON"] * 3)
        self.me.become(False)
        self.clock.pump()
        self.assertEqual(self.states("network", "gateway", "customer"), ["ON", "NOT_INSTALLED", "DEPENDS_OFF"])

    def test_options_switch(self) -> None:
        self.make(service("network"), service("gateway", ("network",)), service("customer", ("gateway",)))
        self.services.switch("service_gateway", False)
        self.clock.pump()
        self.assertEqual(self.states("network", "gateway", "customer"), ["ON", "OFF", "DEPENDS_OFF"])
        self.assertRaises(Conflict, self.services.switch, "gateway", False)
        self.options.set("services/customer/enabled", False)
        self.clock.pump()
        self.assertEqual(self.states("customer"), ["OFF"])
        self.assertRaises(Conflict, self.services.switch, "network", True)
        self.services.switch("gateway", True)
        self.clock.pump()
        self.assertEqual(self.states("network", "gateway", "customer"), ["ON", "ON", "OFF"])
        self.services.switch("customer", True)
        self.clock.pump()
        self.assertEqual(self.states("customer"), ["ON"])
        self.options.set("services/network/speed", 5)
        self.options.set("services/network/enabled", False)
        self.clock.pump()
        self.assertEqual(self.states("network", "gateway", "customer"), ["OFF", "DEPENDS_OFF", "DEPENDS_OFF"])

    def test_a_failed_start_is_cleaned_up_and_tried_again_later(self) -> None:
        self.make(service("network"), service("gateway", ("network",)), begin=False)
        self.one("network").fail = Failed("no interface")
        self.started = Deferred.fromCoroutine(self.services.start_all())
        self.clock.pump()
        self.assertEqual(self.states("network", "gateway"), ["OFF", "DEPENDS_OFF"])
        self.assertEqual(self.services.life("network").ready, "no interface")
        self.assertEqual(self.journal, ["+network", "-network"])
        self.assertEqual(self.seen, [])  # what never was on did not stop
        self.one("network").fail = None
        self.clock.advance(RETRY + 1)
        self.assertEqual(self.states("network", "gateway"), ["ON", "ON"])
        self.services.switch("network", False)
        self.clock.pump()
        self.assertEqual(self.seen[-1], ("service-stopped", "service_network"))

    def test_a_defect_in_a_service_is_logged(self) -> None:
        self.make(service("network"), begin=False)
        self.one("network").fail = KeyError("x")
        self.started = Deferred.fromCoroutine(self.services.start_all())
        self.clock.pump()
        self.assertEqual(self.states("network"), ["OFF"])
        self.assertEqual(len(self.flushLoggedErrors(KeyError)), 1)

    def test_a_start_that_hangs_is_ended(self) -> None:
        self.make(service("network"), begin=False)
        self.one("network").hold = Deferred()
        self.started = Deferred.fromCoroutine(self.services.start_all())
        self.clock.advance(29)
        self.assertEqual(self.states("network"), ["STARTING"])
        self.assertNoResult(self.started)
        self.clock.advance(2)
        self.assertEqual(self.states("network"), ["OFF"])
        self.successResultOf(self.started)

    def test_a_stop_that_hangs_is_ended(self) -> None:
        self.make(service("network"), service("gateway", ("network",)))
        self.one("gateway").hold_stop = Deferred(lambda _: None)
        self.services.switch("network", False)
        self.clock.pump()
        self.assertEqual(self.states("network", "gateway"), ["INFLUENCE", "STOPPING"])
        self.clock.advance(16)
        self.assertEqual(self.states("network", "gateway"), ["OFF", "DEPENDS_OFF"])

    def test_switched_off_while_it_starts(self) -> None:
        self.make(service("network"), begin=False)
        self.one("network").hold = Deferred()
        self.started = Deferred.fromCoroutine(self.services.start_all())
        self.services.switch("network", False)
        self.clock.pump()
        self.assertEqual(self.states("network"), ["OFF"])
        self.assertEqual(self.journal, ["+network", "-network"])

    def test_soft_ones_come_first_but_are_not_needed(self) -> None:
        self.make(
            service("customer", soft=("network", "miner")),
            service("network", ("gateway",)),
            service("gateway"),
            begin=False,
        )
        self.one("gateway").hold = Deferred()
        self.started = Deferred.fromCoroutine(self.services.start_all())
        self.clock.pump()
        self.assertEqual(self.states("customer", "network", "gateway"), ["DEPENDS_OFF", "DEPENDS_OFF", "STARTING"])
        held = self.one("gateway").hold
        assert held is not None
        held.callback(None)
        self.clock.pump()
        self.assertEqual(self.journal, ["+gateway", "+network", "+customer"])
        self.services.switch("network", False)
        self.clock.pump()
        self.assertEqual(self.states("customer", "network"), ["ON", "OFF"])

    def test_why_it_fails_is_said_once(self) -> None:
        said: list[str] = []

        def listen(event: Any) -> None:
            if "could not" in event.get("log_format", ""):
                said.append(f"{event['name']} {event['what']}")

        globalLogPublisher.addObserver(listen)
        self.addCleanup(globalLogPublisher.removeObserver, listen)
        self.make(service("network"), begin=False)
        network = self.one("network")
        network.fail = Full("no room left on the disk")
        self.started = Deferred.fromCoroutine(self.services.start_all())
        self.clock.advance(RETRY)
        self.clock.advance(RETRY)
        self.assertEqual(said, ["service_network start"])
        # again when it changes
        network.fail = OSError("it is broken")
        self.clock.advance(RETRY)
        self.clock.advance(RETRY)
        self.assertEqual(len(said), 2)
        self.assertEqual(len(self.flushLoggedErrors(OSError)), 1)
        # and when it has been on since
        network.fail = None
        self.clock.advance(RETRY)
        self.assertEqual(self.services.state("network"), "ON")
        network.fail = OSError("it is broken")
        restarting = Deferred.fromCoroutine(self.services.restart("network", 10))
        self.clock.advance(1)
        self.assertEqual(self.successResultOf(restarting), ("stopped", "failed"))
        self.assertEqual(len(said), 3)
        self.assertEqual(len(self.flushLoggedErrors(OSError)), 1)

    def test_a_soft_one_that_fails_holds_nobody_up(self) -> None:
        self.make(service("customer", soft=("network",)), service("network"), begin=False)
        self.one("network").fail = Failed("no")
        Deferred.fromCoroutine(self.services.start_all())
        self.clock.pump()
        self.assertEqual(self.states("customer", "network"), ["ON", "OFF"])

    def test_restart(self) -> None:
        self.make(service("network"), service("gateway", ("network",)), service("customer"), customer=False)
        again = Deferred.fromCoroutine(self.services.restart("network", 10))
        self.clock.pump()
        self.assertEqual(self.successResultOf(again), ("stopped", "started"))
        self.assertEqual(self.journal, ["+network", "+gateway", "-gateway", "-network", "+network", "+gateway"])
        again = Deferred.fromCoroutine(self.services.restart("miner", 10))
        self.clock.pump()
        self.assertEqual(self.successResultOf(again), ("stopped", "not_installed"))
        self.failureResultOf(Deferred.fromCoroutine(self.services.restart("customer", 10)), Invalid)

    def test_restart_that_fails_or_comes_at_a_bad_time(self) -> None:
        self.make(service("network"), service("gateway"))
        self.one("network").fail = Failed("no")
        again = Deferred.fromCoroutine(self.services.restart("network", 10))
        self.clock.pump()
        self.assertEqual(self.successResultOf(again), ("stopped", "failed"))
        self.one("gateway").hold_stop = Deferred()
        self.services.switch("gateway", False)
        self.clock.pump()
        again = Deferred.fromCoroutine(self.services.restart("network", 5))
        self.clock.advance(6)
        self.assertEqual(str(self.failureResultOf(again, TimedOut).value), "timeout")

    def test_circles_are_refused(self) -> None:
        with self.assertRaises(Invalid) as caught:
            self.make(service("network", ("gateway",)), service("gateway", soft=("network",)))
        self.assertIn("gateway -> network -> gateway", str(caught.exception))

    def test_a_plugin_that_can_not_be_made_is_not_installed(self) -> None:
        class Broken(Service):
            name = "customer"

            def __init__(self, number: int) -> None:
                raise NotImplementedError

        self.make(service("network"), Broken)
        self.assertEqual(self.states("network", "customer"), ["ON", "NOT_INSTALLED"])
        self.assertEqual(len(self.flushLoggedErrors(Invalid)), 1)
        self.assertIn("number", str(self.services.life("customer").ready))
