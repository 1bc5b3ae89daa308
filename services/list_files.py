"""
service_list_files: compares what suppliers keep with what the catalog says they keep.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from twisted.logger import Logger

from bitdust_node.clock import Clock
from bitdust_node.errors import BitDustError, Failed, Full, Invalid
from bitdust_node.events import Events
from bitdust_node.identity.names import NodeId
from bitdust_node.service import Service
from bitdust_node.tasks import Tasks
from bitdust_node.wire.storage import PieceItem
from services.catalog.catalog import Catalog
from services.catalog.changes import Change
from services.catalog.place import Place
from services.catalog.vault import Vault
from services.customer import Customer
from services.data_motion import DataMotion, Holder
from services.employer import Employer
from services.hiring.link import SupplierLink

#: Pieces on the list of one supplier that the catalog does not know; one who tells of more makes them up.
UNKNOWN_LIMIT = 10_000_000
#: Pieces of the catalog that are compared at a time, and those of them that are lost that the log names one by one.
EXPECTED, LOST_LOGGED = 5000, 20
#: Seconds between looks for what other devices have told; but what a list takes is at most this part of the time.
HEAR, HEAR_PART = 60.0, 0.01


class ListFiles(Service):
    """
    Asks each supplier once for its list when it is connected. A piece that it should have and has not is marked, so
    that it is made anew; what it has and was deleted is deleted once more; what it has and the catalog does not know is
    left alone: nobody may delete for lack of knowledge. Once a minute one of them is asked whether another device of
    this identity has told anything.
    """

    log = Logger()

    name: ClassVar[str] = "list_files"
    depends: ClassVar[tuple[str, ...]] = ("employer",)
    needs_identity: ClassVar[bool] = True

    def __init__(
        self,
        employer: Employer,
        customer: Customer,
        motion: DataMotion,
        catalog: Catalog,
        vault: Vault,
        place: Place,
        events: Events,
        clock: Clock,
    ) -> None:
        self._employer, self._customer, self._motion = employer, customer, motion
        self._catalog, self._vault, self._place, self._events = catalog, vault, place, events
        self._clock = clock
        self._tasks = Tasks("list files")
        self._undo: list[Callable[[], None]] = []
        self._asked: set[str] = set()
        self._turn = 0
        self._rest_until = 0.0

    async def start(self) -> None:
        self._tasks = Tasks("list files")
        await self._vault.start()
        self._undo = [self._customer.observe(self._look)]
        self._tasks.every(HEAR, "hear of other devices", self._hear, self._clock)
        self._look()

    async def stop(self) -> None:
        for undo in self._undo:
            undo()
        self._undo, self._asked = [], set()
        await self._tasks.stop()
        await self._vault.stop()

    def refresh(self) -> None:
        """
        Ask all connected suppliers again.
        """
        self._asked.clear()
        self._look()

    def _look(self) -> None:
        connected = self._customer.connected().values()
        # one that was lost is asked again when it is back: it may have lost its disk meanwhile
        self._asked &= {link.node_id for link in connected}
        for link in connected:
            if link.node_id not in self._asked:
                self._asked.add(link.node_id)
                self._tasks.spawn(f"list files of {link.hired.idurl}", self._compare(link))

    def hear(self, node_id: NodeId) -> None:
        """
        A supplier says that others have told something.
        """
        self._tasks.spawn("hear of others", self._hear(node_id))

    async def _hear(self, said_by: NodeId | None = None) -> None:
        """Each supplier has what all devices have told: one in turn is asked, with long lists more seldom."""
        self._look()
        links = [link for link in self._customer.connected().values() if link.node_id in self._asked]
        begun = self._clock.seconds()
        if not links or begun < self._rest_until:
            return
        self._turn += 1
        link = next((one for one in links if one.node_id == said_by), links[self._turn % len(links)])
        holder = Holder(link.node_id, link.hired.idurl)
        expected, there = await self._vault.expected(holder), set[bytes]()
        try:
            async for piece in self._listing(holder):
                if self._vault.name_of(piece.version) is not None:
                    there.add(piece.version)
        except BitDustError as error:
            self.log.info("{supplier} does not list its files: {error}", supplier=holder.idurl, error=error)
            return
        self._rest_until = begun + (self._clock.seconds() - begun) / HEAR_PART
        if there != expected:
            await self._vault.listed(holder, there, expected)

    async def _listing(self, holder: Holder) -> AsyncIterator[PieceItem]:
        after = b""
        while True:
            page = await self._motion.listing(holder, after)
            for piece in page:
                yield piece
            if not page or page[-1].cursor <= after:
                return
            after = page[-1].cursor

    async def _compare(self, link: SupplierLink) -> None:
        holder = Holder(link.node_id, link.hired.idurl)
        found = _Found(await self._vault.expected(holder), set(), 0)
        after: tuple[bytes, int] | None = (b"", -1)
        try:
            while after is not None:
                after = await self._compare_from(after, holder, found)
            await self._vault.listed(holder, found.there, found.objects)
        except BitDustError as error:
            self.log.info("{supplier} does not list its files: {error}", supplier=holder.idurl, error=error)
            if isinstance(error, Full | Failed):
                # the own disk perhaps: what it has lost is not marked yet, so it is asked again
                self._asked.discard(link.node_id)
            return
        about = {"customer_idurl": self._place.owner_idurl, "unknown": found.unknown}
        self._events.publish("my-list-files-refreshed", about)

    async def _compare_from(self, after: tuple[bytes, int], holder: Holder, found: _Found) -> tuple[bytes, int] | None:
        """A page of what the supplier should have; both lists are in order. Answers where the next one begins."""
        # asked for before the list: what is stored in between is on the list and not among these
        page = await self._catalog.stored_at(holder.node_id, after, EXPECTED)
        end = page[-1] if len(page) == EXPECTED else None
        lost, cursor = set(page), after[0] + after[1].to_bytes(2, "big") if after[0] else b""
        behind = False
        while not behind:
            listed, unknown = await self._motion.listing(holder, cursor), list[bytes]()
            for piece in listed:
                place = (piece.version, piece.index)
                if end is not None and place > end:
                    behind = True
                    break
                if place in lost:
                    lost.discard(place)
                elif self._vault.name_of(piece.version) is not None:
                    found.there.add(piece.version)
                else:
                    unknown.append(piece.version)
            found.unknown += len(unknown)
            if found.unknown > UNKNOWN_LIMIT:
                raise Invalid(f"it lists more than {UNKNOWN_LIMIT} pieces that nobody has sent")
            await self._catalog.errands.delete_again(holder.node_id, holder.idurl, unknown)
            if not listed or listed[-1].cursor <= cursor:
                break
            cursor = listed[-1].cursor
        if lost:
            await self._note_lost(holder, sorted(lost))
        return end

    async def _note_lost(self, holder: Holder, lost: Sequence[tuple[bytes, int]]) -> None:
        for version, number in lost[:LOST_LOGGED]:
            self.log.warn(
                "{supplier} has lost piece {number} of version {version}",
                supplier=holder.idurl,
                number=number,
                version=version.hex(),
            )
        if len(lost) > LOST_LOGGED:
            more = len(lost) - LOST_LOGGED
            self.log.warn("{supplier} has lost {more} pieces besides", supplier=holder.idurl, more=more)
        await self._catalog.departures.lost(holder.node_id, lost)
        self._catalog.changes.tell(Change(versions=[version for version, _ in lost]))


@dataclass
class _Found:
    """objects, there: of the catalog itself, what a supplier should have and has. unknown: pieces nobody knows."""

    objects: set[bytes]
    there: set[bytes]
    unknown: int
