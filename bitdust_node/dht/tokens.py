"""
Tokens: who shows one can receive datagrams at the address it claims.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable

TOKEN_BYTES = 8
ROTATE = 300.0


class Tokens:
    """
    A token is good for one address, and for five to ten minutes.
    """

    def __init__(self, secret: Callable[[], bytes], now: float) -> None:
        self._secret = secret
        self._since = now
        self._current = secret()
        self._previous = secret()

    def give(self, host: str, port: int, now: float) -> bytes:
        self._rotate(now)
        return self._token(self._current, host, port)

    def valid(self, token: bytes, host: str, port: int, now: float) -> bool:
        self._rotate(now)
        return any(
            hmac.compare_digest(token, self._token(secret, host, port)) for secret in (self._current, self._previous)
        )

    def _rotate(self, now: float) -> None:
        if now - self._since >= 2 * ROTATE:
            self._previous, self._current, self._since = self._secret(), self._secret(), now
        elif now - self._since >= ROTATE:
            self._previous, self._current, self._since = self._current, self._secret(), now

    @staticmethod
    def _token(secret: bytes, host: str, port: int) -> bytes:
        return hashlib.blake2b(f"{host} {port}".encode(), key=secret, digest_size=TOKEN_BYTES).digest()
