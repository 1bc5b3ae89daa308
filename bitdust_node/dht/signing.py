"""
The key of a DHT node: signs every datagram, and its hash is the id.
"""

from __future__ import annotations

from typing import Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from bitdust_node.errors import Invalid

PUBLIC_BYTES = 32
SIGNATURE_BYTES = 64


class Signer(Protocol):
    """
    Signs for one node and checks what others signed. Simulations of many nodes bring a faster one.
    """

    public: bytes

    def sign(self, data: bytes) -> bytes:
        """64 bytes."""

    def verify(self, public: bytes, data: bytes, signature: bytes) -> bool:
        """Did the holder of `public` sign `data`?"""


class Ed25519Signer:
    """
    The real one.
    """

    def __init__(self, secret: bytes) -> None:
        try:
            self._key = Ed25519PrivateKey.from_private_bytes(secret)
        except ValueError:
            raise Invalid("the DHT key file does not hold a key of 32 bytes; remove it to get a new one") from None
        self.public = self._key.public_key().public_bytes_raw()

    @staticmethod
    def new_secret() -> bytes:
        return Ed25519PrivateKey.generate().private_bytes_raw()

    def sign(self, data: bytes) -> bytes:
        return self._key.sign(data)

    def verify(self, public: bytes, data: bytes, signature: bytes) -> bool:
        try:
            Ed25519PublicKey.from_public_bytes(public).verify(signature, data)
        except (InvalidSignature, ValueError):
            return False
        return True
