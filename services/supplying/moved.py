"""
Pieces that are to lie in one store, while some from before still lie in another one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from typing import TypeVar

from bitdust_node.errors import NotFound
from bitdust_node.identity.names import NodeId
from bitdust_node.pieces.hashtree import Buffer
from bitdust_node.pieces.object_file import Footer, object_name
from services.supplying.store import PieceStore, PieceWriter

T = TypeVar("T")


class Moved:
    """
    Pieces are written to `new`. What is not there is read from `old`; what is deleted or stored anew is gone from both.
    """

    def __init__(self, new: PieceStore, old: PieceStore) -> None:
        self._new, self._old = new, old

    def writer(self, owner: NodeId, version: bytes, index: int) -> PieceWriter:
        name = object_name(owner, version, index)
        return _MovedWriter(self._new.writer(owner, version, index), lambda: self._old.delete(name))

    def footer(self, name: str) -> Footer:
        return self._first(lambda store: store.footer(name))

    def leaves(self, name: str) -> bytes:
        return self._first(lambda store: store.leaves(name))

    def read(self, name: str, offset: int, length: int) -> bytes:
        return self._first(lambda store: store.read(name, offset, length))

    def delete(self, *names: str) -> None:
        self._new.delete(*names)
        self._old.delete(*names)

    def names(self) -> Iterator[str]:
        return chain(self._new.names(), self._old.names())

    def clean(self) -> int:
        return self._new.clean() + self._old.clean()

    def size(self) -> int:
        return self._new.size() + self._old.size()

    def trouble(self) -> str:
        return self._new.trouble() or self._old.trouble()

    def tidy(self) -> None:
        self._new.tidy()
        self._old.tidy()

    def close(self) -> None:
        self._new.close()
        self._old.close()

    def _first(self, ask: Callable[[PieceStore], T]) -> T:
        try:
            return ask(self._new)
        except NotFound:
            return ask(self._old)


class _MovedWriter:
    def __init__(self, inner: PieceWriter, forget_old: Callable[[], object]) -> None:
        self._inner, self._forget_old = inner, forget_old

    def write(self, chunks: Sequence[Buffer]) -> None:
        self._inner.write(chunks)

    def finish(self) -> Footer:
        return self._inner.finish()

    def commit(self) -> None:
        # the new one is safe before the old one goes, and hides it meanwhile
        self._inner.commit()
        self._forget_old()

    def discard(self) -> None:
        self._inner.discard()
