"""
What the versions of a catalog are signed with, and who can open them.

The own catalog belongs to the identity key alone; that of a share to all who know its secrets. Whatever makes, reads,
mends or codes versions anew asks a signet and does not know whose catalog it is.
"""

from __future__ import annotations

from typing import Protocol

from bitdust_node.identity.names import NodeId
from bitdust_node.keys.rsa import PrivateKey
from bitdust_node.pieces.manifest import Manifest, unwrap_key, verify_manifest, wrap_key


class Signet(Protocol):
    """
    All of its calls may be heavy: use it in workers.
    """

    @property
    def owner(self) -> NodeId:
        """The node that signs."""

    def wrap(self, version: bytes, key: bytes) -> bytes:
        """
        The key of a version for all who may read it.
        """

    def unwrap(self, manifest: Manifest) -> bytes:
        """
        The key of a version; raises `Corrupt` if it was not wrapped for this node.
        """

    def sign(self, manifest: Manifest) -> bytes:
        """
        The packed manifest.
        """

    def check(self, packed: bytes) -> Manifest:
        """
        What a packed manifest says, if one who may write has signed it; else raises `Corrupt` or `Invalid`.
        """


class OwnSignet:
    """
    Of the own catalog: the identity key signs, and it alone opens.
    """

    def __init__(self, key: PrivateKey) -> None:
        self._key = key

    @property
    def owner(self) -> NodeId:
        return self._key.public.node_id

    def wrap(self, version: bytes, key: bytes) -> bytes:
        return wrap_key(self._key.public, version, key)

    def unwrap(self, manifest: Manifest) -> bytes:
        return unwrap_key(self._key, manifest)

    def sign(self, manifest: Manifest) -> bytes:
        return manifest.sign(self._key)

    def check(self, packed: bytes) -> Manifest:
        return verify_manifest(packed, self._key.public)
