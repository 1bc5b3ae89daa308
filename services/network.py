"""
service_network: below all that needs a network, and the API that tells how connected the node is.
"""

from __future__ import annotations

from typing import Any, ClassVar

from twisted.logger import Logger

from bitdust_node.api.registry import Answer, ApiError, Registry, method
from bitdust_node.clock import Clock
from bitdust_node.config.config import Config
from bitdust_node.dht.node import DhtNode
from bitdust_node.errors import BitDustError
from bitdust_node.identity.me import NO_IDENTITY, Me
from bitdust_node.identity.resolver import Resolver
from bitdust_node.router.router import Router
from bitdust_node.service import Service
from bitdust_node.services import Services
from bitdust_node.tasks import Tasks
from bitdust_node.waiting import within

NEEDS = ("service_network",)
#: The services that `network_connected` brings up, in this order.
CHAIN = ("network", "gateway", "p2p_hookups")
#: Seconds that bringing one of them up may take.
RESTART = 30.0


class Network(Service):
    """
    ON as long as the node runs: there always is the loopback interface.
    """

    log = Logger()
    name: ClassVar[str] = "network"

    def __init__(
        self,
        services: Services,
        router: Router,
        me: Me,
        resolver: Resolver,
        config: Config,
        registry: Registry,
        dht: DhtNode,
        clock: Clock,
    ) -> None:
        self._services = services
        self._router = router
        self._me = me
        self._resolver = resolver
        self._config = config
        self._registry = registry
        self._dht = dht
        self._clock = clock
        self._tasks = Tasks(self.name)

    async def start(self) -> None:
        self._tasks = Tasks(self.name)

    async def stop(self) -> None:
        await self._tasks.stop()

    @method("GET", "/network/connected/v1", "GET /nw/con", needs=NEEDS)
    async def network_connected(self, wait_timeout: int = 5) -> dict[str, Any]:
        """
        Make sure that the node is connected, and bring up what is not.
        """
        if not self._me.has_identity:
            raise ApiError(NO_IDENTITY, reason="identity_not_exist")
        for name in CHAIN:
            if not self._services.enabled(name):
                raise ApiError(f"service_{name}() is disabled", reason=f"service_{name}_disabled")
        for name in CHAIN:
            await self._bring_up(name, max(1.0, min(float(wait_timeout), RESTART)))
        if self._p2p_state() != "CONNECTED":
            raise ApiError("disconnected", reason="p2p_connector_disconnected")
        return {f"service_{name}": "started" for name in CHAIN} | {"service_proxy_transport": "disabled"}

    @method("GET", "/network/reconnect/v1", "GET /nw/rcon", needs=NEEDS)
    def network_reconnect(self) -> Answer:
        """
        Close all connections and listening sockets and open them anew. Returns before that is done.
        """
        self._tasks.spawn("reconnect", self._reconnect())
        return Answer(message="reconnected")

    @method("GET", "/network/configuration/v1", "GET /nw/cf")
    def network_configuration(self) -> dict[str, Any]:
        """
        Settings of the network in use, of each enabled service that has any.
        """
        found: dict[str, Any] = {}
        for life in self._services:
            if life.service is not None and life.service is not self and self._services.enabled(life.name):
                settings = life.service.network_configuration()
                if settings:
                    found[life.full_name] = settings
        return found

    @method("GET", "/network/info/v1", "GET /network/details/v1", needs=NEEDS)
    async def network_info(
        self,
        suppliers: bool = True,
        customers: bool = True,
        cache: bool = True,
        tcp: bool = True,
        udp: bool = True,
        proxy: bool = True,
        dht: bool = True,
    ) -> dict[str, Any]:
        """
        As `network_status`, with all parts unless they are not wanted.
        """
        return await self.network_status(suppliers, customers, cache, tcp, udp, proxy, dht)

    @method("GET", "/network/status/v1", "GET /nw/st", needs=NEEDS)
    async def network_status(
        self,
        suppliers: bool = False,
        customers: bool = False,
        cache: bool = False,
        tcp: bool = False,
        udp: bool = False,
        proxy: bool = False,
        dht: bool = False,
    ) -> dict[str, Any]:
        """
        State of the connections, and details of the parts that are asked for.
        """
        status: dict[str, Any] = {
            "p2p_connector_state": self._p2p_state(),
            "network_connector_state": "CONNECTED" if self._services.is_on("network") else "DISCONNECTED",
        }
        if self._me.has_identity:
            document = self._me.document
            status |= {
                "idurl": document.idurl,
                "global_id": document.global_id,
                "identity_sources": list(document.sources),
                "identity_contacts": list(document.contacts),
                "identity_revision": document.revision,
            }
        if suppliers:
            desired = self._config.number("services/customer/suppliers-number")
            peers = await self._peers("suppliers_list")
            status["suppliers"] = {"desired": desired, "requested": desired, **peers}
        if customers:
            status["customers"] = await self._peers("customers_list")
        if cache:
            status["cache"] = self._cache()
        if tcp:
            status["tcp"] = self._transport("tcp")
        if udp:
            status["udp"] = {**self._transport("udp"), "ports": []}
        if proxy:
            status["proxy"] = {"sessions": 0, "routes": [], "closed_routes": [], "acks": 0, "hosts": []}
        if dht:
            status["dht"] = self._dht.describe()
        return status

    async def _reconnect(self) -> None:
        for life in self._services:
            if life.service is not None and life.service is not self and self._services.is_on(life.name):
                try:
                    await life.service.reconnect()
                except BitDustError as error:
                    self.log.warn("{name} could not reconnect: {error}", name=life.full_name, error=error)

    def _p2p_state(self) -> str:
        hookups = self._services.instance("p2p_hookups")
        if hookups is None or not self._services.is_on("p2p_hookups"):
            return "DISCONNECTED"
        return "CONNECTED" if hookups.ready() is None else "DISCONNECTED"

    async def _bring_up(self, name: str, seconds: float) -> None:
        if self._services.is_on(name):
            return
        try:
            await within(self._clock, seconds, self._services.refresh(), f"starting service_{name}")
        except BitDustError as error:
            raise ApiError(str(error), reason=f"service_{name}_restart_error") from error
        if not self._services.is_on(name):
            text = self._services.life(name).failure or f"service_{name}() is not started"
            raise ApiError(text, reason=f"service_{name}_restart_error")

    async def _peers(self, method_name: str) -> dict[str, Any]:
        """Peers of a role, as the API method of that role lists them."""
        try:
            result = await self._registry.call(method_name, {})
        except BitDustError:
            result = {}
        peers = [
            {"idurl": item.get("idurl"), "global_id": item.get("global_id"), "state": item.get("contact_state")}
            for item in result.get("result") or []
        ]
        connected = sum(peer["state"] == "CONNECTED" for peer in peers)
        return {"connected": connected, "total": len(peers), "peers": peers}

    def _cache(self) -> dict[str, Any]:
        peers = [
            {
                "idurl": document.idurl,
                "global_id": document.global_id,
                "state": self._router.contacts.state(document.node_id),
            }
            for document in self._resolver.documents()[:1000]
        ]
        connected = sum(peer["state"] == "CONNECTED" for peer in peers)
        return {"total": len(peers), "connected": connected, "peers": peers}

    def _transport(self, scheme: str) -> dict[str, Any]:
        sessions = [session for session in self._router.sessions() if session.scheme == scheme]
        return {
            "sessions": [{"peer": session.document.global_id, "host": session.remote} for session in sessions],
            "streams": [
                {"stream_id": stream.id, "type": "in" if stream.incoming else "out"}
                for session in sessions
                for stream in session.streams
            ],
        }
