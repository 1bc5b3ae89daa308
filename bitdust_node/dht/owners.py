"""
Whose records are whose: from names to identity keys.
"""

from __future__ import annotations

from bitdust_node.dht.records import VALUE_LIMIT, Record, owner_of
from bitdust_node.errors import BitDustError, Refused
from bitdust_node.identity.document import Document
from bitdust_node.identity.me import Me
from bitdust_node.identity.resolver import Resolver
from bitdust_node.keys.rsa import PrivateKey


class Owners:
    """
    Knows the own key, and asks the resolver for the documents of others.
    """

    def __init__(self, me: Me, resolver: Resolver) -> None:
        self._me = me
        self._resolver = resolver

    def signer(self) -> PrivateKey | None:
        """
        The own identity key, if there is one.
        """
        return self._me.key if self._me.has_identity else None

    def node_id(self) -> str:
        return self._me.node_id if self._me.has_identity else ""

    def known(self, name: str) -> str:
        """
        Node id of an owner (node id or global id), as far as it is known without asking anybody; else empty.
        """
        if not name:
            return ""
        if len(name) == 64 and "@" not in name:
            return name
        if self._me.has_identity and self._me.global_id == name:
            return self._me.node_id
        document = self._resolver.find(name)
        return document.node_id if document is not None else ""

    async def confirm(self, record: Record, signed_by: str) -> None:
        """
        Is this record really from the owner that it names? Raises Refused, or what kept us from finding out.

        An identity record is believed when its server is silent: it is how people are found whose server is gone.
        """
        name = owner_of(record)
        known = self.known(name)
        if not known:
            if record.type == "identity":
                await self._resolver.confirm(Document.parse(record.contents()["identity"].encode(), VALUE_LIMIT))
                return
            try:
                known = (await self._resolver.resolve(name)).node_id
            except BitDustError as error:
                raise Refused(f"nobody can tell whether the record is from {name}: {error}") from error
        if known != signed_by:
            raise Refused(f"the record is signed by somebody else than {name}")
