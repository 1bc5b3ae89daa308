"""
One pass over a source: read, seal, code and hash, batch by batch. All of it blocks and runs in workers.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path

import msgspec

from bitdust_node.errors import Invalid
from bitdust_node.keys.rsa import PrivateKey
from bitdust_node.pieces.batch import Batch, SegmentEncoder, batch_segments
from bitdust_node.pieces.hashtree import root
from bitdust_node.pieces.layout import Layout
from bitdust_node.pieces.manifest import Manifest, wrap_key
from bitdust_node.pieces.seal import KEY_BYTES, VERSION_BYTES, Sealer
from services.transfer.means import Meta
from services.transfer.source import Source, open_source


class SealPass:
    """
    Makes one version out of a file or folder, under a new version id and a new key.

    The leaves of each piece are kept (32 bytes for every 64 KiB) until their root stands in the manifest.
    """

    def __init__(self, path: Path, suppliers: int) -> None:
        self.layout = Layout.of(suppliers)
        self.version = secrets.token_bytes(VERSION_BYTES)
        self._key = secrets.token_bytes(KEY_BYTES)
        self._encoder = SegmentEncoder(self._key, self.version, self.layout.k, self.layout.m)
        self._batch = batch_segments(self.layout) * self.layout.segment_bytes
        self._leaves = [bytearray() for _ in range(self.layout.m)]
        self._number = 0
        self._path = path
        self._source: Source = open_source(path)
        self.kind = self._source.kind
        self.expected = self._source.size
        #: Bytes read so far; the length of the version when the pass has ended.
        self.length = 0

    @property
    def skipped(self) -> list[str]:
        """What of the source could not be taken."""
        return self._source.skipped

    def next(self) -> tuple[Batch, bool]:
        """
        The next batch, and whether it was the last.
        """
        try:
            plaintext, last = self._source.read(self._batch)
        except OSError as error:
            raise Invalid(f"{error.filename or self._path} can not be read: {error.strerror}") from None
        batch = self._encoder.encode(self._number, plaintext, last)
        self._number += batch.segments
        self.length += len(plaintext)
        for kept, leaves in zip(self._leaves, batch.leaves, strict=True):
            for leaf in leaves:
                kept += leaf
        return batch, last

    def manifest(self, key: PrivateKey, owner: str, backup_id: str, created: int) -> bytes:
        """
        The packed, signed manifest of the whole version.
        """
        meta = Meta(self.kind, os.fsencode(self._source.name), self._source.mode, self._source.mtime_ns)
        return Manifest(
            format=1,
            version=self.version,
            owner=owner,
            k=self.layout.k,
            m=self.layout.m,
            block=self.layout.block,
            length=self.length,
            roots=[root(kept[at : at + 32] for at in range(0, len(kept), 32)) for kept in map(bytes, self._leaves)],
            wrapped_key=wrap_key(key.public, self.version, self._key),
            sealed_meta=Sealer(self._key, self.version).seal_meta(msgspec.msgpack.encode(meta)),
            backup_id=backup_id,
            created=created,
        ).sign(key)

    def close(self) -> None:
        """
        Let go of the source.
        """
        self._source.close()
