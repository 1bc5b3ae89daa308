"""
A batch of operations: signed by the device that wrote them, chained to the batch before it, and compressed.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from hashlib import sha256
from typing import Annotated

import msgspec
from msgspec import Meta

from bitdust_node.errors import Invalid
from bitdust_node.identity.device import RECORD_LIMIT, DeviceKey, DeviceRecord, verify_signed
from bitdust_node.identity.document import Document
from services.catalog.operations import Log

DOMAIN = "bitdust.catalog.batch.1"
#: Bytes of a batch when it is unpacked.
UNPACKED_LIMIT = 16 * 1024 * 1024
#: What is signed beside operations that were signed when they were written, so old records stay good.
_ANY_TIME = 0.0

Number = Annotated[int, Meta(ge=0, lt=1 << 48)]
Digest = Annotated[bytes, Meta(min_length=32, max_length=32)]


class Covered(msgspec.Struct, frozen=True, array_like=True):
    """
    All that the batches of a log up to this number say is said again by the writer.
    """

    log: Log
    number: Number
    digest: Digest


class Batch(msgspec.Struct, frozen=True, array_like=True):
    """
    number: of the batch in its log, from 1. previous: digest of the one before, zeros for the first. covers: logs that
    nobody needs any more who has read this one so far. operations: packed.
    """

    format: Annotated[int, Meta(ge=1, le=1)]
    log: Log
    number: Number
    previous: Digest
    covers: Annotated[list[Covered], Meta(max_length=10_000)]
    operations: list[bytes]


class _Signed(msgspec.Struct, frozen=True, array_like=True):
    body: bytes
    record: Annotated[bytes, Meta(max_length=RECORD_LIMIT)]
    signature: Annotated[bytes, Meta(max_length=200)]


@dataclass(frozen=True)
class Read:
    """
    A batch whose signature was good, and what the next one must name as the one before.
    """

    batch: Batch
    digest: bytes


def sign_batch(batch: Batch, device: DeviceKey, record: bytes) -> tuple[bytes, bytes]:
    """
    The packed batch and its digest.
    """
    body = msgspec.msgpack.encode(batch)
    signed = _Signed(body, record, device.sign(DOMAIN, body))
    return zlib.compress(msgspec.msgpack.encode(signed), 6), sha256(body).digest()


@dataclass(frozen=True)
class Unchecked:
    """
    A batch whose signature was not looked at yet. author: the node id that it names.
    """

    batch: Batch
    author: str
    _signed: _Signed

    def check(self, author: Document) -> Read:
        """
        `Corrupt` if no device of the author has signed it.
        """
        record = DeviceRecord.parse_and_verify(self._signed.record, author, _ANY_TIME)
        verify_signed(record.device_key, DOMAIN, self._signed.body, self._signed.signature)
        return Read(self.batch, sha256(self._signed.body).digest())


def unpack_batch(data: bytes) -> Unchecked:
    """
    Unpack a batch without checking who wrote it. `Invalid` if it is none.
    """
    inflating = zlib.decompressobj()
    try:
        packed = inflating.decompress(data, UNPACKED_LIMIT)
        if inflating.unconsumed_tail or not inflating.eof:
            raise Invalid(f"a batch of a catalog is damaged or has more than {UNPACKED_LIMIT} bytes")
        signed = msgspec.msgpack.decode(packed, type=_Signed)
        batch = msgspec.msgpack.decode(signed.body, type=Batch)
    except (zlib.error, msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise Invalid(f"not a batch of a catalog: {str(error)[:200]}") from None
    return Unchecked(batch, DeviceRecord.parse(signed.record).node_id, signed)
