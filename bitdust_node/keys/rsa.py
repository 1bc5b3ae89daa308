"""
RSA keys of identities, shares, groups and users: sign, verify, wrap small secrets.

`cryptography` (OpenSSL) carries all of it: on the same machine it signs and decrypts 2048 bits in 0.35 ms where
pycryptodome takes 1.65 ms, and loads a public key in 3 microseconds where that takes 260. Pass phrases are the work of
pycryptodome, which has scrypt for them.
"""

from __future__ import annotations

from functools import cached_property
from hashlib import sha256
from typing import cast

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from bitdust_node.errors import Corrupt, Invalid
from bitdust_node.identity.names import NodeId
from bitdust_node.keys.canonical import canonical
from bitdust_node.keys.pass_phrase import check_cost, seal

SIZES = (1024, 2048, 4096)
EXPONENT = 65537
#: Longest text of a key that is looked at: a PEM of 4096 bits has about 3300 characters.
TEXT_LIMIT = 8192

_HASH = hashes.SHA256()
_PSS = padding.PSS(mgf=padding.MGF1(hashes.SHA256()), salt_length=32)


def _oaep(label: str) -> padding.OAEP:
    return padding.OAEP(mgf=padding.MGF1(hashes.SHA256()), algorithm=hashes.SHA256(), label=label.encode())


def _check(key: rsa.RSAPublicKey) -> None:
    # Odd sizes are refused for interoperability, odd exponents because a large one makes each check costly.
    if key.key_size not in SIZES:
        raise Invalid(f"RSA key of {key.key_size} bits: only {', '.join(map(str, SIZES))} are used")
    if key.public_numbers().e != EXPONENT:
        raise Invalid(f"RSA key with an exponent other than {EXPONENT}")


class PublicKey:
    """
    The half that everybody may hold.
    """

    def __init__(self, key: rsa.RSAPublicKey) -> None:
        _check(key)
        self._key = key

    @classmethod
    def from_openssh(cls, text: str) -> PublicKey:
        """
        Read `ssh-rsa AAAA...`; a comment after it is dropped. Anything else raises `Invalid`.
        """
        words = text[:TEXT_LIMIT].split()
        if len(text) > TEXT_LIMIT or len(words) < 2 or words[0] != "ssh-rsa":
            raise Invalid("not an OpenSSH RSA public key")
        try:
            key = serialization.load_ssh_public_key(f"{words[0]} {words[1]}".encode())
        except (ValueError, UnsupportedAlgorithm) as error:
            raise Invalid("not an OpenSSH RSA public key") from error
        return cls(cast(rsa.RSAPublicKey, key))

    @classmethod
    def from_der(cls, data: bytes) -> PublicKey:
        """
        Read a DER SubjectPublicKeyInfo; anything but an RSA key raises `Invalid`.
        """
        try:
            key = serialization.load_der_public_key(data[: TEXT_LIMIT + 1])
        except (ValueError, UnsupportedAlgorithm) as error:
            raise Invalid("not a DER public key") from error
        if not isinstance(key, rsa.RSAPublicKey):
            raise Invalid("not an RSA public key")
        return cls(key)

    @cached_property
    def openssh(self) -> str:
        encoding, form = serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH
        return self._key.public_bytes(encoding, form).decode("ascii")

    @cached_property
    def der(self) -> bytes:
        return self._key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)

    @property
    def bits(self) -> int:
        return self._key.key_size

    @cached_property
    def node_id(self) -> NodeId:
        """SHA-256 of the DER form, 64 hex digits: the name of the key's holder wherever something is stored."""
        return NodeId(sha256(self.der).hexdigest())

    def verify(self, domain: str, data: bytes, signature: bytes) -> None:
        """
        Check a signature made with the same domain and data; raises `Corrupt` when it is not of this key.
        """
        try:
            self._key.verify(signature, canonical(domain, data), _PSS, _HASH)
        except InvalidSignature:
            raise Corrupt(f"the signature of {domain} does not match") from None

    def encrypt(self, label: str, data: bytes) -> bytes:
        """
        Wrap a secret so that only the private half reads it, and only under the same label.

        Room: bits / 8 - 66 bytes (62 for a key of 1024 bits); more raises `Invalid`.
        """
        if len(data) > self.bits // 8 - 66:
            raise Invalid(f"{len(data)} bytes do not fit a key of {self.bits} bits")
        return self._key.encrypt(data, _oaep(label))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PublicKey) and other.der == self.der

    def __hash__(self) -> int:
        return hash(self.der)

    def __repr__(self) -> str:
        return f"<PublicKey {self.bits} bits {self.node_id[:12]}>"


class PrivateKey:
    """
    The half that its owner alone holds. Never printed: `repr` shows the public half.
    """

    def __init__(self, key: rsa.RSAPrivateKey) -> None:
        self._key = key
        self.public = PublicKey(key.public_key())

    @classmethod
    def generate(cls, bits: int) -> PrivateKey:
        """
        Make a new key; takes up to seconds, so call it through the workers.
        """
        if bits not in SIZES:
            raise Invalid(f"RSA key of {bits} bits: only {', '.join(map(str, SIZES))} are used")
        return cls(rsa.generate_private_key(EXPONENT, bits))

    @classmethod
    def from_pem(cls, text: str, own: bool = False, pass_phrase: str | None = None) -> PrivateKey:
        """
        Read a PEM private key (PKCS#8 or PKCS#1); anything else, or a wrong pass phrase, raises `Invalid`.

        own: the key comes from this node's own key folder. It is proved by one signature instead of by testing
        its primes, which costs 45 ms (2048 bits) to 290 ms (4096).
        """
        if len(text) > TEXT_LIMIT:
            raise Invalid("not a PEM private key")
        if "ENCRYPTED" in text and not pass_phrase:
            raise Invalid("the private key is under a pass phrase, which is needed too")
        check_cost(text)
        secret = pass_phrase.encode() if pass_phrase and "ENCRYPTED" in text else None
        try:
            key = serialization.load_pem_private_key(text.encode(), secret, unsafe_skip_rsa_key_validation=own)
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise Invalid("not a PEM private key" if secret is None else "wrong pass phrase, or no key") from error
        if not isinstance(key, rsa.RSAPrivateKey):
            raise Invalid("not an RSA private key")
        private = cls(key)
        if own:
            try:
                private.public.verify("bitdust.self-test", b"", private.sign("bitdust.self-test", b""))
            except (Corrupt, ValueError) as error:
                raise Invalid("the two halves of the private key do not fit") from error
        return private

    @property
    def bits(self) -> int:
        return self.public.bits

    @cached_property
    def pem(self) -> str:
        encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
        return self._key.private_bytes(encoding, form, serialization.NoEncryption()).decode("ascii")

    def pem_under(self, pass_phrase: str) -> str:
        """
        The key as PEM that only the pass phrase opens. Takes 0.3 s on purpose, as does each guess: run it in a worker.
        """
        encoding, form = serialization.Encoding.DER, serialization.PrivateFormat.TraditionalOpenSSL
        bare = self._key.private_bytes(encoding, form, serialization.NoEncryption())
        # `cryptography` has 2048 rounds of PBKDF2 and no way to ask for more
        return seal(bare, pass_phrase)

    def sign(self, domain: str, data: bytes) -> bytes:
        """
        Sign data for one purpose: a signature of one domain never passes for another.
        """
        return self._key.sign(canonical(domain, data), _PSS, _HASH)

    def decrypt(self, label: str, data: bytes) -> bytes:
        """
        Unwrap what `PublicKey.encrypt` wrapped under this label; raises `Corrupt`.
        """
        try:
            return self._key.decrypt(data, _oaep(label))
        except ValueError:
            raise Corrupt("the secret is not wrapped for this key") from None

    def __repr__(self) -> str:
        return f"<PrivateKey of {self.public!r}>"
