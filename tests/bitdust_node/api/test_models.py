"""
Models: who follows what, when its service comes up, and what is sent.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from bitdust_node.api import models
from bitdust_node.api.models import NAMES, Models, Snapshot, Tell
from bitdust_node.api.pushes import Pushes, StreamMessage
from bitdust_node.api.registry import Registry
from bitdust_node.errors import Conflict
from bitdust_node.events import Events
from tests.clock import Clock


class Objects:
    """A source with a few objects."""

    model = "private_file"

    def __init__(self, count: int = 3) -> None:
        self.ids = [str(number) for number in range(count)]
        self.tells: list[Tell] = []
        self.asked: list[Mapping[str, Any]] = []

    async def all(self, query: Mapping[str, Any]) -> AsyncIterator[Snapshot]:
        self.asked.append(query)
        for one in list(self.ids):
            yield Snapshot(one, {"one": one}, created=7.5)

    def observe(self, tell: Tell) -> Callable[[], None]:
        self.tells.append(tell)
        return lambda: self.tells.remove(tell)


class Hearer:
    def __init__(self) -> None:
        self.heard: list[tuple[str, Mapping[str, Any]]] = []
        self.slow = False

    def push(self, kind: str, payload: Mapping[str, Any]) -> None:
        self.heard.append((kind, payload))

    def behind(self) -> bool:
        return self.slow


class ModelsTest(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock(1000.0)
        self.on = True
        self.registry = Registry(lambda service: self.on)
        self.events, self.pushes, self.hearer = Events(self.clock), Pushes(), Hearer()
        self.models = Models(self.registry, self.events, self.pushes, self.clock)
        self.registry.add(self.models)
        self.leave = self.pushes.join(self.hearer)
        self.source = Objects()

    def call(self, name: str, **kwargs: Any) -> dict[str, Any]:
        answer = self.successResultOf(Deferred.fromCoroutine(self.registry.call(name, kwargs)))
        self.clock.pump()
        return answer

    def ids(self) -> list[str]:
        heard, self.hearer.heard = self.hearer.heard, []
        return [payload["id"] for _, payload in heard]

    def test_a_request(self) -> None:
        self.models.add([self.source], "my_data")
        self.assertEqual(self.call("request_model_data", model_name="private_file"), {"status": "OK"})
        self.assertEqual(
            self.hearer.heard[0],
            ("model", {"name": "private_file", "id": "0", "data": {"one": "0"}, "created": 7}),
        )
        self.assertEqual(self.ids(), ["0", "1", "2"])
        self.call("request_model_data", model_name="private_file", query_details={"key_id": "x"})
        self.assertEqual(self.source.asked, [{}, {"key_id": "x"}])

    def test_changes_are_told_while_they_are_followed(self) -> None:
        self.models.add([self.source], "my_data")
        self.call("enable_model_listener", model_name="private_file", request_all=True)
        self.assertEqual(self.ids(), ["0", "1", "2"])
        (tell,) = self.source.tells
        tell(Snapshot("9", {}, deleted=1001.9))
        (_, payload) = self.hearer.heard[0]
        self.assertEqual((payload["created"], payload["deleted"]), (1000, 1001))
        self.call("enable_model_listener", model_name="private_file")
        self.assertEqual(len(self.source.tells), 1)
        self.call("disable_model_listener", model_name="private_file")
        self.assertEqual(self.source.tells, [])

    def test_nothing_is_observed_for_nobody(self) -> None:
        self.call("enable_model_listener", model_name="private_file")
        self.models.add([self.source])
        self.assertEqual(len(self.source.tells), 1)
        self.leave()
        self.assertEqual(self.source.tells, [])
        self.pushes.join(self.hearer)
        self.assertEqual(len(self.source.tells), 1)

    def test_requests_wait_for_their_service(self) -> None:
        self.on = False
        self.call("enable_model_listener", model_name="private_file", request_all=True)
        self.models.add([self.source], "my_data")
        self.events.publish("service-started", {"name": "service_other"})
        self.clock.pump()
        self.assertEqual(self.ids(), [])
        self.on = True
        self.events.publish("service-started", {"name": "service_my_data"})
        self.clock.pump()
        self.assertEqual(self.ids(), ["0", "1", "2"])
        self.events.publish("service-started", {"name": "service_my_data"})
        self.clock.pump()
        self.assertEqual(self.ids(), [])

    def test_every_model_is_accepted_and_no_other(self) -> None:
        for name in NAMES:
            self.assertEqual(self.call("enable_model_listener", model_name=name, request_all=True), {"status": "OK"})
            self.assertEqual(self.call("disable_model_listener", model_name=name), {"status": "OK"})
        for method in ("enable_model_listener", "disable_model_listener", "request_model_data"):
            answer = self.call(method, model_name="no_such")
            self.assertIn("model 'no_such' is unknown", answer["errors"][0])
        self.models.add([self.source])
        with self.assertRaises(Conflict):
            self.models.add([self.source])

    def test_requests_are_bounded(self) -> None:
        self.on = False
        self.models.add([self.source], "my_data")
        answers = [
            self.call("request_model_data", model_name="private_file", query_details={"number": number})
            for number in range(models.REQUESTS_LIMIT + 1)
        ]
        self.assertEqual([answer["status"] for answer in answers].count("ERROR"), 1)

    def test_who_reads_slowly_is_waited_for_but_not_for_ever(self) -> None:
        self.source = Objects(3 * models.BATCH)
        self.models.add([self.source])
        self.hearer.slow = True
        self.call("request_model_data", model_name="private_file")
        self.assertEqual(len(self.ids()), models.BATCH)
        self.clock.advance(1)
        self.assertEqual(self.ids(), [])
        self.clock.advance(models.PATIENCE * (models.LOOKS + 1))
        self.assertEqual(len(self.ids()), models.BATCH)
        self.hearer.slow = False
        self.clock.advance(models.PATIENCE)
        self.assertEqual(len(self.ids()), models.BATCH)

    def test_closing(self) -> None:
        self.source = Objects(3 * models.BATCH)
        self.models.add([self.source])
        self.hearer.slow = True
        self.call("enable_model_listener", model_name="private_file", request_all=True)
        self.successResultOf(Deferred.fromCoroutine(self.models.close()))
        self.assertEqual(self.source.tells, [])

    def test_stream_messages(self) -> None:
        message = StreamMessage(
            "private_message", "77", 1795278300, {"text": "hello"}, "master$a@x_8084", "master$b@y", "in", "3&1"
        )
        self.pushes.stream_message(message)
        self.assertEqual(
            self.hearer.heard,
            [
                (
                    "stream_message",
                    {
                        "payload": {
                            "msg_type": "private_message",
                            "type": "private_message",
                            "message_id": "77",
                            "time": 1795278300,
                            "data": {"text": "hello"},
                        },
                        "sender": {"glob_id": "master$a@x_8084"},
                        "recipient": {"glob_id": "master$b@y"},
                        "direction": "in",
                        "conversation_id": "3&1",
                    },
                )
            ],
        )
