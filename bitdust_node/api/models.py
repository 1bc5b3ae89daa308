"""
Models: kinds of objects whose present state clients of the WebSocket can follow, one snapshot an object.

Who knows the objects of a model gives a `Source`; a model whose feature is not there is accepted and has no objects.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from bitdust_node.api.pushes import Pushes
from bitdust_node.api.registry import Registry, method
from bitdust_node.clock import Clock
from bitdust_node.errors import Conflict, Full, Invalid
from bitdust_node.events import Event, Events
from bitdust_node.tasks import Tasks
from bitdust_node.waiting import sleep

#: The models of the contract.
NAMES = (
    "service", "key", "conversation", "message", "correspondent", "online_status", "private_file", "shared_file",
    "remote_version", "shared_location", "chunk_read", "chunk_write", "backup_rebuilder",
)  # fmt: skip
#: Requests that may run, and that may wait for their service.
REQUESTS_LIMIT = 100
#: Snapshots sent before others get their turn.
BATCH = 50
#: Seconds between looks at clients that are behind, and how often they are looked at before they are overrun.
PATIENCE, LOOKS = 0.05, 200


@dataclass(frozen=True)
class Snapshot:
    """
    The whole present state of one object.

    id: unique in the model. data: as the contract lists it; for an object that is gone, what names it.
    created, deleted: unix seconds; created is now if it is not known, deleted None unless it is gone.
    """

    id: str
    data: Mapping[str, Any]
    created: float | None = None
    deleted: float | None = None

    def payload(self, model: str, now: float) -> dict[str, Any]:
        """The document that clients get."""
        told = {
            "name": model,
            "id": self.id,
            "data": self.data,
            "created": int(now if self.created is None else self.created),
        }
        return told if self.deleted is None else told | {"deleted": int(self.deleted)}


Tell = Callable[[Snapshot], object]


class Source(Protocol):
    """
    The objects of one model.
    """

    @property
    def model(self) -> str:
        """Its name in the contract."""

    def all(self, query: Mapping[str, Any]) -> AsyncIterator[Snapshot]:
        """
        All present objects, or those that fit the details of a query; unknown details are ignored.
        """

    def observe(self, tell: Tell) -> Callable[[], None]:
        """
        Tell each change from now on; returns the function that ends it.
        """


@runtime_checkable
class Showing(Protocol):
    """A part of the node that knows the objects of models."""

    def models(self) -> Iterable[Source]:
        """The source of each of them."""


class Models:
    """
    Which models are followed, by whomever: a subscription is one of the node, not of a client.
    """

    def __init__(self, registry: Registry, events: Events, pushes: Pushes, clock: Clock) -> None:
        self._registry, self._pushes, self._clock = registry, pushes, clock
        #: By model: the source, and the service that must be ON before it is asked (None: it always may be).
        self._sources: dict[str, tuple[Source, str | None]] = {}
        self._followed: set[str] = set()
        self._observed: dict[str, Callable[[], None]] = {}
        self._waiting: dict[str, tuple[str, dict[str, Any]]] = {}
        self._tasks = Tasks("models")
        events.subscribe(self._heard)
        pushes.watch(self._attend)

    async def close(self) -> None:
        """
        End what is being sent.
        """
        self._followed.clear()
        self._attend()
        await self._tasks.stop()

    def add(self, sources: Iterable[Source], service: str | None = None) -> None:
        """
        Take the sources of one part. service: short name of the service that must be ON before they are asked.
        """
        for source in sources:
            if source.model not in NAMES or source.model in self._sources:
                raise Conflict(f"model {source.model} is unknown or has a source already")
            self._sources[source.model] = source, service
        self._attend()
        self._go_on()

    @method()
    def enable_model_listener(self, model_name: str, request_all: bool = False) -> None:
        """
        Push a snapshot of an object of this model whenever it changes.

        request_all: push all present objects as well.
        """
        self._followed.add(_known(model_name))
        self._attend()
        if request_all:
            self._request(model_name, {})

    @method()
    def disable_model_listener(self, model_name: str) -> None:
        """
        Push changes of this model no longer.
        """
        self._followed.discard(_known(model_name))
        self._attend()

    @method()
    def request_model_data(self, model_name: str, query_details: dict[str, Any] | None = None) -> None:
        """
        Push the present objects of this model now, or as soon as its service is ON.

        query_details: which ones, e.g. `key_id`; each model knows its own.
        """
        self._request(_known(model_name), query_details or {})

    def _request(self, model: str, query: dict[str, Any]) -> None:
        if not self._begin(model, query):
            if len(self._waiting) >= REQUESTS_LIMIT:
                raise Full(f"{REQUESTS_LIMIT} requests for models wait for their services already")
            self._waiting[json.dumps([model, query], sort_keys=True)] = model, query

    def _begin(self, model: str, query: dict[str, Any]) -> bool:
        if model not in self._sources:
            return False
        source, service = self._sources[model]
        if service is not None and (self._registry.gate is None or not self._registry.gate(service)):
            return False
        if len(self._tasks) >= REQUESTS_LIMIT:
            raise Full(f"{REQUESTS_LIMIT} requests for models are answered already")
        self._tasks.spawn(f"send all of model {model}", self._send_all(source, query))
        return True

    async def _send_all(self, source: Source, query: dict[str, Any]) -> None:
        # later: the answer of the request goes first
        await sleep(self._clock, 0)
        sent = 0
        async for snapshot in source.all(query):
            self._send(source.model, snapshot)
            sent += 1
            if sent % BATCH == 0:
                await sleep(self._clock, 0)
                for _ in range(LOOKS):
                    if not self._pushes.behind:
                        break
                    await sleep(self._clock, PATIENCE)

    def _send(self, model: str, snapshot: Snapshot) -> None:
        self._pushes.send("model", snapshot.payload(model, self._clock.seconds()))

    def _attend(self) -> None:
        """
        Observe what is followed while anybody is there to hear it, and nothing else.
        """
        wanted = self._followed & self._sources.keys() if self._pushes.heard else set()
        for model in self._observed.keys() - wanted:
            self._observed.pop(model)()
        for model in wanted - self._observed.keys():
            self._observed[model] = self._sources[model][0].observe(
                lambda snapshot, model=model: self._send(model, snapshot)  # type: ignore[misc]
            )

    def _heard(self, event: Event) -> None:
        if event.event_id == "service-started":
            self._go_on()

    def _go_on(self) -> None:
        for wish, (model, query) in list(self._waiting.items()):
            if len(self._tasks) < REQUESTS_LIMIT and self._begin(model, query):
                self._waiting.pop(wish, None)


def _known(model: str) -> str:
    if model not in NAMES:
        raise Invalid(f"model {model[:100]!r} is unknown, the models are: {', '.join(NAMES)}")
    return model
