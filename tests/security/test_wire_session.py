"""
Attacks on sessions: what strangers and peers may cost, and what they can not pretend.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from bitdust_node.errors import BitDustError, Full, Refused, TimedOut
from bitdust_node.identity.device import DeviceRecord
from bitdust_node.router.router import RouterLimits
from bitdust_node.router.session import Limits, Session
from bitdust_node.wire.frames import FRAMES, Kind, encode
from bitdust_node.wire.packet import WINDOW, Ask, Failure, Opening, Reply, pack
from tests.bitdust_node.router.test_router import ECHO, PUT, Text, echo
from tests.keys import test_key
from tests.network import TestNode, make_nodes


class Attacks(TestCase):
    async def two(self, **options: Any) -> tuple[TestNode, TestNode]:
        a, b = await make_nodes(self, 2, **options)
        self.clock: Any = a.clock
        return a, b

    def join(self, a: TestNode, b: TestNode) -> Any:
        reaching = Deferred.fromCoroutine(a.router.reach(b.node_id))
        self.clock.pump()
        return self.successResultOf(reaching)

    def refused(self, a: TestNode, b: TestNode) -> BitDustError:
        reaching = Deferred.fromCoroutine(a.router.reach(b.node_id))
        self.clock.pump()
        error = self.failureResultOf(reaching, BitDustError).value
        assert isinstance(error, BitDustError)
        return error

    async def test_expired_record(self) -> None:
        a, b = await self.two()
        b.me.device_record = DeviceRecord.make(b.me.key, b.me.device.spki, "old", self.clock.seconds() - 10 * 86400)
        self.assertIn("expired", str(self.refused(a, b)))

    async def test_record_signed_by_somebody_else(self) -> None:
        a, b = await self.two()
        b.me.device_record = DeviceRecord.make(test_key(3), b.me.device.spki, "x", self.clock.seconds() + 86400)
        self.refused(a, b)

    async def test_name_of_somebody_else(self) -> None:
        """The identity server shows another key under this IDURL."""
        a, b = await self.two()

        async def refuse(document: Any) -> None:
            raise Refused(f"{document.global_id} is not the name of this key")

        a.resolver.confirm = refuse
        self.assertIn("not the name", str(self.refused(a, b)))

    async def test_unknown_version(self) -> None:
        a, b = await self.two()
        hello = b"\x93\x91\x63\xc4\x00\xc4\x00"
        b.admission.hello = lambda: hello
        self.assertIn("version", str(self.refused(a, b)))

    async def test_hello_of_noise(self) -> None:
        a, b = await self.two()
        for noise in (b"\x00", b"\xff" * 1000, b"\x93" * 60_000, b"<identity/>"):
            b.admission.hello = lambda noise=noise: noise
            self.refused(a, b)

    async def test_talk_before_the_hello(self) -> None:
        a, _ = await self.two()
        for first in (Kind.MESSAGE, Kind.OPEN, Kind.DATA, Kind.PING):
            connecting = Deferred.fromCoroutine(a.network.connect(a.transport, "user-2"))
            self.clock.pump()
            here, there = self.successResultOf(connecting)
            session = there.session
            session.opened()
            here.write(encode(first, 0 if first in (Kind.MESSAGE, Kind.PING) else 1, bytes(8)))
            self.clock.pump()
            self.assertEqual(session.state, "CLOSED")

    async def test_answer_to_a_question_of_another_session(self) -> None:
        """c knows the number of the request to b, and answers it: nothing happens."""
        a, b, c = await make_nodes(self, 3)
        self.clock = a.clock

        async def silent(peer: Any, question: Text) -> Text:
            await Deferred()
            raise AssertionError

        b.router.serve(ECHO, silent)
        self.join(c, a)
        asking = Deferred.fromCoroutine(a.router.request(b.node_id, ECHO, Text("x"), 5))
        self.clock.pump()
        [outgoing] = a.router.asked()
        [session] = c.router.sessions()
        session.send(pack(Reply(outgoing.id, pack(Text("forged")))))
        session.send(pack(Failure(outgoing.id, "Refused", "forged")))
        self.clock.pump()
        self.assertNoResult(asking)
        self.assertEqual(a.router.traffic.incoming.unknown, 2)
        self.clock.advance(5)
        self.failureResultOf(asking, TimedOut)

    async def test_message_of_noise(self) -> None:
        a, b = await self.two()
        session = self.join(a, b)
        session.send(b"\xc1noise")
        self.clock.pump()
        self.assertEqual(session.state, "CLOSED")
        self.assertEqual(b.router.contacts.state(a.node_id), "OFFLINE")

    async def test_question_beyond_the_limit(self) -> None:
        """The asker does not keep to the limit of the command."""
        a, b = await self.two()
        b.router.serve(ECHO, echo)
        session = self.join(a, b)
        seen: list[bytes] = []
        session._on_message = seen.append
        session.send(pack(Ask(7, ECHO.name, bytes(2000))))
        self.clock.pump()
        self.assertIn(b"Invalid", seen[0])
        self.assertIn(b"2000 bytes", seen[0])

    async def test_streams_without_end(self) -> None:
        a, b = await self.two(limits=Limits(streams=10))

        async def forever(peer: Any, question: Any, stream: Any) -> None:
            await stream.read()

        b.router.serve_stream(PUT, forever)
        session = self.join(a, b)
        opening = pack(Opening(PUT.name, pack(Text("")), WINDOW))
        streams = [session.open_stream(opening, WINDOW) for _ in range(12)]
        self.clock.pump()
        for stream in streams[10:]:
            reading = Deferred.fromCoroutine(stream.read())
            self.failureResultOf(reading, Full)
        for stream in streams[:10]:
            stream.finish()
        self.clock.pump()
        self.assertEqual(list(session.streams), [])

    async def test_peer_that_never_reads(self) -> None:
        """Its answers pile up to the limit, not beyond."""
        a, b = await self.two(limits=Limits(queued=100_000), router_limits=RouterLimits(rate=1e6, burst=1e6))

        async def large(peer: Any, question: Any) -> Text:
            return Text("x" * 60_000)

        b.router.serve(ECHO, large)
        session: Session = self.join(a, b)
        session._pipe.pause_reading()
        for number in range(100):
            session.send(pack(Ask(number, ECHO.name, pack(Text("")))))
        self.clock.pump()
        [theirs] = b.router.sessions()
        self.assertLess(theirs.queued, 200_000)
        self.assertGreater(b.router.traffic.outgoing.failed, 50)

    async def test_new_sessions_bring_no_new_patience(self) -> None:
        """What was asked in sessions that are over still counts until it is answered."""
        a, b = await self.two(router_limits=RouterLimits(asked=10))
        begun: list[Deferred[None]] = []

        async def slow(peer: Any, question: Any) -> Text:
            begun.append(Deferred())
            await begun[-1]
            return Text("")

        b.router.serve(ECHO, slow)
        for round in range(4):
            session: Session = self.join(a, b)
            for number in range(8):
                session.send(pack(Ask(100 * round + number, ECHO.name, pack(Text("")))))
            self.clock.pump()
            session.close("again")
            self.clock.pump()
        self.assertEqual(len(begun), 10)
        for waiting in begun:
            waiting.callback(None)
        self.clock.pump()
        self.assertEqual(dict(b.router._busy), {})

    async def test_flood_of_smallest_frames(self) -> None:
        """Some are dealt with in each turn of the reactor, the others wait with the pipe."""
        a, b = await self.two()
        session: Session = self.join(a, b)
        [theirs] = b.router.sessions()
        heard: list[int] = []
        theirs.serve(lambda message: heard.append(int(message)), lambda *_: None)
        turns: list[int] = []
        look = theirs._incoming._look

        def turn() -> None:
            turns.append(len(heard))
            look()
            self.assertEqual(theirs._pipe._reading, not theirs._incoming.waiting)

        self.patch(theirs._incoming, "_look", turn)
        sent = 5 * FRAMES + 7
        theirs.received(b"".join(encode(Kind.MESSAGE, 0, b"%d" % number) for number in range(sent)))
        self.assertEqual(len(heard), FRAMES)
        # what the pipe may still have brought comes behind it
        theirs.received(encode(Kind.MESSAGE, 0, b"%d" % sent))
        sent += 1
        self.clock.pump()
        self.assertEqual(heard, list(range(sent)))
        self.assertEqual(turns, [1 * FRAMES, 2 * FRAMES, 3 * FRAMES, 4 * FRAMES, 5 * FRAMES, sent])
        session.send(b"5")
        self.clock.pump()
        self.assertEqual(heard[sent:], [5])

    async def test_what_came_before_the_end_is_heard(self) -> None:
        """Also when it waits for its turn."""
        a, b = await self.two()
        for end in (b"", encode(Kind.BYE, 0, b"good night"), b"rubbish and more"):
            session: Session = self.join(a, b)
            [theirs] = b.router.sessions()
            heard: list[bytes] = []
            theirs.serve(heard.append, lambda *_: None)
            session._write(encode(Kind.MESSAGE, 0, b"x") * (2 * FRAMES) + end)
            session._pipe.abort()
            self.clock.pump()
            self.assertEqual(len(heard), 2 * FRAMES)
            self.assertEqual(theirs.state, "CLOSED")

    async def test_closed_while_frames_of_a_lost_pipe_wait(self) -> None:
        a, b = await self.two()
        session: Session = self.join(a, b)
        [theirs] = b.router.sessions()
        theirs.serve(lambda _: theirs.close("enough"), lambda *_: None)
        theirs.received(encode(Kind.PONG, 0, bytes(8)) * FRAMES + encode(Kind.MESSAGE, 0, b"x") * FRAMES)
        theirs.lost("the cable was cut")
        self.assertEqual(theirs.state, "CONNECTED")
        self.clock.advance(0)
        self.assertEqual(theirs.state, "CLOSED")
        self.assertIn("enough", str(theirs._reason))
        session._pipe.abort()
        self.clock.pump()

    async def test_a_defect_ends_the_session(self) -> None:
        """Also one that shows while frames wait: nobody else would notice."""
        a, b = await self.two()
        for later in (False, True):
            session: Session = self.join(a, b)
            [theirs] = b.router.sessions()
            theirs.serve(lambda _: [][0], lambda *_: None)  # type: ignore[index]
            flood = encode(Kind.PONG, 0, bytes(8)) * (FRAMES * later) + encode(Kind.MESSAGE, 0, b"x") * 2 * FRAMES
            try:
                theirs.received(flood)
            except IndexError:
                # what Twisted does then
                theirs._pipe.abort()
            self.clock.pump()
            self.assertEqual((theirs.state, session.state), ("CLOSED", "CLOSED"))
        self.assertEqual(len(self.flushLoggedErrors(IndexError)), 1)

    async def test_flood_before_the_hello_is_checked(self) -> None:
        """It waits as it is, and is dealt with in turns too."""
        a, b = await self.two()
        hello = a.admission.hello()
        flood = encode(Kind.MESSAGE, 0, b"x") * (3 * FRAMES)
        connecting = Deferred.fromCoroutine(a.network.connect(a.transport, "user-2"))
        self.clock.pump()
        here, there = self.successResultOf(connecting)
        session = there.session
        session.opened()
        here.write(encode(Kind.HELLO, 0, hello) + flood)
        heard: list[bytes] = []
        delivered: list[Any] = []
        b.transport._entrance.open(delivered.append)
        self.clock.pump()
        self.assertEqual(delivered, [session])
        session.serve(heard.append, lambda *_: None)
        self.assertLessEqual(len(heard), FRAMES)
        self.clock.pump()
        self.assertEqual(len(heard), 3 * FRAMES)

    async def test_flood_of_pings(self) -> None:
        a, b = await self.two(limits=Limits(queued=10_000))
        session: Session = self.join(a, b)
        session._pipe.pause_reading()
        for _ in range(50_000):
            session._write(encode(Kind.PING, 0, bytes(8)))
        self.clock.pump()
        self.assertEqual(b.router.sessions(), [])
