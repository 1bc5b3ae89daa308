"""
service_identity_propagate with a real server: what changes here is changed there.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import TestCase

from bitdust_node.errors import Unavailable
from services.identity_propagate import SETTLE, IdentityPropagate
from tests.bitdust_node.identity.parts import CLOCK, Parts, RunningServer

PORT = "services/tcp-connections/tcp-port"


class Quiet:
    """Has no friends to call."""

    async def start(self) -> None: ...

    async def stop(self) -> None: ...


class PropagateTests(TestCase):
    async def setUp(self) -> None:  # type: ignore[override]
        self.server = RunningServer(self)
        self.parts = Parts(self, **{PORT: 7001})
        await self.parts.registrar.create("alice", [str(self.server.server)])
        self.clock = Clock()
        parts = self.parts
        quiet: Any = Quiet()
        self.service = IdentityPropagate(
            parts.me, parts.registrar, parts.resolver, parts.addresses, parts.config, self.clock, *[quiet] * 4
        )
        self.addCleanup(lambda: Deferred.fromCoroutine(self.service.stop()))

    async def changed(self) -> None:
        """The next revision of the own document."""
        told: Deferred[None] = Deferred()
        # A moment later: the test must not go on inside of the task that tells it.
        undo = self.parts.me.on_change(lambda: CLOCK.callLater(0, told.callback, None))
        await told
        undo()

    async def test_a_change_is_published_after_a_moment(self) -> None:
        await self.service.start()
        self.parts.config.set(PORT, 7002)
        self.parts.config.set(PORT, 7003)
        changed = Deferred.fromCoroutine(self.changed())
        self.clock.advance(SETTLE)
        await changed
        self.assertEqual(self.parts.me.document.contacts, ("tcp://127.0.0.1:7003",))
        self.assertEqual(self.parts.me.document.revision, 1)

    async def test_what_changed_while_it_was_off(self) -> None:
        self.parts.config.set(PORT, 7004)
        changed = Deferred.fromCoroutine(self.changed())
        await self.service.start()
        await changed
        self.assertEqual(self.parts.me.document.contacts, ("tcp://127.0.0.1:7004",))

    async def test_configuration(self) -> None:
        self.parts.config.set("services/identity-propagate/known-servers", "id-a.example:8084, id-b.example")
        shown = self.service.network_configuration()
        assert shown is not None
        self.assertEqual(shown["known_servers"], ["id-a.example:8084", "id-b.example"])
        self.assertEqual(shown["sources"], [self.parts.me.idurl])

    async def test_dead_servers_do_not_keep_it_from_starting(self) -> None:
        await self.server.close()
        await self.service.start()
        with self.assertRaises(Unavailable):
            await self.parts.registrar.republish()

    async def test_after_stop_nothing_is_published(self) -> None:
        await self.service.start()
        self.parts.config.set(PORT, 7005)
        await self.service.stop()
        self.parts.config.set(PORT, 7006)
        self.assertEqual(self.clock.getDelayedCalls(), [])
