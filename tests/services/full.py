"""
A disk without room, for the databases of a node.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from bitdust_node.database import Database
from bitdust_node.errors import Full


@contextmanager
def full(database: Database) -> Iterator[None]:
    """While nothing can be written to a database."""

    async def run(function: Any) -> Any:
        raise Full("no room left on the disk")

    database.run = run  # type: ignore[method-assign]
    try:
        yield
    finally:
        del database.run  # type: ignore[method-assign]
