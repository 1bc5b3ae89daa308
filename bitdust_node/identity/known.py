"""
The identities of others in memory, and which key each IDURL leads to.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from typing import NamedTuple

from bitdust_node.errors import Conflict
from bitdust_node.identity.document import Document
from bitdust_node.identity.names import NodeId


class Binding(NamedTuple):
    """
    Whose an IDURL is. confirmed: the document was fetched from there; else its holder only says so.
    """

    node_id: NodeId
    confirmed: bool


class KnownIdentities:
    """
    The newest document of each node, up to a limit; the longest unused give way.

    An IDURL leads to one key: what was confirmed stands, what was only claimed gives way to what is confirmed. So
    nobody takes over a name, nor keeps its owner out, by writing it into his own document.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._documents: dict[str, Document] = {}
        self._bindings: dict[str, Binding] = {}
        self._names: defaultdict[str, set[str]] = defaultdict(set)

    def __len__(self) -> int:
        return len(self._documents)

    def all(self) -> list[Document]:
        return list(self._documents.values())

    def get(self, node_id: str) -> Document | None:
        document = self._documents.pop(node_id, None)
        if document is not None:
            self._documents[document.node_id] = document
        return document

    def at(self, idurl: str) -> Document | None:
        """
        The document of whom this IDURL leads to; also one that he used before.
        """
        binding = self._bindings.get(idurl)
        return self.get(binding.node_id) if binding else None

    def binding(self, idurl: str) -> Binding | None:
        return self._bindings.get(idurl)

    def confirmed(self, document: Document) -> bool:
        """
        True if the main IDURL of the document is known to be his.
        """
        return self._bindings.get(document.idurl) == (document.node_id, True)

    def add(self, document: Document, confirmed: Collection[str] = ()) -> bool:
        """
        Keep a document; answers whether anything changed by it. An older revision changes nothing.

        confirmed: IDURLs where it was fetched. Raises `Conflict` if one of these, or the main one, belongs to
        somebody else.
        """
        known = self._documents.get(document.node_id)
        if known is not None and known.revision > document.revision:
            return False
        for source in {document.idurl, *confirmed}:
            bound = self._bindings.get(source)
            if bound and bound.node_id != document.node_id and (bound.confirmed or source not in confirmed):
                raise Conflict(f"{source} belongs to another key")
        changed = known != document
        for source in document.sources:
            changed = self._bind(source, document.node_id, source in confirmed) or changed
        self._documents.pop(document.node_id, None)
        self._documents[document.node_id] = document
        if len(self._documents) > self._limit:
            self.drop(next(iter(self._documents)))
        return changed

    def bind(self, idurl: str, node_id: NodeId) -> None:
        """
        Note a confirmed binding that was read from the disk.
        """
        if node_id in self._documents:
            self._set(idurl, Binding(node_id, True))

    def drop(self, node_id: str) -> None:
        """
        Forget a node and its names.
        """
        self._documents.pop(node_id, None)
        for idurl in self._names.pop(node_id, ()):
            del self._bindings[idurl]

    def _bind(self, source: str, node_id: NodeId, confirmed: bool) -> bool:
        bound = self._bindings.get(source)
        if bound is None or (confirmed and not bound.confirmed):
            self._set(source, Binding(node_id, confirmed))
            return True
        return False

    def _set(self, idurl: str, binding: Binding) -> None:
        before = self._bindings.get(idurl)
        if before is not None:
            self._names[before.node_id].discard(idurl)
        self._bindings[idurl] = binding
        self._names[binding.node_id].add(idurl)
