"""
One pass over a source: read, seal, code and hash, batch by batch. All of it blocks and runs in workers.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from bitdust_node.errors import Invalid
from bitdust_node.pieces.batch import SENT_BYTES, Batch, SegmentEncoder, batch_segments
from bitdust_node.pieces.hashtree import root
from bitdust_node.pieces.layout import Layout
from bitdust_node.pieces.manifest import Manifest
from bitdust_node.pieces.seal import KEY_BYTES, Sealer
from bitdust_node.pieces.signet import Signet
from services.transfer.opened import Meta
from services.transfer.source import Source


@dataclass(frozen=True)
class Signing:
    """
    Who signs the manifest, and what it says besides. created: unix seconds.
    """

    signet: Signet
    backup_id: str
    created: int


class SealPass:
    """
    Makes one version out of a source, under a new key. It is not opened before the first `next`.

    The leaves of each piece are kept (32 bytes for every 64 KiB) until their root stands in the manifest.
    """

    def __init__(self, open_it: Callable[[], Source], version: bytes, layout: Layout, signing: Signing) -> None:
        self.version, self.layout = version, layout
        self._key = secrets.token_bytes(KEY_BYTES)
        self._open_it, self._signing = open_it, signing
        self._leaves = [bytearray() for _ in range(layout.m)]
        self._number = 0
        self._opened: tuple[Source, SegmentEncoder] | None = None
        #: Bytes that the source is thought to have; -1 before the first `next`.
        self.expected = -1
        #: Bytes read so far; the length of the version when the pass has ended.
        self.length = 0
        #: What of the source could not be taken.
        self.skipped: list[str] = []

    def next(self) -> tuple[Batch, bytes | None]:
        """
        The next batch; with the last one comes the packed, signed manifest of the whole version.
        """
        source, encoder = self._open()
        try:
            # each of the first ones twice the one before: the suppliers have work at once
            segments = min(batch_segments(self.layout, SENT_BYTES), self._number + 1)
            plaintext, last = source.read(segments * self.layout.segment_bytes)
        except OSError as error:
            raise Invalid(f"{error.filename or source.name} can not be read: {error.strerror}") from None
        batch = encoder.encode(self._number, plaintext, last)
        self._number += batch.segments
        self.length += len(plaintext)
        for kept, leaves in zip(self._leaves, batch.leaves, strict=True):
            for leaf in leaves:
                kept += leaf
        return batch, self._manifest(source) if last else None

    def close(self) -> None:
        """
        Let go of the source; not while `next` runs.
        """
        if self._opened is not None:
            self._opened[0].close()

    def _open(self) -> tuple[Source, SegmentEncoder]:
        if self._opened is None:
            source = self._open_it()
            self.expected, self.skipped = source.size, source.skipped
            self._opened = source, SegmentEncoder(self._key, self.version, self.layout.k, self.layout.m)
        return self._opened

    def _manifest(self, source: Source) -> bytes:
        meta = Meta(source.kind, os.fsencode(source.name), source.mode, source.mtime_ns)
        signet = self._signing.signet
        manifest = Manifest(
            format=1,
            version=self.version,
            owner=signet.owner,
            k=self.layout.k,
            m=self.layout.m,
            block=self.layout.block,
            length=self.length,
            roots=[root(kept[at : at + 32] for at in range(0, len(kept), 32)) for kept in map(bytes, self._leaves)],
            wrapped_key=signet.wrap(self.version, self._key),
            sealed_meta=Sealer(self._key, self.version).seal_meta(msgspec.msgpack.encode(meta)),
            backup_id=self._signing.backup_id,
            created=self._signing.created,
        )
        return signet.sign(manifest)
