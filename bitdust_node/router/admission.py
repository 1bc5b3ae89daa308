"""
Who comes in: the hello that this node says, and the checks of the hello that it hears.
"""

from __future__ import annotations

from bitdust_node.clock import Clock
from bitdust_node.errors import Refused
from bitdust_node.identity.device import DeviceRecord
from bitdust_node.identity.document import Document
from bitdust_node.identity.me import Me
from bitdust_node.identity.names import NodeId
from bitdust_node.identity.resolver import Resolver
from bitdust_node.threads import Workers
from bitdust_node.wire.packet import VERSION, Hello, pack, unpack_hello


class Admission:
    """
    Says and checks hellos; one for all transports of a node.
    """

    def __init__(self, me: Me, resolver: Resolver, workers: Workers, clock: Clock) -> None:
        self._me = me
        self._resolver = resolver
        self._workers = workers
        self._clock = clock

    def hello(self) -> bytes:
        """The body of this node's HELLO frame."""
        return pack(Hello([VERSION], self._me.document.xml, self._me.device_record))

    async def check(self, body: bytes, peer_key: bytes, expected: NodeId | None) -> Document:
        """
        The identity of the peer whose TLS key is `peer_key` and who has said this hello.

        Raises Invalid (not a hello, no common version), Corrupt (a signature is wrong) or Refused (not the one that
        was expected, a key that is not his, the own identity, an IDURL of somebody else).
        """
        hello = unpack_hello(body)
        if VERSION not in hello.versions:
            raise Refused(f"this node speaks version {VERSION} of the protocol, the other {hello.versions}")
        document = await self._document(hello.document)
        if expected is not None and document.node_id != expected:
            raise Refused(f"{document.global_id} answered where another node was expected")
        if document.node_id == self._me.node_id:
            raise Refused("this is the node itself")
        record = await self._workers.run(DeviceRecord.parse_and_verify, hello.record, document, self._clock.seconds())
        if record.device_key != peer_key:
            raise Refused("the key of the connection is not the one in the device record")
        await self._resolver.confirm(document)
        # an older document proves the same identity; it only is not what is kept
        return self._resolver.cached(document.node_id) or document

    async def _document(self, xml: bytes) -> Document:
        return await self._workers.run(Document.parse, xml)
