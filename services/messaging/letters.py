"""
Letters: messages and receipts as they travel, sealed for the recipient and signed by a device of the sender.

A message key seals up to a thousand letters to one recipient, for up to an hour: unwrapping it costs the recipient
more than all the rest. Each letter has a random nonce, and is bound to its sender, recipient and id.
"""

from __future__ import annotations

import secrets
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from bitdust_node.errors import BitDustError, Corrupt, Invalid
from bitdust_node.identity.device import DeviceKey, DeviceRecord, verify_signed
from bitdust_node.identity.document import Document
from bitdust_node.keys.canonical import canonical
from bitdust_node.keys.rsa import PrivateKey, PublicKey
from bitdust_node.wire.messages import LETTER_LIMIT, Envelope, SignedEnvelope
from bitdust_node.wire.packet import pack, unpack

DOMAIN = "bitdust.message.1"
#: Letters under one message key, and seconds of its life.
KEY_LETTERS, KEY_SECONDS = 1000, 3600.0
#: Keys that are remembered, of each direction.
REMEMBERED = 1000
#: What is signed was good when it was written; how long ago that was nobody can prove.
_ANY_TIME = 0.0
_UNFIT = "the letter is not sealed for this node by its sender"


@dataclass(frozen=True)
class Draft:
    """
    What a letter will say. The fields are those of the envelope.
    """

    kind: int
    message_id: bytes
    log: bytes
    number: int
    least: int
    time: int
    contents: bytes


@dataclass(frozen=True)
class Writer:
    """Who writes: node id, IDURL, device, and the record of the device."""

    node_id: str
    idurl: str
    device: DeviceKey
    record: bytes


@dataclass(frozen=True)
class MessageKey:
    """A key for one recipient. wrapped: for his identity key."""

    secret: bytes
    wrapped: bytes


@dataclass(frozen=True)
class Sealed:
    """A letter that came, as its carrier sees it."""

    envelope: Envelope
    signed: SignedEnvelope


@dataclass(frozen=True)
class Opened:
    """secret: the message key of the letter."""

    contents: bytes
    secret: bytes


class KeysToSend:
    """
    The message keys of this node, one for each recipient.
    """

    def __init__(self) -> None:
        self._keys: OrderedDict[str, tuple[MessageKey, float, int]] = OrderedDict()

    def key(self, recipient: PublicKey, letters: int, now: float) -> MessageKey:
        """
        The key for the next so many letters.
        """
        node_id = recipient.node_id
        key, made, used = self._keys.pop(node_id, (None, 0.0, 0))
        if key is None or not 0 <= now - made < KEY_SECONDS or used + letters > KEY_LETTERS:
            secret = secrets.token_bytes(32)
            key, made, used = MessageKey(secret, recipient.encrypt(DOMAIN, secret)), now, 0
        self._keys[node_id] = key, made, used + letters
        if len(self._keys) > REMEMBERED:
            self._keys.popitem(last=False)
        return key


class KeysThatCame:
    """
    The message keys of others that were unwrapped.
    """

    def __init__(self) -> None:
        self._secrets: OrderedDict[bytes, bytes] = OrderedDict()

    def get(self, envelope: Envelope) -> bytes | None:
        """The key of a letter, None if it was not unwrapped yet."""
        return self._secrets.get(_name(envelope))

    def put(self, envelope: Envelope, secret: bytes) -> None:
        """Remember the key of a letter that was opened."""
        self._secrets[_name(envelope)] = secret
        if len(self._secrets) > REMEMBERED:
            self._secrets.popitem(last=False)


def write(drafts: Sequence[Draft], recipient: str, writer: Writer, key: MessageKey) -> list[bytes]:
    """
    The letters, ready to travel. Heavy: call it in a worker.
    """
    cipher = AESGCM(key.secret)
    letters = []
    for draft in drafts:
        nonce = secrets.token_bytes(12)
        sealed = cipher.encrypt(nonce, draft.contents, _bound(writer.node_id, recipient, draft.message_id))
        body = pack(
            Envelope(
                1,
                writer.node_id,
                writer.idurl,
                recipient,
                draft.kind,
                draft.message_id,
                draft.log,
                draft.number,
                draft.least,
                draft.time,
                key.wrapped,
                nonce,
                sealed,
            )
        )
        letters.append(pack(SignedEnvelope(body, writer.record, writer.device.sign(DOMAIN, body))))
    return letters


def look(letter: bytes) -> Sealed:
    """
    The outside of a letter; nothing of it is proved yet. Raises `Invalid`.
    """
    if len(letter) > LETTER_LIMIT:
        raise Invalid(f"a letter has at most {LETTER_LIMIT} bytes")
    signed = unpack(SignedEnvelope, letter)
    envelope = unpack(Envelope, signed.body)
    if envelope.least > envelope.number:
        raise Invalid("a letter is later than those that it follows")
    return Sealed(envelope, signed)


def read(letters: Sequence[tuple[Sealed, Document, bytes | None]], key: PrivateKey) -> list[Opened | BitDustError]:
    """
    What letters say, or what is wrong with each. Heavy: call it in a worker.

    letters: each with the identity of its sender, and its message key if that is known. key: own identity key.
    """
    return [_attempt(sealed, sender, secret, key) for sealed, sender, secret in letters]


def _attempt(sealed: Sealed, sender: Document, secret: bytes | None, key: PrivateKey) -> Opened | BitDustError:
    envelope, signed = sealed.envelope, sealed.signed
    try:
        record = DeviceRecord.parse_and_verify(signed.record, sender, _ANY_TIME)
        verify_signed(record.device_key, DOMAIN, signed.body, signed.signature)
        # only what its sender has signed is decrypted at all
        secret = secret or key.decrypt(DOMAIN, envelope.wrapped)
        bound = _bound(envelope.sender, envelope.recipient, envelope.message_id)
        return Opened(AESGCM(secret).decrypt(envelope.nonce, envelope.sealed, bound), secret)
    except (InvalidTag, ValueError):
        return Corrupt(_UNFIT)
    except BitDustError as error:
        return error


def _bound(sender: str, recipient: str, message_id: bytes) -> bytes:
    return canonical(DOMAIN, sender, recipient, message_id)


def _name(envelope: Envelope) -> bytes:
    return sha256(canonical(DOMAIN, envelope.sender, envelope.wrapped)).digest()
