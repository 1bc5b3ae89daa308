"""
Requests and streams between nodes on the memory network.
"""

from __future__ import annotations

from typing import Any

import msgspec
from twisted.internet.defer import Deferred, gatherResults
from twisted.trial.unittest import TestCase

from bitdust_node.errors import (
    BitDustError,
    Closed,
    Conflict,
    Failed,
    Full,
    Invalid,
    NotServed,
    Refused,
    TimedOut,
    Unavailable,
)
from bitdust_node.identity.names import NodeId
from bitdust_node.router.router import RouterLimits
from bitdust_node.wire.command import Command, Nothing
from tests.clock import Clock
from tests.keys import test_document
from tests.network import TestNode, make_nodes


class Text(msgspec.Struct, frozen=True):
    text: str


ECHO = Command("test.echo", Text, Text, limit=1000)
PUT = Command("test.put", Text, Nothing, stream=True)


def started(coroutine: Any) -> Deferred[Any]:
    return Deferred.fromCoroutine(coroutine)


async def echo(peer: NodeId, question: Text) -> Text:
    return Text(question.text.upper())


class RouterCase(TestCase):
    async def two(self, **options: Any) -> tuple[TestNode, TestNode]:
        a, b = await make_nodes(self, 2, **options)
        self.clock: Clock = a.clock  # type: ignore[assignment]
        return a, b

    def ask(self, a: TestNode, b: TestNode, text: str = "hello", timeout: float = 30.0) -> Deferred[Text]:
        return started(a.router.request(b.node_id, ECHO, Text(text), timeout))


class Requests(RouterCase):
    async def test_answered(self) -> None:
        a, b = await self.two()
        b.router.serve(ECHO, echo)
        answer = self.ask(a, b)
        self.clock.pump()
        self.assertEqual(self.successResultOf(answer).text, "HELLO")
        self.assertEqual(a.router.contacts.state(b.node_id), "CONNECTED")
        self.assertEqual(b.router.contacts.state(a.node_id), "CONNECTED")
        event = next(event for event in a.events_seen if event.event_id == "node-connected")
        self.assertEqual(
            event.data,
            {
                "global_id": b.me.global_id,
                "idurl": b.me.idurl,
                "old_state": "PING?",
                "new_state": "CONNECTED",
            },
        )

    async def test_one_dial_for_many(self) -> None:
        a, b = await self.two()
        b.router.serve(ECHO, echo)
        answers = [self.ask(a, b, str(number)) for number in range(50)]
        self.clock.pump()
        self.assertEqual([self.successResultOf(answer).text for answer in answers], [str(n) for n in range(50)])
        self.assertEqual(len(a.router.sessions()), 1)
        self.assertEqual(a.router.asked(), [])
        self.assertEqual(b.router.answering(), [])

    async def test_order(self) -> None:
        a, b = await self.two()
        seen: list[str] = []

        async def note(peer: NodeId, question: Text) -> Text:
            seen.append(question.text)
            return question

        async def take(peer: NodeId, question: Text, stream: Any) -> None:
            seen.append(question.text)

        b.router.serve(ECHO, note)
        b.router.serve_stream(PUT, take)
        for number in range(10):
            self.ask(a, b, f"m{number}")
            started(a.router.open_stream(b.node_id, PUT, Text(f"s{number}")))
        self.clock.pump()
        self.assertEqual(seen, [f"{kind}{number}" for number in range(10) for kind in "ms"])

    async def test_errors_of_the_other_side(self) -> None:
        a, b = await self.two()

        async def fail(peer: NodeId, question: Text) -> Text:
            raise {"full": Full("no room"), "refused": Refused("not you")}[question.text]

        b.router.serve(ECHO, fail)
        full, refused, bug = self.ask(a, b, "full"), self.ask(a, b, "refused"), self.ask(a, b, "bug")
        self.clock.pump()
        self.assertEqual(str(self.failureResultOf(full, Full).value), "no room")
        self.failureResultOf(refused, Refused)
        self.assertNotIn("bug", str(self.failureResultOf(bug, Failed).value))
        self.assertEqual(len(self.flushLoggedErrors(KeyError)), 1)

    async def test_default_is_deny(self) -> None:
        a, b = await self.two()
        unknown = self.ask(a, b)
        self.clock.pump()
        self.failureResultOf(unknown, NotServed)
        b.router.serve(ECHO, echo, allow=lambda peer: False)
        refused = self.ask(a, b)
        self.clock.pump()
        self.failureResultOf(refused, Refused)
        with self.assertRaises(Conflict):
            b.router.serve(ECHO, echo)
        b.router.withdraw(ECHO)
        gone = self.ask(a, b)
        self.clock.pump()
        self.failureResultOf(gone, NotServed)

    async def test_silent_peer(self) -> None:
        a, b = await self.two()

        async def silent(peer: NodeId, question: Text) -> Text:
            await Deferred()
            raise AssertionError

        b.router.serve(ECHO, silent)
        answer = self.ask(a, b, timeout=5)
        self.clock.pump()
        self.assertEqual([outgoing.peer for outgoing in a.router.asked()], [b.node_id])
        self.assertEqual(len(b.router.answering()), 1)
        self.clock.advance(5)
        self.failureResultOf(answer, TimedOut)
        self.assertEqual(a.router.asked(), [])

    async def test_dead_peer_fails_at_once(self) -> None:
        a, b = await self.two()

        async def silent(peer: NodeId, question: Text) -> Text:
            await Deferred()
            raise AssertionError

        b.router.serve(ECHO, silent)
        answer = self.ask(a, b)
        self.clock.pump()
        b.die()
        self.clock.pump()
        self.failureResultOf(answer, Closed)
        self.assertEqual(a.router.contacts.state(b.node_id), "OFFLINE")
        self.assertEqual(a.events_seen[-1].event_id, "node-disconnected")
        seen = len(a.events_seen)
        for _ in range(3):
            again = self.ask(a, b)
            self.clock.pump()
            self.failureResultOf(again, Unavailable)
        self.assertEqual(len(a.events_seen), seen)  # it went only once

    async def test_moved_peer(self) -> None:
        """The contacts are old: the identity server knows better."""
        a, b = await self.two()
        b.router.serve(ECHO, echo)
        a.resolver.known[b.node_id] = test_document(2, contacts=("memory://nowhere",), revision=0)
        moved = test_document(2, contacts=("memory://user-2",), revision=1)
        a.resolver.published[moved.idurl] = moved
        answer = self.ask(a, b)
        self.clock.pump()
        self.assertEqual(self.successResultOf(answer).text, "HELLO")
        self.assertEqual(a.resolver.refreshed, 1)

    async def test_second_contact_is_tried(self) -> None:
        a, b = await self.two()
        b.router.serve(ECHO, echo)
        contacts = ("memory://nowhere", "memory://user-2")
        a.resolver.known[b.node_id] = test_document(2, contacts=contacts)
        answer = self.ask(a, b)
        self.clock.pump()
        self.successResultOf(answer)

    async def test_hanging_contact_delays_by_300_ms(self) -> None:
        a, b, _ = await make_nodes(self, 3)
        self.clock = a.clock  # type: ignore[assignment]
        b.router.serve(ECHO, echo)
        a.network.part(["user-1", "user-2"], ["user-3"])
        a.resolver.known[b.node_id] = test_document(2, contacts=("memory://user-3", "memory://user-2"))
        answer = self.ask(a, b)
        self.clock.pump()
        self.assertNoResult(answer)
        self.clock.advance(0.3)
        self.clock.pump()
        self.successResultOf(answer)

    async def test_both_dial_at_once(self) -> None:
        a, b = await self.two()
        a.network.latency = 0.05
        a.router.serve(ECHO, echo)
        b.router.serve(ECHO, echo)
        answers = [self.ask(a, b), self.ask(b, a)]
        self.clock.advance(2)
        for answer in answers:
            self.successResultOf(answer)
        self.assertEqual(len(a.router.sessions()), 2)
        self.clock.advance(30)
        [mine], [theirs] = a.router.sessions(), b.router.sessions()
        smaller = a if a.node_id < b.node_id else b
        self.assertEqual(mine.dialled, smaller is a)
        self.assertEqual(theirs.dialled, smaller is b)
        again = self.ask(a, b)
        self.clock.advance(1)
        self.successResultOf(again)

    async def test_question_too_large(self) -> None:
        a, b = await self.two()
        with self.assertRaises(Invalid):
            await a.router.request(b.node_id, ECHO, Text("x" * 1001))

    async def test_too_many_in_flight(self) -> None:
        a, b = await self.two(router_limits=RouterLimits(asked=10))

        async def silent(peer: NodeId, question: Text) -> Text:
            await Deferred()
            raise AssertionError

        b.router.serve(ECHO, silent)
        answers = [self.ask(a, b) for _ in range(12)]
        self.clock.pump()
        self.assertEqual(len(a.router.asked()), 10)
        for answer in answers[10:]:
            self.failureResultOf(answer, Full)
        self.clock.advance(30)
        for answer in answers[:10]:
            self.failureResultOf(answer, TimedOut)

    async def test_contacts_that_lead_nowhere_end_the_dial(self) -> None:
        """Whatever a transport makes of them: the next contact is tried, and the waiter hears of the failure."""
        a, b = await self.two()
        b.router.serve(ECHO, echo)

        async def defect(contact: str, peer: NodeId) -> Any:
            raise ValueError(contact)

        real = a.transport.connect
        a.transport.connect = defect  # type: ignore[method-assign, assignment]
        answer = self.ask(a, b)
        self.clock.pump()
        self.failureResultOf(answer, Unavailable)
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)
        self.assertEqual(a.router.contacts.state(b.node_id), "OFFLINE")
        a.transport.connect = real  # type: ignore[method-assign]
        again = self.ask(a, b)
        self.clock.pump()
        self.successResultOf(again)

    async def test_too_often(self) -> None:
        a, b = await self.two(router_limits=RouterLimits(rate=10, burst=20))
        b.router.serve(ECHO, echo)
        answers = [self.ask(a, b) for _ in range(30)]
        self.clock.pump()
        for answer in answers[20:]:
            self.failureResultOf(answer, Full)
        self.clock.advance(1)
        late = self.ask(a, b)
        self.clock.pump()
        self.successResultOf(late)
        await gatherResults(answers[:20])

    async def test_traffic_is_counted(self) -> None:
        a, b = await self.two()
        b.router.serve(ECHO, echo)
        self.ask(a, b)
        self.clock.pump()
        came, went = a.router.traffic.totals(a.router.sessions())
        self.assertEqual(came.keys(), {b.node_id})
        self.assertGreater(went[b.node_id], 500)
        b.die()
        self.clock.pump()
        self.assertEqual((came, went), a.router.traffic.totals(a.router.sessions()))

    async def test_no_contacts(self) -> None:
        a, _ = await self.two()
        with self.assertRaises(Unavailable):
            await a.router.request(test_document(9).node_id, ECHO, Text(""))
        with self.assertRaises(Unavailable):
            await a.router.request(a.node_id, ECHO, Text(""))


class Streams(RouterCase):
    async def test_error_reaches_the_writer(self) -> None:
        a, b = await self.two()

        async def take(peer: NodeId, question: Text, stream: Any) -> None:
            await stream.read()
            raise Full("the disk is full")

        b.router.serve_stream(PUT, take)

        async def put() -> None:
            stream = await a.router.open_stream(b.node_id, PUT, Text(""))
            while True:
                await stream.write(bytes(1_000_000))

        result = started(put())
        self.clock.pump(200)
        self.assertEqual(str(self.failureResultOf(result, Full).value), "the disk is full")
        self.assertEqual([len(session.streams) for session in a.router.sessions() + b.router.sessions()], [0, 0])

    async def test_defect_is_not_told(self) -> None:
        a, b = await self.two()

        async def take(peer: NodeId, question: Text, stream: Any) -> None:
            raise ZeroDivisionError("secret")

        b.router.serve_stream(PUT, take)

        async def put() -> None:
            stream = await a.router.open_stream(b.node_id, PUT, Text(""))
            await stream.read()

        result = started(put())
        self.clock.pump()
        self.assertNotIn("secret", str(self.failureResultOf(result, Failed).value))
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    async def test_unknown_stream(self) -> None:
        a, b = await self.two()

        async def put() -> None:
            stream = await a.router.open_stream(b.node_id, PUT, Text(""))
            await stream.read()

        result = started(put())
        self.clock.pump()
        self.failureResultOf(result, NotServed)

    async def test_taker_that_does_not_read(self) -> None:
        """It answers and leaves: what the other side still writes is dropped, and nothing hangs."""
        a, b = await self.two()

        async def take(peer: NodeId, question: Text, stream: Any) -> None:
            await stream.write(b"enough")

        b.router.serve_stream(PUT, take)

        async def put() -> bytes:
            stream = await a.router.open_stream(b.node_id, PUT, Text(""))
            try:
                for _ in range(10):
                    await stream.write(bytes(1_000_000))
            except Closed:
                return await stream.read()
            raise AssertionError("it was read")

        result = started(put())
        self.clock.pump(100)
        self.assertEqual(self.successResultOf(result), b"enough")
        self.assertEqual([len(session.streams) for session in a.router.sessions() + b.router.sessions()], [0, 0])

    async def test_stop_ends_what_runs(self) -> None:
        a, b = await self.two()

        async def take(peer: NodeId, question: Text, stream: Any) -> None:
            await Deferred()

        b.router.serve_stream(PUT, take)
        opening = started(a.router.open_stream(b.node_id, PUT, Text("")))
        self.clock.pump()
        reading = started(self.successResultOf(opening).read())
        stopping = started(b.stop())
        self.clock.pump()
        self.successResultOf(stopping)
        self.failureResultOf(reading, BitDustError)
