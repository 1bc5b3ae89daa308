"""
Who holds a key proves it for one question: nothing that others send is ever decrypted for them, and no proof fits
another question, another asker or another holder.
"""

from __future__ import annotations

from hashlib import sha256
from hmac import compare_digest

from bitdust_node.errors import Corrupt
from bitdust_node.identity.names import NodeId
from bitdust_node.keys.canonical import canonical
from bitdust_node.keys.rsa import PrivateKey, PublicKey

DOMAIN = "bitdust.key.audit.1"


class Doubted:
    """
    One question about one key.

    nonce: 32 bytes that the asker has never used before.
    """

    def __init__(self, key: PublicKey, nonce: bytes, asker: NodeId, holder: NodeId) -> None:
        self._key = key
        self._fields = (nonce, asker, holder, key.der)

    @property
    def claim(self) -> bytes:
        """What only somebody who knows the public half can ask with."""
        return self._digest("claim")

    def may_ask(self, claim: bytes) -> bool:
        """True if the asker knows the public half."""
        return compare_digest(claim, self.claim)

    def prove_public(self) -> bytes:
        """The proof that the holder knows the public half."""
        return self._digest("public")

    def prove_private(self, key: PrivateKey) -> bytes:
        """The proof that the holder has the private half."""
        return key.sign(DOMAIN, canonical("private", *self._fields))

    def is_proved(self, proof: bytes, private: bool) -> bool:
        """True if this is the proof of this question."""
        if not private:
            return compare_digest(proof, self._digest("public"))
        try:
            self._key.verify(DOMAIN, canonical("private", *self._fields), proof)
        except Corrupt:
            return False
        return True

    def _digest(self, what: str) -> bytes:
        return sha256(canonical(DOMAIN, what, *self._fields)).digest()
