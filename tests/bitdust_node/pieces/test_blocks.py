from __future__ import annotations

import gc
import random
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase, TestCase

from bitdust_node.errors import BitDustError, TimedOut
from bitdust_node.identity.names import NodeId
from bitdust_node.pieces.batch import Batch, SegmentEncoder
from bitdust_node.pieces.blocks import Blocks, Buffers, joined
from bitdust_node.waiting import started, within
from bitdust_node.wire.command import Command, Nothing
from tests.network import make_nodes

PUT = Command("test.put", Nothing, Nothing, stream=True)


class BlockByBlock(SynchronousTestCase):
    @given(st.lists(st.binary(max_size=40), max_size=12), st.integers(1, 50))
    def test_are_those_of_the_whole(self, chunks: list[bytes], size: int) -> None:
        whole, blocks = b"".join(chunks), Blocks(chunks)
        for start in range(0, len(whole), size):
            self.assertEqual(joined(blocks.next(size)), whole[start : start + size])
        self.assertEqual(blocks.next(size), [])

    @given(st.lists(st.binary(max_size=40), max_size=12), st.integers(1, 50))
    def test_are_laid_to_their_places(self, chunks: list[bytes], size: int) -> None:
        whole, blocks = b"".join(chunks), Blocks(chunks)
        place = bytearray(len(whole))
        for start in range(0, len(whole), size):
            blocks.lay(memoryview(place)[start : start + size])
        self.assertEqual(place, whole)


class Memory(SynchronousTestCase):
    def test_is_used_again_when_nobody_looks_at_it(self) -> None:
        buffers = Buffers()
        first = buffers.take(100)
        first[:] = b"a" * 100
        kept = first[40:60]
        owner = first.obj
        del first
        other = buffers.take(100)
        self.assertIsNot(other.obj, owner)
        other[:] = b"b" * 100
        self.assertEqual(kept, b"a" * 20)
        del kept
        again = buffers.take(70)
        self.assertIs(again.obj, owner)
        self.assertEqual(len(again), 70)
        self.assertEqual(len(buffers.take(101)), 101)

    def test_is_given_to_one_thread_only(self) -> None:
        buffers = Buffers()

        def work(number: int) -> bool:
            mine = buffers.take(1000)
            mine[:] = bytes([number]) * 1000
            return bytes(mine) == bytes([number]) * 1000

        with ThreadPoolExecutor(4) as pool:
            self.assertTrue(all(pool.map(work, list(range(250)) * 8)))


class OnTheirWay(TestCase):
    """Blocks that wait in the queue of a stream, of which whoever has written them knows nothing any more."""

    async def begin(self) -> Any:
        """A stream whose other end reads only after `self.let` has fired."""
        a, b = await make_nodes(self, 2)
        self.clock: Any = a.clock
        self.let: Deferred[None] = Deferred()
        self.came = b""

        async def take(peer: NodeId, question: Nothing, stream: Any) -> None:
            await self.let
            try:
                while data := await stream.read():
                    self.came += data
            except BitDustError:
                pass

        b.router.serve_stream(PUT, take)
        opening = started(a.router.open_stream(b.node_id, PUT, Nothing(), window=65536))
        self.clock.pump()
        return self.successResultOf(opening)

    def encoded(self, encoder: SegmentEncoder, seed: int) -> Batch:
        data = random.Random(seed).randbytes(4 * encoder.layout.segment_bytes)
        return encoder.encode(4 * seed, data, False)

    async def test_are_not_overwritten(self) -> None:
        stream, encoder = await self.begin(), SegmentEncoder(b"k" * 32, b"v" * 16, 2, 4)
        batch = self.encoded(encoder, 0)
        expected = b"".join(batch.pieces[0])
        writing = started(stream.write(*batch.pieces[0]))
        self.assertFalse(writing.called)
        del batch
        for seed in range(1, 6):
            self.encoded(encoder, seed)
        self.let.callback(None)
        self.clock.advance(1)
        self.successResultOf(writing)
        self.assertEqual(self.came, expected)

    async def test_are_forgotten_when_the_writer_is_given_up(self) -> None:
        stream, encoder = await self.begin(), SegmentEncoder(b"k" * 32, b"v" * 16, 2, 4)
        batch = self.encoded(encoder, 0)
        expected = b"".join(batch.pieces[0])
        memory = {id(block.obj) for block in batch.pieces[0] if isinstance(block, memoryview)}
        writing = started(within(self.clock, 30, stream.write(*batch.pieces[0]), "it takes nothing:"))
        del batch
        other = self.encoded(encoder, 1)
        self.clock.advance(31)
        self.failureResultOf(writing, TimedOut)
        del writing
        # what was raised knows where it was raised, and that is a ring
        gc.collect()
        again = self.encoded(encoder, 2)
        self.assertEqual(memory, {id(block.obj) for block in again.pieces[1] if isinstance(block, memoryview)})
        self.let.callback(None)
        self.clock.advance(1)
        self.assertTrue(expected.startswith(self.came))
        self.assertEqual(len(other.pieces), 4)
