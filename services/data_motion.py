"""
service_data_motion: pieces on their way to suppliers and back.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any, ClassVar, Literal

from bitdust_node.api.registry import method
from bitdust_node.clock import Clock
from bitdust_node.errors import BitDustError, Refused
from bitdust_node.identity.me import Me
from bitdust_node.identity.names import NodeId, global_id_of
from bitdust_node.identity.resolver import Resolver
from bitdust_node.progress import Progress, percent
from bitdust_node.router.router import Router
from bitdust_node.router.transport import Stream
from bitdust_node.service import Service
from bitdust_node.tasks import Tasks
from bitdust_node.wire.command import Nothing
from bitdust_node.wire.storage import (
    LEASE_INFO,
    MANIFEST_GET,
    PIECE_AUDIT,
    PIECE_COMMIT,
    PIECE_DELETE,
    PIECE_GET,
    PIECE_LIST,
    PIECE_PUT,
    PieceAudit,
    PieceCommit,
    PieceDelete,
    PieceGet,
    PieceItem,
    PieceListQuestion,
    PieceName,
    PieceStored,
    VersionName,
)
from services.catalog.place import Place
from services.employer import Employer
from services.transfer.speeds import Speeds

#: Seconds that a supplier has to bring a whole piece to its disk and say so.
COMMIT_TIME = 120.0
#: Bytes under way to or from one supplier, and to all of them together.
WINDOW_LEAST, WINDOW_MOST, WINDOW_ALL = 256 * 1024, 2 * 1024 * 1024, 16 * 1024 * 1024
#: Seconds from one writing of the speeds of suppliers to the next.
SAVE_EVERY = 60.0

Direction = Literal["outgoing", "incoming"]


@dataclass(frozen=True)
class Holder:
    """
    A node that keeps a piece, or shall.
    """

    node_id: NodeId
    idurl: str


@dataclass(frozen=True)
class Moving:
    """
    A piece that is on its way, as `transfers_list` shows it. label: `<backup id>/<block>-<number>-Data`.
    total: its bytes, -1 while unknown.
    """

    holder: Holder
    direction: Direction
    label: str
    path: str
    created: float
    progress: Progress
    total: Callable[[], int]


class DataMotion(Service):
    """
    The words of customer and supplier about pieces, spoken by the customer.
    """

    name: ClassVar[str] = "data_motion"
    depends: ClassVar[tuple[str, ...]] = ("employer",)
    needs_identity: ClassVar[bool] = True

    def __init__(
        self, employer: Employer, place: Place, router: Router, resolver: Resolver, me: Me, clock: Clock, speeds: Speeds
    ) -> None:
        self._employer, self._speeds = employer, speeds
        #: The share whose pieces are meant; None: the own ones.
        self._circle = place.circle
        self._router, self._resolver, self._me, self._clock = router, resolver, me, clock
        self._tasks = Tasks("data motion")
        self._moving: dict[int, Moving] = {}
        self._numbers = count()

    async def start(self) -> None:
        await self._speeds.load()
        self._tasks = Tasks("data motion")
        self._tasks.every(SAVE_EVERY, "save the speeds of suppliers", self._speeds.save, self._clock)

    async def stop(self) -> None:
        await self._tasks.stop()
        await self._speeds.save()

    def note(
        self,
        holder: Holder,
        direction: Direction,
        label: str,
        path: str,
        progress: Progress,
        total: Callable[[], int],
    ) -> Callable[[], None]:
        """
        Show a piece in `transfers_list` until the answered function is called. total: its bytes, -1 while unknown.
        """
        number = next(self._numbers)
        self._moving[number] = Moving(holder, direction, label, path, self._clock.seconds(), progress, total)

        def done() -> None:
            self._moving.pop(number, None)

        return done

    async def put(self, holder: Holder, version: bytes, number: int, pieces: int) -> Stream:
        """
        A stream for the blocks of a piece; `pieces` streams of that kind share the window.
        """
        await self._know(holder)
        window = _window(pieces)
        return await self._router.open_stream(
            holder.node_id, PIECE_PUT, PieceName(version, number, self._circle), window=window
        )

    async def commit(self, holder: Holder, version: bytes, number: int, manifest: bytes) -> PieceStored:
        """
        Wait until the piece that was sent before is safely stored.
        """
        question = PieceCommit(version, number, manifest, self._circle)
        return await self._router.request(holder.node_id, PIECE_COMMIT, question, timeout=COMMIT_TIME)

    async def get(
        self,
        holder: Holder,
        version: bytes,
        number: int,
        pieces: int,
        first: int = 0,
        leaves: bool = False,
        blocks: int = -1,
    ) -> Stream:
        """
        A stream of `blocks` of a piece (-1: to its end) from block `first` on, behind the leaves of the whole piece if
        asked for.
        """
        await self._know(holder)
        question = PieceGet(version, number, first, blocks, leaves, self._circle)
        return await self._router.open_stream(holder.node_id, PIECE_GET, question, window=_window(pieces))

    async def audit(self, holder: Holder, version: bytes, number: int, blocks: Sequence[int]) -> Stream:
        """
        A stream of the proofs that blocks of a piece are there, in the order of `blocks`.
        """
        await self._know(holder)
        return await self._router.open_stream(
            holder.node_id, PIECE_AUDIT, PieceAudit(version, number, list(blocks), self._circle), window=WINDOW_MOST
        )

    async def manifest(self, holder: Holder, version: bytes) -> bytes:
        """
        The packed manifest as a supplier keeps it.
        """
        await self._know(holder)
        return (await self._router.request(holder.node_id, MANIFEST_GET, VersionName(version, self._circle))).manifest

    async def room(self, holder: Holder) -> int:
        """
        Bytes that are left of the lease at a supplier; `Refused` without one in force.
        """
        await self._know(holder)
        lease = await self._router.request(holder.node_id, LEASE_INFO, Nothing())
        if not lease.granted:
            raise Refused("there is no lease in force")
        return max(0, lease.granted - lease.used)

    async def delete(self, holder: Holder, versions: Sequence[bytes]) -> None:
        """
        Let a supplier drop versions; returns when it has.
        """
        await self._know(holder)
        await self._router.request(holder.node_id, PIECE_DELETE, PieceDelete(list(versions), self._circle))

    async def listing(self, holder: Holder, after: bytes) -> list[PieceItem]:
        """
        One page of what a supplier keeps for this node.
        """
        await self._know(holder)
        return (
            await self._router.request(holder.node_id, PIECE_LIST, PieceListQuestion(after, circle=self._circle))
        ).pieces

    async def _know(self, holder: Holder) -> None:
        if self._resolver.cached(holder.node_id) is None:
            await self._resolver.resolve(holder.idurl)

    @method("GET", "/transfer/list/v1", "GET /tr/l", needs=("service_data_motion",))
    async def transfers_list(self) -> list[dict[str, Any]]:
        """
        Pieces on their way, by supplier.
        """
        told: dict[str, dict[str, Any]] = {}
        for moving in self._moving.values():
            idurl = moving.holder.idurl
            peer = told.setdefault(idurl, {"idurl": idurl, "global_id": name_of(idurl), "outgoing": [], "incoming": []})
            peer[moving.direction].append(self._describe(moving))
        return list(told.values())

    def _describe(self, moving: Moving) -> dict[str, Any]:
        told: dict[str, Any] = {
            "packet_id": moving.label,
            "owner_id": self._me.global_id,
            "remote_id": name_of(moving.holder.idurl),
            "customer": self._me.global_id,
            "remote_path": moving.path,
            "filename": "",
            "created": moving.created,
            "bytes_current": moving.progress.done,
            "bytes_total": (total := moving.total()),
            "progress": percent(moving.progress.done, total),
            **moving.progress.told(total),
        }
        told["sent" if moving.direction == "outgoing" else "requested"] = moving.created
        return told


def name_of(idurl: str) -> str:
    """
    The global id of an IDURL, or the IDURL itself if it is none.
    """
    try:
        return global_id_of(idurl)
    except BitDustError:
        return idurl


def _window(pieces: int) -> int:
    return max(WINDOW_LEAST, min(WINDOW_MOST, WINDOW_ALL // max(1, pieces)))
