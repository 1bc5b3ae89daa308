"""
What changed in the catalog, for whoever follows it.
"""

# ruff: noqa: S608 - only constants are put into queries; values are always bound

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from services.catalog.rows import marks, parts


@dataclass(frozen=True)
class Gone:
    """
    An item that was deleted or, with its name in `version`, one version of an item.
    """

    alias: str
    path: str
    path_id: str
    kind: str
    version: str | None = None


@dataclass(frozen=True)
class Change:
    """
    items, versions: their ids, to be looked at anew. gone: what is not there any more.
    """

    items: Sequence[int] = ()
    versions: Sequence[bytes] = ()
    gone: Sequence[Gone] = ()


Observer = Callable[[Change], object]


class Changes:
    """
    Tells observers of transactions that are done.
    """

    def __init__(self) -> None:
        self._observers: tuple[Observer, ...] = ()

    @property
    def heard(self) -> bool:
        """True if anybody follows: what is costly to find out need not be found out otherwise."""
        return bool(self._observers)

    def observe(self, callback: Observer) -> Callable[[], None]:
        """
        Call back after each change; returns the function that ends it.
        """
        self._observers = (*self._observers, callback)

        def undo() -> None:
            self._observers = tuple(other for other in self._observers if other is not callback)

        return undo

    def tell(self, change: Change) -> None:
        for callback in self._observers:
            callback(change)


def gone_versions(c: sqlite3.Connection, versions: Sequence[bytes]) -> list[Gone]:
    """
    In a transaction, before versions are deleted: what will be gone.
    """
    found: list[Gone] = []
    for part in parts(versions):
        query = (
            "SELECT items.alias, items.path, items.path_id, items.kind, versions.name FROM versions"
            f" JOIN items ON items.id = versions.item WHERE versions.id IN ({marks(part)})"
        )
        found.extend(Gone(*row) for row in c.execute(query, part))
    return found


def gone_items(c: sqlite3.Connection, alias: str, path: str) -> list[Gone]:
    """
    In a transaction, before an item and all below it are deleted: what will be gone, versions first.
    """
    below = (alias, path, f"{path}/", f"{path}0")
    scope = "items.alias = ? AND (items.path = ? OR (items.path > ? AND items.path < ?))"
    names = "items.alias, items.path, items.path_id, items.kind"
    versions = f"SELECT {names}, versions.name FROM versions JOIN items ON items.id = versions.item WHERE {scope}"
    return [
        *(Gone(*row) for row in c.execute(versions, below)),
        *(Gone(*row) for row in c.execute(f"SELECT {names} FROM items WHERE {scope}", below)),
    ]
