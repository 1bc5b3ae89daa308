"""
Keys and identities for tests: made once, kept in tests/.cache.
"""

# ruff: noqa: PT028 - these are not tests

from __future__ import annotations

import os
from contextlib import suppress
from functools import cache
from pathlib import Path

from bitdust_node.identity.document import Document
from bitdust_node.keys.rsa import PrivateKey

_CACHE = Path(__file__).parent / ".cache"


@cache
def test_key(number: int, bits: int = 1024) -> PrivateKey:
    """
    The key of that number, the same in each run.
    """
    path = _CACHE / f"key-{bits}-{number}.pem"
    if not path.exists():
        _CACHE.mkdir(exist_ok=True)
        made = path.with_suffix(f".{os.getpid()}")
        made.write_text(PrivateKey.generate(bits).pem)
        with suppress(FileExistsError):
            os.link(made, path)  # the first of two test processes wins
        made.unlink()
    return PrivateKey.from_pem(path.read_text(), own=True)


@cache
def test_document(
    number: int,
    name: str = "",
    contacts: tuple[str, ...] = (),
    sources: tuple[str, ...] = (),
    revision: int = 0,
) -> Document:
    """
    A signed identity of the key of that number.
    """
    name = name or f"user-{number}"
    return Document.make(
        test_key(number),
        sources or (f"http://id-a.example:8084/{name}.xml",),
        contacts or (f"tcp://127.0.0.1:{7000 + number}",),
        date="2026-01-31 12:00:00",
        version="test",
        revision=revision,
    )


test_key.__test__ = False  # type: ignore[attr-defined]
test_document.__test__ = False  # type: ignore[attr-defined]
