"""
The memory transport passes the suite of all transports, and does what only it can.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from automats.registry import Automats
from bitdust_node.errors import Unavailable
from bitdust_node.router.admission import Admission
from bitdust_node.router.entrance import Strangers
from bitdust_node.router.session import Limits
from bitdust_node.threads import InlineWorkers
from tests.clock import Clock
from tests.keys import test_document
from tests.network import FakeMe, FakeResolver, make_nodes
from tests.transports.suite import CLOCK, End, TransportSuite, other_device
from transports.memory import MemoryNetwork, MemoryPipe, MemoryTransport


class Memory(TransportSuite, TestCase):
    def setUp(self) -> None:
        self.network = MemoryNetwork(CLOCK)

    async def end(self, number: int, resolver: FakeResolver, strangers: Strangers, limits: Limits) -> End:
        name = f"user-{number}"
        me: Any = FakeMe(number, test_document(number, contacts=(f"memory://{name}",)), CLOCK.seconds())
        known: Any = resolver
        automats = Automats()
        admission = Admission(me, known, InlineWorkers(), CLOCK)
        transport = MemoryTransport(self.network, name, me.device.spki, admission, automats, strangers, limits)
        end = End(transport, me, f"memory://{name}", automats)
        await transport.listen(end.came.put)  # type: ignore[arg-type]
        return end

    async def steal(self, end: End) -> None:
        end.transport.device_key = other_device().spki

    async def raw(self, end: End) -> Any:
        pipe = MemoryPipe(self.network, end.transport.name, "stranger", b"")
        assert end.transport.knock(pipe)
        pipe.session.opened()  # type: ignore[union-attr]
        return pipe


class Simulated(TestCase):
    """Under a virtual clock."""

    async def test_partition_is_noticed(self) -> None:
        a, b = await make_nodes(self, 2)
        clock: Any = a.clock
        reaching = Deferred.fromCoroutine(a.router.reach(b.node_id))
        clock.pump()
        self.successResultOf(reaching)
        a.network.part(["user-1"], ["user-2"])
        clock.advance(200)
        self.assertEqual(a.router.contacts.state(b.node_id), "OFFLINE")
        self.assertEqual(b.router.contacts.state(a.node_id), "OFFLINE")
        again = Deferred.fromCoroutine(a.router.reach(b.node_id))
        clock.advance(30)
        self.failureResultOf(again, Unavailable)
        a.network.heal()
        again = Deferred.fromCoroutine(a.router.reach(b.node_id))
        clock.advance(1)
        self.successResultOf(again)

    async def test_quiet_session_stays(self) -> None:
        a, b = await make_nodes(self, 2)
        clock: Any = a.clock
        reaching = Deferred.fromCoroutine(a.router.reach(b.node_id))
        clock.pump()
        session = self.successResultOf(reaching)
        clock.advance(3600)
        self.assertEqual(session.state, "CONNECTED")

    async def test_latency(self) -> None:
        network = MemoryNetwork(Clock(), latency=0.1)
        a, b = await make_nodes(self, 2, network=network)
        reaching = Deferred.fromCoroutine(a.router.reach(b.node_id))
        clock: Any = a.clock
        clock.advance(0.25)
        self.assertNoResult(reaching)
        clock.advance(0.1)
        self.successResultOf(reaching)

    async def test_silent_stranger_is_dropped(self) -> None:
        [a] = await make_nodes(self, 1)
        clock: Any = a.clock
        pipe = MemoryPipe(a.network, "user-1", "stranger", b"")
        self.assertTrue(a.transport.knock(pipe))
        assert pipe.session is not None
        pipe.session.opened()
        self.assertEqual(a.transport.knocking, 1)
        clock.advance(11)
        self.assertEqual(a.transport.knocking, 0)
