"""
The fields of the own identity document that say when and by what it was written.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from bitdust_node import __version__
from bitdust_node.clock import Clock
from bitdust_node.identity.document import Document
from bitdust_node.keys.rsa import PrivateKey


def signed_now(
    key: PrivateKey, sources: Sequence[str], contacts: Sequence[str], revision: int, clock: Clock
) -> Document:
    """
    A document with today's date and the version of this program.
    """
    date = f"{datetime.fromtimestamp(clock.seconds(), UTC):%Y-%m-%d %H:%M:%S}"
    return Document.make(key, sources, contacts, date=date, version=f"bitdust-node {__version__}", revision=revision)
