"""
Attacks on private messages at a bad time: answers that cross, a service that stops meanwhile, senders not found.
"""

from __future__ import annotations

import secrets
from typing import Any

from twisted.internet.defer import Deferred

from bitdust_node.api.text import compact, indented
from bitdust_node.errors import BitDustError, Full, Unavailable
from bitdust_node.identity.document import Document
from bitdust_node.waiting import all_of
from bitdust_node.wire.messages import RECEIPT, Receipt, Taken
from bitdust_node.wire.packet import pack
from services.messaging import inbox as inbox_module
from services.messaging.consumers import CONSUMERS_LIMIT, NAME_LIMIT
from services.messaging.inbox import SENDER_LIMIT, Inbox
from services.messaging.outbox import Outbox
from services.private_messages import PrivateMessages
from tests.security.test_messages import MessageCase
from tests.services.messaging.town import Citizen


class CrossingTests(MessageCase):
    def test_a_receipt_that_comes_before_the_answer(self) -> None:
        """He got it out of his mailbox while it was given to him: it is settled once, and nothing is left of it."""
        outbox = self.alice.get(Outbox)
        give = outbox._post.give

        async def slowly(recipient: Any, letter: bytes) -> Taken:
            taken = await give(recipient, letter)
            rows = await outbox._post.load(recipient, 0)
            if len(rows) > 1:
                await outbox.arrived(recipient, [rows[0].message_id], "read")
            return taken

        outbox._post.give = slowly  # type: ignore[method-assign]
        sent = [self.begin(self.alice, "message_send", recipient_id=self.bob.id, data={"text": n}) for n in range(5)]
        for one in sent:
            self.assertEqual(self.run_now(one)["status"], "OK")
        self.clock.advance(5)
        self.assertEqual((outbox.waiting, outbox._couriers), (0, {}))

    def test_receipts_of_everybody_for_everything(self) -> None:
        """They make no couriers that stay, and move nothing that was not sent to who brings them."""
        self.away(self.bob)
        self.send(self.alice, self.bob, "hello")
        for _ in range(20):
            ids = [secrets.token_bytes(16) for _ in range(1000)]
            letter = self.letter(
                self.carol, self.alice, kind=RECEIPT, number=0, least=0, contents=pack(Receipt(ids, "read"))
            )
            self.assertEqual(self.give(self.carol, self.alice, letter).state, "read")
        self.clock.advance(1)
        self.assertEqual(list(self.alice.get(Outbox)._couriers), [self.bob.node.node_id])


class StoppingTests(MessageCase):
    def held(self, citizen: Citizen) -> list[Deferred[Any]]:
        """From now on the workers of the inbox finish nothing."""
        started: list[Deferred[Any]] = []

        class Workers:
            def run(self, *arguments: Any) -> Deferred[Any]:
                started.append(Deferred())
                return started[-1]

        citizen.get(Inbox)._workers = Workers()  # type: ignore[assignment]
        return started

    def flood(self, count: int) -> list[Any]:
        """What becomes of so many letters of Alice to Bob, as they are answered."""
        results: list[Any] = []
        for _ in range(count):
            given = Deferred.fromCoroutine(
                self.bob.get(Inbox).take(self.letter(self.alice, self.bob), self.alice.node.node_id)
            )
            given.addBoth(results.append)
        return results

    def test_letters_that_wait_when_the_service_stops(self) -> None:
        """Their senders hear it, and have not used up what they may send when it goes on."""
        inbox, workers = self.bob.get(Inbox), self.bob.get(Inbox)._workers
        for _ in range(3):
            self.held(self.bob)
            results = self.flood(SENDER_LIMIT)
            self.run_now(self.bob.get(PrivateMessages).stop())
            self.assertEqual({type(one.value) for one in results}, {Unavailable})
            self.assertEqual(len(results), SENDER_LIMIT)
            inbox._workers = workers
            self.run_now(self.bob.get(PrivateMessages).start())
            self.clock.advance(5)
        self.assertEqual(self.send(self.alice, self.bob, "after")["state"], "delivered")
        self.assertEqual(self.bob.texts, ["after"])

    def test_a_letter_whose_sender_is_found_when_the_service_has_stopped(self) -> None:
        inbox, looking = self.bob.get(Inbox), Deferred[Document]()

        async def slow(*_: Any) -> Document:
            return await looking

        document, inbox._post.document = inbox._post.document, slow  # type: ignore[method-assign]
        results = self.flood(1)
        self.run_now(self.bob.get(PrivateMessages).stop())
        looking.callback(self.alice.node.me.document)
        self.assertIsInstance(results[0].value, Unavailable)
        inbox._post.document = document  # type: ignore[method-assign]
        self.run_now(self.bob.get(PrivateMessages).start())
        self.assertEqual(self.send(self.alice, self.bob, "after")["state"], "delivered")

    def test_a_message_whose_recipient_is_found_when_the_service_has_stopped(self) -> None:
        service, looking = self.alice.get(PrivateMessages), Deferred[Document]()
        resolve = service._resolver.resolve

        async def slow(who: str) -> Document:
            return await looking

        service._resolver.resolve = slow  # type: ignore[method-assign]
        sent = self.begin(self.alice, "message_send", recipient_id=self.bob.id, data={"text": "late"})
        self.run_now(service.stop())
        service._resolver.resolve = resolve  # type: ignore[method-assign]
        looking.callback(self.bob.node.me.document)
        self.assertEqual(self.run_now(sent)["status"], "ERROR")
        self.assertEqual(self.alice.get(Outbox)._couriers, {})
        self.run_now(service.start())
        self.send(self.alice, self.bob, "after")
        self.assertEqual(self.bob.texts, ["after"])

    def test_what_waits_has_an_end_in_bytes(self) -> None:
        self.patch(inbox_module, "BYTES_LIMIT", 100_000)
        self.held(self.bob)
        results: list[Any] = []
        for citizen in (self.alice, self.carol):
            for _ in range(100):
                letter = self.letter(citizen, self.bob, "x" * 10_000)
                given = Deferred.fromCoroutine(self.bob.get(Inbox).take(letter, citizen.node.node_id))
                given.addBoth(results.append)
        self.assertEqual({type(one.value) for one in results}, {Full})
        self.assertGreater(len(results), 185)


class MailAttacks(MessageCase):
    def test_much_mail_of_somebody_who_is_not_found(self) -> None:
        """It is asked for once a round, and what is behind it is read at once."""
        self.away(self.bob)
        for number in range(300):
            self.put(self.alice, number)
        self.put(self.carol, "good")
        self.run_now(self.bob.node.start())
        self.bob.make()
        self.share_dht(self.bob)
        asked: list[str] = []
        inbox, alice = self.bob.get(Inbox), self.alice.node.node_id
        document = inbox._post.document

        async def not_found(node_id: Any, idurl: str) -> Document:
            if node_id == alice:
                asked.append(node_id)
                raise Unavailable("its server can not be reached")
            return await document(node_id, idurl)

        inbox._post.document = not_found  # type: ignore[method-assign]
        self.run_now(self.bob.start())
        self.until(lambda: self.bob.texts == ["good"], seconds=15)
        self.assertLessEqual(len(asked), 2 * 64)
        # nothing of it was lost
        inbox._post.document = document  # type: ignore[method-assign]
        self.until(lambda: len(self.bob.texts) == 301, seconds=150)

    def put(self, giver: Citizen, text: Any) -> None:
        letter = self.letter(giver, self.bob, text, number=1 if text == "good" else text + 1)
        for supplier in self.suppliers:
            left = giver.get(Outbox)._post.leave(supplier.node.node_id, self.bob.node.node_id, letter)
            self.run_now(left, step=0.001)


class DataTests(MessageCase):
    def test_data_that_is_hard_to_show(self) -> None:
        """What comes from others never keeps the history, the models or the consumers from answering."""
        contents = [
            b'{"text":"\\ud800","\\udfff":1}',
            b'{"text":"nul \\u0000 nul"}',
            b'{"text":"big","n":' + b"9" * 4000 + b',"e":1e308}',
            b'{"text":"' + b"\\\"' OR 1=1; -- " * 10 + b'"}',
            b'{"text":' + b"[" * 38 + b"]" * 38 + b"}",
            b'{"text":"twice","text":"twice"}',
        ]
        self.call(self.bob, "message_receive", consumer_callback_id="one", polling_timeout=0)
        for at, one in enumerate(contents, 1):
            self.assertEqual(
                self.give(
                    self.alice, self.bob, self.letter(self.alice, self.bob, contents=one, number=at, log=b"datas")
                ).state,
                "delivered",
            )
        shown = [
            self.call(self.bob, "message_receive", consumer_callback_id="one", polling_timeout=1)["result"],
            [kept.document() for kept in self.run_now(self.bob.get(PrivateMessages)._history.page(None, 0, 100))],
            [
                kept.document()
                for kept in self.run_now(self.bob.get(PrivateMessages)._history.page(None, 0, 100, search="nul"))
            ],
        ]
        self.assertEqual([len(one) for one in shown], [6, 6, 1])
        for one in shown:
            self.assertTrue(compact(one).isascii())
            self.assertTrue(indented(one).isascii())

    def test_searches_that_are_no_words(self) -> None:
        self.send(self.alice, self.bob, "hello world")
        history = self.bob.get(PrivateMessages)._history
        for search in (
            '"',
            "a AND",
            "NEAR(",
            "* OR *",
            "text:x",
            "'; DROP TABLE words; --",
            "\0",
            "\ud800",
            "(" * 5000,
        ):
            self.assertEqual(self.run_now(history.page(None, 0, 10, search=search)), [])
        self.assertEqual(len(self.run_now(history.page(None, 0, 10, search="hello wor"))), 1)

    def test_recipients_that_can_not_be(self) -> None:
        names = [
            "",
            " ",
            "nobody",
            "a@b",
            "../../etc/passwd",
            "group_$x@y",
            "$",
            "master$",
            "x" * 10_000,
            "http://",
            "\0",
        ]
        for name in [*names, self.alice.id, f"group_{'0' * 32}${self.bob.id}", "http://[::1", "http://a/b?c#d"]:
            error = self.error(self.alice, "message_send", recipient_id=name, data={})
            self.assertNotIn("Traceback", error)
        self.assertEqual(self.alice.get(Outbox)._couriers, {})

    def test_ten_megabytes_of_data(self) -> None:
        error = self.error(self.alice, "message_send", recipient_id=self.bob.id, data={"text": "x" * 10_000_000})
        self.assertIn("upload it as a file", error)
        deep: Any = {}
        for _ in range(5000):
            deep = {"a": deep}
        self.assertIn("levels", self.error(self.alice, "message_send", recipient_id=self.bob.id, data=deep))
        self.assertEqual(self.bob.heard, [])

    def test_consumers_without_end(self) -> None:
        for number in range(CONSUMERS_LIMIT):
            self.call(self.bob, "message_receive", consumer_callback_id=f"c{number}", polling_timeout=0)
        for name in ("one more", "", "x" * (NAME_LIMIT + 1)):
            self.error(self.bob, "message_receive", consumer_callback_id=name, polling_timeout=0)
        for _ in range(101):
            self.send(self.alice, self.bob, "x" * 100)
        self.assertEqual(len(self.consumers(self.bob)), 0)

    def test_a_burst_of_one_sender_is_kept_once_and_in_order(self) -> None:
        """Repeated, and out of order, all at the same time."""
        letters = [self.letter(self.alice, self.bob, number, number=number, log=b"burst") for number in range(1, 101)]
        order = letters[50:] + letters[:50] + letters[::-1]
        inbox, alice = self.bob.get(Inbox), self.alice.node.node_id
        results = self.run_now(all_of(inbox.take(letter, alice) for letter in order[:SENDER_LIMIT]))
        self.assertEqual([one for one in results if isinstance(one, BitDustError)], [])
        self.assertEqual(self.bob.texts, list(range(1, 101)))
