"""
Private messages: to people who are there, who come back later, whose suppliers go; each once, and in order.
"""

from __future__ import annotations

from typing import Any

from bitdust_node.errors import Full
from services.messaging.courier import LETTERS_LIMIT
from services.messaging.entries import DATA_LIMIT
from services.messaging.outbox import Outbox
from services.messaging.schema import MessagesDb
from tests.services.messaging.town import Citizen, TownCase


class Meetings(TownCase):
    def test_to_one_who_is_there(self) -> None:
        result = self.send(self.alice, self.bob, "hello")
        self.assertEqual((result["consumed"], result["state"]), (False, "delivered"))
        self.assertEqual(self.bob.texts, ["hello"])
        self.assertEqual(self.states(self.alice), [("pending", "delivered")])
        self.assertEqual(self.alice.get(Outbox).waiting, 0)
        self.assertEqual(self.queued(), 0)

    def test_a_program_that_waits_takes_it(self) -> None:
        call = self.begin(self.bob, "message_receive", consumer_callback_id="chat")
        result = self.send(self.alice, self.bob, "hello")
        self.assertEqual((result["consumed"], result["state"]), (True, "read"))
        (one,) = self.successResultOf(call)["result"]
        self.assertEqual(
            (one["data"], one["sender"], one["dir"]), ({"text": "hello"}, f"master${self.alice.id}", "incoming")
        )
        self.assertEqual((one["recipient"], one["message_id"]), (f"master${self.bob.id}", result["message_id"]))

    def test_a_program_that_comes_back_soon_takes_it(self) -> None:
        self.call(self.bob, "message_receive", consumer_callback_id="chat", polling_timeout=1)
        sending = self.begin(self.alice, "message_send", recipient_id=self.bob.id, data={"text": "hello"})
        self.clock.advance(5)
        self.assertNoResult(sending)
        self.call(self.bob, "message_receive", consumer_callback_id="chat", polling_timeout=1)
        self.clock.advance(1)
        self.assertTrue(self.successResultOf(sending)["result"]["consumed"])
        self.assertEqual(self.states(self.alice), [("pending", "delivered"), ("delivered", "read")])

    def test_a_program_that_does_not_is_not_waited_for_long(self) -> None:
        self.call(self.bob, "message_receive", consumer_callback_id="chat", polling_timeout=1)
        before = self.clock.seconds()
        result = self.send(self.alice, self.bob, "hello", message_ack_timeout=7)
        self.assertEqual((result["consumed"], result["state"]), (False, "delivered"))
        self.assertLess(self.clock.seconds() - before, 8)

    def test_data_arrive_equal(self) -> None:
        data = {"text": ["ü𝄞\ud800", 2**70, 0.1, None, True, {"a": {"b": []}}], "": {}}
        self.call(self.alice, "message_send", recipient_id=self.bob.id, data=data)
        self.assertEqual(self.bob.heard[0].entry.data, data)

    def test_a_megabyte(self) -> None:
        text = "x" * (DATA_LIMIT - 20)
        self.assertEqual(self.send(self.alice, self.bob, text)["state"], "delivered")
        self.assertEqual(self.bob.texts, [text])
        error = self.error(self.alice, "message_send", recipient_id=self.bob.id, data={"text": "x" * 10_000_000})
        self.assertIn("upload it as a file", error)

    def test_many_at_once_keep_their_order(self) -> None:
        calls = [
            self.begin(self.alice, "message_send", recipient_id=self.bob.id, data={"text": number})
            for number in range(300)
        ]
        self.until(lambda: all(call.called for call in calls))
        self.assertEqual({self.successResultOf(call)["result"]["state"] for call in calls}, {"delivered"})
        self.assertEqual(self.bob.texts, list(range(300)))

    def test_both_ways_at_once(self) -> None:
        there = [
            self.begin(self.alice, "message_send", recipient_id=self.bob.id, data={"text": at}) for at in range(20)
        ]
        back = [self.begin(self.bob, "message_send", recipient_id=self.alice.id, data={"text": at}) for at in range(20)]
        self.until(lambda: all(call.called for call in (*there, *back)))
        self.assertEqual((self.alice.texts, self.bob.texts), (list(range(20)),) * 2)

    def test_refusals(self) -> None:
        def send(recipient: str) -> str:
            return self.error(self.alice, "message_send", recipient_id=recipient, data={"text": "x"})

        self.assertEqual(send("bobby"), "recipient was not found")
        self.assertIn("wrong recipient_id", send("bad name@host"))
        self.assertIn("there is no identity", send("nobody@nowhere"))
        self.assertIn("own identity", send(self.alice.id))
        self.assertIn("message_send_group", send(f"group_{'0' * 32}${self.bob.id}"))
        self.assertEqual(send(f"person${self.bob.id}"), "method is not implemented yet")
        error = self.error(self.alice, "message_send", recipient_id=self.bob.id, data={"a": float("nan")})
        self.assertIn("JSON", error)

    def test_by_every_name(self) -> None:
        for name in (self.bob.id, f"master${self.bob.id}", self.bob.node.me.idurl):
            answer = self.call(self.alice, "message_send", recipient_id=name, data={"text": name})
            self.assertEqual(answer["status"], "OK")
        self.assertEqual(len(self.bob.texts), 3)


class Silent(TownCase):
    options: dict[str, object] = {"services/private-messages/acknowledge-unread-messages-enabled": False}

    def test_unread_messages_are_not_acknowledged(self) -> None:
        result = self.send(self.alice, self.bob, "hello")
        self.assertEqual((result["consumed"], result["state"]), (False, "stored"))
        self.assertEqual(self.bob.texts, ["hello"])
        self.call(self.bob, "message_receive", consumer_callback_id="chat", polling_timeout=1)
        sending = self.begin(self.alice, "message_send", recipient_id=self.bob.id, data={"text": "2"})
        self.clock.advance(1)
        self.call(self.bob, "message_receive", consumer_callback_id="chat", polling_timeout=1)
        self.clock.advance(1)
        self.assertTrue(self.successResultOf(sending)["result"]["consumed"])


class Absences(TownCase):
    def test_mail_waits_at_the_suppliers(self) -> None:
        self.away(self.bob)
        result = self.send(self.alice, self.bob, "hello")
        self.assertEqual((result["consumed"], result["state"]), (False, "stored"))
        self.assertEqual(self.queued(), 2)
        self.send(self.alice, self.bob, "again")
        self.away(self.alice)
        self.back(self.bob)
        self.until(lambda: len(self.bob.heard) == 2, seconds=15)
        self.assertEqual(self.bob.texts, ["hello", "again"])
        self.until(lambda: self.queued() == 0, seconds=15)

    def test_receipts_find_the_sender_who_was_away(self) -> None:
        self.away(self.bob)
        self.send(self.carol, self.bob, "hello")
        self.away(self.carol)
        self.back(self.bob)
        self.until(lambda: self.bob.texts == ["hello"], seconds=15)
        self.until(lambda: self.queued() > 0, seconds=30)
        self.away(self.bob)
        self.back(self.carol)
        self.until(lambda: ("stored", "delivered") in self.states(self.carol), seconds=15)
        self.until(lambda: self.queued() == 0 and self.carol.get(Outbox).waiting == 0, seconds=15)

    def no_receipts(self, citizen: Citizen) -> None:
        """None gets into his outbox as long as this process lives, as if his disk had no room for more."""

        async def full(*_: Any) -> None:
            raise Full("no room left on the disk")

        citizen.get(Outbox).confirm = full  # type: ignore[method-assign]

    def test_receipts_of_mail_that_were_not_written_are_written_after_a_restart(self) -> None:
        self.away(self.bob)
        self.send(self.carol, self.bob, "hello")
        self.away(self.carol)
        self.back(self.bob)
        self.no_receipts(self.bob)
        self.until(lambda: self.bob.texts == ["hello"] and self.queued() == 0, seconds=15)
        self.clock.advance(1)
        self.away(self.bob)
        self.back(self.bob)
        self.until(lambda: self.queued() > 0, seconds=30)
        self.assertEqual(self.due(self.bob), 0)
        self.away(self.bob)
        self.back(self.carol)
        self.until(lambda: ("stored", "delivered") in self.states(self.carol), seconds=15)

    def test_that_a_message_was_read_is_told_after_a_restart(self) -> None:
        self.no_receipts(self.bob)
        self.call(self.bob, "message_receive", consumer_callback_id="chat", polling_timeout=1)
        self.begin(self.alice, "message_send", recipient_id=self.bob.id, data={"text": "hello"})
        self.clock.advance(1)
        self.assertEqual(self.call(self.bob, "message_receive", consumer_callback_id="chat")["status"], "OK")
        self.clock.advance(1)
        self.assertEqual(self.states(self.alice)[-1][1], "delivered")
        self.assertEqual(self.due(self.bob), 1)
        self.away(self.bob)
        self.back(self.bob)
        self.until(lambda: ("delivered", "read") in self.states(self.alice), seconds=15)
        self.assertEqual(self.due(self.bob), 0)

    def due(self, citizen: Citizen) -> int:
        count = "SELECT count(*) FROM receipts_due"
        return int(self.run_now(citizen.get(MessagesDb).read(lambda c: c.execute(count).fetchone()[0])))

    def test_large_mail(self) -> None:
        self.away(self.bob)
        for at in range(3):
            self.assertEqual(self.send(self.alice, self.bob, str(at) * 500_000)["state"], "stored")
        self.back(self.bob)
        self.until(lambda: len(self.bob.heard) == 3, seconds=15)
        self.assertEqual([text[0] for text in self.bob.texts], ["0", "1", "2"])

    def test_one_supplier_is_gone_too(self) -> None:
        self.away(self.bob)
        self.suppliers[0].node.die()
        self.assertEqual(self.send(self.alice, self.bob, "hello")["state"], "stored")
        self.away(self.alice)
        self.back(self.bob)
        self.until(lambda: self.bob.texts == ["hello"], seconds=15)

    def test_nobody_keeps_it_and_the_sender_tries_again(self) -> None:
        self.away(self.alice)
        result = self.send(self.bob, self.alice, "hello")
        self.assertEqual((result["consumed"], result["state"]), (False, "pending"))
        self.back(self.alice)
        self.until(lambda: self.alice.texts == ["hello"], seconds=15)
        self.assertEqual(self.states(self.bob), [("pending", "delivered")])

    def test_what_was_not_sent_survives_a_restart(self) -> None:
        self.away(self.alice)
        for text in ("one", "two"):
            self.send(self.bob, self.alice, text)
        self.away(self.bob)
        self.back(self.alice)
        self.back(self.bob)
        self.until(lambda: self.alice.texts == ["one", "two"], seconds=15)
        self.send(self.bob, self.alice, "three")
        self.assertEqual(self.alice.texts, ["one", "two", "three"])

    def test_mail_comes_to_one_who_is_hidden_from_its_sender(self) -> None:
        others = [supplier.node.name for supplier in self.suppliers]
        self.network.part([self.alice.node.name, *others], [self.bob.node.name, *others])
        self.assertEqual(self.send(self.alice, self.bob, "hello")["state"], "stored")
        self.until(lambda: self.bob.texts == ["hello"], seconds=15)
        self.assertEqual(self.queued(), 0)

    def test_given_once_more_and_shown_once(self) -> None:
        self.away(self.bob)
        self.send(self.alice, self.bob, "hello")
        self.back(self.bob)
        self.until(lambda: self.bob.texts == ["hello"], seconds=15)
        self.until(lambda: self.alice.get(Outbox).waiting == 0, seconds=300)
        self.assertEqual(self.bob.texts, ["hello"])

    def test_old_ones_are_given_up(self) -> None:
        self.away(self.alice)
        self.send(self.bob, self.alice, "hello")
        self.jump(30.5 * 86400)
        self.until(lambda: self.bob.get(Outbox).waiting == 0)
        self.assertEqual(self.states(self.bob), [("pending", "expired")])
        self.back(self.alice)
        self.send(self.bob, self.alice, "later ones do not wait for it")
        self.until(lambda: len(self.alice.texts) == 1, seconds=15)

    def test_the_outbox_is_bounded(self) -> None:
        self.away(self.alice)
        self.send(self.bob, self.alice, "hello")
        courier: Any = next(iter(self.bob.get(Outbox)._couriers.values()))
        courier.letters = LETTERS_LIMIT
        error = self.error(self.bob, "message_send", recipient_id=self.alice.id, data={})
        self.assertIn("still on their way", error)


class Queued(TownCase):
    def test_queues_are_shown(self) -> None:
        self.away(self.bob)
        self.send(self.alice, self.bob, "hello")
        supplier = self.suppliers[0]
        queue_id = f"master&{self.bob.id}&{supplier.id}"
        queues = [one for one in self.call(supplier, "queues_list")["result"] if one["messages"]]
        self.assertEqual(queues, [{"queue_id": queue_id, "messages": 1}])
        (stream,) = [one for one in self.call(supplier, "queue_streams_list")["result"] if one["queue_id"] == queue_id]
        expected = {"active": True, "consumers": [self.bob.id], "producers": [self.alice.id], "sequence_id": 1}
        self.assertEqual(stream, {"queue_id": queue_id} | expected)
        (producer,) = self.call(supplier, "queue_producers_list")["result"]
        self.assertEqual(
            producer, {"producer_id": self.alice.id, "queues": [queue_id], "state": "READY", "produced": 1}
        )
        consumers = {one["consumer_id"]: one for one in self.call(supplier, "queue_consumers_list")["result"]}
        self.assertEqual(consumers[self.bob.id]["consumed"], 0)
        self.back(self.bob)
        self.until(lambda: self.bob.texts == ["hello"] and self.queued() == 0, seconds=15)
        consumers = {one["consumer_id"]: one for one in self.call(supplier, "queue_consumers_list")["result"]}
        self.assertEqual(consumers[self.bob.id]["consumed"], 1)

    def test_mail_counts_in_the_lease_and_survives(self) -> None:
        self.away(self.bob)
        supplier: Any = self.suppliers[0]
        self.send(self.alice, self.bob, "x" * 100_000)

        def used() -> int:
            return int(supplier.services[0].keeping.space.account(self.bob.node.node_id).used)

        before = used()
        self.assertGreater(before, 100_000)
        self.away(supplier)
        self.back(supplier)
        self.assertEqual(used(), before)
        self.jump(30.5 * 86400)
        self.assertEqual(used(), 0)
