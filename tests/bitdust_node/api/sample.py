"""
What the tests of the faces need: a registry with a few methods, a network on the real reactor.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred

from bitdust_node.api.http import HttpFace
from bitdust_node.api.registry import Answer, Registry, method
from bitdust_node.api.secret import Secret
from bitdust_node.config.config import Config
from bitdust_node.network import Network


class SampleApi:
    def __init__(self) -> None:
        self.slow: list[Deferred[None]] = []
        self.cancelled = 0
        self.calls: list[str] = []

    @method("GET", "/process/health/v1", "GET /p/h")
    def process_health(self) -> None:
        """
        Alive.
        """

    @method("GET", "/config/get/v1", "GET /config/get/{key+}/v1")
    async def config_get(self, key: str) -> list[dict[str, str]]:
        return [{"key": key}]

    @method("POST", "/thing/set/v1", "DELETE /thing/set/v1", "PUT /thing/set/v1")
    async def thing_set(self, key: str, value: Any, more: int = 0) -> Answer:
        self.calls.append(key)
        return Answer({"key": key, "value": value, "more": more}, message="stored")

    @method("PUT", "/thing/turn/v1")
    async def thing_turn(self) -> None: ...

    @method("POST", "/event/send/{event_id}/v1", body="data")
    async def event_send(self, event_id: str, data: dict[str, Any] | None = None) -> dict[str, Any]:
        return {"event_id": event_id, "data": data}

    @method("GET", "/thing/slow/v1")
    async def thing_slow(self) -> None:
        waiting: Deferred[None] = Deferred(self._cancel)
        self.slow.append(waiting)
        await waiting

    def _cancel(self, waiting: Deferred[None]) -> None:
        self.cancelled += 1
        waiting.addErrback(lambda _: None)

    @method("GET", "/thing/odd/v1")
    async def thing_odd(self) -> dict[Any, Any]:
        return {1: {"path": Path("/x")}, "b": b"bytes", "set": {1}}


def free_config(**more: object) -> Config:
    """Options in memory, with ports from the range that systems give to nobody else."""
    return Config(overrides={"interface/api/rest-http-port": 28180, "interface/api/web-socket-port": 28280, **more})


def make_face(folder: Path, secret: bool = False) -> tuple[HttpFace, SampleApi]:
    folder.mkdir(parents=True, exist_ok=True)
    registry, sample = Registry(), SampleApi()
    registry.add(sample)
    token = Secret((folder / "a", folder / "b"), enabled=secret)
    return HttpFace(registry, free_config(), token, Network(reactor), reactor), sample  # type: ignore[arg-type]
