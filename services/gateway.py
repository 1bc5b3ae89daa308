"""
service_gateway: packets between this node and its peers.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, ClassVar

from twisted.logger import Logger

from bitdust_node.api.registry import method
from bitdust_node.clock import Clock
from bitdust_node.config.config import Config
from bitdust_node.errors import BitDustError
from bitdust_node.events import Events
from bitdust_node.identity.me import Me
from bitdust_node.identity.names import NodeId
from bitdust_node.identity.resolver import Resolver
from bitdust_node.process import Process
from bitdust_node.progress import Progress
from bitdust_node.router.bandwidth import Bandwidth
from bitdust_node.router.router import Router
from bitdust_node.router.traffic import Noted
from bitdust_node.router.transport import PacketTransport, Session, Stream
from bitdust_node.service import Service

NEEDS = ("service_gateway",)
PACKETS = "logs/packet-enabled"
#: Contract names of the states of a session.
STATUS = {"CONNECTED": "active", "NEW": "connecting", "GREETING": "connecting", "CHECKING": "connecting"}


class Gateway(Service):
    """
    The router and what it shows of itself.
    """

    log = Logger()
    name: ClassVar[str] = "gateway"
    depends: ClassVar[tuple[str, ...]] = ("network",)
    needs_identity: ClassVar[bool] = True

    def __init__(
        self,
        router: Router,
        me: Me,
        resolver: Resolver,
        process: Process,
        bandwidth: Bandwidth,
        config: Config,
        events: Events,
        clock: Clock,
    ) -> None:
        self._router = router
        self._me, self._events, self._clock = me, events, clock
        self._resolver = resolver
        self._process = process
        # the streams that were shown the last time: nothing is counted while nobody asks
        self._shown: dict[tuple[Session, int], Progress] = {}
        # made here, so that every transport finds it
        self._bandwidth = bandwidth
        self._config = config
        self._unwatch: Callable[[], None] | None = None

    async def start(self) -> None:
        self._unwatch = self._config.watch(PACKETS, lambda *_: self._follow())
        self._follow()

    async def stop(self) -> None:
        if self._unwatch is not None:
            self._unwatch()
            self._unwatch = None
        self._router.traffic.noted = None
        await self._router.stop()

    def network_configuration(self) -> dict[str, Any]:
        return {
            "session_key_type": "AES",
            "transports": [each.scheme for each in self._router.transports],
            "send_limit": self._bandwidth.send.rate,
            "receive_limit": self._bandwidth.receive.rate,
        }

    @method("GET", "/packet/list/v1", "GET /pkt/l", needs=NEEDS)
    async def packets_list(self) -> list[dict[str, Any]]:
        """
        Requests that are waiting for their answers, and those of others that are being answered.
        """
        found: list[dict[str, Any]] = []
        for outgoing in self._router.asked():
            found.append(
                {
                    "direction": "outgoing",
                    "command": outgoing.command.name,
                    "packet_id": str(outgoing.id),
                    "label": outgoing.command.name,
                    "target": self._idurl(outgoing.peer),
                    "description": str(outgoing.machine.state).upper(),
                    "response_timeout": int(outgoing.timeout),
                    "items": [self._item(outgoing.id, outgoing.session, outgoing.size)] if outgoing.session else [],
                }
            )
        for incoming in self._router.answering():
            item = self._item(incoming.ask.id, incoming.session, len(incoming.ask.question))
            size = item.pop("bytes_sent")
            found.append(
                {
                    "direction": "incoming",
                    "label": incoming.ask.command,
                    "target": self._idurl(incoming.session.peer_id),
                    "timeout": 0,
                    **item,
                    "bytes_received": size,
                }
            )
        return found

    @method("GET", "/packet/stats/v1", "GET /packet/info/v1", "GET /pkt/i", needs=NEEDS)
    async def packets_stats(self) -> dict[str, Any]:
        """
        Traffic counters since the start, by peer too, and the longest time in seconds that the node was busy.
        """
        traffic = self._router.traffic
        came, went = traffic.totals(self._router.sessions())
        documents = self._resolver.documents()
        incoming = {
            "total_bytes": came.total(),
            "unknown_bytes": 0,
            "total_packets": traffic.incoming.packets,
            "unknown_packets": traffic.incoming.unknown,
            "failed_packets": traffic.incoming.failed,
            "identity_cache_count": len(documents),
            "identity_cache_fails": 0,
            "identity_cache_bytes": sum(len(document.xml) for document in documents),
            "peers": {self._idurl(peer): size for peer, size in came.items()},
        }
        outgoing = {
            "total_bytes": went.total(),
            "unknown_bytes": 0,
            "total_packets": traffic.outgoing.packets,
            "unknown_packets": traffic.outgoing.unknown,
            "failed_packets": traffic.outgoing.failed,
            "peers": {self._idurl(peer): size for peer, size in went.items()},
        }
        return {"in": incoming, "out": outgoing, "worst_lag": round(self._process.worst_lag, 6)}

    @method("GET", "/connection/list/v1", "GET /con/l", needs=NEEDS)
    async def connections_list(self, protocols: list[str] | None = None) -> list[dict[str, Any]]:
        """
        Open sessions of all transports, or of those named; unknown names are skipped.
        """
        return [
            {
                "status": STATUS.get(session.state, "unknown"),
                "state": session.state,
                "proto": session.scheme,
                "host": session.remote,
                **self._who(session),
                "bytes_sent": session.bytes_out,
                "bytes_received": session.bytes_in,
            }
            for transport in self._chosen(protocols)
            for session in transport.sessions()
        ]

    @method("GET", "/stream/list/v1", "GET /str/l", needs=NEEDS)
    async def streams_list(self, protocols: list[str] | None = None) -> list[dict[str, Any]]:
        """
        Streams of bulk data in the open sessions. Their type says where the data go, whoever asked for them: `in` to
        this node, as those of a download, `out` from it; it is empty until the first byte. The total is -1 where only
        the other side knows it. Speeds are those since this was asked for the last times.
        """
        told: list[dict[str, Any]] = []
        shown: dict[tuple[Session, int], Progress] = {}
        for transport in self._chosen(protocols):
            for session in transport.sessions():
                for stream in session.streams:
                    key = (session, stream.id)
                    shown[key] = progress = self._shown.get(key) or Progress(self._clock)
                    told.append(self._describe_stream(session, stream, progress))
        self._shown = shown
        return told

    def _describe_stream(self, session: Session, stream: Stream, progress: Progress) -> dict[str, Any]:
        moved = stream.bytes_in + stream.bytes_out
        if progress.done:
            progress.reached(moved)
        else:
            progress.begin(moved)
        return {
            "proto": session.scheme,
            "stream_id": stream.id,
            "type": _way(stream),
            "bytes_current": moved,
            "bytes_total": stream.bytes_total,
            "progress": _progress(stream),
            **progress.told(stream.bytes_total),
            **self._who(session),
        }

    def _follow(self) -> None:
        self._router.traffic.noted = self._note_packet if self._config.yes(PACKETS) else None

    def _note_packet(self, packet: Noted) -> None:
        """A line of the log, and an event for clients."""
        who = self._global_id(packet.peer)
        mine = self._me.global_id if self._me.has_identity else ""
        told = {
            "packet_id": packet.id,
            # may be any text that a peer has sent
            "command": packet.what[:60],
            "creator_id": who if packet.incoming else mine,
            "date": datetime.fromtimestamp(self._clock.seconds(), UTC).strftime("%Y-%m-%d %H:%M:%S"),
            "size": packet.size,
            "remote_id": who,
        }
        way = "from" if packet.incoming else "to"
        self.log.info("packet {way} {remote_id}: {command!r}, {size} bytes", way=way, **told)
        if packet.incoming:
            self._events.publish("inbox-packet-recevied", told)
        else:
            self._events.publish("outbox-packet-finished", {**told, "description": packet.outcome[:200]})

    def _chosen(self, protocols: list[str] | None) -> list[PacketTransport]:
        return [each for each in self._router.transports if not protocols or each.scheme in protocols]

    def _who(self, session: Session) -> dict[str, str]:
        try:
            return {"global_id": session.document.global_id, "idurl": session.document.idurl}
        except BitDustError:
            return {"global_id": "", "idurl": ""}

    def _idurl(self, peer: NodeId) -> str:
        document = self._resolver.cached(peer)
        return document.idurl if document else peer

    def _global_id(self, peer: NodeId) -> str:
        document = self._resolver.cached(peer)
        return document.global_id if document else peer

    def _item(self, id: int, session: Session, size: int) -> dict[str, Any]:
        return {
            "transfer_id": str(id),
            "proto": session.scheme,
            "host": session.remote,
            "size": size,
            "bytes_sent": size,
        }


def _way(stream: Stream) -> str:
    if stream.bytes_in == stream.bytes_out:
        return ""
    return "in" if stream.bytes_in > stream.bytes_out else "out"


def _progress(stream: Stream) -> str:
    if stream.bytes_total < 0:
        return ""
    moved = stream.bytes_in + stream.bytes_out
    return f"{min(100, 100 * moved // stream.bytes_total)}%" if stream.bytes_total else "100%"
