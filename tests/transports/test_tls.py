"""
TLS over real sockets: what becomes of bytes when the other side does not read, lies, or is gone.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from random import Random
from types import SimpleNamespace
from typing import Any

from OpenSSL import SSL
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.internet.tcp import Connection
from twisted.trial.unittest import TestCase

from bitdust_node.network import Network
from bitdust_node.waiting import sleep
from tests.transports.suite import CLOCK, other_device
from transports.door import open_door
from transports.line import BUFFER, SLICE, SLICES
from transports.tls import RECORD, ROOM, Room, TlsProtocol, context_of

#: Bytes that the system may keep of a connection that nobody reads.
LITTLE = 64 * 1024


class Half(TlsProtocol):
    """One side of a connection, which keeps all that it hears."""

    def __init__(self, context: SSL.Context, client: bool, room: Room) -> None:
        super().__init__(context, client, room)
        self.came = bytearray()
        self.heard: Callable[[memoryview], object] = len
        self.full = False
        #: What is to be sent as long as the other side takes it.
        self.more: list[bytes] = []
        self.made: Deferred[None] = Deferred()
        self.ready: Deferred[None] = Deferred()
        self.gone: Deferred[None] = Deferred()
        self.told: Deferred[None] = Deferred()
        self.wanted = 0

    @property
    def unsent(self) -> int:
        return self._line.waiting

    def connectionMade(self) -> None:
        super().connectionMade()
        self.made.callback(None)

    def secured(self, peer_key: bytes) -> None:
        self.ready.callback(None)

    def decrypted(self, data: memoryview) -> None:
        self.came += data
        self.heard(data)
        if self.wanted and len(self.came) >= self.wanted:
            self.wanted = 0
            self.told.callback(None)

    def filled(self) -> None:
        self.full = True

    def drained(self) -> None:
        self.full = False
        self.pump()

    def over(self) -> None:
        self.gone.callback(None)

    def pump(self) -> None:
        while self.more and not self.full:
            self.encrypt(self.more.pop(0))

    async def hears(self, size: int) -> bytes:
        """The first `size` bytes that come."""
        if len(self.came) < size:
            self.wanted, self.told = size, Deferred()
            await self.told
        return bytes(self.came)


class Rubbish(Protocol):
    """A side that knows no TLS, and never closes by itself."""

    def __init__(self) -> None:
        self.made: Deferred[None] = Deferred()
        self.gone: Deferred[None] = Deferred()

    def connectionMade(self) -> None:
        self.made.callback(None)

    def connectionLost(self, reason: Any = connectionDone) -> None:
        self.gone.callback(None)


class Tls(TestCase):
    def setUp(self) -> None:
        self.room = Room()

    async def connect(self, server: Any, client: Any) -> None:
        """A connection between two protocols on this machine."""
        there, here = Factory(), Factory()
        there.buildProtocol, here.buildProtocol = lambda _: server, lambda _: client  # type: ignore[method-assign]
        port: Any = Network(reactor).listen_tcp(0, there, "127.0.0.1")
        self.addCleanup(port.stopListening)
        await Network(reactor).connect_tcp("127.0.0.1", port.getHost().port, here)
        await server.made
        for side in (server, client):
            self.addCleanup(self.end, side)

    async def end(self, side: Any) -> None:
        side.transport.abortConnection()
        await side.gone

    def half(self, client: bool) -> Half:
        return Half(context_of(other_device()), client, self.room)

    async def pair(self) -> tuple[Half, Half]:
        server, client = self.half(False), self.half(True)
        await self.connect(server, client)
        await client.ready
        await server.ready
        return client, server

    async def unread(self) -> tuple[Half, Half]:
        """The server does not read, and the system takes little for it."""
        client, server = await self.pair()
        server.pause_reading()
        client.transport.getHandle().setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, LITTLE)
        server.transport.getHandle().setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, LITTLE)
        return client, server

    async def waiting(self, slices: int) -> tuple[Half, Half]:
        """The server does not read, and so much waits for it."""
        client, server = await self.pair()
        # the end of a connection of which not all was read would be a reset
        server.encrypt(b"go on")
        await client.hears(5)
        server.pause_reading()
        server.transport.getHandle().setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 * SLICE)
        for _ in range(slices):
            client.encrypt(bytes(SLICE))
        return client, server

    async def test_without_the_private_names_of_pyopenssl(self) -> None:
        """A release that has others: all works, by what is public."""
        self.assertTrue(self.room.fast)
        for odd in (SimpleNamespace(), SimpleNamespace(_util=SimpleNamespace(ffi=SimpleNamespace(), lib=None))):
            self.assertIsNone(open_door(odd))
        self.room.use(None)
        client, server = await self.pair()
        data = Random(1).randbytes(3 * ROOM + 1)
        for side, other in ((client, server), (server, client)):
            side.more = [data[at : at + SLICE] for at in range(0, len(data), SLICE)]
            side.pump()
            self.assertEqual(await other.hears(len(data)), data)
        client.shut()
        await server.gone

    # --- the other side does not read ---

    async def test_order_while_nobody_reads(self) -> None:
        client, server = await self.unread()
        random = Random(7)
        sizes = [random.choice((1, 20, RECORD - 1, RECORD, 4 * RECORD, ROOM + 5)) for _ in range(60)]
        parts = [random.randbytes(size) for size in sizes]
        client.more = list(parts)
        client.pump()
        self.assertTrue(client.full)
        self.assertTrue(client.more)
        server.resume_reading()
        expected = b"".join(parts)
        self.assertTrue(await server.hears(len(expected)) == expected)

    async def test_what_waits_is_bounded(self) -> None:
        client, _ = await self.unread()
        client.more = [bytes(RECORD)] * 1000
        client.pump()
        while not client.unsent:
            await sleep(CLOCK, 0)
        self.assertTrue(client.full)
        self.assertLess(client.unsent, BUFFER + 2 * RECORD)

    async def test_others_have_their_turn_although_the_socket_takes_all(self) -> None:
        client, _ = await self.pair()
        client.transport.writeSomeData = len
        client.more = [bytes(SLICE)] * 16
        client.pump()
        self.assertEqual(len(client.more), 12)
        while client.more:
            await sleep(CLOCK, 0)

    async def test_small_between_large(self) -> None:
        client, server = await self.pair()
        parts = [b"a", b"b" * 3 * SLICE, b"c", b"d" * SLICE, b"e"]
        for part in parts * 2:
            client.encrypt(part)
        expected = b"".join(parts * 2)
        self.assertTrue(await server.hears(len(expected)) == expected)

    async def test_others_have_their_turn_although_many_smallest_records_wait(self) -> None:
        client, server = await self.waiting(0)
        for _ in range(30_000):
            client._tls.send(b"x")
        client._flush()
        server.resume_reading()
        heard = 0
        while len(server.came) < 30_000:
            await sleep(CLOCK, 0)
            self.assertLess(len(server.came) - heard, SLICE // 22)
            heard = len(server.came)

    async def test_large_turns_of_twisted(self) -> None:
        """The parts of its connection that are used are there, and do what is expected of them."""
        for name in ("bufferSize", "SEND_LIMIT", "writeSomeData", "startWriting", "doRead"):
            self.assertTrue(hasattr(Connection, name), name)
        _, server = await self.waiting(8)
        offered: list[int] = []

        def send(data: memoryview) -> int:
            offered.append(len(data))
            return Connection.writeSomeData(server.transport, data)

        server.transport.writeSomeData = send
        server.encrypt(bytes(SLICE))
        # at once, not in the next round of the reactor
        self.assertGreater(offered[0], SLICE)
        while server.transport.getHandle().recv_into(bytearray(8 * SLICE), 0, socket.MSG_PEEK) < SLICES * SLICE:
            await sleep(CLOCK, 0)
        server.resume_reading()
        while not server.came:
            await sleep(CLOCK, 0)
        self.assertGreater(len(server.came), (SLICES - 1) * SLICE)
        self.assertLessEqual(len(server.came), SLICES * SLICE)

    # --- pausing ---

    async def test_nothing_is_left_behind_by_a_pause_in_the_middle(self) -> None:
        client, server = await self.waiting(8)
        heard: list[int] = []

        def pause(data: memoryview) -> None:
            server.pause_reading()
            heard.append(len(data))

        server.heard = pause
        server.resume_reading()
        while not heard:
            await sleep(CLOCK, 0)
        # what was read belongs to what was there; nothing more is
        self.assertLessEqual(sum(heard), SLICE)
        server.heard = len
        server.resume_reading()
        self.assertEqual(len(await server.hears(8 * SLICE)), 8 * SLICE)
        client.encrypt(b"end")
        self.assertEqual((await server.hears(8 * SLICE + 3))[-3:], b"end")

    # --- the end ---

    async def test_what_came_before_the_end_is_heard(self) -> None:
        client, server = await self.waiting(6)
        client.shut()
        server.resume_reading()
        await client.gone
        await server.gone
        self.assertEqual(len(server.came), 6 * SLICE)

    async def test_the_last_words_of_one_who_does_not_listen(self) -> None:
        """The other side hears them although it goes on talking itself, and is slow."""
        client, server = await self.waiting(4)
        client.pause_reading()
        client.transport.getHandle().setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, LITTLE)
        client.more = [bytes(SLICE)] * 40
        client.pump()
        words = Random(3).randbytes(SLICE)
        server.encrypt(words)
        server.shut()
        for _ in range(20):
            await sleep(CLOCK, 0)
        client.resume_reading()
        await client.gone
        await server.gone
        self.assertTrue(client.came[5:] == words)

    async def test_dropped_while_it_waits_for_the_other_side_to_close(self) -> None:
        """What the system has taken is still brought to the other side."""
        client, server = await self.pair()
        client.pause_reading()
        server.encrypt(b"the end")
        server.shut()
        while not server.transport._writeDisconnected:
            await sleep(CLOCK, 0)
        server.drop()
        await server.gone
        client.resume_reading()
        await client.gone
        self.assertEqual(client.came, b"the end")

    async def test_each_side_may_end_while_it_reads(self) -> None:
        for end in (Half.shut, Half.drop):
            client, server = await self.waiting(8)
            server.heard = lambda _, server=server, end=end: end(server)  # type: ignore[misc]
            server.resume_reading()
            await server.gone
            await client.gone
            self.assertLessEqual(len(server.came), ROOM)

    async def test_reset_while_much_waits(self) -> None:
        client, server = await self.unread()
        client.more = [bytes(SLICE)] * 40
        client.pump()
        self.assertTrue(client.full)
        server.drop()
        await client.gone
        client.encrypt(b"nobody hears this")

    async def test_an_answer_to_what_came_before_rubbish(self) -> None:
        """Rubbish breaks TLS for both directions: an answer to what came before it in the same read can not be sent."""
        client, server = await self.pair()
        server.heard = lambda _: server.encrypt(b"answer")
        client._tls.sendall(b"question")
        client.transport.write(client._tls.bio_read(RECORD) + bytes(1000))
        await server.gone
        self.assertEqual(bytes(server.came), b"question")

    async def test_handshake_that_fails_closes_the_connection(self) -> None:
        """The other side does not close it, nor does it read what was wrong."""
        for client in (False, True):
            rubbish, half = Rubbish(), self.half(client)
            await self.connect(*((rubbish, half) if client else (half, rubbish)))
            rubbish.transport.write(b"GET / HTTP/1.1\r\n\r\n")  # type: ignore[union-attr]
            await half.gone
            await rubbish.gone

    async def test_rubbish_closes_the_connection(self) -> None:
        client, server = await self.pair()
        client.transport.write(bytes(1000))
        await server.gone
        await client.gone
