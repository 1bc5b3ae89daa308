"""
Bytes where they lie: the blocks of a run that came in chunks, and memory that is used again.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from threading import Lock

Buffer = bytes | bytearray | memoryview


class Blocks:
    """
    A run of bytes that lies in chunks of any sizes, taken block by block without being joined.
    """

    def __init__(self, chunks: Iterable[Buffer]) -> None:
        self._chunks = iter(chunks)
        self._rest = memoryview(b"")

    def next(self, size: int) -> list[memoryview]:
        """
        Views of the next `size` bytes, of fewer only at the end of the run.
        """
        parts: list[memoryview] = []
        while size:
            if not self._rest:
                chunk = next(self._chunks, None)
                if chunk is None:
                    break
                self._rest = memoryview(chunk)
                continue
            part = self._rest[:size]
            self._rest = self._rest[len(part) :]
            parts.append(part)
            size -= len(part)
        return parts

    def lay(self, place: memoryview) -> None:
        """
        Copy the next bytes to where they belong, as many as fit.
        """
        at = 0
        for part in self.next(len(place)):
            place[at : at + len(part)] = part
            at += len(part)


def joined(parts: Sequence[Buffer]) -> Buffer:
    """
    The bytes of all parts in one place: no copy if there is only one.
    """
    return parts[0] if len(parts) == 1 else b"".join(parts)


class Buffers:
    """
    Memory that is used again as soon as nobody looks at it any more: fresh pages cost more than what is done with
    them. Safe to use from several threads at once.

    Nobody has to give anything back, and nothing can be given back too early: Python lets no bytearray be resized of
    which there is a view, be it in the queue of a stream whose sender was given up, and this is asked here.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        # those taken longest ago first, as they are most likely free
        self._made: deque[bytearray] = deque()

    def take(self, size: int) -> memoryview:
        """
        A view of `size` bytes of anything. Keep it, or a part of it, for as long as the bytes are needed.
        """
        with self._lock:
            for _ in range(len(self._made)):
                buffer = self._made.popleft()
                self._made.append(buffer)
                if len(buffer) >= size and _unseen(buffer):
                    return memoryview(buffer)[:size]
            self._made.append(bytearray(size))
            return memoryview(self._made[-1])


def _unseen(buffer: bytearray) -> bool:
    """True if there is no view of it."""
    try:
        last = buffer.pop()
    except BufferError:
        return False
    buffer.append(last)
    return True
