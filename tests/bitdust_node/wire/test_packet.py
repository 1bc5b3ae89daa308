"""
Packets come back as they were, and noise is Invalid.
"""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from bitdust_node.errors import BitDustError, Conflict, Failed, Full, Invalid, TimedOut
from bitdust_node.wire.packet import (
    Ask,
    Failure,
    Hello,
    Opening,
    Reply,
    error_of,
    name_of,
    pack,
    pack_reason,
    unpack_hello,
    unpack_message,
    unpack_opening,
    unpack_reason,
)

NUMBERS = st.integers(0, 2**63 - 1)


class Packets(SynchronousTestCase):
    @given(NUMBERS, st.text(max_size=64), st.binary(max_size=100))
    def test_messages(self, number: int, text: str, body: bytes) -> None:
        for packet in (Ask(number, text, body), Reply(number, body), Failure(number, text, text)):
            self.assertEqual(unpack_message(pack(packet)), packet)

    @given(st.text(max_size=64), st.binary(max_size=100), st.integers(16 * 1024, 4 * 1024 * 1024))
    def test_openings(self, name: str, body: bytes, window: int) -> None:
        self.assertEqual(unpack_opening(pack(Opening(name, body, window))), Opening(name, body, window))

    @given(st.binary(max_size=100))
    def test_noise(self, noise: bytes) -> None:
        for unpack in (unpack_message, unpack_opening, unpack_hello, unpack_reason):
            try:
                unpack(noise)
            except Invalid:
                continue

    def test_out_of_bounds(self) -> None:
        for packet in (Opening("x", b"", 1), Opening("x", b"", 2**30), Opening("x" * 65, b"")):
            with self.assertRaises(Invalid):
                unpack_opening(pack(packet))
        with self.assertRaises(Invalid):
            unpack_message(pack(Ask(-1, "x", b"")))
        with self.assertRaises(Invalid):
            unpack_hello(pack(Hello([1] * 17, b"", b"")))
        with self.assertRaises(Invalid):
            unpack_message(b"\x91" * 100_000)

    def test_errors(self) -> None:
        class Special(Full):
            pass

        self.assertEqual(name_of(Special("no room")), ("Full", "no room"))
        self.assertEqual(name_of(TimedOut("late")), ("TimedOut", "late"))
        self.assertEqual(name_of(BitDustError("odd"))[0], "Failed")
        self.assertEqual(name_of(KeyError("secret")), ("Failed", "the other side failed"))
        self.assertIs(type(error_of("Conflict", "x")), Conflict)
        self.assertIs(type(error_of("SystemExit", "x")), Failed)
        again = unpack_reason(pack_reason(Full("y" * 10_000)))
        self.assertEqual((type(again), len(str(again))), (Full, 500))
