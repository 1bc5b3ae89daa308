"""
What lists show of items: their versions and who holds these, read at once.
"""

# ruff: noqa: S608 - only names of columns and constants are put into queries; values are always bound

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Sequence

from bitdust_node.database import Database
from services.catalog.rows import PIECE, VERSION, marks, parts
from services.catalog.schema import Piece, Version

#: The columns of `VERSION`, without reading the manifest.
_SHOWN = VERSION.replace("manifest", "NULL")

Versions = dict[int, list[Version]]
Pieces = dict[bytes, list[Piece]]


class Views:
    """
    The tables `versions` and `pieces` of the catalog, as far as they are shown.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def versions(self, items: Sequence[int]) -> Versions:
        """
        By id of the item, its versions, newest first. Their manifests are left out, as they are large.
        """
        return await self._database.read(lambda c: _versions(c, items))

    async def of(self, items: Sequence[int]) -> tuple[Versions, Pieces]:
        """
        The same and, by id of the version, its pieces in order of number: those of the pack, if it is in one.
        """

        def look(c: sqlite3.Connection) -> tuple[Versions, Pieces]:
            versions = _versions(c, items)
            return versions, _pieces(c, [version for found in versions.values() for version in found])

        return await self._database.read(look)


def _versions(c: sqlite3.Connection, items: Sequence[int]) -> Versions:
    versions: Versions = {item: [] for item in items}
    for part in parts(items):
        query = f"SELECT {_SHOWN} FROM versions WHERE item IN ({marks(part)}) ORDER BY item, name"
        for row in c.execute(query, part):
            version = Version(*row)
            versions[version.item].append(version)
    for found in versions.values():
        if len(found) > 1:
            found.sort(key=lambda version: (version.created, version.name), reverse=True)
    return versions


def _pieces(c: sqlite3.Connection, versions: Sequence[Version]) -> Pieces:
    holds = {version.id: version.id if version.pack is None else version.pack for version in versions}
    held: defaultdict[bytes, list[Piece]] = defaultdict(list)
    for part in parts(list(set(holds.values()))):
        # their order is that of the table: nothing is sorted
        query = f"SELECT {PIECE} FROM pieces WHERE version IN ({marks(part)}) ORDER BY version, number"
        for row in c.execute(query, part):
            held[row[0]].append(Piece._make(row))
    return {version: held.get(holder, []) for version, holder in holds.items()}
