"""
service_p2p_hookups: who is online, pings, and the newest identity document for those who are connected.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from twisted.logger import Logger

from bitdust_node.api.models import Source
from bitdust_node.api.registry import Answer, ApiError, method
from bitdust_node.errors import BitDustError, Invalid, Refused
from bitdust_node.identity.document import Document
from bitdust_node.identity.me import Me
from bitdust_node.identity.names import NodeId
from bitdust_node.identity.resolver import Resolver
from bitdust_node.router.router import Router
from bitdust_node.service import Service
from bitdust_node.tasks import Tasks
from bitdust_node.threads import Workers
from bitdust_node.waiting import all_of
from bitdust_node.wire.contact import PING, Ping, Pong
from services.models.online import OnlineModel

NEEDS = ("service_identity_propagate",)
USER = {"user_id": ("global_id", "idurl", "id")}
#: Labels of the 2020 edition for the states of contacts.
LABELS = {"CONNECTED": "online", "PING?": "checking", "OFFLINE": "offline"}
#: Peers that are told of a new document at the same time.
AT_ONCE = 32


class P2PHookups(Service):
    """
    Answers and sends pings.
    """

    log = Logger()
    name: ClassVar[str] = "p2p_hookups"
    depends: ClassVar[tuple[str, ...]] = ("gateway", "identity_propagate")
    soft: ClassVar[tuple[str, ...]] = ("tcp_transport",)
    needs_identity: ClassVar[bool] = True

    def __init__(self, router: Router, me: Me, resolver: Resolver, workers: Workers) -> None:
        self._router = router
        self._me = me
        self._resolver = resolver
        self._workers = workers
        self._tasks = Tasks(self.name)
        self._number = 0
        self._undo: Callable[[], None] | None = None

    async def start(self) -> None:
        self._tasks = Tasks(self.name)
        self._router.serve(PING, self._pinged)
        self._undo = self._me.on_change(self._changed)

    async def stop(self) -> None:
        undo, self._undo = self._undo, None
        if undo is not None:
            undo()
        self._router.withdraw(PING)
        await self._tasks.stop()

    def models(self) -> Sequence[Source]:
        return (OnlineModel(self._router, self._resolver),)

    def ready(self) -> str | None:
        if any(transport.address for transport in self._router.transports):
            return None
        return "no transport is listening"

    async def ping(self, node_id: NodeId, seconds: float = 15.0) -> None:
        """
        Make sure that a peer answers; both learn the newest document of the other. Raises Unavailable.
        """
        self._number += 1
        number = self._number
        pong = await self._router.request(node_id, PING, Ping(number, self._me.document.xml), seconds)
        if pong.number != number:
            raise Invalid("the answer belongs to another ping")
        await self._learn(node_id, pong.document)

    @method("GET", "/user/ping/v1", "POST /user/ping/v1", "GET /us/png", "POST /us/png", needs=NEEDS, accept=USER)
    async def user_ping(self, user_id: str, timeout: int = 15, retries: int = 2) -> Answer:  # noqa: ASYNC109 - contract
        """
        Send the own identity to a peer and wait for its answer.
        """
        document = await self._user(user_id)
        error: BitDustError | None = None
        for _ in range(min(max(retries, 0), 10) + 1):
            try:
                await self.ping(document.node_id, max(1, timeout))
            except BitDustError as failure:
                error = failure
            else:
                return Answer(message="connected")
        raise ApiError(str(error))

    @method("GET", "/user/status/v1", "GET /us/st", needs=NEEDS, accept=USER)
    async def user_status(self, user_id: str) -> dict[str, Any]:
        """
        What is known of a user being online, without asking anybody.
        """
        document = self._resolver.find(user_id)
        if document is None or document.node_id not in self._router.contacts:
            raise ApiError("unknown user")
        return self._status(document)

    @method("GET", "/user/status/check/v1", "GET /us/st/c", needs=NEEDS, accept=USER)
    async def user_status_check(self, user_id: str, timeout: int = 5) -> dict[str, Any]:  # noqa: ASYNC109 - contract
        """
        Whether a user is online; one that is not connected is pinged first.
        """
        document = self._resolver.find(user_id)
        if document is None or document.node_id not in self._router.contacts:
            raise ApiError("peer is not connected")
        if not self._router.contacts.is_online(document.node_id):
            await self.ping(document.node_id, max(1, timeout))
        return self._status(document)

    def _status(self, document: Document) -> dict[str, Any]:
        state = self._router.contacts.state(document.node_id)
        return {
            "idurl": document.idurl,
            "global_id": document.global_id,
            "contact_state": state,
            "contact_status": LABELS.get(state, "?"),
        }

    async def _user(self, user_id: str) -> Document:
        if not user_id.strip():
            raise ApiError("the id of a user is expected")
        document = await self._resolver.resolve(user_id)
        if document.node_id == self._me.node_id:
            raise ApiError("this is the own identity")
        return document

    async def _pinged(self, peer: NodeId, ping: Ping) -> Pong:
        await self._learn(peer, ping.document)
        return Pong(ping.number, self._me.document.xml)

    async def _learn(self, peer: NodeId, xml: bytes) -> None:
        known = self._resolver.cached(peer)
        if known is not None and known.xml == xml:
            return
        document = await self._workers.run(Document.parse, xml)
        if document.node_id != peer:
            raise Refused("this is the document of somebody else")
        await self._resolver.confirm(document)

    def _changed(self) -> None:
        if self._me.has_identity:
            self._tasks.spawn("tell the peers of the new document", self._tell())

    async def _tell(self) -> None:
        peers = {session.peer_id for session in self._router.sessions()}
        for result in await all_of([self.ping(peer) for peer in peers], limit=AT_ONCE):
            if isinstance(result, BitDustError):
                self.log.debug("a peer did not hear of the new document: {error}", error=str(result))
