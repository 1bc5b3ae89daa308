"""
The manifest of a version: how it is cut and coded, the root of every piece, and the wrapped key, signed by its owner.

It travels with each piece and is kept beside it, so that k suppliers and the owner's key are enough to bring a version
back. Packed, it is a body and the signature over exactly those bytes: nothing has to be encoded again to be checked.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from bitdust_node.errors import BitDustError, Corrupt, Invalid
from bitdust_node.keys.rsa import PrivateKey, PublicKey
from bitdust_node.pieces.layout import Layout
from bitdust_node.pieces.seal import KEY_BYTES, VERSION_BYTES

#: Bytes of a packed manifest; larger ones are refused before they are decoded.
MANIFEST_LIMIT = 32 * 1024

DOMAIN = "bitdust.manifest.1"
KEY_LABEL = "bitdust.version-key.1"

Version = Annotated[bytes, Meta(min_length=VERSION_BYTES, max_length=VERSION_BYTES)]
Root = Annotated[bytes, Meta(min_length=32, max_length=32)]


class Manifest(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """
    format: 1.
    version: 16 random bytes, the name of the version on the wire.
    owner: node id of the customer.
    k, m, block: the layout.
    length: bytes of the plaintext.
    roots: the root of each piece by index, m of them.
    wrapped_key: the key of the version, for the holder of the key that `backup_id` names.
    sealed_meta: name, kind, times: sealed under the key of the version.
    backup_id: the name of the version in the catalog of its owner.
    created: unix seconds.
    """

    format: Annotated[int, Meta(ge=1, le=1)]
    version: Version
    owner: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
    k: Annotated[int, Meta(ge=1, le=256)]
    m: Annotated[int, Meta(ge=1, le=256)]
    block: Annotated[int, Meta(ge=17, le=1024 * 1024)]
    length: Annotated[int, Meta(ge=0, le=1 << 50)]
    roots: Annotated[list[Root], Meta(min_length=1, max_length=256)]
    wrapped_key: Annotated[bytes, Meta(max_length=1024)]
    sealed_meta: Annotated[bytes, Meta(max_length=16 * 1024)]
    backup_id: Annotated[str, Meta(max_length=1024)]
    created: Annotated[int, Meta(ge=0, le=1 << 40)]

    @property
    def layout(self) -> Layout:
        return Layout(self.k, self.m, self.block)

    def pack(self) -> bytes:
        """
        The body that is signed.
        """
        return msgspec.msgpack.encode(self)

    def sign(self, key: PrivateKey) -> bytes:
        """
        The packed manifest with its signature. Heavy: run it in a worker.
        """
        body = self.pack()
        packed = msgspec.msgpack.encode(_Packed(body, key.sign(DOMAIN, body)))
        if len(packed) > MANIFEST_LIMIT:
            raise Invalid(f"the manifest of {self.backup_id} has {len(packed)} bytes, more than {MANIFEST_LIMIT}")
        return packed


class _Packed(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    body: bytes
    signature: Annotated[bytes, Meta(max_length=1024)]


_packed_decoder = msgspec.msgpack.Decoder(_Packed)
_body_decoder = msgspec.msgpack.Decoder(Manifest)


class SignedManifest(msgspec.Struct, frozen=True):
    """
    A manifest as it came: what it says, and what was signed.
    """

    manifest: Manifest
    body: bytes
    signature: bytes

    @classmethod
    def parse(cls, packed: bytes) -> SignedManifest:
        """
        Read a packed manifest without checking who signed it. `Invalid` when it is not one.
        """
        if len(packed) > MANIFEST_LIMIT:
            raise Invalid(f"a manifest has at most {MANIFEST_LIMIT} bytes, this one {len(packed)}")
        try:
            outer = _packed_decoder.decode(packed)
            manifest = _body_decoder.decode(outer.body)
            layout = manifest.layout
        except (msgspec.MsgspecError, ValueError, RecursionError) as error:
            raise Invalid(f"this is not a manifest: {error}") from None
        except BitDustError as error:
            raise Invalid(f"this is not a manifest: {error}") from None
        if len(manifest.roots) != layout.m:
            raise Invalid(f"a manifest of {layout.m} pieces has {len(manifest.roots)} roots")
        return cls(manifest, outer.body, outer.signature)

    def verify(self, owner: PublicKey) -> Manifest:
        """
        The manifest, if `owner` is the key it names and has signed it; else `Corrupt`. Heavy: run it in a worker.
        """
        if owner.node_id != self.manifest.owner:
            raise Corrupt(f"the manifest of {self.manifest.backup_id} belongs to somebody else")
        owner.verify(DOMAIN, self.body, self.signature)
        return self.manifest


def verify_manifest(packed: bytes, owner: PublicKey) -> Manifest:
    """
    Read a packed manifest and check its signature.
    """
    return SignedManifest.parse(packed).verify(owner)


def wrap_key(reader: PublicKey, version: bytes, key: bytes) -> bytes:
    """
    The key of a version for the holder of a private key, bound to the version.
    """
    return reader.encrypt(f"{KEY_LABEL}:{version.hex()}", key)


def unwrap_key(reader: PrivateKey, manifest: Manifest) -> bytes:
    """
    The key of the version; `Corrupt` when it was not wrapped for this reader and version.
    """
    key = reader.decrypt(f"{KEY_LABEL}:{manifest.version.hex()}", manifest.wrapped_key)
    if len(key) != KEY_BYTES:
        raise Corrupt(f"the key of {manifest.backup_id} has {len(key)} bytes")
    return key
