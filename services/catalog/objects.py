"""
What a node keeps whole with each of its suppliers, so that its key alone brings everything back: batches of its
catalog and its keys. To suppliers these are versions like others, of one piece.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from bitdust_node.errors import Corrupt
from bitdust_node.pieces.batch import SegmentDecoder, SegmentEncoder
from bitdust_node.pieces.hashtree import root
from bitdust_node.pieces.layout import Layout
from bitdust_node.pieces.manifest import Manifest
from bitdust_node.pieces.seal import KEY_BYTES, VERSION_BYTES, Sealer
from bitdust_node.pieces.signet import Signet
from services.catalog.operations import LOG_BYTES

#: Kinds of objects.
BATCH, KEYS = 0, 1
#: Bytes of a sealed object; longer ones are not read.
OBJECT_LIMIT = 24 * 1024 * 1024

_MAGIC = b"BDob"
_LAYOUT = Layout(1, 1)


@dataclass(frozen=True, order=True)
class Name:
    """
    kind: `BATCH` or `KEYS`. log: of the catalog of which device. number: in that log, from 1.
    """

    kind: int
    log: bytes
    number: int


class Names:
    """
    Names as version ids and back. Only who has the secret (32 bytes, see `Place.names_secret`) can tell them from those
    of other versions: an id is one block of AES under it.
    """

    def __init__(self, secret: bytes) -> None:
        # one block under a key that serves nothing else is a permutation of names, which is all that is wanted
        self._cipher = Cipher(algorithms.AES(secret), modes.ECB())  # noqa: S305

    def id_of(self, name: Name) -> bytes:
        """
        16 bytes.
        """
        plain = _MAGIC + bytes([name.kind]) + name.log + name.number.to_bytes(6, "big")
        encryptor = self._cipher.encryptor()
        return encryptor.update(plain) + encryptor.finalize()

    def read(self, version: bytes) -> Name | None:
        """
        None for a version that is something else.
        """
        if len(version) != VERSION_BYTES:
            return None
        decryptor = self._cipher.decryptor()
        plain = decryptor.update(version) + decryptor.finalize()
        if not plain.startswith(_MAGIC):
            return None
        end = 5 + LOG_BYTES
        return Name(plain[4], plain[5:end], int.from_bytes(plain[end:], "big"))


def seal_object(signet: Signet, version: bytes, plain: bytes, created: int) -> tuple[bytes, bytes]:
    """
    The packed manifest and the one piece. Heavy: run it in a worker.
    """
    secret = secrets.token_bytes(KEY_BYTES)
    batch = SegmentEncoder(secret, version, _LAYOUT.k, _LAYOUT.m).encode(0, plain, True)
    manifest = Manifest(
        format=1,
        version=version,
        owner=signet.owner,
        k=_LAYOUT.k,
        m=_LAYOUT.m,
        block=_LAYOUT.block,
        length=len(plain),
        roots=[root(batch.leaves[0])],
        wrapped_key=signet.wrap(version, secret),
        sealed_meta=Sealer(secret, version).seal_meta(b""),
        backup_id="",
        created=created,
    )
    return signet.sign(manifest), b"".join(batch.pieces[0])


def piece_bytes(signet: Signet, version: bytes, packed: bytes) -> int:
    """
    Bytes of the piece that a manifest of an object announces. Heavy. Raises `Corrupt` or `Invalid`.
    """
    return _LAYOUT.piece_bytes(_checked(signet, version, packed).length)


def open_object(signet: Signet, version: bytes, packed: bytes, piece: bytes) -> bytes:
    """
    What was sealed. Heavy: run it in a worker. Raises `Corrupt` or `Invalid`.
    """
    manifest = _checked(signet, version, packed)
    secret = signet.unwrap(manifest)
    return bytes(SegmentDecoder(secret, version, manifest.k, manifest.m, manifest.length).decode(0, {0: [piece]}))


def _checked(signet: Signet, version: bytes, packed: bytes) -> Manifest:
    manifest = signet.check(packed)
    if manifest.version != version or manifest.layout != _LAYOUT or manifest.length > OBJECT_LIMIT:
        raise Corrupt("the manifest is not that of the object")
    return manifest
