"""
The way past pyOpenSSL to OpenSSL, for what its public methods do with copies.

These names are private to pyOpenSSL, and may be gone in any release: `open_door` looks for all of them once, at the
start of a transport, and where one is missing the public methods are used instead (`transports/tls.py`).
"""

from __future__ import annotations

from typing import Any, Protocol

import OpenSSL
from OpenSSL import SSL


class Door(Protocol):
    """
    What OpenSSL is asked directly.
    """

    def start_of(self, memory: memoryview) -> Any:
        """Where some memory begins, for the other two; it must live as long as that is used."""

    def read(self, tls: SSL.Connection, to: Any, most: int) -> int:
        """Decrypt up to one record (`SSL_read`); how many bytes that were, 0 or less if none."""

    def take(self, tls: SSL.Connection, to: Any, most: int) -> int:
        """Encrypted bytes that are to be sent (`BIO_read`); how many, 0 or less if none."""


class PrivateDoor:
    """
    By the names that pyOpenSSL has had for ten years. Raises `AttributeError` if one is missing.
    """

    def __init__(self, util: Any) -> None:
        self._from_buffer, self._ssl_read, self._bio_read = util.ffi.from_buffer, util.lib.SSL_read, util.lib.BIO_read
        sample: Any = SSL.Connection(SSL.Context(SSL.TLS_METHOD), None)
        # of a connection in memory both are there from the beginning
        self._bio_read(sample._from_ssl, self._from_buffer(bytearray(1)), 1)
        sample._ssl  # noqa: B018 - whether it is there

    def start_of(self, memory: memoryview) -> Any:
        return self._from_buffer(memory)

    def read(self, tls: Any, to: Any, most: int) -> int:
        size: int = self._ssl_read(tls._ssl, to, most)
        return size

    def take(self, tls: Any, to: Any, most: int) -> int:
        size: int = self._bio_read(tls._from_ssl, to, most)
        return size


def open_door(package: Any = OpenSSL) -> Door | None:
    """
    The way to OpenSSL, or None where this release of pyOpenSSL has another one.
    """
    try:
        return PrivateDoor(package._util)
    except (AttributeError, TypeError):
        return None
