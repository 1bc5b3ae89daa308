"""
What a node counts, by subject, for `process_info`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any, Protocol

from automats.registry import Automats
from bitdust_node.config.config import Config
from bitdust_node.dht.node import DhtNode
from bitdust_node.errors import Closed
from bitdust_node.events import Events
from bitdust_node.identity.me import Me
from bitdust_node.identity.resolver import Resolver
from bitdust_node.keys.ring import KeyRing
from bitdust_node.router.router import Router
from bitdust_node.services import Services

Counts = Mapping[str, Mapping[str, Any]]

#: What clients may rely on: parts that this node does not have count nothing.
NOTHING: Counts = {
    "identity": {"ready": False, "cache": 0},
    "contact": {"active": 0, "correspondents": 0, "customers": 0, "suppliers_hired": 0, "suppliers_wanted": 0},
    "service": {"active": 0},
    "key": {"registered": 0},
    "file": {"items": 0, "files": 0, "folders": 0, "files_size": 0, "folders_size": 0, "backups_size": 0},
    "dht": {"layers": 0, "bytes_in": 0, "bytes_out": 0},
    "share": {"active": 0},
    "group": {"active": 0},
    "network": {"protocols": 0, "sessions": 0, "packets_in": 0, "packets_out": 0, "bytes_in": 0, "bytes_out": 0},
    "stream": {"active": 0, "queues": 0, "consumers": 0, "producers": 0},
    "automats": {"active": 0},
}


class Counting(Protocol):
    """A part of the node that counts something."""

    async def counters(self) -> Counts:
        """Numbers by their names, by subject."""


class Counters:
    """
    Collects what all parts count.
    """

    def __init__(self, config: Config, events: Events, automats: Automats) -> None:
        self._config, self._events, self._automats = config, events, automats
        self._parts: list[Counting] = []

    def add(self, parts: Iterable[Counting]) -> None:
        """
        Ask these parts too.
        """
        self._parts += parts

    async def collect(self) -> dict[str, dict[str, Any]]:
        """
        All numbers as they are now; parts that are being closed count nothing.
        """
        told: dict[str, dict[str, Any]] = {subject: dict(numbers) for subject, numbers in NOTHING.items()}
        told["config"] = {"options": sum(1 for _ in self._config)}
        told["event"] = {"published": sum(self._events.counts.values())}
        told["automats"] = {"active": len(self._automats)}
        for part in self._parts:
            with suppress(Closed):
                for subject, numbers in (await part.counters()).items():
                    told.setdefault(subject, {}).update(numbers)
        return told


class NodeCounts:
    """
    What the parts below the services count.
    """

    def __init__(
        self, services: Services, me: Me, resolver: Resolver, keys: KeyRing, router: Router, dht: DhtNode
    ) -> None:
        self._services, self._me, self._resolver = services, me, resolver
        self._keys, self._router, self._dht = keys, router, dht

    async def counters(self) -> Counts:
        sessions = self._router.sessions()
        came, went = self._router.traffic.totals(sessions)
        dht = self._dht.describe()
        lives = list(self._services)
        return {
            "identity": {"ready": self._me.has_identity, "cache": len(self._resolver.documents())},
            "contact": {"active": sum(contact.state == "CONNECTED" for contact in self._router.contacts)},
            "service": {
                "active": sum(self._services.is_on(life.name) for life in lives),
                "enabled": sum(self._services.enabled(life.name) for life in lives),
                "installed": sum(life.service is not None for life in lives),
            },
            "key": {"registered": len(self._keys)},
            "dht": {
                "layers": len(dht["layers"]),
                "bytes_in": dht["bytes_received"],
                "bytes_out": dht["bytes_sent"],
            },
            "network": {
                "protocols": len(self._router.transports),
                "sessions": len(sessions),
                "packets_in": self._router.traffic.incoming.packets,
                "packets_out": self._router.traffic.outgoing.packets,
                "bytes_in": came.total(),
                "bytes_out": went.total(),
            },
            "stream": {"active": sum(len(session.streams) for session in sessions)},
        }
