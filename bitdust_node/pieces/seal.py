"""
Sealing: AES-256-GCM over one segment, bound to its version, its place, and whether it is the last.

The nonce is the place (12 bytes: what is sealed, last flag, zeros, number), which is safe because each version has a
random key of its own and seals each place once. Whoever resumes a version whose source has changed must take a new
version and key. The scheme is STREAM: V. T. Hoang et al., "Online Authenticated-Encryption", CRYPTO 2015.
"""

from __future__ import annotations

import struct

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from bitdust_node.errors import Corrupt, Invalid

KEY_BYTES = 32
VERSION_BYTES = 16

_DOMAIN = b"bitdust.segment.1"
_META_DOMAIN = b"bitdust.version-meta.1"
_NONCE = struct.Struct(">BBHQ")
_SEGMENT, _META = 0, 1


class Sealer:
    """
    Seals and opens the segments of one version. Buffers of the right size may be given to save the allocation.
    """

    def __init__(self, key: bytes, version: bytes) -> None:
        if len(key) != KEY_BYTES or len(version) != VERSION_BYTES:
            raise Invalid(f"a version has a key of {KEY_BYTES} bytes and a name of {VERSION_BYTES}")
        self._cipher = AESGCM(key)
        self._domain = _DOMAIN + version
        self._meta_domain = _META_DOMAIN + version

    def seal_into(self, number: int, last: bool, plaintext: bytes | memoryview, out: bytearray | memoryview) -> None:
        """
        `out` takes exactly 16 bytes more than the plaintext has.
        """
        nonce = _NONCE.pack(_SEGMENT, last, 0, number)
        self._cipher.encrypt_into(nonce, plaintext, self._domain + nonce, out)

    def unseal_into(self, number: int, last: bool, ciphertext: bytes | memoryview, out: bytearray | memoryview) -> None:
        """
        `out` takes exactly 16 bytes less than the ciphertext has. `Corrupt` when anything differs.
        """
        nonce = _NONCE.pack(_SEGMENT, last, 0, number)
        try:
            self._cipher.decrypt_into(nonce, ciphertext, self._domain + nonce, out)
        except InvalidTag:
            raise Corrupt(f"segment {number} does not match its seal") from None

    def seal_meta(self, meta: bytes) -> bytes:
        """
        Seal what only the readers of the version may know about it (its name, times, rights).
        """
        return self._cipher.encrypt(_NONCE.pack(_META, 1, 0, 0), meta, self._meta_domain)

    def unseal_meta(self, sealed: bytes) -> bytes:
        try:
            return self._cipher.decrypt(_NONCE.pack(_META, 1, 0, 0), sealed, self._meta_domain)
        except InvalidTag:
            raise Corrupt("the description of the version does not match its seal") from None


def seal(key: bytes, version: bytes, number: int, last: bool, plaintext: bytes) -> bytes:
    """
    Seal one segment; the answer is 16 bytes longer.
    """
    out = bytearray(len(plaintext) + 16)
    Sealer(key, version).seal_into(number, last, plaintext, out)
    return bytes(out)


def unseal(key: bytes, version: bytes, number: int, last: bool, ciphertext: bytes) -> bytes:
    """
    Open one segment; `Corrupt` when key, version, number, flag or a single bit differ.
    """
    if len(ciphertext) < 16:
        raise Corrupt(f"segment {number} is shorter than its seal")
    out = bytearray(len(ciphertext) - 16)
    Sealer(key, version).unseal_into(number, last, ciphertext, out)
    return bytes(out)
