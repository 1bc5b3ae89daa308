"""
The datagrams of the DHT; their page is docs/dht.md.
"""

from __future__ import annotations

from typing import Annotated

import msgspec

from bitdust_node.dht.contact import Contact, Id, LayerMask
from bitdust_node.dht.ids import LAYERS, K
from bitdust_node.dht.signing import PUBLIC_BYTES, SIGNATURE_BYTES, Signer
from bitdust_node.errors import Corrupt, Invalid

VERSION = 1
DATAGRAM_LIMIT = 8192
RECORD_LIMIT = 7168
RPC_BYTES = 8
CLAIMS = 4

_DOMAIN = b"bitdust-dht-1"

Layer = Annotated[int, msgspec.Meta(ge=0, lt=LAYERS)]
Token = Annotated[bytes, msgspec.Meta(max_length=16)]
Owner = Annotated[bytes, msgspec.Meta(max_length=32)]
Sequence = Annotated[int, msgspec.Meta(ge=0, lt=2**53)]
Packed = Annotated[bytes, msgspec.Meta(max_length=RECORD_LIMIT)]


class Claim(msgspec.Struct, array_like=True, frozen=True):
    """
    A record that the answering node keeps under the target.

    owner: node id that signed it (32 bytes), empty for values that nobody signs.
    """

    owner: Owner
    sequence: Sequence


class Ping(msgspec.Struct, array_like=True, frozen=True, tag=1):
    """Are you there, and how do you see me?"""


class Pong(msgspec.Struct, array_like=True, frozen=True, tag=2):
    """
    host, port: address of the asker as seen from here; empty when this node does not tell.
    """

    host: Annotated[str, msgspec.Meta(max_length=45)] = ""
    port: Annotated[int, msgspec.Meta(ge=0, le=65535)] = 0


class Find(msgspec.Struct, array_like=True, frozen=True, tag=3):
    """
    Who of the layer is near the target?

    claims: true to hear also which records are kept under the target.
    """

    layer: Layer
    target: Id
    claims: bool = False


class Found(msgspec.Struct, array_like=True, frozen=True, tag=4):
    contacts: Annotated[list[Contact], msgspec.Meta(max_length=K)]
    token: Token
    claims: Annotated[list[Claim], msgspec.Meta(max_length=CLAIMS)] = []


class Fetch(msgspec.Struct, array_like=True, frozen=True, tag=5):
    """Give me the record of this owner."""

    layer: Layer
    place: Id
    owner: Owner
    token: Token


class Fetched(msgspec.Struct, array_like=True, frozen=True, tag=6):
    record: Packed


class Store(msgspec.Struct, array_like=True, frozen=True, tag=7):
    """Keep this record."""

    layer: Layer
    record: Packed
    token: Token


class Stored(msgspec.Struct, array_like=True, frozen=True, tag=8):
    sequence: Sequence


class About(msgspec.Struct, array_like=True, frozen=True, tag=9):
    """Whose node are you in this layer?"""

    layer: Layer


class Told(msgspec.Struct, array_like=True, frozen=True, tag=10):
    idurl: Annotated[str, msgspec.Meta(max_length=300)] = ""


class Problem(msgspec.Struct, array_like=True, frozen=True, tag=11):
    """
    name: class name of the error (bitdust_node/errors.py).
    """

    name: Annotated[str, msgspec.Meta(max_length=32)]
    text: Annotated[str, msgspec.Meta(max_length=300)]


Question = Ping | Find | Fetch | Store | About
Answer = Pong | Found | Fetched | Stored | Told | Problem
Message = Ping | Pong | Find | Found | Fetch | Fetched | Store | Stored | About | Told | Problem

QUESTIONS = (Ping, Find, Fetch, Store, About)


class Body(msgspec.Struct, array_like=True, frozen=True):
    """
    rpc: random id of the question; the answer repeats it.
    layers: bit mask of the layers that the sender is attached to.
    """

    rpc: Annotated[bytes, msgspec.Meta(min_length=RPC_BYTES, max_length=RPC_BYTES)]
    layers: LayerMask
    message: Message


class Envelope(msgspec.Struct, array_like=True, frozen=True):
    version: int
    public: Annotated[bytes, msgspec.Meta(min_length=PUBLIC_BYTES, max_length=PUBLIC_BYTES)]
    signature: Annotated[bytes, msgspec.Meta(min_length=SIGNATURE_BYTES, max_length=SIGNATURE_BYTES)]
    body: bytes


_encoder = msgspec.msgpack.Encoder()
_envelopes = msgspec.msgpack.Decoder(Envelope)
_bodies = msgspec.msgpack.Decoder(Body)


def pack(body: Body, signer: Signer) -> bytes:
    """
    A signed datagram.
    """
    encoded = _encoder.encode(body)
    datagram = _encoder.encode(Envelope(VERSION, signer.public, signer.sign(_DOMAIN + encoded), encoded))
    if len(datagram) > DATAGRAM_LIMIT:
        raise Invalid(f"a datagram of {len(datagram)} bytes is larger than {DATAGRAM_LIMIT}")
    return datagram


def unpack(datagram: bytes) -> tuple[Envelope, Body]:
    """
    Read a datagram without believing it: `check` comes after, because it costs most. Raises Invalid.
    """
    if len(datagram) > DATAGRAM_LIMIT:
        raise Invalid("the datagram is too large")
    try:
        envelope = _envelopes.decode(datagram)
        if envelope.version != VERSION:
            raise Invalid(f"version {envelope.version} is not known here")
        return envelope, _bodies.decode(envelope.body)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise Invalid(f"not a datagram of this network: {error}") from None


def check(envelope: Envelope, signer: Signer) -> None:
    """
    Raises Corrupt unless the holder of the public key signed it.
    """
    if not signer.verify(envelope.public, _DOMAIN + envelope.body, envelope.signature):
        raise Corrupt("the signature of the datagram does not fit")
