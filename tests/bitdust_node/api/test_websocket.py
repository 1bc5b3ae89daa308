"""
The WebSocket face over real sockets: calls, events, refusals, slow clients.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from autobahn.twisted.websocket import WebSocketClientFactory, WebSocketClientProtocol
from twisted.internet import reactor
from twisted.internet.defer import Deferred, DeferredQueue
from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.trial.unittest import TestCase

from bitdust_node.api import websocket
from bitdust_node.api.pushes import Pushes
from bitdust_node.api.registry import Registry
from bitdust_node.api.secret import Secret
from bitdust_node.api.websocket import WebSocketFace
from bitdust_node.events import Events
from bitdust_node.network import Network
from tests.bitdust_node.api.sample import SampleApi, free_config


class Peer(WebSocketClientProtocol):  # type: ignore[misc]
    def __init__(self) -> None:
        WebSocketClientProtocol.__init__(self)
        self.messages: DeferredQueue[Any] = DeferredQueue()
        self.opened: Deferred[Peer] = Deferred()
        self.closed: Deferred[None] = Deferred()

    def onOpen(self) -> None:
        self.opened.callback(self)

    def onMessage(self, payload: bytes, isBinary: bool) -> None:
        self.messages.put(json.loads(payload))

    def onClose(self, wasClean: bool, code: int | None, reason: str | None) -> None:
        if not self.opened.called:
            self.opened.errback(ConnectionRefusedError(reason))
        self.closed.callback(None)

    def call(self, method: str, call_id: Any = 1, **kwargs: Any) -> None:
        self.say({"command": "api_call", "method": method, "kwargs": kwargs, "call_id": call_id})

    def say(self, message: Any) -> None:
        self.sendMessage(message if isinstance(message, bytes) else json.dumps(message).encode())

    async def hear(self, wanted: Callable[[Any], bool] = lambda message: message["type"] == "api_call") -> Any:
        """The next message of the wanted kind."""
        while True:
            message = await self.messages.get()
            if wanted(message):
                return message


class WebSocketCase(TestCase):
    secret = False

    async def setUp(self) -> None:  # type: ignore[override]
        folder = self.folder()
        self.registry, self.sample = Registry(), SampleApi()
        self.registry.add(self.sample)
        self.events = Events(reactor)  # type: ignore[arg-type]
        self.face = WebSocketFace(
            self.registry,
            self.events,
            free_config(),
            Secret((folder / "a", folder / "b"), enabled=self.secret),
            Network(reactor),
            reactor,  # type: ignore[arg-type]
            pushes=(pushes := Pushes()),
        )
        self.pushes = pushes
        await self.face.start()
        self.peers: list[Peer] = []
        self.addCleanup(lambda: Deferred.fromCoroutine(self.clean()))

    def folder(self) -> Path:
        folder = Path(self.mktemp())
        folder.mkdir()
        return folder

    async def clean(self) -> None:
        await self.face.stop()
        for peer in self.peers:
            await peer.closed

    async def connect(self, query: str = "", **options: Any) -> Peer:
        factory = WebSocketClientFactory(f"ws://127.0.0.1:{self.face.port}/{query}", **options)
        factory.protocol = Peer
        factory.noisy = False
        peer = await TCP4ClientEndpoint(reactor, "127.0.0.1", self.face.port).connect(factory)
        self.peers.append(peer)
        await peer.opened
        return peer


class WebSocketFaceTest(WebSocketCase):
    async def test_call(self) -> None:
        peer = await self.connect()
        peer.call("config_get", 7, key="a/b")
        self.assertEqual(
            await peer.hear(),
            {
                "type": "api_call",
                "payload": {"call_id": 7, "response": {"status": "OK", "result": [{"key": "a/b"}]}},
            },
        )
        peer.say({"command": "api_call", "method": "process_health"})
        self.assertEqual((await peer.hear())["payload"], {"call_id": None, "response": {"status": "OK"}})

    async def test_failures_of_the_call(self) -> None:
        peer = await self.connect()
        for message, text in (
            ({}, "api method name was not provided"),
            ({"method": "no_such"}, "invalid api method name"),
            ({"method": "__init__"}, "invalid api method name"),
            (
                {"method": "config_get", "kwargs": {"key": "a", "bad": 1}},
                "config_get() got an unexpected keyword argument 'bad'",
            ),
            ({"method": "config_get"}, "config_get() missing 1 required positional argument: 'key'"),
            ({"method": "config_get", "kwargs": [1]}, "kwargs must be an object"),
        ):
            peer.say({"command": "api_call", "call_id": "x", **message})
            self.assertEqual((await peer.hear())["payload"], {"call_id": "x", "errors": [text]})

    async def test_other_messages_are_ignored(self) -> None:
        peer = await self.connect()
        for message in (b"not json", b"[1]", b"[" * 100_000, {"command": "other", "method": "config_get"}):
            peer.say(message)
        peer.call("process_health", 9)
        self.assertEqual((await peer.hear())["payload"]["call_id"], 9)

    async def test_answers_go_to_the_caller_and_events_to_all(self) -> None:
        one, two = await self.connect(), await self.connect()
        one.call("process_health", "secret call")
        await one.hear()
        self.events.publish("service-started", {"name": "service_customer"})
        for peer in (one, two):
            heard = []
            while not heard or heard[-1]["payload"].get("event_id") != "service-started":
                heard.append(await peer.messages.get())
            self.assertEqual(heard[-1]["payload"]["data"], {"name": "service_customer"})
            self.assertNotIn("api_call", [message["type"] for message in heard])

    async def test_slow_calls_end_with_their_client(self) -> None:
        peer = await self.connect()
        peer.call("thing_slow", 1)
        peer.call("process_health", 2)
        self.assertEqual((await peer.hear())["payload"]["call_id"], 2)
        gone: Deferred[None] = Deferred()
        self.events.subscribe(
            lambda event: gone.callback(None) if event.event_id == "web-socket-disconnected" else None
        )
        peer.dropConnection(abort=True)
        await gone
        self.assertEqual(self.sample.cancelled, 1)

    async def test_a_client_that_does_not_read_is_dropped(self) -> None:
        self.patch(websocket, "WAITING_LIMIT", 1024 * 1024)
        slow, quick = await self.connect(), await self.connect()
        slow.transport.pauseProducing()
        quick_ids = 0
        for number in range(400):
            self.events.publish("noise", {"text": "x" * 65536, "number": number})
            while quick_ids <= number:
                message = await quick.hear(lambda message: message["payload"].get("event_id") == "noise")
                quick_ids = message["payload"]["data"]["number"] + 1
            if len(self.face.clients) == 1:
                break
        self.assertEqual(len(self.face.clients), 1)
        self.assertFalse(self.face.behind())
        slow.transport.resumeProducing()
        gone = await quick.hear(lambda message: message["payload"].get("event_id") == "web-socket-disconnected")
        self.assertIn("which it does not read", gone["payload"]["data"]["reason"])

    async def test_who_pushes_hears_that_a_client_is_behind(self) -> None:
        slow = await self.connect()
        slow.transport.pauseProducing()
        sent = 0
        while not self.pushes.behind:
            self.pushes.send("model", {"text": "x" * 65536, "number": sent})
            sent += 1
            self.assertLess(sent, 1000)
        slow.transport.resumeProducing()
        for number in range(sent):
            message = await slow.hear(lambda message: message["type"] == "model")
            self.assertEqual(message["payload"]["number"], number)
        self.assertFalse(self.pushes.behind)

    async def test_pushes_of_all_sizes(self) -> None:
        self.assertFalse(self.pushes.heard)
        peer = await self.connect()
        self.assertTrue(self.pushes.heard)
        for size in (0, 1, 60, 70, 125, 126, 127, 200, 65400, 65536, 70000, 300_000):
            self.pushes.send("model", {"text": "x" * size})
            message = await peer.hear(lambda message: message["type"] == "model")
            self.assertEqual(message, {"type": "model", "payload": {"text": "x" * size}})


class WebSocketAccessTest(WebSocketFaceTest):
    secret = True

    async def connect(self, query: str = "", **options: Any) -> Peer:
        return await super().connect(query or f"?x=1&api_secret={self.face.secret.token}", **options)

    async def test_both_names_of_the_secret(self) -> None:
        await self.connect(f"?a={self.face.secret.token}")

    async def test_refusals(self) -> None:
        denied: list[str] = []
        self.events.subscribe(lambda event: denied.append(event.event_id))
        token = self.face.secret.token
        for query, options in (
            ("?none=1", {}),
            ("?api_secret=", {}),
            ("?api_secret=wrong", {}),
            (f"?api_secret={token}&", {"origin": "http://evil.example"}),
            (f"?api_secret={token}&", {"origin": "null"}),
            (f"?api_secret={token}", {"headers": {"Host": "evil.example"}}),
        ):
            with self.assertRaises(ConnectionRefusedError):
                await self.connect(query, **options)
        self.assertGreaterEqual(denied.count("web-socket-access-denied"), 4)
        self.assertEqual(self.face.clients, set())

    async def test_too_large_a_message(self) -> None:
        peer = await self.connect()
        peer.say(b"x" * (websocket.MESSAGE_LIMIT + 1))
        await peer.closed

    async def test_too_many_clients(self) -> None:
        self.patch(websocket, "CLIENTS_LIMIT", 3)
        await self.face.stop()
        await self.face.start()
        for _ in range(3):
            await self.connect()
        with self.assertRaises(ConnectionRefusedError):
            await self.connect()


class ManyClientsTest(WebSocketCase):
    async def test_200_clients_at_once(self) -> None:
        peers = [await self.connect() for _ in range(200)]
        for number, peer in enumerate(peers):
            for call in range(5):
                peer.call("process_health", f"{number} {call}")
        self.events.publish("noise", {"number": 7})
        for number, peer in enumerate(peers):
            answers = [(await peer.hear())["payload"] for _ in range(5)]
            self.assertEqual(
                answers, [{"call_id": f"{number} {call}", "response": {"status": "OK"}} for call in range(5)]
            )
        self.events.publish("last", None)
        for peer in peers:
            last = await peer.hear(lambda message: message["payload"].get("event_id") == "last")
            self.assertEqual(last, {"type": "event", "payload": {"event_id": "last", "data": None}})
