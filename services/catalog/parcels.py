"""
The way of an object of the catalog to a supplier, and back.
"""

from __future__ import annotations

from bitdust_node.clock import Clock
from bitdust_node.threads import Workers
from bitdust_node.waiting import within
from services.catalog.objects import open_object, piece_bytes
from services.catalog.place import Place
from services.catalog.shelf import Sealed
from services.data_motion import DataMotion, Holder

#: Seconds for one object on its way.
OBJECT_TIME = 120.0


class Parcels:
    """
    One object, one supplier. Raises what went wrong on the way, `TimedOut` too.
    """

    def __init__(self, motion: DataMotion, place: Place, workers: Workers, clock: Clock) -> None:
        self._motion, self._place, self._workers, self._clock = motion, place, workers, clock

    async def send(self, holder: Holder, sealed: Sealed) -> None:
        """
        Store an object; raises `Conflict` if another one of this name is there.
        """
        await within(self._clock, OBJECT_TIME, self._send(holder, sealed), "a part of the catalog")

    async def fetch(self, holder: Holder, version: bytes) -> tuple[Sealed, bytes]:
        """
        An object as it is kept, and what is in it; raises `Corrupt` if it is not what it should be.
        """
        manifest = await self._motion.manifest(holder, version)
        signet = self._place.signet
        size = await self._workers.run(piece_bytes, signet, version, manifest)
        stream = await self._motion.get(holder, version, 0, 1)
        stream.finish()
        piece = await within(self._clock, OBJECT_TIME, stream.read_exactly(size), f"{holder.idurl}:")
        return Sealed(version, manifest, piece), await self._workers.run(open_object, signet, version, manifest, piece)

    async def _send(self, holder: Holder, sealed: Sealed) -> None:
        stream = await self._motion.put(holder, sealed.id, 0, 1)
        await stream.write(sealed.data)
        stream.finish()
        await self._motion.commit(holder, sealed.id, 0, sealed.manifest)
