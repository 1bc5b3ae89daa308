"""
The history: each message once, found again by person, group, page and word; and the programs that take messages.
"""

from __future__ import annotations

import sqlite3
from typing import Any

from twisted.internet.defer import Deferred

from bitdust_node.api.models import Snapshot
from bitdust_node.api.pushes import Pushes
from bitdust_node.errors import Full, Invalid
from services.message_history import MessageHistory
from services.messaging.consumers import Consumers
from services.messaging.entries import GROUP, PRIVATE, Talk, pack_data, unpack_data, words
from services.messaging.history import History
from services.messaging.schema import MessagesDb
from services.models.messages import MessageModel
from services.people.friends import Friends
from tests.services.people.people import PeopleCase, Person


class Ear:
    """An audience that keeps what it hears."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, Any]] = []

    def push(self, kind: str, payload: Any) -> None:
        self.heard.append((kind, payload))

    def behind(self) -> bool:
        return False


class HistoryCase(PeopleCase):
    services = (MessageHistory,)

    def prepare(self, person: Person) -> None:
        self.addCleanup(lambda: Deferred.fromCoroutine(person.assembly.make(MessagesDb).close()))

    async def setUp(self) -> None:  # type: ignore[override]
        await super().setUp()
        self.alice, self.bob, self.carol = self.people
        self.history = self.alice.assembly.make(History)
        self.with_bob = Talk(PRIVATE, self.bob.node.node_id)
        self.group = Talk.of_circle(GROUP, "group_" + "1" * 32, self.carol.node.node_id)

    def add(
        self, talk: Talk, message_id: str, sender: Person, text: str, also: Any = None, state: str = "read"
    ) -> bool:
        direction: Any = "out" if sender is self.alice else "in"
        entry = self.history.entry(
            talk, message_id, self.clock.seconds(), sender.node.node_id, direction, {"text": text}, state
        )
        new: bool = self.run_it(self.history.add(entry, also))
        return new

    def texts(self, **question: Any) -> list[str]:
        result = self.call(self.alice, "message_history", **question)["result"]
        return [one["doc"]["payload"]["data"]["text"] for one in result]


class HistoryTests(HistoryCase):
    async def test_each_message_is_kept_once(self) -> None:
        told: list[Any] = []
        self.history.observe(told.append)
        self.assertTrue(self.add(self.with_bob, "1", self.bob, "hello"))
        self.assertFalse(self.add(self.with_bob, "1", self.bob, "hello"))
        self.assertTrue(self.add(self.with_bob, "1", self.alice, "ids of two people may be the same"))
        self.assertTrue(self.add(self.group, "1", self.bob, "also in groups"))
        positions = [kept.position for kept in told]
        self.assertEqual((len(positions), positions), (3, sorted(set(positions))))

    async def test_with_what_belongs_to_it_or_not_at_all(self) -> None:
        database = self.alice.assembly.make(MessagesDb)
        await database.prepare("cursors", ("CREATE TABLE cursors (number INTEGER);",))

        def note(connection: sqlite3.Connection, new: bool) -> None:
            connection.execute("INSERT INTO cursors VALUES (?)", (int(new),))

        def fail(connection: sqlite3.Connection, new: bool) -> None:
            raise Invalid("no")

        told: list[Any] = []
        self.history.observe(told.append)
        self.add(self.with_bob, "1", self.bob, "hello", note)
        self.add(self.with_bob, "1", self.bob, "hello", note)
        entry = self.history.entry(self.with_bob, "2", 1, self.bob.node.node_id, "in", {"text": "hello"}, "read")
        with self.assertRaises(Invalid):
            await self.history.add(entry, fail)
        rows = await database.read(lambda c: c.execute("SELECT number FROM cursors").fetchall())
        self.assertEqual((rows, len(told)), ([(1,), (0,)], 1))
        self.assertEqual(self.texts(recipient_id=self.bob.id), ["hello"])

    async def test_pages(self) -> None:
        for number in range(5):
            self.add(self.with_bob, str(number), (self.alice, self.bob)[number % 2], f"message {number}")
        self.add(Talk(PRIVATE, self.carol.node.node_id), "9", self.carol, "somebody else")
        self.add(self.group, "8", self.bob, "in a group")
        five = [f"message {number}" for number in (4, 3, 2, 1, 0)]
        for name in (self.bob.id, f"master${self.bob.id}", self.bob.node.me.idurl):
            self.assertEqual(self.texts(recipient_id=name), five)
        self.assertEqual(self.texts(sender_id=self.bob.id), five)
        self.assertEqual(self.texts(recipient_id=self.alice.id, sender_id=self.bob.id), five)
        self.assertEqual(self.texts(recipient_id=self.bob.id, offset=1, limit=2), five[1:3])
        self.assertEqual(self.texts(recipient_id=self.bob.id, offset=-7, limit=-1), [])
        group = f"{self.group.alias}${self.carol.id}"
        self.assertEqual(self.texts(recipient_id=group), ["in a group"])
        self.assertEqual(self.texts(recipient_id=group, sender_id=self.carol.id), [])
        self.assertEqual(self.texts(recipient_id=self.bob.id, message_type=GROUP), [])
        self.assertEqual(self.texts(recipient_id="somebody@unknown"), [])
        self.assertEqual(self.texts(recipient_id=self.bob.id, sender_id=self.carol.id), [])

    async def test_words(self) -> None:
        self.add(self.with_bob, "1", self.bob, "the quick brown fox")
        self.add(self.with_bob, "2", self.alice, 'a lazy dog; "AND" OR text: NEAR(')
        self.add(self.group, "3", self.bob, "Übermut ist gut, fox")
        self.assertEqual(self.texts(search="fox"), ["Übermut ist gut, fox", "the quick brown fox"])
        self.assertEqual(self.texts(recipient_id=self.bob.id, search="fox qui"), ["the quick brown fox"])
        self.assertEqual(self.texts(search="übermut"), ["Übermut ist gut, fox"])
        for odd in ('"AND" OR', "text:", "NEAR(", "lazy*", "(dog"):
            self.assertEqual(len(self.texts(search=odd)), 1, odd)
        for nothing in ("cat", "-", "'; DROP TABLE messages; --", '"', "\x00"):
            self.assertEqual(self.texts(search=nothing), [], nothing)

    async def test_refusals(self) -> None:
        self.assertEqual(self.error(self.alice, "message_history"), "recipient_id or sender_id is required")
        self.assertEqual(self.error(self.alice, "message_history", recipient_id="bobby"), "recipient was not found")
        self.assertIn("wrong recipient_id", self.error(self.alice, "message_history", recipient_id="a b@c d"))
        self.assertIn("wrong sender_id", self.error(self.alice, "message_history", sender_id="http://"))

    async def test_documents(self) -> None:
        self.add(self.with_bob, "1", self.bob, "hello")
        (shown,) = self.call(self.alice, "message_history", recipient_id=self.bob.id)["result"]
        inner = {
            "msg_type": PRIVATE,
            "type": PRIVATE,
            "message_id": "1",
            "time": 1_800_000_000,
            "data": {"text": "hello"},
        }
        expected = {
            "payload": inner,
            "sender": {"glob_id": f"master${self.bob.id}"},
            "recipient": {"glob_id": f"master${self.alice.id}"},
            "direction": "in",
            "conversation_id": "0&1",
            "state": "read",
        }
        self.assertEqual(shown, {"doc": expected})
        self.add(self.group, "2", self.alice, "all")
        (shown,) = self.call(self.alice, "message_history", recipient_id=f"{self.group.alias}${self.carol.id}")[
            "result"
        ]
        document = shown["doc"]
        self.assertEqual(document["sender"]["glob_id"], self.alice.id)
        self.assertEqual(document["recipient"]["glob_id"], f"{self.group.alias}${self.carol.id}")
        self.assertEqual((document["direction"], document["conversation_id"]), ("out", "2&2"))

    async def test_nicknames(self) -> None:
        self.add(self.with_bob, "1", self.bob, "hello")
        await self.alice.assembly.make(Friends).add(self.bob.node.me.document, "bobby")
        self.assertEqual(self.texts(recipient_id="bobby"), ["hello"])
        (one,) = self.call(self.alice, "message_conversations_list")["result"]
        self.assertEqual(one["label"], "bobby")

    async def test_conversations(self) -> None:
        self.add(self.group, "1", self.carol, "first")
        self.add(self.with_bob, "2", self.bob, "second")
        shown = self.call(self.alice, "message_conversations_list")["result"]
        self.assertEqual(
            [one["key_id"] for one in shown], [f"master${self.bob.id}", f"{self.group.alias}${self.carol.id}"]
        )
        self.assertEqual([one["last_message_id"] for one in shown], ["2", "1"])
        self.add(self.group, "3", self.carol, "third")
        shown = self.call(self.alice, "message_conversations_list")["result"]
        self.assertEqual([one["type"] for one in shown], [GROUP, PRIVATE])
        shown = self.call(self.alice, "message_conversations_list", message_types="private_message, x", limit=5)[
            "result"
        ]
        self.assertEqual([one["conversation_id"] for one in shown], ["0&2"])
        self.assertEqual(self.call(self.alice, "message_conversations_list", offset=2)["result"], [])

    async def test_who_moved_is_found_by_both_names(self) -> None:
        self.add(self.with_bob, "1", self.bob, "hello")
        old = self.bob.id
        resolver = self.alice.node.resolver
        known = resolver.known
        resolver.known = {key: value for key, value in known.items() if key != self.bob.node.node_id}
        self.assertEqual(self.texts(recipient_id=old), ["hello"])
        resolver.known = known

    async def test_states_only_go_on(self) -> None:
        self.add(self.with_bob, "1", self.alice, "hello", state="pending")
        for state in ("stored", "pending", "read", "delivered"):
            self.run_it(self.history.advance(self.with_bob, self.alice.node.node_id, ["1", "unknown"], state))
        told = [event.data for event in self.alice.told("message-state-changed")]
        self.assertEqual(
            [(one["old_state"], one["new_state"]) for one in told if one], [("pending", "stored"), ("stored", "read")]
        )
        (shown,) = self.call(self.alice, "message_history", recipient_id=self.bob.id)["result"]
        self.assertEqual(shown["doc"]["state"], "read")

    async def test_clients_hear_of_it(self) -> None:
        ear = Ear()
        self.alice.assembly.make(Pushes).join(ear)
        snapshots: list[Snapshot] = []
        end = self.alice.assembly.make(MessageModel).observe(snapshots.append)
        self.add(self.with_bob, "1", self.alice, "hello", state="pending")
        self.run_it(self.history.advance(self.with_bob, self.alice.node.node_id, ["1"], "read"))
        (heard,) = ear.heard
        self.assertEqual((heard[0], heard[1]["payload"]["data"]), ("stream_message", {"text": "hello"}))
        self.assertEqual([one.data["state"] for one in snapshots], ["pending", "read"])
        self.assertEqual(snapshots[0].id, "0&1/1")
        end()

    async def test_model_of_conversations(self) -> None:
        service = self.alice.assembly.make(MessageHistory)
        conversations, messages = service.models()
        told: list[Snapshot] = []
        end = conversations.observe(told.append)
        self.add(self.with_bob, "1", self.bob, "hello")
        self.clock.pump(5)
        self.assertEqual([(one.id, one.data["last_message_id"]) for one in told], [("0&1", "1")])
        self.run_it(self.alice.node.router.reach(self.bob.node.node_id), 5)
        self.assertEqual((told[-1].data["state"], told[-1].data["old_state"]), ("CONNECTED", "PING?"))
        end()
        self.assertEqual([one.id async for one in conversations.all({})], ["0&1"])
        self.assertEqual([one.id async for one in messages.all({})], ["0&1/1"])


class DataTests(PeopleCase):
    number = 1

    async def test_data_arrive_as_they_were(self) -> None:
        data = {
            "int": 2**80,
            "negative": -1,
            "float": 0.1 + 0.2,
            "small": 5e-324,
            "text": "ü €  𝄞 \u0000 \ud800 \u2028",
            "nested": [[{"a": [None, True, False, {}]}], []],
            "": "",
        }
        self.assertEqual(unpack_data(pack_data(data)), data)
        self.assertIn("ü €", words(data))

    async def test_what_is_no_data(self) -> None:
        deep: Any = {}
        for _ in range(50):
            deep = {"a": deep}
        for bad in ({"a": float("nan")}, {"a": float("inf")}, {"a": {1, 2}}, deep, {"a": 10**5000}):
            with self.assertRaises(Invalid):
                pack_data(bad)
        with self.assertRaises(Full) as caught:
            pack_data({"a": "x" * 1_000_000})
        self.assertIn("upload it as a file", str(caught.exception))
        for bad in (b"", b"[]", b"\xff", b"{", b'{"a":NaN}', b'{"a":' + b"[" * 100_000, b"1" * 5000, b'{"a":1e999}'):
            with self.assertRaises(Invalid):
                unpack_data(bad)


class ConsumerTests(HistoryCase):
    async def setUp(self) -> None:  # type: ignore[override]
        await super().setUp()
        self.consumers = Consumers(self.clock)
        self.history.observe(self.consumers.feed)

    def poll(
        self, name: str = "c", direction: str = "incoming", kinds: Any = (PRIVATE, GROUP), seconds: float = 60
    ) -> Any:
        return Deferred.fromCoroutine(self.consumers.collect(name, direction, kinds, seconds))

    def got(self, call: Any) -> list[str]:
        return [one["data"]["text"] for one in self.successResultOf(call)]

    async def test_a_consumer_is_registered_by_its_first_call(self) -> None:
        self.add(self.with_bob, "0", self.bob, "before")
        call = self.poll()
        self.assertNoResult(call)
        self.add(self.with_bob, "1", self.bob, "one")
        self.assertEqual(self.got(call), ["one"])
        self.add(self.with_bob, "2", self.bob, "two")
        self.add(self.with_bob, "3", self.alice, "mine")
        self.add(self.group, "4", self.bob, "four")
        self.assertEqual(self.got(self.poll()), ["two", "four"])

    async def test_direction_and_kinds(self) -> None:
        out = self.poll("out", "outgoing", (PRIVATE,))
        group = self.poll("group", kinds=(GROUP,))
        self.add(self.with_bob, "1", self.bob, "in")
        self.add(self.with_bob, "2", self.alice, "out")
        self.add(self.group, "3", self.alice, "own posts come back")
        (one,) = self.successResultOf(out)
        self.assertEqual(
            (one["data"], one["dir"], one["sender"]), ({"text": "out"}, "outgoing", f"master${self.alice.id}")
        )
        self.assertEqual(self.got(group), ["own posts come back"])
        for wrong in ("", "sideways"):
            self.failureResultOf(self.poll(direction=wrong), Invalid)
        self.failureResultOf(self.poll("x" * 201), Invalid)

    async def test_time_is_up(self) -> None:
        call = self.poll(seconds=7)
        self.clock.advance(6.9)
        self.assertNoResult(call)
        self.clock.advance(0.2)
        self.assertEqual(self.got(call), [])
        self.assertEqual(self.got(self.poll(seconds=0)) if self.clock.pump(1) else [], [])

    async def test_a_new_call_ends_the_older_one(self) -> None:
        first, second = self.poll(), self.poll()
        self.assertEqual(self.got(first), [])
        self.add(self.with_bob, "1", self.bob, "one")
        self.assertEqual(self.got(second), ["one"])

    async def test_who_does_not_collect_is_dropped(self) -> None:
        self.poll(seconds=0)
        self.clock.pump(2)
        for number in range(100):
            self.add(self.with_bob, str(number), self.bob, "x")
        self.assertEqual(len(self.consumers), 1)
        self.add(self.with_bob, "100", self.bob, "x")
        self.assertEqual(len(self.consumers), 0)
        call = self.poll()
        self.assertNoResult(call)
        self.consumers.close()
        self.assertEqual(self.got(call), [])

    async def test_there_are_not_too_many(self) -> None:
        calls = [self.poll(str(number)) for number in range(100)]
        self.failureResultOf(self.poll("one more"), Full)
        self.consumers.close()
        for call in calls:
            self.assertEqual(self.got(call), [])
