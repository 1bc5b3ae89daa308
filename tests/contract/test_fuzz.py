"""
Input that nobody would send on purpose, by hypothesis straight at the faces. `make fuzz` runs more of it.
"""

from __future__ import annotations

import base64
import json
import os
from pathlib import Path
from typing import Any

from autobahn.websocket.protocol import WebSocketProtocol
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from bitdust_node.api.http import ApiFactory, HttpFace
from bitdust_node.api.parts import declared
from bitdust_node.api.registry import Registry
from bitdust_node.api.secret import Secret
from bitdust_node.api.websocket import WebSocketFace, _factory
from bitdust_node.errors import BitDustError
from bitdust_node.events import Events
from bitdust_node.network import Network
from bitdust_node.plugins import plugins
from tests.bitdust_node.api.sample import SampleApi, free_config

#: How much more `make fuzz` does.
MORE = int(os.environ.get("FUZZ", "1"))
#: Inputs of one example of hypothesis: its own work would be most of the time.
MANY = 20
GONE = Failure(ConnectionDone())

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=4,
)
KEYS = st.sampled_from(
    ["key", "value", "more", "command", "method", "kwargs", "call_id", "event_id", "data", "api_secret", ""]
) | st.text(max_size=8)
OBJECTS = st.dictionaries(KEYS, JSON, max_size=5)
CALLS = st.fixed_dictionaries(
    {"command": st.sampled_from(["api_call", "other"]) | JSON},
    optional={
        "method": st.sampled_from(["process_health", "thing_set", "event_send", "thing_odd", "api_methods"]) | JSON,
        "kwargs": OBJECTS | JSON,
        "call_id": JSON,
    },
)
TEXTS = st.binary(max_size=200) | OBJECTS.map(lambda one: json.dumps(one).encode())
PATHS = st.sampled_from(
    [
        "/thing/set/v1", "/thing/turn/v1", "/event/send/x/v1", "/event/send/%00%ff/v1", "/config/get/a/b/c/v1",
        "/process/health/v1", "/v1/thing/set", "/docs", "/openapi.json", "/api/list/v1", "//", "/..", "/%2e%2e/%2f",
    ]
) | st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=30).map(lambda text: "/" + text)  # fmt: skip
VERBS = st.sampled_from(["GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH", "X"])
REQUESTS = st.tuples(VERBS, PATHS, TEXTS)
QUICKLY = settings(
    max_examples=200 * MORE,
    deadline=None,
    derandomize=MORE == 1,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example],
)


def sample_registry() -> Registry:
    registry = Registry()
    registry.add(SampleApi())
    return registry


class HttpTest(SynchronousTestCase):
    """Requests straight at the protocol of the HTTP face."""

    def setUp(self) -> None:
        clock: Any = Clock()
        folder = Path(self.mktemp())
        folder.mkdir()
        secret = Secret((folder / "apisecret",), enabled=False)
        self.face = HttpFace(sample_registry(), free_config(), secret, Network(clock), clock)
        self.factory = ApiFactory(self.face, clock)

    def exchange(self, raw: bytes) -> bytes:
        transport = StringTransport(peerAddress=IPv4Address("TCP", "127.0.0.1", 50000))
        channel = self.factory.buildProtocol(None)
        assert channel is not None
        channel.makeConnection(transport)
        channel.dataReceived(raw)
        channel.connectionLost(GONE)
        answer: bytes = transport.value()
        return answer

    @settings(QUICKLY, max_examples=150 * MORE)
    @given(st.lists(REQUESTS, min_size=MANY, max_size=MANY))
    def test_bodies(self, requests: list[tuple[str, str, bytes]]) -> None:
        for verb, path, body in requests:
            head = f"{verb} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n"
            answer = self.exchange(head.encode("ascii") + body)
            first, _, rest = answer.partition(b"\r\n")
            self.assertEqual(first, b"HTTP/1.1 200 OK", (verb, path, body))
            content = rest.partition(b"\r\n\r\n")[2]
            if b"Content-Type: application/json" in rest and verb != "HEAD" and path != "/openapi.json":
                told = json.loads(content)
                self.assertIn(told["status"], ("OK", "ERROR"))
                self.assertTrue(told["status"] == "OK" or told["errors"])
        self.assertEqual(self.factory.channels, set())

    @settings(QUICKLY, max_examples=50 * MORE)
    @given(st.lists(st.binary(max_size=300), min_size=MANY, max_size=MANY))
    def test_bytes_that_are_no_request(self, all_raw: list[bytes]) -> None:
        for raw in all_raw:
            answer = self.exchange(raw + b"\r\n\r\n")
            self.assertTrue(not answer or answer.startswith(b"HTTP/1."), raw)


class WebSocketTest(SynchronousTestCase):
    """Frames straight at the protocol of the WebSocket face."""

    def setUp(self) -> None:
        self.clock: Any = Clock()
        folder = Path(self.mktemp())
        folder.mkdir()
        secret = Secret((folder / "apisecret",), enabled=False)
        events = Events(self.clock)
        self.face = WebSocketFace(sample_registry(), events, free_config(), secret, Network(self.clock), self.clock)
        self.factory = _factory(self.face, self.clock)

    def connect(self) -> tuple[Any, StringTransport]:
        transport = Pipe(peerAddress=IPv4Address("TCP", "127.0.0.1", 50000))
        client = self.factory.buildProtocol(transport.getPeer())
        client.makeConnection(transport)
        key = base64.b64encode(bytes(16)).decode()
        client.dataReceived(
            (
                "GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n"
            ).encode()
        )
        self.assertEqual(client.state, WebSocketProtocol.STATE_OPEN)
        transport.clear()
        return client, transport

    @QUICKLY
    @given(st.lists(TEXTS | CALLS.map(lambda one: json.dumps(one).encode()), min_size=MANY, max_size=MANY))
    def test_messages(self, messages: list[bytes]) -> None:
        client, transport = self.connect()
        for message in messages:
            client.onMessage(message, False)
            for answer in frames(transport.value()):
                told = json.loads(answer)
                self.assertIn(told["type"], ("api_call", "event"))
            transport.clear()
        self.assertEqual(client.state, WebSocketProtocol.STATE_OPEN)
        client.drop("the end of the test")
        client.connectionLost(GONE)
        self.assertEqual(self.face.clients, set())

    @settings(QUICKLY, max_examples=100 * MORE)
    @given(st.lists(st.binary(min_size=1, max_size=200), min_size=MANY, max_size=MANY))
    def test_bytes_that_are_no_frames(self, all_raw: list[bytes]) -> None:
        for raw in all_raw:
            client, _ = self.connect()
            client.dataReceived(raw)
            client.connectionLost(GONE)
        self.assertEqual(self.face.clients, set())
        self.clock.advance(60)


class Pipe(StringTransport):
    """A transport that may be aborted, asked for no delay, and left twice by a producer, as those of sockets."""

    def setTcpNoDelay(self, wanted: bool) -> None: ...

    def unregisterProducer(self) -> None:
        self.producer = None

    def abortConnection(self) -> None:
        self.disconnecting = True


def frames(raw: bytes) -> list[bytes]:
    """The messages in what a server wrote: each in one frame, not masked."""
    found = []
    while raw:
        length = raw[1] & 127
        start = {126: 4, 127: 10}.get(length, 2)
        if length > 125:
            length = int.from_bytes(raw[2:start], "big")
        found.append(raw[start : start + length])
        raw = raw[start + length :]
    return found


class ArgumentsTest(SynchronousTestCase):
    """Arguments of every method of the node: typed values, or an error of ours."""

    @settings(QUICKLY, max_examples=100 * MORE)
    @given(st.data())
    def test_arguments(self, data: st.DataObject) -> None:
        for found in data.draw(st.lists(st.sampled_from(list(ALL)), min_size=5, max_size=5)):
            names = st.sampled_from(sorted(found.accepted) or ["x"]) | st.text(max_size=5)
            arguments = data.draw(st.dictionaries(names, JSON, max_size=4))
            try:
                bound = found.bind(arguments, strict=False)
            except BitDustError as error:
                self.assertTrue(str(error))
            else:
                self.assertLessEqual(set(bound), {one.name for one in found.parameters})


ALL = tuple(declared(plugins("bitdust_node.services")))
