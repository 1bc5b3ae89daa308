"""
What transfers work with.
"""

from __future__ import annotations

from automats.registry import Automats
from bitdust_node.clock import Clock
from bitdust_node.config.config import Config
from bitdust_node.events import Events
from bitdust_node.identity.me import Me
from bitdust_node.pieces.signet import Signet
from bitdust_node.threads import Workers
from services.catalog.catalog import Catalog
from services.catalog.place import Place
from services.customer import Customer
from services.data_motion import DataMotion
from services.transfer.opened import OpenedVersions
from services.transfer.ranking import Ranking


class Means:
    """
    The parts of the node that uploads, downloads and rebuilding share.
    """

    def __init__(
        self,
        me: Me,
        place: Place,
        workers: Workers,
        clock: Clock,
        events: Events,
        automats: Automats,
        config: Config,
        catalog: Catalog,
        customer: Customer,
        motion: DataMotion,
        ranking: Ranking,
    ) -> None:
        self.place = place
        self.me, self.workers, self.clock, self.events, self.automats = me, workers, clock, events, automats
        self.config, self.catalog, self.customer, self.motion = config, catalog, customer, motion
        self.ranking = ranking
        self.opened = OpenedVersions()
        #: When suppliers that were missing were waited for the last time, and did not come.
        self.waited_in_vain = float("-inf")

    @property
    def signet(self) -> Signet:
        """
        What versions are signed with, and who can open them.
        """
        return self.place.signet

    @property
    def copies(self) -> int:
        """
        How many versions of an item are kept; 0 means all.
        """
        return int(self.config.get("services/backups/max-copies"))

    def key_id(self, alias: str) -> str:
        """
        The full id of a key of the catalog.
        """
        return self.place.key_id(alias)


def enough(k: int, m: int) -> int:
    """
    Pieces that must be stored before a version counts as stored: half of the spare ones may still be missing.
    """
    return k + -(-(m - k) // 2)
