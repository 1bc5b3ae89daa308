"""
A version that is opened to be read: its manifest, checked, and the key that is in it.
"""

from __future__ import annotations

from collections import OrderedDict

import msgspec

from bitdust_node.errors import Corrupt
from bitdust_node.pieces.batch import SegmentDecoder
from bitdust_node.pieces.manifest import Manifest
from bitdust_node.pieces.seal import Sealer
from bitdust_node.pieces.signet import Signet
from services.catalog.schema import Version

#: Versions that are kept opened: the packs that the files of a folder lie in. At most some 100 KB each.
KEPT = 32


class Meta(msgspec.Struct, frozen=True, array_like=True):
    """
    What the manifest of a version says only to who can open it.

    kind: `file` or `folder`. name: last part of the local path that was uploaded. mode: permission bits.
    mtime_ns: time of the last change, nanoseconds since 1970.
    """

    kind: str
    name: bytes
    mode: int
    mtime_ns: int


_META = msgspec.msgpack.Decoder(Meta)


class Opened:
    """
    A manifest that was checked and opened: all that is needed to read the version. Making one is heavy; raises
    `Corrupt` or `Invalid`.
    """

    def __init__(self, packed: bytes, row: Version, signet: Signet) -> None:
        self.manifest: Manifest = signet.check(packed)
        row.check(self.manifest)
        version = row.id
        secret = signet.unwrap(self.manifest)
        try:
            self.meta = _META.decode(Sealer(secret, version).unseal_meta(self.manifest.sealed_meta))
        except (msgspec.MsgspecError, ValueError, RecursionError) as error:
            raise Corrupt(f"the description of the version can not be read: {error}") from None
        self.decoder = SegmentDecoder(secret, version, self.manifest.k, self.manifest.m, self.manifest.length)


class OpenedVersions:
    """
    Those that were opened last. Opening one costs more than reading a small file out of it, and many such files lie in
    one pack. Who asks has the version from the catalog: the id of one that is gone is asked for by nobody, and never
    given again.
    """

    def __init__(self) -> None:
        self._kept: OrderedDict[bytes, Opened] = OrderedDict()

    def find(self, version: bytes) -> Opened | None:
        """
        The version, if it was opened lately.
        """
        found = self._kept.get(version)
        if found is not None:
            self._kept.move_to_end(version)
        return found

    def keep(self, opened: Opened) -> None:
        """
        Another one was opened.
        """
        self._kept[opened.manifest.version] = opened
        while len(self._kept) > KEPT:
            self._kept.popitem(last=False)
