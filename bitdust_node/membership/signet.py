"""
The signet of a share: each member signs what he writes with his own identity key, and the keys of versions are sealed
under the secret of an epoch, so that all members of it can open them.

The wrapped key in the manifest of such a version: u64 number of the epoch | nonce 12 | AES-256-GCM of the key, bound
to share and version.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from bitdust_node.errors import Corrupt, Refused, Unavailable
from bitdust_node.identity.names import NodeId
from bitdust_node.keys.rsa import PrivateKey, PublicKey
from bitdust_node.membership.epochs import seal, unseal
from bitdust_node.membership.roster import Circle
from bitdust_node.pieces.manifest import Manifest, SignedManifest
from bitdust_node.pieces.seal import KEY_BYTES

PURPOSE = "bitdust.share.version-key.1"
_NUMBER_BYTES = 8


class CircleSignet:
    """
    key: identity key of this node. epoch: number and secret of the present one, asked when something is written;
    raises `Refused` for who may not write. secrets: those of an epoch that this node knows, most likely one first.
    author: the key of a node that may write, or might once; None if it is not known, `Refused` for others.
    """

    def __init__(
        self,
        circle: Circle,
        key: PrivateKey,
        epoch: Callable[[], tuple[int, bytes]],
        secrets: Callable[[int], Sequence[bytes]],
        author: Callable[[str], PublicKey | None],
    ) -> None:
        self._circle, self._key = circle, key
        self._epoch, self._secrets, self._author = epoch, secrets, author

    @property
    def owner(self) -> NodeId:
        return self._key.public.node_id

    def wrap(self, version: bytes, key: bytes) -> bytes:
        number, secret = self._epoch()
        return number.to_bytes(_NUMBER_BYTES, "big") + seal(secret, PURPOSE, self._bound(version), key)

    def unwrap(self, manifest: Manifest) -> bytes:
        number = int.from_bytes(manifest.wrapped_key[:_NUMBER_BYTES], "big")
        candidates = self._secrets(number)
        if not candidates:
            raise Refused(f"what was written in epoch {number} of the share is not for this node")
        for secret in candidates:
            try:
                key = unseal(secret, PURPOSE, self._bound(manifest.version), manifest.wrapped_key[_NUMBER_BYTES:])
            except Corrupt:
                continue
            if len(key) == KEY_BYTES:
                return key
        raise Corrupt("the key of the version does not match its seal")

    def sign(self, manifest: Manifest) -> bytes:
        return manifest.sign(self._key)

    def check(self, packed: bytes) -> Manifest:
        signed = SignedManifest.parse(packed)
        author = self._author(signed.manifest.owner)
        if author is None:
            raise Unavailable("the identity of the member who wrote this version is not known yet")
        return signed.verify(author)

    def _bound(self, version: bytes) -> bytes:
        return self._circle.canonical + version
