"""
Versions that others have told of and whose manifests are not here: suppliers keep them.
"""

from __future__ import annotations

from twisted.logger import Logger
from twisted.python.failure import Failure

from bitdust_node.clock import Clock
from bitdust_node.errors import BitDustError
from bitdust_node.identity.names import NodeId
from bitdust_node.threads import Workers
from bitdust_node.waiting import all_of
from services.catalog.catalog import Catalog
from services.catalog.place import Place
from services.catalog.schema import Piece
from services.customer import Customer
from services.data_motion import DataMotion, Holder
from services.upkeep.rests import Rests

#: Pages of manifests that are asked for before anything else is looked at again.
PAGES = 10


class BareVersions:
    """
    Fills in manifests, page by page.
    """

    log = Logger()

    def __init__(
        self, catalog: Catalog, customer: Customer, motion: DataMotion, place: Place, workers: Workers, clock: Clock
    ) -> None:
        self._catalog, self._customer, self._motion = catalog, customer, motion
        self._place, self._workers, self._clock = place, workers, clock
        #: The last version whose manifest was asked for.
        self._filled = b""
        #: Those that a defect strikes at.
        self._rests = Rests()

    async def fill(self) -> bool:
        """
        Some pages; true if there may be more of them.
        """
        for _ in range(PAGES):
            bare = await self._catalog.bare_versions(self._filled)
            if not self._filled:
                self._rests.begin(self._clock.seconds())
            if not bare:
                self._filled = b""
                return False
            due = [one for one in bare if self._rests.is_over(one[0], self._clock.seconds())]
            found = await all_of([self._fill_one(version, pieces) for version, pieces in due], limit=8)
            for (version, _), result in zip(due, found, strict=True):
                if isinstance(result, Exception) and not isinstance(result, BitDustError):
                    # it must not hold up the others
                    self.log.failure("no manifest of version {id}", Failure(result), id=version.hex())
                    self._rests.failed(version, self._clock.seconds())
            self._filled = bare[-1][0]
        return True

    async def _fill_one(self, version: bytes, pieces: list[Piece]) -> None:
        row = await self._catalog.version(version)
        if row is None:
            return
        for piece in pieces:
            link = self._customer.link_of(piece.node_id)
            # one that was dismissed keeps it until others do
            if link is not None and not link.connected:
                continue
            try:
                packed = await self._motion.manifest(Holder(NodeId(piece.node_id), piece.idurl), version)
                row.check(await self._workers.run(self._place.signet.check, packed))
                await self._catalog.note_manifest(version, packed)
            except BitDustError as error:
                self.log.info("{supplier} has no manifest of a version: {error}", supplier=piece.idurl, error=error)
            else:
                return
