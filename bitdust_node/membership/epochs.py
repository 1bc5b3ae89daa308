"""
The secrets of a share or group: one for each epoch, wrapped for each member.

Who is removed does not get the next one. Whoever has the present one gets those before, unless the owner does not want
new members to read what was before them. Keys for one purpose are derived from a secret (HKDF, RFC 5869).
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from bitdust_node.errors import Corrupt, Full, Invalid
from bitdust_node.keys.canonical import canonical
from bitdust_node.keys.rsa import PrivateKey, PublicKey
from bitdust_node.membership.roster import Circle, Roster

SECRET_BYTES = 32
NONCE_BYTES = 12
#: Epochs whose secrets one roster can carry; the number of removals is bounded by it.
PAST_LIMIT = 500

_WRAP = "bitdust.epoch.1"
_PAST = "bitdust.epoch.past.1"


def new_secret() -> bytes:
    """
    The secret of a new epoch.
    """
    return secrets.token_bytes(SECRET_BYTES)


def wrap(circle: Circle, epoch: int, secret: bytes, reader: PublicKey) -> bytes:
    """
    The secret of an epoch for one member. Heavy for many: run it in a worker.
    """
    return reader.encrypt(_label(circle, epoch), secret)


def unwrap(roster: Roster, own: PrivateKey) -> bytes:
    """
    The secret of the epoch of a roster. Heavy. Raises `Corrupt` if it was not wrapped for this member.
    """
    member = roster.member(own.public.node_id)
    if member is None:
        raise Corrupt("this node is not on the roster")
    secret = own.decrypt(_label(roster.circle, roster.epoch), member.key)
    if len(secret) != SECRET_BYTES:
        raise Corrupt(f"the secret of epoch {roster.epoch} has {len(secret)} bytes")
    return secret


def seal_past(circle: Circle, epoch: int, secret: bytes, past: Mapping[int, bytes]) -> bytes:
    """
    The secrets of epochs before `epoch`, under that of it; empty if there are none. Raises `Full` for too many.
    """
    earlier = sorted((number, old) for number, old in past.items() if number < epoch)
    if len(earlier) > PAST_LIMIT:
        raise Full(f"members were removed {PAST_LIMIT} times: make a new share or group")
    text = b"".join(number.to_bytes(8, "big") + old for number, old in earlier)
    return seal(secret, _PAST, circle.canonical + epoch.to_bytes(8, "big"), text) if text else b""


def open_past(roster: Roster, secret: bytes) -> dict[int, bytes]:
    """
    The secrets of the epochs before, by number. Raises `Corrupt`.
    """
    if not roster.past:
        return {}
    text = unseal(secret, _PAST, roster.circle.canonical + roster.epoch.to_bytes(8, "big"), roster.past)
    size = 8 + SECRET_BYTES
    if len(text) % size:
        raise Corrupt("the secrets of earlier epochs are cut off")
    parts = [text[start : start + size] for start in range(0, len(text), size)]
    past = {int.from_bytes(part[:8], "big"): part[8:] for part in parts}
    if not all(0 < number < roster.epoch for number in past):
        raise Corrupt("the secrets of earlier epochs are not of earlier epochs")
    return past


def derive(secret: bytes, purpose: str, bound: bytes = b"") -> bytes:
    """
    A key of 32 bytes for one purpose, from the secret of an epoch.
    """
    return HKDF(hashes.SHA256(), 32, salt=None, info=canonical(purpose, bound)).derive(secret)


def seal(secret: bytes, purpose: str, bound: bytes, data: bytes) -> bytes:
    """
    Data that only members read: nonce (random, 12 bytes), AES-256-GCM under the key of the purpose. bound: what the
    reader must know already, such as where it belongs.
    """
    if len(secret) != SECRET_BYTES:
        raise Invalid(f"the secret of an epoch has {SECRET_BYTES} bytes")
    nonce = secrets.token_bytes(NONCE_BYTES)
    return nonce + AESGCM(derive(secret, purpose)).encrypt(nonce, data, bound)


def unseal(secret: bytes, purpose: str, bound: bytes, sealed: bytes) -> bytes:
    """
    What was sealed; raises `Corrupt` when secret, purpose, what it is bound to, or a single bit differ.
    """
    try:
        return AESGCM(derive(secret, purpose)).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], bound)
    except (InvalidTag, ValueError):
        raise Corrupt(f"what is sealed for {purpose} does not match its seal") from None


def _label(circle: Circle, epoch: int) -> str:
    return f"{_WRAP}:{circle.owner}:{circle.alias}:{epoch}"
