"""
What every transport must do, whatever carries its bytes.
"""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass, field
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import CancelledError, Deferred, DeferredQueue

from automats.registry import Automats
from bitdust_node.errors import BitDustError, Closed, Invalid, Refused, Unavailable
from bitdust_node.identity.device import DeviceKey
from bitdust_node.router.entrance import STRANGERS, Strangers
from bitdust_node.router.session import LIMITS, Limits, Session
from bitdust_node.waiting import all_of, sleep
from bitdust_node.wire.frames import Kind, encode
from bitdust_node.wire.packet import WINDOW, Opening, pack
from tests.network import FakeMe, FakeResolver

CLOCK: Any = reactor


@dataclass
class End:
    """
    One node with nothing but a transport.
    """

    transport: Any
    me: FakeMe
    contact: str
    automats: Automats
    came: DeferredQueue[Session] = field(default_factory=DeferredQueue)

    @property
    def node_id(self) -> Any:
        return self.me.node_id


class Ear:
    """
    Keeps what a session delivers.
    """

    def __init__(self, session: Session) -> None:
        self.session = session
        self.messages: DeferredQueue[bytes] = DeferredQueue()
        self.streams: DeferredQueue[Any] = DeferredQueue()
        self.order: list[str] = []
        self.closed: Deferred[BitDustError] = Deferred()
        session.on_closed.append(lambda _, reason: self.closed.callback(reason))
        session.serve(self._message, self._stream)

    def _message(self, body: bytes) -> None:
        self.order.append(f"message {body.decode('utf-8', 'replace')}")
        self.messages.put(body)

    def _stream(self, stream: Any, opening: Opening) -> None:
        self.order.append(f"stream {opening.command}")
        self.streams.put(stream)


def opening(name: str = "x", window: int = WINDOW) -> bytes:
    return pack(Opening(name, b"", window))


class TransportSuite:
    """
    Mixed into the test case of each transport, which gives `ends` and `raw`.
    """

    addCleanup: Any
    assertEqual: Any
    assertLess: Any
    assertLessEqual: Any
    assertGreater: Any
    assertIn: Any
    assertRaises: Any

    async def ends(self, n: int, strangers: Strangers = STRANGERS, limits: Limits = LIMITS) -> list[End]:
        """n transports that listen."""
        resolver = FakeResolver({})
        ends = [await self.end(number, resolver, strangers, limits) for number in range(1, n + 1)]
        self.addCleanup(self.close_all, ends)
        return ends

    async def end(self, number: int, resolver: FakeResolver, strangers: Strangers, limits: Limits) -> End:
        raise NotImplementedError

    async def raw(self, end: End) -> Any:
        """A connection that says nothing; has `abort()`."""
        raise NotImplementedError

    async def close_all(self, ends: list[End]) -> None:
        for end in ends:
            await end.transport.close()
        while any(len(end.automats) for end in ends):
            await sleep(CLOCK, 0.001)

    async def pair(self, **options: Any) -> tuple[Ear, Ear]:
        a, b = await self.ends(2, **options)
        return await self.join(a, b)

    async def join(self, a: End, b: End) -> tuple[Ear, Ear]:
        session = await a.transport.connect(b.contact, b.node_id)
        return Ear(session), Ear(await b.came.get())

    async def stream(self, a: Ear, b: Ear, window: int = WINDOW) -> tuple[Any, Any]:
        return a.session.open_stream(opening(window=window), window), await b.streams.get()

    # --- who is it ---

    async def test_both_know_each_other(self) -> None:
        a, b = await self.ends(2)
        here, there = await self.join(a, b)
        self.assertEqual(here.session.peer_id, b.node_id)
        self.assertEqual(there.session.peer_id, a.node_id)
        self.assertEqual((here.session.dialled, there.session.dialled), (True, False))
        self.assertEqual((here.session.state, there.session.state), ("CONNECTED", "CONNECTED"))

    async def test_somebody_else_than_expected(self) -> None:
        a, b, c = await self.ends(3)
        with self.assertRaises(Refused):
            await a.transport.connect(b.contact, c.node_id)
        self.assertEqual(a.transport.sessions(), [])

    async def test_key_of_somebody_else(self) -> None:
        """b shows the record of its own device, but another key in the connection."""
        a, b = await self.ends(2)
        await self.steal(b)
        with self.assertRaises(Refused) as caught:
            await a.transport.connect(b.contact, b.node_id)
        self.assertIn("device record", str(caught.exception))

    async def test_stolen_hello(self) -> None:
        """c repeats the whole hello of b."""
        a, b, c = await self.ends(3)
        c.me.document, c.me.device_record = b.me.document, b.me.device_record
        with self.assertRaises(Refused):
            await a.transport.connect(c.contact, b.node_id)
        with self.assertRaises(BitDustError):
            await c.transport.connect(a.contact, a.node_id)
            session = c.transport.sessions()[0]
            session.serve(lambda _: None, lambda *_: None)
            closed: Deferred[Any] = Deferred()
            session.on_closed.append(lambda _, reason: closed.errback(reason))
            await closed
        self.assertEqual(a.came.pending, [])

    async def test_itself(self) -> None:
        [a] = await self.ends(1)
        with self.assertRaises(BitDustError):
            await a.transport.connect(a.contact, a.node_id)

    async def test_nobody(self) -> None:
        a, b = await self.ends(2)
        await b.transport.close()
        with self.assertRaises(Unavailable):
            await a.transport.connect(b.contact, b.node_id)

    async def steal(self, end: End) -> None:
        """Let `end` use a device key that its record does not name."""
        raise NotImplementedError

    # --- messages ---

    async def test_echo(self) -> None:
        a, b = await self.pair()
        a.session.send(b"question")
        self.assertEqual(await b.messages.get(), b"question")
        b.session.send(b"answer")
        self.assertEqual(await a.messages.get(), b"answer")
        self.assertGreater(a.session.bytes_in, 100)
        self.assertEqual(a.session.bytes_in, b.session.bytes_out)

    async def test_order(self) -> None:
        a, b = await self.pair()
        for number in range(100):
            a.session.send(b"%d" % number)
            a.session.open_stream(opening(str(number)), WINDOW).finish()
        for _ in range(100):
            await b.streams.get()
        self.assertEqual(b.order, [f"{kind} {n}" for n in range(100) for kind in ("message", "stream")])

    async def test_large_message(self) -> None:
        a, b = await self.pair()
        a.session.send(bytes(64 * 1024))
        self.assertEqual(len(await b.messages.get()), 64 * 1024)
        with self.assertRaises(Invalid):
            a.session.send(bytes(80 * 1024))
        a.session.send(b"still here")
        self.assertEqual(await b.messages.get(), b"still here")

    # --- streams ---

    async def test_large_stream_both_ways(self) -> None:
        a, b = await self.pair()
        here, there = await self.stream(a, b)
        block = bytes(range(256)) * 1024

        async def write(stream: Any) -> bytes:
            digest = hashlib.sha256()
            for number in range(40):
                part = bytes([number]) + block
                digest.update(part)
                await stream.write(part)
            stream.finish()
            return digest.digest()

        async def read(stream: Any) -> bytes:
            digest = hashlib.sha256()
            while chunk := await stream.read():
                digest.update(chunk)
            return digest.digest()

        sent, received, back, forth = await all_of([write(here), read(there), write(there), read(here)])
        self.assertEqual(sent, received)
        self.assertEqual(back, forth)
        self.assertEqual((a.session.streams, b.session.streams), ([], []))

    async def test_read_exactly(self) -> None:
        a, b = await self.pair()
        here, there = await self.stream(a, b)
        await here.write(bytes(range(200)))
        here.finish()
        self.assertEqual(await there.read_exactly(3), bytes(range(3)))
        self.assertEqual(await there.read_exactly(100), bytes(range(3, 103)))
        with self.assertRaises(Closed):
            await there.read_exactly(100)

    async def test_parts_of_one_write(self) -> None:
        a, b = await self.pair()
        here, there = await self.stream(a, b)
        parts = [bytes([number]) * size for number, size in enumerate((1, 300_000, 0, 65_536, 2, 700_000))]
        writing = Deferred.fromCoroutine(here.write(*parts, bytearray(b"end")))
        expected = b"".join(parts) + b"end"
        self.assertEqual(await there.read_exactly(len(expected)), expected)
        await writing

    async def test_memory_is_free_when_the_writer_was_stopped(self) -> None:
        a, b = await self.pair()
        for finished in (False, True):
            here, there = await self.stream(a, b, window=64 * 1024)
            memory = bytearray(b"a" * 300_000)
            writing = Deferred.fromCoroutine(here.write(memory))
            if finished:
                # both have said that they write no more: only that write is still to be sent
                there.finish()
                here.finish()
            while there.bytes_in < 64 * 1024:
                await sleep(CLOCK, 0.001)
            writing.cancel()
            with self.assertRaises(CancelledError):
                await writing
            memory[:] = b"b" * len(memory)
            came = b""
            with self.assertRaises(Closed):
                while True:
                    came += await there.read_exactly(1)
            self.assertEqual(came.strip(b"a"), b"")
        self.assertEqual((a.session.streams, b.session.streams), ([], []))

    async def test_slow_reader_holds_the_writer(self) -> None:
        a, b = await self.pair()
        here, there = await self.stream(a, b, window=256 * 1024)
        block = bytes(100_000)

        async def write() -> None:
            for _ in range(100):
                await here.write(block)
            here.finish()

        writing = Deferred.fromCoroutine(write())
        while there.bytes_in < 256 * 1024:
            await sleep(CLOCK, 0.001)
        await sleep(CLOCK, 0.05)
        self.assertEqual(there.bytes_in, 256 * 1024)
        self.assertEqual(here.bytes_out, 256 * 1024)
        # messages pass
        a.session.send(b"by the way")
        self.assertEqual(await b.messages.get(), b"by the way")
        total = 0
        while chunk := await there.read():
            total += len(chunk)
        self.assertEqual(total, 10_000_000)
        await writing

    async def test_many_streams_are_served_in_turn(self) -> None:
        a, b = await self.pair()
        pairs = [await self.stream(a, b) for _ in range(8)]
        block = bytes(4_000_000)
        finished: list[int] = []
        at_first_end: list[int] = []

        async def write(stream: Any) -> None:
            await stream.write(block)
            stream.finish()

        async def read(index: int, stream: Any) -> None:
            while await stream.read():
                pass
            if not finished:
                at_first_end.extend(there.bytes_in for _, there in pairs)
            finished.append(index)

        await all_of([read(i, there) for i, (_, there) in enumerate(pairs)] + [write(here) for here, _ in pairs])
        self.assertEqual(len(finished), 8)
        self.assertGreater(min(at_first_end), 2_000_000)

    async def test_reset_reaches_both_ends(self) -> None:
        a, b = await self.pair()
        here, there = await self.stream(a, b)
        await here.write(b"some")
        there.reset("enough of this")
        with self.assertRaises(Closed) as caught:
            await here.read()
        self.assertEqual(str(caught.exception), "enough of this")
        with self.assertRaises(Closed):
            await here.write(b"more")
        self.assertEqual((a.session.streams, b.session.streams), ([], []))
        a.session.send(b"no harm done")
        self.assertEqual(await b.messages.get(), b"no harm done")

    async def test_reader_that_stops(self) -> None:
        a, b = await self.pair()
        here, there = await self.stream(a, b)
        await there.write(b"answer")
        there.release()
        with self.assertRaises(Closed):
            for _ in range(100):
                await here.write(bytes(100_000))
        self.assertEqual(await here.read(), b"answer")
        self.assertEqual(await here.read(), b"")

    # --- the end ---

    async def test_close_in_the_middle(self) -> None:
        a, b = await self.pair()
        here, there = await self.stream(a, b)
        await here.write(bytes(1000))
        reading = Deferred.fromCoroutine(here.read())
        writing = Deferred.fromCoroutine(there.write(bytes(10_000_000)))
        await there.read()
        b.session.close("good night")
        with self.assertRaises(Closed):
            while True:
                await reading
                reading = Deferred.fromCoroutine(here.read())
        with self.assertRaises(Closed):
            await writing
        self.assertIn("good night", str(await a.closed))
        with self.assertRaises(Closed):
            a.session.send(b"hello?")

    async def test_lost_connection(self) -> None:
        a, b = await self.pair()
        here, there = await self.stream(a, b)
        reading = Deferred.fromCoroutine(here.read())
        b.session._pipe.abort()
        with self.assertRaises(Closed):
            await reading
        with self.assertRaises(Closed):
            await there.write(b"")
            await there.read()
        await a.closed

    # --- attacks ---

    async def test_length_that_lies(self) -> None:
        a, b = await self.ends(2)
        for header in (
            struct.pack(">IBI", 2**32 - 1, Kind.MESSAGE, 0),
            struct.pack(">IBI", 2**31, Kind.DATA, 1),
            struct.pack(">IBI", 10, 99, 0),
            struct.pack(">IBI", 0, Kind.MESSAGE, 0),
            struct.pack(">IBI", 100, Kind.MESSAGE, 5),
            encode(Kind.DATA, 7, b"x"),
            encode(Kind.HELLO, 0, b"again"),
        ):
            here, there = await self.join(a, b)
            here.session._pipe.write(header)
            await there.closed
            self.assertIn("other side", str(await here.closed))
        await self.join(a, b)

    async def test_more_than_the_credit(self) -> None:
        a, b = await self.pair()
        here, _ = await self.stream(a, b, window=16 * 1024)
        here._credit = 10_000_000
        writing = Deferred.fromCoroutine(here.write(bytes(1_000_000)))
        self.assertIn("granted", str(await b.closed))
        with self.assertRaises(Closed):
            await writing
            await here.read()

    async def test_flood_of_strangers(self) -> None:
        strangers = Strangers(each=5, total=8, rate=1000, burst=1000)
        a, b = await self.ends(2, strangers=strangers)
        raws = [await self.raw(b) for _ in range(30)]
        await sleep(CLOCK, 0.01)
        self.assertLessEqual(b.transport.knocking, 5)
        await self.join(a, b)
        for raw in raws:
            raw.abort()

    async def test_too_often(self) -> None:
        a, b = await self.ends(2, strangers=Strangers(rate=0.001, burst=2))
        for _ in range(2):
            await self.join(a, b)
        with self.assertRaises(BitDustError):
            await a.transport.connect(b.contact, b.node_id)


def other_device() -> DeviceKey:
    return DeviceKey.generate(CLOCK.seconds())
