"""
Packs are written anew when most of what is in them was deleted, or when the number of suppliers is another now.

What is still needed is read, checked and stored at all suppliers in a new pack before the old one is dropped: at no
moment is it less safe than before.
"""

from __future__ import annotations

import secrets
from functools import partial

from twisted.logger import Logger
from twisted.python.failure import Failure

from bitdust_node.errors import BitDustError, Corrupt, Unavailable
from bitdust_node.pieces.layout import SCHEMES, Layout
from bitdust_node.pieces.seal import VERSION_BYTES
from bitdust_node.waiting import outcome, sleep
from services.catalog.packs import Stored
from services.catalog.schema import Piece, Place, Version
from services.transfer.means import Means
from services.transfer.pack import PackWriter, read_entry
from services.transfer.pack_source import PackSource
from services.transfer.packing import send_sealed
from services.transfer.range import read_range
from services.transfer.receivers import find_receivers
from services.transfer.running import Running
from services.transfer.seal_pass import SealPass, Signing
from services.upkeep.rests import Rests

#: Seconds between looks whether the old pack is still being read, and how often it is looked.
READERS_EVERY, READERS_TRIES = 5.0, 720


class Repacking:
    """
    One round after the other, one pack at a time.
    """

    log = Logger()

    def __init__(self, means: Means, running: Running) -> None:
        self._means, self._running = means, running
        self._rests = Rests()

    async def run(self) -> None:
        """
        Drop the packs that nothing is needed of, and write those anew that are wasteful or of another scheme.
        """
        means = self._means
        suppliers = means.customer.wanted.suppliers
        layout = Layout(*SCHEMES[suppliers])
        wasteful = await means.catalog.packs.wasteful(layout.m)
        self._rests.keep({pack.id for pack in wasteful})
        self._rests.begin(means.clock.seconds())
        for pack in wasteful:
            if await means.catalog.packs.drop(pack.id):
                continue
            if means.customer.wanted.suppliers != suppliers:
                return
            if not self._rests.is_over(pack.id, means.clock.seconds()):
                continue
            error = await outcome(self._renew(pack, layout))
            if error is None:
                # it is not there any more
                continue
            # it alone: one that a writer of a share has made unreadable, or that a defect strikes at, must not hold up
            # the others
            self._rests.failed(pack.id, means.clock.seconds())
            if isinstance(error, BitDustError):
                self.log.info("pack {id} is not written anew: {error}", id=pack.id.hex(), error=error)
            else:
                self.log.failure("pack {id} is not written anew", Failure(error), id=pack.id.hex())

    async def _renew(self, old: Version, layout: Layout) -> None:
        means, packs = self._means, self._means.catalog.packs
        receivers = await find_receivers(means, layout.m, patient=False)
        if len(receivers) < layout.m:
            raise Unavailable(f"{len(receivers)} of {layout.m} suppliers are connected")
        places = await packs.live(old.id)
        data = await read_range(means, old, 0, old.size)
        kept, moved = await means.workers.run(_copy, data, places)
        name = secrets.token_bytes(VERSION_BYTES)
        pieces = [Piece(name, at, to.node_id, to.idurl, 0, "sent") for at, to in receivers.items()]
        await packs.begin_again(old, name, layout.k, layout.m, pieces)

        async def store() -> None:
            signing = Signing(means.signet, f"pack:{name.hex()}", int(means.clock.seconds()))
            sealing = SealPass(lambda: PackSource(kept), name, layout, signing)
            manifest, numbers, errors = await send_sealed(means, sealing, receivers, "a pack")
            if len(numbers) < layout.m:
                error = next(iter(errors.values()), None)
                raise Unavailable(f"{len(numbers)} of {layout.m} suppliers take their pieces: {error}")
            await self._no_readers(old)
            stored = Stored(len(kept), manifest, layout.piece_bytes(len(kept)), numbers)
            await packs.replace(old.id, name, stored, moved)

        failure = await outcome(store())
        if failure is not None:
            # after a defect too: with each try there would be one more of them
            await means.catalog.afterwards.surely("forget a pack", partial(packs.forget, name, []))
            raise failure
        self.log.info("pack {id} is written anew: {number} files", id=old.id.hex(), number=len(moved))

    async def _no_readers(self, pack: Version) -> None:
        """Wait until nobody downloads from the old pack any more."""
        for _ in range(READERS_TRIES):
            items = set(await self._means.catalog.packs.items_in(pack.id))
            if not any(download.item.id in items for download in self._running.downloads.values()):
                return
            await sleep(self._means.clock, READERS_EVERY)
        raise Unavailable("it is being read all the time")


def _copy(data: bytes, places: list[Place]) -> tuple[bytes, list[Place]]:
    """In a worker: a pack of what is still needed of another one, and where that is now."""
    writer, moved = PackWriter(), []
    view = memoryview(data)
    for place in places:
        packed = view[place.start : place.start + place.length]
        try:
            head, _ = read_entry(packed, place.entry)
        except Corrupt as error:
            raise Corrupt(f"entry {place.entry.hex()}: {error}") from None
        moved.append(Place(place.entry, *writer.copy(bytes(packed), head.size)))
    return writer.finish(), moved
