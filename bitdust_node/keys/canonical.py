"""
One way to write fields as bytes before they are signed, so that no two different sets of fields look alike.
"""

from __future__ import annotations

from collections.abc import Sequence

Field = bytes | str | int | Sequence["Field"]


def canonical(domain: str, *fields: Field) -> bytes:
    """
    The domain and each field with its length before it.

    bytes: u32 length and the bytes. str: the same of its UTF-8. int: as decimal text.
    list or tuple: u32 number of items, then each item the same way.
    """
    return b"".join(_written(field) for field in (domain, *fields))


def _written(field: Field) -> bytes:
    if isinstance(field, int):
        field = str(field)
    if isinstance(field, str):
        field = field.encode("utf-8")
    if isinstance(field, bytes | bytearray | memoryview):
        return len(field).to_bytes(4, "big") + bytes(field)
    return len(field).to_bytes(4, "big") + b"".join(_written(item) for item in field)
