"""
A key on its way to another person: sealed for the receiver, bound to who sends it, signed by the key's owner.
"""

from __future__ import annotations

import secrets
from typing import Annotated

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from msgspec import Meta

from bitdust_node.errors import Corrupt, Invalid
from bitdust_node.identity.names import NodeId
from bitdust_node.keys.canonical import canonical
from bitdust_node.keys.folder import LABEL_LIMIT, Key
from bitdust_node.keys.rsa import TEXT_LIMIT, PrivateKey, PublicKey

DOMAIN = "bitdust.key.parcel.1"

#: A secret seals one parcel and never another, so its nonce may be constant.
_NONCE = bytes(12)
_UNFIT = "the key is not sealed for this node by its sender"


class Parcel(msgspec.Struct, frozen=True, array_like=True):
    """
    owner: global id of the key's creator. public: OpenSSH text. private: PEM, "" if the public half alone is given.
    signature: of the owner over alias, owner's node id and public half (hex), see `KeyRing.register`.
    """

    alias: Annotated[str, Meta(max_length=50)]
    owner: Annotated[str, Meta(max_length=400)]
    label: Annotated[str, Meta(max_length=LABEL_LIMIT)]
    public: Annotated[str, Meta(max_length=TEXT_LIMIT)]
    private: Annotated[str, Meta(max_length=TEXT_LIMIT)]
    signature: Annotated[str, Meta(max_length=1024)]

    @classmethod
    def of(cls, key: Key, with_private: bool, with_label: bool) -> Parcel:
        """
        Pack a key of the key ring. Raises `Invalid` if the private half is wanted and not there.
        """
        if with_private and key.private is None:
            raise Invalid(f"only public component of the key {key.key_id} is known")
        private = key.private.pem if with_private and key.private else ""
        label = key.label if with_label else ""
        return cls(key.alias, key.owner, label, key.public.openssh, private, key.signature)

    def halves(self) -> tuple[PublicKey, PrivateKey | None]:
        """
        The key itself. Heavy: the primes of a private half are tested. Raises `Invalid`.
        """
        public = PublicKey.from_openssh(self.public)
        private = PrivateKey.from_pem(self.private) if self.private else None
        if private is not None and private.public != public:
            raise Invalid("the two halves of the key do not fit")
        return public, private


def seal(parcel: Parcel, sender: NodeId, receiver: PublicKey) -> tuple[bytes, bytes]:
    """
    The wrapped secret and the sealed parcel.
    """
    secret = secrets.token_bytes(32)
    bound = canonical(DOMAIN, sender, receiver.node_id)
    return receiver.encrypt(DOMAIN, secret), AESGCM(secret).encrypt(_NONCE, msgspec.msgpack.encode(parcel), bound)


def unseal(wrapped: bytes, sealed: bytes, sender: NodeId, receiver: PrivateKey) -> Parcel:
    """
    The parcel that `sender` sealed for `receiver`. What is anything else raises `Corrupt`, always with the same text,
    so that nobody learns by trying what the key of the receiver opens.
    """
    try:
        secret = receiver.decrypt(DOMAIN, wrapped)
        data = AESGCM(secret).decrypt(_NONCE, sealed, canonical(DOMAIN, sender, receiver.public.node_id))
        return msgspec.msgpack.decode(data, type=Parcel)
    except (Corrupt, InvalidTag, msgspec.MsgspecError, ValueError, RecursionError):
        raise Corrupt(_UNFIT) from None
