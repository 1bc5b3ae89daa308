"""
Datagrams, tokens, waiting times, floods.
"""

from __future__ import annotations

from itertools import count

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from bitdust_node.dht.contact import Contact
from bitdust_node.dht.ids import place_of
from bitdust_node.dht.messages import (
    DATAGRAM_LIMIT,
    About,
    Body,
    Claim,
    Fetch,
    Fetched,
    Find,
    Found,
    Ping,
    Pong,
    Problem,
    Store,
    Stored,
    Told,
    check,
    pack,
    unpack,
)
from bitdust_node.dht.pace import BURST, LONGEST_WAIT, SHORTEST_WAIT, Floods, RoundTrips
from bitdust_node.dht.signing import Ed25519Signer
from bitdust_node.dht.tokens import ROTATE, Tokens
from bitdust_node.errors import Corrupt, Invalid

SIGNER = Ed25519Signer(bytes(range(32)))
ID = bytes(range(20))

MESSAGES = [
    Ping(),
    Pong("20.1.1.1", 5),
    Find(3, ID, True),
    Found([Contact(ID, "20.1.1.1", 5, 9)] * 8, b"token", [Claim(b"o" * 32, 7)]),
    Fetch(0, ID, b"", b"token"),
    Fetched(b"r" * 7168),
    Store(9, b"r" * 7168, b"token"),
    Stored(2**52),
    About(1),
    Told("http://id-a/alice.xml"),
    Problem("Invalid", "x"),
]


class MessageTests(SynchronousTestCase):
    def test_all_messages_come_back(self) -> None:
        for message in MESSAGES:
            body = Body(b"12345678", 0b1001, message)
            datagram = pack(body, SIGNER)
            envelope, read = unpack(datagram)
            check(envelope, SIGNER)
            self.assertEqual(read, body)
            self.assertLessEqual(len(datagram), DATAGRAM_LIMIT)

    @settings(max_examples=300)
    @given(st.binary(max_size=300))
    def test_rubbish_is_refused(self, rubbish: bytes) -> None:
        self.assertRaises(Invalid, unpack, rubbish)

    @settings(max_examples=200)
    @given(st.integers(0, len(MESSAGES) - 1), st.integers(0, 10_000), st.integers(1, 255))
    def test_no_changed_bit_is_believed(self, which: int, at: int, change: int) -> None:
        datagram = bytearray(pack(Body(b"12345678", 1, MESSAGES[which]), SIGNER))
        datagram[at % len(datagram)] ^= change
        try:
            check(unpack(bytes(datagram))[0], SIGNER)
        except (Invalid, Corrupt):
            return
        self.fail("a changed datagram was believed")

    def test_too_many_contacts(self) -> None:
        datagram = pack(Body(b"12345678", 1, Found([Contact(ID, "20.1.1.1", 5)] * 9, b"")), SIGNER)
        self.assertRaises(Invalid, unpack, datagram)

    def test_types_are_namespaces(self) -> None:
        self.assertNotEqual(place_of("identity", "x"), place_of("skip_validation", "x"))
        self.assertNotEqual(place_of("a", "bc"), place_of("ab", "c"))

    def test_a_key_file_that_is_none(self) -> None:
        self.assertRaises(Invalid, Ed25519Signer, b"short")


class TokenTests(SynchronousTestCase):
    def test_good_for_one_address_and_some_minutes(self) -> None:
        numbers = count(1)
        tokens = Tokens(lambda: next(numbers).to_bytes(16, "big"), 0.0)
        token = tokens.give("20.1.1.1", 5, 10.0)
        self.assertTrue(tokens.valid(token, "20.1.1.1", 5, 20.0))
        self.assertFalse(tokens.valid(token, "20.1.1.1", 6, 20.0))
        self.assertFalse(tokens.valid(token, "20.1.1.2", 5, 20.0))
        self.assertFalse(tokens.valid(b"", "20.1.1.1", 5, 20.0))
        self.assertTrue(tokens.valid(token, "20.1.1.1", 5, ROTATE + 1))
        self.assertFalse(tokens.valid(token, "20.1.1.1", 5, 2 * ROTATE + 2))
        late = tokens.give("20.1.1.1", 5, 2 * ROTATE + 2)
        self.assertFalse(tokens.valid(late, "20.1.1.1", 5, 9 * ROTATE))


class PaceTests(SynchronousTestCase):
    def test_waits_follow_the_round_trips(self) -> None:
        trips = RoundTrips()
        self.assertEqual(trips.wait("20.1.1.1", 5), 1.0)
        for _ in range(20):
            trips.measured("20.1.1.1", 5, 0.001)
            trips.measured("20.1.1.2", 5, 60.0)
        self.assertEqual(trips.wait("20.1.1.1", 5), SHORTEST_WAIT)
        self.assertEqual(trips.wait("20.1.1.2", 5), LONGEST_WAIT)

    def test_a_flood_is_cut_and_heals(self) -> None:
        floods = Floods()
        admitted = sum(floods.admits("20.1.1.1", 100.0) for _ in range(3000))
        self.assertEqual(admitted, BURST)
        self.assertTrue(floods.admits("20.1.1.2", 100.0))
        self.assertTrue(floods.admits("20.1.1.1", 101.0))
        self.assertTrue(all(floods.admits("127.0.0.1", 100.0) for _ in range(3000)))
