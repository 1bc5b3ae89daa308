"""
The transport over TCP passes the suite of all transports on real sockets.
"""

from __future__ import annotations

import ssl
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory, Protocol
from twisted.trial.unittest import TestCase

from automats.registry import Automats
from bitdust_node.config.config import Config
from bitdust_node.errors import Full, Invalid, Unavailable
from bitdust_node.network import Network
from bitdust_node.router.admission import Admission
from bitdust_node.router.bandwidth import Pace
from bitdust_node.router.entrance import STRANGERS, Strangers
from bitdust_node.router.session import LIMITS, Limits
from bitdust_node.threads import InlineWorkers
from bitdust_node.waiting import sleep
from tests.keys import test_document
from tests.network import FakeMe, FakeResolver
from tests.transports.suite import CLOCK, End, TransportSuite, other_device
from transports.tcp import INTERFACE, PORT, Leaving, TcpTransport, split
from transports.tls import context_of


class Raw(Protocol):
    def __init__(self) -> None:
        self.gone: Deferred[None] = Deferred()

    def connectionLost(self, reason: Any = None) -> None:
        self.gone.callback(None)

    def abort(self) -> None:
        assert self.transport is not None
        self.transport.abortConnection()  # type: ignore[attr-defined]


class Tcp(TransportSuite, TestCase):
    async def end(self, number: int, resolver: FakeResolver, strangers: Strangers, limits: Limits) -> End:
        me: Any = FakeMe(number, test_document(number), CLOCK.seconds())
        known: Any = resolver
        automats = Automats()
        config = Config(None, {INTERFACE: "127.0.0.1"})
        admission = Admission(me, known, InlineWorkers(), CLOCK)
        transport = TcpTransport(Network(reactor), config, me, admission, CLOCK, automats, strangers, limits)
        end = End(transport, me, "", automats)
        await transport.listen(end.came.put)  # type: ignore[arg-type]
        assert transport.address is not None
        self.assertIn(str(config.number(PORT)), transport.address)
        end.contact = f"tcp://{transport.address}"
        return end

    async def steal(self, end: End) -> None:
        await end.transport.close()
        end.transport._context = context_of(other_device())
        await end.transport.listen(end.came.put)
        end.contact = f"tcp://{end.transport.address}"

    async def raw(self, end: End) -> Any:
        host, port = split(end.contact)
        return await Network(reactor).connect_tcp(host, port, Factory.forProtocol(Raw))

    async def test_port_that_is_taken(self) -> None:
        """Two transports of the suite have the same port in their options: the second takes a free one."""
        a, b = await self.ends(2)
        self.assertNotEqual(a.contact, b.contact)

    async def test_hosts_that_are_none(self) -> None:
        """Contacts are what strangers write into their documents."""
        a, b = await self.ends(2)
        for host in ("no.such.invalid", "x" * 300, "\u2028", "[::1"):
            with self.assertRaises(Unavailable, msg=repr(host)):
                await a.transport.connect(f"tcp://{host}:7771", b.node_id)
        await self.join(a, b)

    async def test_rubbish_instead_of_tls(self) -> None:
        a, b = await self.ends(2)
        for rubbish in (b"GET / HTTP/1.1\r\n\r\n", bytes(1000), b"\x16\x03\x01\xff\xff" + bytes(70_000)):
            raw = await self.raw(b)
            raw.transport.write(rubbish)
            raw.transport.loseConnection()
        await self.join(a, b)

    async def test_who_is_not_let_in_is_told_at_once(self) -> None:
        [a] = await self.ends(1, strangers=Strangers(rate=0.001, burst=1))
        first, second = await self.raw(a), await self.raw(a)
        await second.gone
        self.assertEqual(a.transport.knocking, 1)
        first.abort()
        await first.gone

    async def test_peer_that_does_not_read(self) -> None:
        """What is kept for it is limited, and comes in order when it reads again."""
        a, b = await self.pair()
        b.session._pipe.pause_reading()
        sent = 0
        with self.assertRaises(Full):
            while True:
                a.session.send(b"%d " % sent + bytes(60_000))
                sent += 1
        b.session._pipe.resume_reading()
        for number in range(sent):
            self.assertEqual(int((await b.messages.get()).partition(b" ")[0]), number)
        a.session.send(b"it goes on")
        self.assertEqual(await b.messages.get(), b"it goes on")

    async def test_last_words_before_one_that_does_not_close(self) -> None:
        """Good-bye is waited for, but not for many at a time."""
        a, b = await self.ends(2)
        a.transport._leaving = Leaving(2)
        joined = [await self.join(a, b) for _ in range(4)]
        for _, there in joined:
            there.session._pipe.pause_reading()
        for here, _ in joined:
            here.session.close("enough")
        self.assertEqual(len(a.transport._leaving._pipes), 2)
        # the two oldest are closed, and wait for nobody
        pipes = [here.session._pipe for here, _ in joined]
        while pipes[0].session is not None or pipes[1].session is not None:
            await sleep(CLOCK, 0)
        self.assertTrue(all(pipe.session is not None for pipe in pipes[2:]))
        for _, there in joined:
            there.session._pipe.resume_reading()
            while there.session.state != "CLOSED":
                await sleep(CLOCK, 0)
            self.assertIn("enough", str(there.session._reason))
        while a.transport._leaving._pipes:
            await sleep(CLOCK, 0)

    async def test_what_comes_after_the_end_counts(self) -> None:
        """Good-bye is waited for, but what is sent meanwhile is received no faster than anything else."""
        a, b = await self.ends(2)
        _, there = await self.join(a, b)
        pipe, pace = there.session._pipe, Pace(1000, CLOCK)
        there.session._incoming._pace = pace
        sender = a.transport.sessions()[0]._pipe
        # it does not hear that this is the end
        sender.pause_reading()
        there.session.close("enough")
        for _ in range(10):
            sender.write(bytes(100_000))
        while pace.rest() < 50:
            await sleep(CLOCK, 0)
        self.assertFalse(pipe._line._reading)
        # not before there is room for it again
        pace.rate = 0
        there.session._incoming._drop_on()
        self.assertTrue(pipe._line._reading)
        sender.abort()
        while there.session.state != "CLOSED":
            await sleep(CLOCK, 0)

    async def test_only_tls_1_3(self) -> None:
        [a] = await self.ends(1)
        host, port = split(a.contact)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        client = context.wrap_bio(incoming, outgoing)
        with self.assertRaises(ssl.SSLWantReadError):
            client.do_handshake()

        class Old(Protocol):
            def connectionMade(self) -> None:
                self.transport.write(outgoing.read())  # type: ignore[union-attr]

            def dataReceived(self, data: bytes) -> None:
                incoming.write(data)

            def connectionLost(self, reason: Any = None) -> None:
                done.callback(None)

        done: Deferred[None] = Deferred()
        await Network(reactor).connect_tcp(host, port, Factory.forProtocol(Old))
        await done
        with self.assertRaises(ssl.SSLError) as caught:
            client.do_handshake()
        self.assertNotIsInstance(caught.exception, ssl.SSLWantReadError)

    async def test_contacts(self) -> None:
        self.assertEqual(split("tcp://1.2.3.4:7771"), ("1.2.3.4", 7771))
        self.assertEqual(split("tcp://[::1]:1"), ("::1", 1))
        for wrong in ("tcp://", "tcp://host", "tcp://host:0", "tcp://host:70000", "tcp://:5", "tcp://host:-1"):
            with self.assertRaises(Invalid):
                split(wrong)

    def test_defaults_are_generous(self) -> None:
        self.assertGreaterEqual(STRANGERS.burst, 200)
        self.assertGreaterEqual(LIMITS.streams, 1024)
