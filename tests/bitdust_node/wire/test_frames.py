"""
Frames survive any cutting of their bytes, and lies are found in the header.
"""

from __future__ import annotations

import struct

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from bitdust_node.errors import Invalid
from bitdust_node.wire.frames import DATA_LIMIT, LIMITS, OF_STREAMS, Data, Frame, FrameReader, Kind, encode


@st.composite
def frames(draw: st.DrawFn) -> Frame:
    kind = draw(st.sampled_from(list(Kind)))
    least, most = LIMITS[kind]
    body = draw(st.binary(min_size=least, max_size=min(most, 300)))
    stream = draw(st.integers(1, 2**32 - 1)) if kind in OF_STREAMS else 0
    return Frame(kind, stream, body)


def joined(found: list[Frame | Data]) -> list[Frame]:
    """Parts of one DATA frame as one."""
    whole: list[Frame] = []
    for frame in found:
        if frame.kind is Kind.DATA and whole and whole[-1][:2] == (frame.kind, frame.stream):
            whole[-1] = Frame(frame.kind, frame.stream, whole[-1].body + bytes(frame.body))
        else:
            whole.append(Frame(frame.kind, frame.stream, bytes(frame.body)))
    return whole


class Frames(SynchronousTestCase):
    @given(st.lists(frames(), max_size=10), st.lists(st.integers(1, 50), min_size=1))
    def test_any_cutting(self, sent: list[Frame], sizes: list[int]) -> None:
        wire = b"".join(encode(*frame[:2], frame.body) for frame in sent)
        reader = FrameReader()
        found: list[Frame | Data] = []
        at = index = 0
        while at < len(wire):
            size = sizes[index % len(sizes)]
            found += reader.feed(wire[at : at + size])
            at, index = at + size, index + 1
        self.assertEqual(joined(found), joined(sent))

    @given(st.lists(frames(), max_size=10), st.integers(1, 50), st.integers(1, 4))
    def test_some_at_once(self, sent: list[Frame], size: int, most: int) -> None:
        wire = b"".join(encode(*frame[:2], frame.body) for frame in sent)
        reader = FrameReader(most)
        found: list[Frame | Data] = []
        parts = [wire[at : at + size] for at in range(0, len(wire), size)]
        while parts or reader.waiting:
            some = reader.feed(parts.pop(0) if parts else b"")
            self.assertLessEqual(len(some), most)
            found += some
        self.assertEqual(joined(found), joined(sent))

    def test_data_is_handed_on_as_it_comes(self) -> None:
        wire = encode(Kind.DATA, 1, bytes(DATA_LIMIT))
        reader = FrameReader()
        first = reader.feed(wire[:20000])
        self.assertEqual([len(frame.body) for frame in first], [20000 - 9])
        self.assertEqual([len(frame.body) for frame in reader.feed(wire[20000:])], [len(wire) - 20000])

    @given(st.binary(max_size=200))
    def test_noise(self, noise: bytes) -> None:
        reader = FrameReader()
        try:
            for frame in reader.feed(noise):
                self.assertLessEqual(len(frame.body), 200)
        except Invalid:
            pass

    def test_lies(self) -> None:
        for length, kind, stream in (
            (2**32 - 1, Kind.DATA, 1),
            (DATA_LIMIT + 1, Kind.DATA, 1),
            (0, Kind.MESSAGE, 0),
            (3, Kind.CREDIT, 1),
            (1, Kind.END, 1),
            (10, 0, 0),
            (10, 12, 0),
            (10, Kind.MESSAGE, 1),
            (10, Kind.DATA, 0),
        ):
            with self.assertRaises(Invalid):
                FrameReader().feed(struct.pack(">IBI", length, kind, stream))

    def test_too_large_to_send(self) -> None:
        with self.assertRaises(Invalid):
            encode(Kind.MESSAGE, 0, bytes(70_000))
