"""
The shares of this node, as far as it matters to their suppliers.
"""

from __future__ import annotations

from collections import Counter
from math import inf

from bitdust_node.errors import BitDustError, Invalid
from bitdust_node.identity.me import Me
from bitdust_node.keys.ring import KeyRing
from bitdust_node.membership.roster import Circle
from services.catalog.catalog import Catalog

#: Seconds in which members of shares hear that a supplier was dismissed.
MEMBERS_HEAR = 600.0


class OwnShares:
    """
    Each has a catalog of its own, and counts on what a dismissed supplier keeps.
    """

    def __init__(self, ring: KeyRing, me: Me) -> None:
        self._ring, self._me = ring, me
        #: By alias, those that were taken up.
        self.catalogs: dict[str, Catalog] = {}

    def patience(self) -> float:
        """
        Seconds that a supplier keeps its lease after it was dismissed, at least. Members hear of other suppliers later
        than this node, and store with those that they know until then; and while a share is not taken up, nobody knows
        what is needed of it.
        """
        keys = [key for key in self._ring if key.private is not None]
        aliases = {key.alias for key in keys if self._is_share(key.owner_id, key.alias)}
        if not aliases:
            return 0.0
        return MEMBERS_HEAR if aliases <= self.catalogs.keys() else inf

    async def all_coded(self, own: Catalog, m: int) -> bool:
        """
        True if all versions, in the own catalog and in shares, are known to have m pieces; while they follow another
        number of suppliers, those need the room of before, and room for what is coded anew.
        """
        if self.patience() == inf:
            return False
        try:
            return all([await catalog.is_coded(m) for catalog in (own, *self.catalogs.values())])
        except BitDustError:
            return False

    async def totals(self) -> Counter[str]:
        """
        Counts and sizes of what is in them, as `Catalog.totals` has them.
        """
        found = Counter(files=0, folders=0, files_size=0, folders_size=0, backups_size=0)
        for catalog in self.catalogs.values():
            found.update(await catalog.totals(own=False))
        return found

    def keys(self) -> tuple[int, int]:
        """
        How many keys there are that belong to no share, and how many that belong to one, also to that of somebody else.
        """
        aliases = [key.alias for key in self._ring]
        shares = sum(alias.startswith("share_") for alias in aliases)
        return len(aliases) - shares, shares

    def _is_share(self, owner: str, alias: str) -> bool:
        try:
            return owner == self._me.node_id and Circle.of(owner, alias).alias.startswith("share_")
        except Invalid:
            return False
