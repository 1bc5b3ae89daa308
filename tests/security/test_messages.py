"""
Attacks on private messages and mailboxes: forged, changed, repeated and foreign letters, floods, and too much of it.
"""

from __future__ import annotations

import secrets
from dataclasses import replace
from typing import Any

import msgspec

from bitdust_node.errors import BitDustError, Corrupt, Full, Invalid, Refused
from bitdust_node.identity.names import NodeId
from bitdust_node.waiting import all_of
from bitdust_node.wire.messages import (
    LETTER_LIMIT,
    MAIL_DELETE,
    MAIL_PUT,
    MAIL_PUT_LARGE,
    MAIL_READ,
    MESSAGE,
    MESSAGE_GIVE,
    MESSAGE_GIVE_LARGE,
    RECEIPT,
    Envelope,
    LargeLetter,
    LargeMailPut,
    Letter,
    MailDelete,
    MailPut,
    MailRead,
    Receipt,
    SignedEnvelope,
)
from bitdust_node.wire.packet import pack, unpack
from services.messaging.entries import pack_data
from services.messaging.inbox import BURST, Inbox
from services.messaging.letters import DOMAIN, Draft, KeysToSend, Writer, write
from services.messaging.outbox import Outbox
from services.postman.mailboxes import NOT_TAKEN, SENDER_LETTERS
from tests.services.messaging.town import Citizen, TownCase


class MessageCase(TownCase):
    def letter(self, sender: Citizen, to: Citizen, text: Any = "x", **fields: Any) -> bytes:
        """A letter as its sender would write it, but for what is changed."""
        me = sender.node.me
        now = self.clock.seconds()
        draft = Draft(MESSAGE, secrets.token_bytes(16), b"abcde", 1, 1, int(now), pack_data({"text": text}))
        writer = Writer(me.node_id, me.idurl, me.device, me.device_record)
        key = KeysToSend().key(to.node.me.document.public, 1, now)
        return write([replace(draft, **fields)], to.node.node_id, writer, key)[0]

    def give(self, giver: Citizen, to: Citizen, letter: bytes) -> Any:
        return self.run_now(giver.node.router.request(to.node.node_id, MESSAGE_GIVE, Letter(letter)))

    def refused(self, kind: type[BitDustError], giver: Citizen, to: Citizen, letter: bytes) -> str:
        with self.assertRaises(kind) as caught:
            self.give(giver, to, letter)
        self.assertEqual(to.heard, [])
        return str(caught.exception)

    def changed(self, letter: bytes, **fields: Any) -> bytes:
        """The same signature over another envelope."""
        signed = unpack(SignedEnvelope, letter)
        envelope = msgspec.structs.replace(unpack(Envelope, signed.body), **fields)
        return pack(msgspec.structs.replace(signed, body=pack(envelope)))


class ForgeryTests(MessageCase):
    def test_a_letter_of_somebody_else(self) -> None:
        letter = self.letter(self.alice, self.bob)
        self.refused(Refused, self.carol, self.bob, letter)
        # his name on a letter that Carol has signed, in a mailbox where nobody sees who brought it
        mine = self.changed(self.letter(self.carol, self.bob), sender=self.alice.node.node_id)
        with self.assertRaises(Corrupt):
            self.run_now(self.bob.get(Inbox).take(mine))
        self.assertEqual(self.bob.heard, [])

    def test_a_letter_for_somebody_else(self) -> None:
        letter = self.letter(self.alice, self.bob)
        self.refused(Refused, self.alice, self.carol, letter)
        # passed on with another address
        self.refused(Corrupt, self.alice, self.carol, self.changed(letter, recipient=self.carol.node.node_id))

    def test_a_letter_that_was_changed(self) -> None:
        letter = self.letter(self.alice, self.bob)
        envelope = unpack(Envelope, unpack(SignedEnvelope, letter).body)
        for fields in (
            {"message_id": bytes(16)},
            {"number": 7},
            {"time": 1},
            {"kind": RECEIPT},
            {"sealed": bytes(len(envelope.sealed))},
            {"wrapped": bytes(128)},
            {"log": b"zzzzz"},
        ):
            self.refused(Corrupt, self.alice, self.bob, self.changed(letter, **fields))

    def test_what_fails_to_open_is_answered_alike(self) -> None:
        """Nobody learns by trying what the key of the receiver opens."""
        answers = set()
        for wrapped, sealed in ((bytes(128), bytes(64)), (secrets.token_bytes(128), b""), (b"", bytes(64))):
            me = self.alice.node.me
            names = (1, me.node_id, me.idurl, self.bob.node.node_id, MESSAGE, secrets.token_bytes(16))
            body = pack(Envelope(*names, b"abcde", 1, 1, 1, wrapped, bytes(12), sealed))
            letter = pack(SignedEnvelope(body, me.device_record, me.device.sign(DOMAIN, body)))
            answers.add(self.refused(Corrupt, self.alice, self.bob, letter))
        self.assertEqual(len(answers), 1, answers)

    def test_a_letter_once_more(self) -> None:
        letter = self.letter(self.alice, self.bob)
        for _ in range(3):
            self.assertEqual(self.give(self.alice, self.bob, letter).state, "delivered")
        self.assertEqual(len(self.bob.heard), 1)

    def test_noise(self) -> None:
        noise = [b"", b"\x93", b"\xff" * 100, b"\x91" * 40_000, pack(SignedEnvelope(b"\xc0", b"", b"")), bytes(40_000)]
        for letter in noise:
            self.refused(Invalid, self.alice, self.bob, letter)
        for fields in ({"format": 2}, {"least": 5}, {"sender": "../x"}, {"message_id": b"short"}, {"kind": 9}):
            self.refused(Invalid, self.alice, self.bob, self.changed(self.letter(self.alice, self.bob), **fields))
        bad = [b"[]", b"{", b'{"a":' + b"[" * 30_000, b"\xff", b'{"a":Infinity}']
        for contents in bad:
            self.refused(Invalid, self.alice, self.bob, self.letter(self.alice, self.bob, contents=contents))
        self.send(self.alice, self.bob, "the node goes on")
        self.assertEqual(len(self.bob.heard), 1)

    def test_receipts_are_for_own_messages_alone(self) -> None:
        self.away(self.bob)
        result = self.send(self.alice, self.bob, "hello")
        stolen = pack(Receipt([bytes.fromhex(result["message_id"])], "read"))
        letter = self.letter(self.carol, self.alice, kind=RECEIPT, number=0, least=0, contents=stolen)
        self.give(self.carol, self.alice, letter)
        self.assertEqual(self.states(self.alice), [("pending", "stored")])
        self.assertEqual(self.alice.get(Outbox).waiting, 1)
        odd = pack(Receipt([bytes(16)], "eaten"))
        letter = self.letter(self.carol, self.alice, kind=RECEIPT, number=0, least=0, contents=odd)
        self.refused(Invalid, self.carol, self.alice, letter)

    def test_numbers_that_can_not_be(self) -> None:
        """A sender who skips numbers delays only himself."""
        far = self.letter(self.alice, self.bob, "far", number=(1 << 48) - 2)
        self.assertEqual(self.give(self.alice, self.bob, far).state, "delivered")
        self.send(self.carol, self.bob, "mine")
        self.assertEqual(self.bob.texts, ["mine"])
        self.clock.advance(60)
        self.assertEqual(self.bob.texts, ["mine", "far"])
        # two letters of one number
        for text in ("one", "two"):
            self.give(self.alice, self.bob, self.letter(self.alice, self.bob, text, log=b"other"))
        self.assertEqual(self.bob.texts[2:], ["one", "two"])


class TooMuchTests(MessageCase):
    def test_a_flood_keeps_others_from_nothing(self) -> None:
        router, to = self.alice.node.router, self.bob.node.node_id
        letter = Letter(self.letter(self.alice, self.bob))
        refused = 0
        for _ in range(int(BURST) // 900 + 1):
            answers = self.run_now(all_of(router.request(to, MESSAGE_GIVE, letter) for _ in range(900)), step=0.001)
            refused += sum(isinstance(answer, Full) for answer in answers)
        self.assertGreater(refused, 0)
        self.assertEqual(self.send(self.carol, self.bob, "mine")["state"], "delivered")
        self.assertEqual(sum(text == "mine" for text in self.bob.texts), 1)

    def test_a_letter_that_is_too_long(self) -> None:
        with self.assertRaises(Invalid):
            self.run_now(self.stream(LETTER_LIMIT + 1))
        with self.assertRaises(BitDustError):
            self.run_now(self.stream(1000, b"x" * 10))

    async def stream(self, size: int, data: bytes = b"") -> None:
        router = self.alice.node.router
        stream = await router.open_stream(self.bob.node.node_id, MESSAGE_GIVE_LARGE, LargeLetter(size))
        await stream.write(data)
        stream.finish()
        await stream.read()


class MailboxTests(MessageCase):
    def setUp(self) -> None:
        super().setUp()
        self.away(self.bob)
        self.supplier = self.suppliers[0]

    def put(self, giver: Citizen, owner: str, letter: bytes) -> Any:
        question = MailPut(NodeId(owner), letter)
        return self.run_now(giver.node.router.request(self.supplier.node.node_id, MAIL_PUT, question))

    def test_only_the_owner_reads_and_deletes(self) -> None:
        self.send(self.alice, self.bob, "hello")
        self.assertEqual(self.queued(), 2)
        for stranger in (self.alice, self.carol, self.suppliers[1]):
            router = stranger.node.router
            page = self.run_now(router.request(self.supplier.node.node_id, MAIL_READ, MailRead(0)))
            self.assertEqual(page.items, [])
            self.run_now(router.request(self.supplier.node.node_id, MAIL_DELETE, MailDelete(list(range(50)))))
        self.assertEqual(self.queued(), 2)

    def test_strangers_learn_nothing(self) -> None:
        """No customer, no lease any more, too much: one answer."""
        texts = set()
        letter = self.letter(self.alice, self.alice)
        for owner, what in ((self.alice, self.letter(self.carol, self.alice)), (self.carol, letter)):
            with self.assertRaises(BitDustError) as caught:
                self.put(self.carol, owner.node.node_id, what)
            texts.add(str(caught.exception))
        mailbox: Any = self.supplier.services[-1]._mailboxes
        box = mailbox._boxes
        self.put(self.carol, self.bob.node.node_id, self.letter(self.carol, self.bob))
        box[self.bob.node.node_id].letters[self.carol.node.node_id] = SENDER_LETTERS
        with self.assertRaises(Refused) as refused:
            self.put(self.carol, self.bob.node.node_id, self.letter(self.carol, self.bob))
        texts.add(str(refused.exception))
        box[self.bob.node.node_id].letters[self.carol.node.node_id] = 1
        self.assertIn(NOT_TAKEN, texts)
        with self.assertRaises(Refused) as nobody:
            self.put(self.carol, "0" * 64, self.changed(self.letter(self.carol, self.bob), recipient="0" * 64))
        self.assertEqual(str(nobody.exception), NOT_TAKEN)

    def test_a_letter_is_brought_by_its_sender(self) -> None:
        letter = self.letter(self.alice, self.bob)
        with self.assertRaises(Invalid):
            self.put(self.carol, self.bob.node.node_id, letter)
        with self.assertRaises(Invalid):
            self.put(self.alice, self.carol.node.node_id, letter)
        for noise in (b"", b"\xff" * 50):
            with self.assertRaises(Invalid):
                self.put(self.alice, self.bob.node.node_id, noise)
        self.assertEqual(self.queued(), 0)

    def test_names_with_paths(self) -> None:
        for name in ("../../etc/passwd", "a" * 65, "'; DROP TABLE mail; --" + "0" * 42):
            with self.assertRaises(Invalid):
                self.put(self.alice, name, self.letter(self.alice, self.bob))

    def test_the_same_letter_again_takes_no_room(self) -> None:
        letter = self.letter(self.alice, self.bob)
        for _ in range(3):
            self.put(self.alice, self.bob.node.node_id, letter)
        self.assertEqual(self.queued(), 1)

    def test_mail_that_a_supplier_invents(self) -> None:
        """Noise in a mailbox is dropped, and what is good behind it is read."""
        mailbox: Any = self.supplier.services[-1]._mailboxes
        owner, sender = self.bob.node.node_id, self.alice.node.node_id

        def invent(c: Any) -> None:
            query = "INSERT INTO mail (owner, sender, message_id, came, size, letter) VALUES (?, ?, ?, ?, ?, ?)"
            forged = self.changed(self.letter(self.alice, self.bob), time=5)
            for letter in (b"\xff" * 30, forged, self.letter(self.alice, self.carol)):
                values = (owner, sender, secrets.token_bytes(16), int(self.clock.seconds()), len(letter), letter)
                c.execute(query, values)

        self.run_now(mailbox._database.run(invent))
        self.put(self.alice, owner, self.letter(self.alice, self.bob, "good"))
        self.back(self.bob)
        self.until(lambda: self.bob.texts == ["good"], seconds=15)

    def test_a_stream_that_lies(self) -> None:
        async def bring(size: int) -> None:
            question = LargeMailPut(self.bob.node.node_id, size)
            stream = await self.alice.node.router.open_stream(self.supplier.node.node_id, MAIL_PUT_LARGE, question)
            await stream.write(b"x" * 100)
            stream.finish()
            await stream.read()

        for size in (50, 500):
            with self.assertRaises(BitDustError):
                self.run_now(bring(size))
        self.assertEqual(self.queued(), 0)
