"""
The API of options, process and events.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from automats.registry import Automats
from bitdust_node.api.config import ConfigApi
from bitdust_node.api.events import EventsApi
from bitdust_node.api.process import ProcessApi
from bitdust_node.api.registry import Registry
from bitdust_node.config.config import Config
from bitdust_node.counters import NOTHING, Counters, Counts
from bitdust_node.errors import Closed
from bitdust_node.events import Events
from bitdust_node.process import Process


class BeingClosed:
    async def counters(self) -> Counts:
        raise Closed("database catalog.db is closed")


class PartsTest(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.config, self.events = Config(), Events(self.clock)
        self.asked: list[str] = []
        self.counters = Counters(self.config, self.events, Automats())
        process = Process(7, 0.0, lambda: self.asked.append("stop"), lambda: self.asked.append("restart"))
        self.registry = Registry()
        for part in (
            ConfigApi(self.config),
            EventsApi(self.events),
            ProcessApi(process, self.config, self.counters, self.clock),
        ):
            self.registry.add(part)

    def begin(self, name: str, **kwargs: Any) -> Deferred[dict[str, Any]]:
        return Deferred.fromCoroutine(self.registry.call(name, kwargs))

    def call(self, name: str, **kwargs: Any) -> dict[str, Any]:
        return self.successResultOf(self.begin(name, **kwargs))

    def test_config_get(self) -> None:
        self.assertEqual(
            self.call("config_get", key="/services/customer/suppliers-number/", include_info=True)["result"],
            [
                {
                    "key": "services/customer/suppliers-number",
                    "value": 2,
                    "type": "selection",
                    "label": "number of suppliers",
                    "default": 2,
                    "readonly": False,
                    "possible_values": [2, 4, 7, 13, 18, 26, 64],
                    "info": "How many suppliers keep the data of this node.",
                }
            ],
        )
        item = self.call("config_get", key="interface/api/rest-http-port")["result"][0]
        self.assertEqual((item["min"], item["max"], item["type"]), (1, 65535, "port number"))
        self.assertEqual(self.call("config_get", key="logs/api-enabled")["result"][0]["default"], "false")

    def test_branches(self) -> None:
        children = self.call("config_get", key="services/customer")["result"]
        self.assertEqual(children[0]["key"], "services/customer/enabled")
        self.assertIn({"key": "interface/api", "childs": 7}, self.call("config_get", key="interface")["result"])

    def test_config_errors(self) -> None:
        for kwargs, text in (
            ({"key": "no/such"}, "option no/such does not exist"),
            ({"key": "/"}, "empty key"),
            ({"key": "../apisecret"}, "option ../apisecret does not exist"),
        ):
            self.assertEqual(self.call("config_get", **kwargs), {"status": "ERROR", "errors": [text]})
        for key, value in (("logs/debug-level", "x"), ("no/such", 1), ("logs", 1), ("logs/debug-level", {"a": 1})):
            self.assertEqual(self.call("config_set", key=key, value=value)["status"], "ERROR")

    def test_config_set(self) -> None:
        item = self.call("config_set", key="logs/debug-level", value="10")["result"][0]
        self.assertEqual((item["value"], item["old_value"]), (10, 0))
        self.assertIs(self.call("config_set", key="logs/api-enabled", value="ON")["result"][0]["value"], True)

    def test_lists(self) -> None:
        flat = self.call("configs_list", sort=True)["result"]
        self.assertEqual([item["key"] for item in flat], sorted(option.path for option in self.config))
        tree = self.call("configs_tree")["result"][0]
        self.assertEqual(tree["services"]["network"]["proxy"]["port"]["value"], "")

    def test_process(self) -> None:
        self.assertEqual(self.call("process_health"), {"status": "OK"})
        self.assertEqual(self.call("process_restart")["result"], {"restarted": True})
        self.assertEqual(self.call("process_stop"), {"status": "OK"})
        self.assertEqual(self.asked, ["restart", "stop"])
        told = self.call("process_info")["result"]
        self.assertEqual(told["process"]["pid"], 7)
        self.assertEqual(told["config"]["options"], sum(1 for _ in self.config))
        self.assertEqual(set(told), {"process", "config", "event", *NOTHING})

    def test_a_part_that_is_being_closed_counts_nothing(self) -> None:
        self.counters.add([BeingClosed()])
        told = self.call("process_info")
        self.assertEqual((told["status"], told["result"]["file"]["items"]), ("OK", 0))

    def test_debug_is_refused(self) -> None:
        self.assertEqual(self.call("process_debug")["status"], "ERROR")

    def test_events(self) -> None:
        waiting = self.begin("event_listen", consumer_callback_id="me")
        self.assertNoResult(waiting)
        self.clock.advance(5)
        self.assertEqual(
            self.call("event_send", event_id="my-event", data='{"a": 1}')["result"],
            {"event_id": "my-event", "created": 5},
        )
        item = {"type": "event", "id": "my-event", "data": {"a": 1}, "time": 5}
        self.assertEqual(self.successResultOf(waiting)["result"], [item])
        self.events.publish("one")
        self.events.publish("two")
        told = self.call("event_listen", consumer_callback_id="me")["result"]
        self.assertEqual([event["id"] for event in told], ["one", "two"])
        self.assertEqual(self.call("events_list")["result"], {"my-event": 1, "one": 1, "two": 1})
        for data in ("not json", [1], "[]"):
            self.assertEqual(self.call("event_send", event_id="x", data=data)["status"], "ERROR")

    def test_listeners_are_bounded(self) -> None:
        gone = self.begin("event_listen", consumer_callback_id="lazy")
        gone.cancel()
        self.failureResultOf(gone, CancelledError)
        for _ in range(101):
            self.events.publish("noise")
        self.assertNoResult(self.begin("event_listen", consumer_callback_id="lazy"))
        for number in range(99):
            self.begin("event_listen", consumer_callback_id=f"n{number}")
        answer = self.call("event_listen", consumer_callback_id="one too many")
        self.assertEqual(answer["errors"], ["more than 100 listeners"])
