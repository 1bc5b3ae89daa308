"""
The limits of bytes a second, under a virtual clock.
"""

from __future__ import annotations

from typing import Any

import msgspec
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase, TestCase

from bitdust_node.config.config import Config
from bitdust_node.errors import Closed
from bitdust_node.identity.names import NodeId
from bitdust_node.router.bandwidth import RECEIVE, SEND, Bandwidth, Pace
from bitdust_node.wire.command import Command, Nothing
from tests.clock import Clock
from tests.network import TestNode, make_nodes


class Text(msgspec.Struct, frozen=True):
    text: str


ECHO = Command("test.echo", Text, Text)
PUT = Command("test.put", Text, Nothing, stream=True)


class Near(SynchronousTestCase):
    def near(self, one: float, other: float, most: float) -> None:
        self.assertLessEqual(abs(one - other), most)


class PaceTest(Near):
    def setUp(self) -> None:
        self.clock = Clock()

    def test_bytes_of_a_second(self) -> None:
        pace = Pace(1000, self.clock)
        gone = 0

        def turn() -> None:
            nonlocal gone
            pace.spend(70)
            gone += 70
            pace.wait(turn)

        pace.wait(turn)
        self.clock.advance(10)
        self.near(gone, 10_000, 300)
        pace.leave(turn)

    def test_turns_are_fair(self) -> None:
        pace = Pace(1000, self.clock)
        gone = [0, 0, 0]

        def turn_of(number: int) -> Any:
            def turn() -> None:
                while pace.allows(turn):
                    pace.spend(300)
                    gone[number] += 300
                pace.wait(turn)

            return turn

        for number in range(3):
            pace.wait(turn_of(number))
        self.clock.advance(90)
        self.near(sum(gone), 90_000, 1000)
        self.assertLessEqual(max(gone) - min(gone), 1000)

    def test_no_limit(self) -> None:
        pace = Pace(0, self.clock)
        pace.spend(10**12)
        self.assertEqual(pace.rest(), 0)
        self.assertTrue(pace.allows(self.setUp))

    def test_options_have_effect_at_once(self) -> None:
        config = Config(None, {SEND: 1000, RECEIVE: 0})
        bandwidth = Bandwidth(config, self.clock)
        called: list[int] = []
        bandwidth.send.spend(100_000)
        bandwidth.send.wait(lambda: called.append(1))
        self.clock.advance(1)
        self.assertEqual(called, [])
        config.set(SEND, 0)
        self.clock.advance(0.01)
        self.assertEqual(called, [1])
        config.set(RECEIVE, 5000)
        self.assertEqual(bandwidth.receive.rate, 5000)


class Limited(TestCase, Near):
    async def nodes(self, count: int, **options: object) -> list[TestNode]:
        """The limits hold for each of them."""
        self.config = Config(None, {SEND: 0, RECEIVE: 0, **options})
        nodes = await make_nodes(self, count, config=self.config)
        self.clock: Clock = nodes[0].clock  # type: ignore[assignment]
        self.came: dict[str, int] = {}
        for node in nodes:
            node.router.serve(ECHO, self.echo)
            node.router.serve_stream(PUT, self.take)
        return nodes

    async def echo(self, peer: NodeId, question: Text) -> Text:
        return question

    async def take(self, peer: NodeId, question: Text, stream: Any) -> None:
        while data := await stream.read():
            self.came[question.text] = self.came.get(question.text, 0) + len(data)

    def send(self, a: TestNode, b: TestNode, name: str, size: int) -> Deferred[Any]:
        async def run() -> None:
            stream = await a.router.open_stream(b.node_id, PUT, Text(name), window=65536)
            try:
                await stream.write(bytes(size))
            except Closed:
                return  # the test is over
            stream.finish()

        return Deferred.fromCoroutine(run())

    def seconds(self, size: int) -> float:
        """How long it took until so many bytes have come."""
        begun = self.clock.seconds()
        while sum(self.came.values()) < size:
            self.assertLess(self.clock.seconds() - begun, 60)
            self.clock.advance(0.01)
        return self.clock.seconds() - begun

    async def test_sending(self) -> None:
        a, b = await self.nodes(2, **{SEND: 200_000})
        self.send(a, b, "x", 2_000_000)
        self.near(self.seconds(2_000_000), 10, 1)

    async def test_receiving(self) -> None:
        a, b = await self.nodes(2, **{RECEIVE: 200_000})
        self.send(a, b, "x", 2_000_000)
        self.near(self.seconds(2_000_000), 10, 1)

    async def test_small_streams_count_too(self) -> None:
        a, b = await self.nodes(2, **{RECEIVE: 200_000})
        for number in range(200):
            self.send(a, b, str(number), 10_000)
        self.near(self.seconds(2_000_000), 10, 1)

    async def test_all_sessions_share_it(self) -> None:
        a, b, c = await self.nodes(3, **{SEND: 200_000})
        self.send(a, b, "b", 1_000_000)
        self.send(a, c, "c", 1_000_000)
        for _ in range(200):
            self.clock.advance(0.01)
        self.near(self.came["b"], self.came["c"], 150_000)
        self.near(self.seconds(2_000_000), 8, 1)

    async def test_messages_do_not_wait(self) -> None:
        a, b = await self.nodes(2, **{SEND: 100_000})
        self.send(a, b, "x", 2_000_000)
        self.clock.advance(1)
        asked = Deferred.fromCoroutine(a.router.request(b.node_id, ECHO, Text("hello")))
        self.clock.advance(0.1)
        self.assertEqual(self.successResultOf(asked).text, "hello")

    async def test_lifted_in_the_middle(self) -> None:
        a, b = await self.nodes(2, **{SEND: 10_000})
        self.send(a, b, "x", 2_000_000)
        self.clock.advance(5)
        self.assertLess(self.came.get("x", 0), 200_000)
        self.config.set(SEND, 0)
        self.assertLess(self.seconds(2_000_000), 1)
