"""
A live node, method by method: every route and every spelling of the contract, the envelope, the fields of the result,
and the errors that can be provoked.
"""

from __future__ import annotations

import http.client
import json
import re
from collections.abc import Iterator
from typing import Any, ClassVar
from urllib.parse import quote, urlencode, urlsplit

import pytest
from twisted.trial.unittest import SynchronousTestCase

from bitdust_node.api.examples.example import CUSTOMER, FRESH, SUPPLIER, Example
from bitdust_node.api.examples.table import EXAMPLES
from bitdust_node.api.parts import declared
from bitdust_node.api.registry import Method
from bitdust_node.plugins import plugins
from tests.contract.contract import Documented, documented
from tests.contract.live import Asked, Live, Socket
from tests.contract.shapes import misfits

#: Not called again and again: the examples call them once on each face.
GRAVE = {
    "process_stop": "ends the node",
    "process_restart": "ends the node",
    "identity_erase": "the rest of the network needs the identity",
    "supplier_change": "takes a supplier each time",
    "customer_reject": "takes a customer each time",
    "event_listen": "waits until something happens",
    "network_reconnect": "the others would wait",
}
#: Errors of the contract that a healthy network of this size does not show, by method and a word of their description.
NOT_PROVOKED = {
    "process_stop": ("no shutdown controller",),
    "config_get": ("can not be read as text",),
    "identity_create": ("no network", "do not answer", "taken on all", "fetched back", "time out"),
    "identity_backup": ("no identity",),
    "identity_get": ("no usable local identity",),
    # until the feature comes, the service of the feature is what is missing
    "identity_recover": ("empty key source", "10 KiB", "no IDURL", "does not match"),
    "identity_rotate": ("no identity", "no spare"),
    "identity_erase": ("always",),
    "key_get": ("only public held",),
    "key_create": ("generation failed",),
    "key_label": ("save failed",),
    "key_share": ("not text",),
    "key_audit": ("not text",),
    "file_delete": ("bad id",),
    "file_upload_start": ("my_data is off", "shared_data is off", "failed while waiting"),
    "file_download_start": ("my_data off", "upload of that version", "already queued", "restore failed"),
    "friend_remove": ("can not be fetched",),
    "user_search": ("service_private_messages",),
    "user_observe": ("service_private_messages",),
    "user_status_check": ("ping failed",),
    "supplier_change": ("already a supplier", "my customer", "handshake"),
    "suppliers_dht_lookup": ("DHT failure",),
    "service_start": ("already enabled",),
    "service_stop": ("option missing",),
    "service_restart": ("kept changing", "start/stop failure"),
    "event_listen": ("consumer failure",),
    "network_connected": ("no identity", "disabled", "not ready", "restart of a needed"),
    "dht_node_find": ("malformed", "DHT failure"),
    "dht_user_random": ("nothing found", "time out"),
    "dht_value_get": ("DHT failure",),
    "dht_value_set": ("store failed",),
}


def without_arguments(errors: tuple[tuple[str, str], ...]) -> Iterator[tuple[str, str]]:
    """The errors of a method that are not about gates and missing arguments: those are tested for all at once."""
    for when, text in errors:
        if not when.startswith("HTTP:") and "is not in state ON" not in when:
            yield when, text


class Http:
    """
    One connection that is kept, as clients do.
    """

    def __init__(self, asked: Asked) -> None:
        parts = urlsplit(asked.url)
        self._connection = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=60)
        self._headers = {"api_secret": asked.secret}

    def ask(self, verb: str, path: str, body: bytes | None = None, **headers: str) -> Any:
        self._connection.request(verb, path, body, {**self._headers, **headers})
        answer = self._connection.getresponse()
        text = answer.read()
        assert answer.status == 200, answer.status
        assert answer.headers["Content-Type"] == "application/json"
        return json.loads(text)

    def call(self, route: str, arguments: dict[str, Any]) -> Any:
        """A route of the contract with these arguments, those of the path put into it."""
        verb, path = route.split(" ", 1)
        left = dict(arguments)
        elements = re.findall(r"\{(\w+)\}", path)
        if elements and elements[0].startswith("key"):  # {key}, or {key1}/{key2}
            values = str(left.pop("key")).split("/")
            values = values if len(values) == len(elements) else ["logs", "debug-level", "x"][: len(elements)]
        else:
            values = [str(left.pop(name)) for name in elements]
        for name, value in zip(elements, values, strict=True):
            path = path.replace(f"{{{name}}}", quote(value, safe=""))
        if verb == "GET":
            query = {name: _text(value) for name, value in left.items()}
            return self.ask(verb, f"{path}?{urlencode(query)}" if query else path)
        return self.ask(verb, path, json.dumps(left).encode())

    def close(self) -> None:
        self._connection.close()


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "1" if value else "0"
    return ",".join(value) if isinstance(value, list) else value if isinstance(value, str) else json.dumps(value)


@pytest.mark.usefixtures("live")
class Methods(SynchronousTestCase):
    live: ClassVar[Live]

    def setUp(self) -> None:
        self.examples = {one.method: one for one in EXAMPLES}
        self.registry = declared(plugins("bitdust_node.services"))
        self.asked = {name: self.live.node(name) for name in (CUSTOMER, SUPPLIER)}
        self.sockets = {name: Socket(asked.ws_url) for name, asked in self.asked.items()}
        self.http = {name: Http(asked) for name, asked in self.asked.items()}
        for one in (*self.sockets.values(), *self.http.values()):
            self.addCleanup(one.close)
        self.wrong: list[str] = []

    def all_right(self) -> None:
        self.assertEqual(self.wrong, [], "\n" + "\n".join(self.wrong))

    def check(self, place: str, told: dict[str, Any], http: bool) -> None:
        """The envelope of section (a)."""
        known = {"status", "result", "message", "errors"} | ({"execution"} if http else set())
        problems = []
        if told.get("status") not in ("OK", "ERROR"):
            problems.append("has no status")
        if http and not re.fullmatch(r"\d+\.\d{6}", str(told.get("execution"))):
            problems.append("has no execution")
        errors = told.get("errors", [])
        if told.get("status") == "ERROR":
            if not errors or not all(isinstance(one, str) and one for one in errors):
                problems.append("has no errors")
            if "result" in told:
                problems.append("has a result")
        elif set(told) - known:
            extra = set(told) - known
            if extra - {"revision"}:
                problems.append(f"has {extra}")
        if any("Traceback" in str(one) or 'File "' in str(one) for one in errors):
            problems.append("shows a traceback")
        self.wrong += [f"{place} {problem}: {json.dumps(told)[:200]}" for problem in problems]

    def contracted(self) -> Iterator[tuple[Documented, Method, Example]]:
        for wanted in documented():
            yield wanted, self.registry.get(wanted.name), self.examples[wanted.name]

    def test_every_route_and_spelling(self) -> None:
        self.addCleanup(self.switch_on)
        for wanted, _, example in self.contracted():
            if wanted.name in GRAVE:
                continue
            node = SUPPLIER if example.node == SUPPLIER else CUSTOMER
            arguments = self.asked[node].meant(dict(example.arguments))
            for route in wanted.routes:
                told = self.http[node].call(route, arguments)
                self.reached(f"{wanted.name} {route}", told)
                self.check(f"{wanted.name} {route}", told, http=True)
            for parameter in wanted.parameters:
                for key in parameter.keys:
                    if parameter.name not in arguments or key == parameter.name or f"{{{parameter.name}}}" in route:
                        continue
                    spelled = {name: value for name, value in arguments.items() if name != parameter.name}
                    spelled[key] = arguments[parameter.name]
                    told = self.sockets[node].call(wanted.name, spelled)
                    self.reached(f"{wanted.name} by {key}", told)
                    told = self.http[node].call(wanted.routes[0], spelled)
                    self.reached(f"{wanted.name} by {key} on HTTP", told)
        self.all_right()

    def switch_on(self) -> None:
        """What the routes of `service_stop` have switched off, for the next test."""
        alice = self.live.devnet.node("alice")
        alice.client.call("service_start", 10, service_name="service_my_data")
        self.live.devnet.await_service(alice, "my_data")

    def reached(self, place: str, told: dict[str, Any]) -> None:
        """Whether the call has come to its method, whatever that said."""
        for text in told.get("errors", ()):
            if re.search(r"missing \d|missed|unexpected keyword|^method \w+:|must be", text):
                self.wrong.append(f"{place}: {text}")

    def test_results_and_refusals(self) -> None:
        shapes = {one.name: one for one in documented()}
        for example in EXAMPLES:
            node = SUPPLIER if example.node == SUPPLIER else CUSTOMER
            asked, socket = self.asked[node], self.sockets[node]
            if example.node != FRESH and example.method not in GRAVE:
                told = socket.call(example.method, asked.meant(dict(example.arguments)))
                self.check(example.method, told, http=False)
                wanted = shapes.get(example.method)
                if told["status"] == "OK" and wanted is not None:
                    self.result(wanted, told)
            for refusal in example.refusals:
                told = socket.call(example.method, asked.meant(dict(refusal.arguments)))
                self.check(f"{example.method} when {refusal.when}", told, http=False)
                if told["status"] == "OK" or not told["errors"][0].startswith(asked.real(refusal.text)):
                    self.wrong.append(f"{example.method} when {refusal.when}: {json.dumps(told)[:200]}")
        self.all_right()

    def result(self, wanted: Documented, told: dict[str, Any]) -> None:
        if wanted.kind == "none":
            return
        if wanted.kind == "list" and "result" not in told:
            self.wrong.append(f"{wanted.name} has no result")
        if "result" in told:
            self.wrong += [f"{wanted.name}: {problem}" for problem in misfits(wanted.shape, told["result"])]

    def test_errors_of_the_contract(self) -> None:
        """Each is provoked by a refusal of the example, or has a reason not to be."""
        for wanted, _, example in self.contracted():
            if any(wanted.name.startswith(part) for part in ("share_", "group_", "message_", "shares_")):
                continue  # the gates of features to come
            words = NOT_PROVOKED.get(wanted.name, ())
            listed = [
                (when, text)
                for when, text in without_arguments(wanted.errors)
                if not any(word in when for word in words)
            ]
            texts = [refusal.text for refusal in example.refusals]
            texts += [example.answer] if example.answer != "OK" else []
            if len(texts) < len(listed):
                self.wrong.append(f"{wanted.name}: {listed} but {texts}")
        self.all_right()

    def test_gates(self) -> None:
        """Nothing but its own work runs on an identity server."""
        asked = self.live.node("identity-server")
        socket = Socket(asked.ws_url)
        self.addCleanup(socket.close)
        states = {one["name"]: one["state"] for one in asked.client.result("services_list")}
        for found in self.registry:
            closed = [f"{name}() is not started" for name in found.needs if states.get(name) != "ON"]
            if closed:
                given = {one.name: _SAMPLES[one.type_name.split(" ")[0]] for one in found.parameters if one.required}
                told = socket.call(found.name, given)
                if told != {"status": "ERROR", "errors": [closed[0]]}:
                    self.wrong.append(f"{found.name}: {told}")
        self.all_right()

    def test_what_is_missing(self) -> None:
        """The texts of section (a.2)."""
        for wanted, found, _ in self.contracted():
            if wanted.name in GRAVE:
                continue
            for route in wanted.routes:
                verb, path = route.split(" ", 1)
                in_path = re.findall(r"\{(\w+)\}", path)
                names = [
                    one.name
                    for one in found.parameters
                    if one.required and one.name not in in_path and not (in_path and in_path[0].startswith("key"))
                ]
                if in_path and in_path[0].startswith("key"):
                    names = [one.name for one in found.parameters if one.required and one.name != "key"]
                if not names:
                    continue
                path = re.sub(r"\{\w+\}", "x", path)
                told = self.http[CUSTOMER].ask(verb, path, None if verb == "GET" else b"{}")
                if verb == "GET":
                    text = f"mandatory url query argument missed: {names[0]}"
                elif in_path:
                    text = "one of mandatory parameters missed"
                else:
                    text = f"mandatory json input missed: {names}"
                if not told["errors"][0].startswith(text):
                    self.wrong.append(f"{route}: {told['errors']} is not {text!r}")
        self.all_right()

    def test_other_shapes_of_requests(self) -> None:
        """Bodies that are no objects, whatever the Content-Type; verbs and paths that are not there."""
        http = self.http[CUSTOMER]
        for body in (b"{", b"[]", b"1", b'"x"', b"\xff\xfe", b"null", b"[" * 100_000):
            for kind in ("application/json", "application/x-www-form-urlencoded", "text/plain"):
                told = http.ask("POST", "/config/set/v1", body, **{"Content-Type": kind})
                self.assertEqual(told["errors"], ["invalid json input"], body[:20])
        told = http.ask(
            "POST",
            "/config/set/v1",
            b'{"key": "personal/nickname", "value": "ally"}',
            **{"Content-Type": "application/x-www-form-urlencoded"},
        )
        self.assertEqual(told["status"], "OK")
        for verb, path in (
            ("GET", "/"), ("GET", "/no/such/v1"), ("POST", "/process/health/v1"), ("PATCH", "/process/health/v1"),
            ("OPTIONS", "/process/health/v1"), ("GET", "/process/health/v2"),
        ):  # fmt: skip
            told = http.ask(verb, path)
            self.assertEqual(told["status"], "ERROR")
            self.assertEqual(told["errors"], [f"method {verb}:{path} was not found"])


_SAMPLES: dict[str, Any] = {"str": "x", "int": 1, "float": 1.5, "bool": True, "list": [], "dict": {}, "any": {}}
