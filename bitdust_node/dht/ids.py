"""
Ids of the DHT: 20 bytes, compared by exclusive or.
"""

from __future__ import annotations

import hashlib
from random import Random

ID_BYTES = 20
ID_BITS = ID_BYTES * 8

#: Contacts in a bucket, nodes that keep a record, results of a lookup.
K = 8

#: Questions of one lookup in flight.
ALPHA = 3

#: Layers 0..9: routing tables side by side. Everybody is in layer 0.
LAYERS = 10

LAYER_NAMES = {
    0: "all nodes",
    1: "identity servers",
    2: "proxy routers",
    3: "suppliers",
    4: "rebuilders",
    5: "broadcasters",
    6: "merchants",
    7: "message brokers",
    8: "customers",
    9: "web socket routers",
}


def id_of(public: bytes) -> bytes:
    """
    The id that belongs to a public DHT key.
    """
    return hashlib.sha256(public).digest()[:ID_BYTES]


def place_of(record_type: str, key: str) -> bytes:
    """
    The id under which a record is kept. Each type is a namespace of its own.
    """
    digest = hashlib.sha256()
    for part in ("bitdust-dht-key", record_type, key):
        encoded = part.encode()
        digest.update(len(encoded).to_bytes(4, "big") + encoded)
    return digest.digest()[:ID_BYTES]


def number(id_: bytes) -> int:
    return int.from_bytes(id_, "big")


def distance(a: bytes, b: bytes) -> int:
    return int.from_bytes(a, "big") ^ int.from_bytes(b, "big")


def bucket_of(me: bytes, other: bytes) -> int:
    """
    Index of the bucket: position of the highest differing bit, 159 = far half, -1 = the same id.
    """
    return distance(me, other).bit_length() - 1


def random_id(random: Random) -> bytes:
    return random.getrandbits(ID_BITS).to_bytes(ID_BYTES, "big")


def random_in_bucket(me: bytes, bucket: int, random: Random) -> bytes:
    """
    An id whose distance to `me` has `bucket` as its highest bit.
    """
    far = (1 << bucket) | random.getrandbits(bucket) if bucket else 1
    return (number(me) ^ far).to_bytes(ID_BYTES, "big")


def in_layer(layers: int, layer: int) -> bool:
    """
    Is a node with this bit mask attached to the layer?
    """
    return layer == 0 or bool(layers >> layer & 1)


def mask(layers: set[int]) -> int:
    return sum(1 << layer for layer in layers | {0})
