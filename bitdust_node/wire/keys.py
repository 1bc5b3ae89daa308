"""
What nodes say to each other about keys. docs/identity.md has the exchanges.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from bitdust_node.wire.command import Command

#: Bytes of a sealed key: PEM of 4096 bits, its signature and names.
SEALED_LIMIT = 8192


class HandedKey(msgspec.Struct, frozen=True, array_like=True):
    """
    A key for the receiver alone, see `bitdust_node.keys.parcel`.

    wrapped: the secret of this parcel, for the identity key of the receiver. sealed: the parcel.
    """

    wrapped: Annotated[bytes, Meta(max_length=512)]
    sealed: Annotated[bytes, Meta(max_length=SEALED_LIMIT)]


class TakenKey(msgspec.Struct, frozen=True, array_like=True):
    """key_id: under which the receiver keeps the key now."""

    key_id: Annotated[str, Meta(max_length=500)]


class Doubt(msgspec.Struct, frozen=True, array_like=True):
    """
    Do you hold this key? See `bitdust_node.keys.possession`.

    owner_id, alias: of the key. private: its private half. nonce: fresh. claim: shows that the asker knows the public
    half, without which nobody is told who holds what.
    """

    owner_id: Annotated[str, Meta(min_length=64, max_length=64)]
    alias: Annotated[str, Meta(max_length=50)]
    private: bool
    nonce: Annotated[bytes, Meta(min_length=32, max_length=32)]
    claim: Annotated[bytes, Meta(min_length=32, max_length=32)]


class Proof(msgspec.Struct, frozen=True, array_like=True):
    """proof: empty if the key is not held (or the asker does not know it)."""

    proof: Annotated[bytes, Meta(max_length=512)]


KEY_HAND_OVER = Command("key.hand_over", HandedKey, TakenKey, limit=SEALED_LIMIT + 1024)
KEY_AUDIT = Command("key.audit", Doubt, Proof)
