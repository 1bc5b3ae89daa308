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
#: Bytes of a lease that stay free when it shrinks: this part of what is kept, and at least so many.
SPARE_PART, SPARE = 8, 256 * 1024


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

    async def least(self, own: Catalog, node_id: str, m: int) -> float:
        """
        Bytes below which the lease of a supplier must not fall: what it keeps, in the own catalog and in shares, and
        some room to make lost pieces anew and for the catalog itself. While versions follow another number of
        suppliers than m, those need the room of before, and room for what is coded anew: `inf` then.
        """
        if self.patience() == inf:
            return inf
        kept = 0
        try:
            for catalog in (own, *self.catalogs.values()):
                if not await catalog.is_coded(m):
                    return inf
                kept += (await catalog.stored_bytes()).get(node_id, 0)
        except BitDustError:
            return inf
        return kept + max(kept // SPARE_PART, SPARE)

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
