"""
A post of a group: sealed for its members, signed by its author's device, one after the other in a log of his.

A log is named by its author and by bytes of the data folder that writes it, so that two devices never write one log.
Each post names the digest of the one before. Whoever has the sealed bytes can check them without reading them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from typing import Annotated

import msgspec
from msgspec import Meta

from bitdust_node.errors import Full, Invalid
from bitdust_node.identity.device import DeviceKey, verify_signed
from bitdust_node.keys.canonical import canonical
from bitdust_node.membership.epochs import seal, unseal
from bitdust_node.membership.roster import NO_DIGEST, Circle, Digest, Node, Number, Time

DOMAIN = "bitdust.post.1"
PURPOSE = "bitdust.post.sealed.1"
#: Bytes of a packed post: it travels in one message, with others if they are small.
POST_LIMIT = 50 * 1024
#: Bytes of what it says.
TEXT_LIMIT = 48 * 1024
LOG_BYTES, DEVICE_BYTES = 5, 16

LogName = Annotated[bytes, Meta(min_length=LOG_BYTES, max_length=LOG_BYTES)]
DeviceName = Annotated[bytes, Meta(min_length=DEVICE_BYTES, max_length=DEVICE_BYTES)]


class Post(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """
    number: in its log, from 1. previous: digest of the post before, zeros for the first. roster: number of the newest
    one that the author knew. epoch: under whose secret it is sealed. time: unix seconds, as the author says.
    """

    format: Annotated[int, Meta(ge=1, le=1)]
    circle: Circle
    author: Node
    log: LogName
    number: Number
    previous: Digest
    roster: Number
    epoch: Number
    time: Time
    sealed: Annotated[bytes, Meta(max_length=POST_LIMIT)]


class _Packed(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    body: bytes
    device: DeviceName
    signature: Annotated[bytes, Meta(max_length=100)]


_packed = msgspec.msgpack.Decoder(_Packed)
_posts = msgspec.msgpack.Decoder(Post)


@dataclass(frozen=True)
class SignedPost:
    """
    A post as it came. device: names the device record of the author that the signature belongs to.
    """

    post: Post
    body: bytes
    device: bytes
    signature: bytes
    packed: bytes

    @classmethod
    def parse(cls, packed: bytes) -> SignedPost:
        """
        Read a post without checking its signature. Raises `Invalid`.
        """
        if len(packed) > POST_LIMIT:
            raise Invalid(f"a post has at most {POST_LIMIT} bytes, this one {len(packed)}")
        try:
            outer = _packed.decode(packed)
            post = _posts.decode(outer.body)
        except (msgspec.MsgspecError, ValueError, RecursionError) as error:
            raise Invalid(f"this is not a post: {str(error)[:200]}") from None
        if (post.number == 1) != (post.previous == NO_DIGEST):
            raise Invalid("this is not a post: the first one of a log, and no other, follows none")
        return cls(post, outer.body, outer.device, outer.signature, packed)

    @cached_property
    def digest(self) -> bytes:
        return sha256(self.body).digest()

    @property
    def message_id(self) -> str:
        """
        16 bytes of the digest in hex: nobody can give the id of one post to another one.
        """
        return self.digest[:16].hex()

    def verify(self, device_key: bytes) -> None:
        """
        Raises `Corrupt` unless this device has signed it. About 100 us.
        """
        verify_signed(device_key, DOMAIN, self.body, self.signature)

    def open(self, secret: bytes) -> bytes:
        """
        What it says; raises `Corrupt` if it is sealed under another secret.
        """
        return unseal(secret, PURPOSE, _bound(self.post.circle, self.post.author, self.post.log), self.sealed)

    @property
    def sealed(self) -> bytes:
        return self.post.sealed


@dataclass(frozen=True)
class Pen:
    """
    What the author of posts writes with. record: of his device, as it goes with the posts.
    """

    circle: Circle
    author: str
    device: DeviceKey
    record: bytes

    def write(
        self, log: bytes, number: int, previous: bytes, roster: int, epoch: int, secret: bytes, time: int, text: bytes
    ) -> SignedPost:
        """
        The next post of a log; raises `Full` if it says too much.
        """
        if len(text) > TEXT_LIMIT:
            raise Full(
                f"a post has at most {TEXT_LIMIT} bytes of data, this has {len(text)}: upload it as a file and share it"
            )
        sealed = seal(secret, PURPOSE, _bound(self.circle, self.author, log), text)
        post = Post(1, self.circle, self.author, log, number, previous, roster, epoch, time, sealed)
        body = msgspec.msgpack.encode(post)
        device, signature = device_name(self.record), self.device.sign(DOMAIN, body)
        packed = msgspec.msgpack.encode(_Packed(body, device, signature))
        return SignedPost(post, body, device, signature, packed)


def device_name(record: bytes) -> bytes:
    """
    How posts name the device record that they are to be checked by.
    """
    return sha256(record).digest()[:DEVICE_BYTES]


def _bound(circle: Circle, author: str, log: bytes) -> bytes:
    return canonical(PURPOSE, circle.canonical, author, log)
