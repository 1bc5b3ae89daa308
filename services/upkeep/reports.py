"""
What suppliers say themselves: pieces that are not what they were any more.
"""

from __future__ import annotations

from bitdust_node.clock import Clock
from bitdust_node.errors import Full
from bitdust_node.identity.names import NodeId
from bitdust_node.router.router import Router
from bitdust_node.wire.command import Nothing
from bitdust_node.wire.storage import PIECE_BAD, PieceBad
from services.catalog.catalog import Catalog
from services.catalog.place import Place
from services.catalog.vault import Vault
from services.upkeep.audits import Audits

#: Seconds for which a piece is not believed to be bad again, and pieces of a supplier that are believed in that time.
ONCE, LIMIT = 86400.0, 10_000


class Reports:
    """
    Takes the word of a supplier for its own pieces, and for nothing else: they are marked and made anew. Somebody who
    lies makes one piece travel to himself once a day at the most.
    """

    def __init__(
        self, router: Router, place: Place, catalog: Catalog, vault: Vault, audits: Audits, clock: Clock
    ) -> None:
        self._place = place
        self._router, self._catalog, self._vault, self._audits, self._clock = router, catalog, vault, audits, clock
        # when it was believed, oldest first; only of suppliers that keep something
        self._heard: dict[NodeId, dict[tuple[bytes, int], float]] = {}

    def start(self) -> None:
        # a supplier does not know who of a share to tell: there audits find what is bad
        if self._place.circle is None:
            self._router.serve(PIECE_BAD, self._take)

    def stop(self) -> None:
        if self._place.circle is None:
            self._router.withdraw(PIECE_BAD)

    async def _take(self, supplier: NodeId, question: PieceBad) -> Nothing:
        heard = self._heard_of(supplier)
        objects = await self._catalog.shelf.at(supplier)
        for piece in question.pieces:
            name = (piece.version, piece.index)
            if name in heard:
                continue
            if len(heard) >= LIMIT:
                raise Full(f"{LIMIT} pieces were reported already: tell the others tomorrow")
            if piece.version in objects:
                # before it counts as heard: what can not be written now is heard again
                await self._catalog.shelf.found(supplier, "", (), [piece.version])
                self._vault.soon()
            elif not await self._audits.suspect(piece.version, piece.index, supplier):
                continue
            heard[name] = self._clock.seconds()
            self._heard[supplier] = heard
        return Nothing()

    def _heard_of(self, supplier: NodeId) -> dict[tuple[bytes, int], float]:
        oldest = self._clock.seconds() - ONCE
        heard = self._heard.get(supplier, {})
        while heard and next(iter(heard.values())) < oldest:
            del heard[next(iter(heard))]
        return heard
